#!/usr/bin/env python3
"""Runs geophone over labelled captures and reports what it found, missed and raised in error.

The folder must hold a manifest.tsv with the columns file, label, truth_domains and
queries_in_original. Each capture is replayed on its own; only alerts that open count. This
measures: it fits nothing, and knows no threshold.

A tunnel counts as detected if an alert of a channel rule names a domain that carries it.
Captures whose channel has no domain are listed apart and not in the rate.
"""

import argparse
import collections
import csv
import datetime
import json
import math
import os
import re
import signal
import statistics
import subprocess
import sys
import tempfile
from concurrent.futures import ThreadPoolExecutor

CHANNEL_RULES = {"dns-tunnel", "dns-exfiltration", "txt-abuse"}
# One origin has so many captures, by tool and record type, that it is shown split.
SPLIT_ORIGIN = re.compile(r"/Korving-F-[^/]*__[0-9a-f]+_(?P<tool>[a-z0-9]+)_(?P<kinds>[A-Z_]+?)_")
MANIFEST_COLUMNS = ("file", "label", "truth_domains", "queries_in_original")


def field(document, path, default=None):
    """A field of an alert, whether its keys are nested or dotted."""
    if path in document:
        return document[path]
    parts = path.split(".")
    for cut in range(len(parts) - 1, 0, -1):
        inner = document.get(".".join(parts[:cut]))
        if isinstance(inner, dict):
            return field(inner, ".".join(parts[cut:]), default)
    return default


def wilson(hits, trials, z=1.96):
    """The Wilson score interval of a share."""
    if trials == 0:
        return 0.0, 1.0
    p = hits / trials
    middle = p + z * z / (2 * trials)
    spread = z * math.sqrt(p * (1 - p) / trials + z * z / (4 * trials * trials))
    whole = 1 + z * z / trials
    return max(0.0, (middle - spread) / whole), min(1.0, (middle + spread) / whole)


class Run:
    """What one replay gave."""

    def __init__(self, row):
        self.row = row
        self.file, self.label = row["file"], row["label"]
        self.truth = row["truth_domains"].split()
        self.status, self.opened, self.counters, self.wrong = 0, [], {}, []

    @property
    def told(self):
        return "message.queries" in self.counters

    @property
    def read(self):
        """Queries geophone read: what a rate may be taken of."""
        return self.counters.get("message.queries", 0)

    @property
    def queries(self):
        """Queries geophone read; the manifest's number where it told none."""
        if self.told:
            return self.read
        listed = self.row["queries_in_original"]
        return int(listed) if listed.isdigit() else 0


def replay(options, row):
    """Replays one capture."""
    run = Run(row)
    path = os.path.join(options.folder, row["file"])
    if not os.path.exists(path):
        run.status, run.wrong = "missing", ["no such file"]
        return run
    with tempfile.TemporaryDirectory() as folder:
        stats = os.path.join(folder, "stats.json")
        command = [options.geophone, "replay", path, "--alerts", "-", "--format", "ecs",
                   "--stats", stats]
        if options.rules:
            command += ["--rules", options.rules]
        try:
            done = subprocess.run(command, capture_output=True, timeout=options.timeout,
                                  check=False)
        except subprocess.TimeoutExpired:
            run.status, run.wrong = "timeout", [f"took more than {options.timeout} s"]
            return run
        run.status = done.returncode
        if run.status not in (0, 1):
            run.wrong.append(f"{name_of_status(run.status)}: {last_words(done.stderr, path)}")
        try:
            with open(stats, encoding="utf-8") as file:
                told = json.load(file)
        except (OSError, ValueError):
            told = None
        if told is None and run.status == 0:
            run.wrong.append("no statistics")
    if told is not None:
        run.counters = told.get("counters", {})
        if told.get("balanced") is not True:
            run.wrong.append(f"counters do not balance: {told.get('imbalance')}")
    for line in filter(bytes.strip, done.stdout.splitlines()):
        take_alert(run, line)
    return run


def take_alert(run, line):
    """Keeps an alert that opens; its evidence must add up to its score."""
    try:
        alert = json.loads(line)
    except ValueError:
        run.wrong.append(f"not JSON: {line[:80]!r}")
        return
    evidence = field(alert, "geophone.evidence")
    score = field(alert, "geophone.score")
    if evidence is not None and sum(item["points"] for item in evidence) != score:
        run.wrong.append(f"evidence does not add up to the score {score}")
    if field(alert, "event.action") == "open":
        run.opened.append(alert)


def name_of_status(status):
    if isinstance(status, int) and status < 0:
        return f"signal {signal.Signals(-status).name}"
    return f"exit {status}"


def last_words(raw, path):
    text = raw.decode(errors="replace").replace(path, os.path.basename(path))
    return " ".join(text.split())[-200:]


def domain_of(alert):
    return (field(alert, "dns.question.registered_domain") or "").rstrip(".").lower()


def same_domain(found, truth):
    truth = truth.rstrip(".").lower()
    return bool(found) and (found == truth or found.endswith("." + truth)
                            or truth.endswith("." + found))


def channel_alerts(run):
    """The alerts that detect: of a channel rule and naming a truth domain."""
    return [alert for alert in run.opened if field(alert, "rule.id") in CHANNEL_RULES
            and any(same_domain(domain_of(alert), truth) for truth in run.truth)]


def brief(alert, full=True):
    """An alert on one line."""
    own = lambda name: field(alert, f"geophone.{name}")
    text = (f"{field(alert, 'rule.id')} {field(alert, 'source.ip')} {domain_of(alert)} "
            f"score {own('score')}")
    if not full:
        return text
    bucket = (own("leak_contract") or {}).get("bucket", "-")
    evidence = " ".join(f"{item['feature']}={item['value']}({item['points']:+d})"
                        for item in own("evidence") or [])
    samples = " | ".join(f"{sample.get('qtype', '')} {sample['qname'][:60]}"
                         for sample in (own("samples") or [])[:3])
    return (f"{text} bucket {bucket} unique {own('unique')}/{own('queries')}\n"
            f"      {evidence}\n      {samples}")


def seconds_of(alert):
    """Seconds of capture time an alert covers; None where its times cannot be read."""
    try:
        start, end = (datetime.datetime.fromisoformat(field(alert, f"event.{end}"))
                      for end in ("start", "end"))
    except (TypeError, ValueError):
        return None
    return (end - start).total_seconds()


def group_of(run):
    """The folder of a capture, which stands for its tool."""
    return os.path.dirname(run.file) or run.label


def spread_of(values):
    values = sorted(value for value in values if value is not None)
    if not values:
        return None
    return {"median": statistics.median(values), "max": values[-1], "count": len(values),
            "p95": values[min(len(values) - 1, math.ceil(0.95 * len(values)) - 1)]}


def section(title, lines):
    print(f"\n{title}: {len(lines)}")
    for line in lines:
        print(f"  {line}")


def print_rates(title, groups):
    """Prints hits of trials by group; returns them for the machine-readable result."""
    told = {}
    print(f"\n{title}")
    for name, outcomes in sorted(groups.items()):
        hits, trials = sum(outcomes), len(outcomes)
        low, high = wilson(hits, trials)
        told[name] = {"detected": hits, "of": trials, "low": low, "high": high}
        print(f"  {name:<34} {hits:>4} of {trials:<4} {100 * hits / max(trials, 1):5.1f} %  "
              f"(95 %: {100 * low:.1f} to {100 * high:.1f})")
    return told


def report_channels(runs):
    """Tunnels and exfiltration."""
    by_group, by_kind = collections.defaultdict(list), collections.defaultdict(list)
    misses, apart, first = [], [], []
    for run in runs:
        seen = "; ".join(brief(alert, full=False) for alert in run.opened) or "none"
        if not run.truth:
            found = "found " if run.opened else "missed"
            apart.append(f"{found} {run.file} ({run.queries} queries): alerts {seen}; "
                         f"{run.row.get('note', '')[:90]}")
            continue
        hits = channel_alerts(run)
        by_group[group_of(run)].append(bool(hits))
        split = SPLIT_ORIGIN.search("/" + run.file)
        if split:
            by_kind[f"{split['tool']}"].append(bool(hits))
            by_kind[f"{split['tool']} {split['kinds']}"].append(bool(hits))
        if hits:
            first.append(hits[0])
        else:
            listed = run.row["queries_in_original"] or "unknown"
            misses.append(f"{run.file} ({run.queries} queries, the original {listed}; truth "
                          f"{' '.join(run.truth)}; alerts: {seen})")
    whole = {"all": [hit for outcomes in by_group.values() for hit in outcomes]}
    told = {
        "by_folder": print_rates("tunnels and exfiltration, detected by folder", by_group),
        "korving": print_rates("of these, Korving-F by tool and record types", by_kind),
        "all": print_rates("tunnels and exfiltration, all", whole)["all"],
        "misses": misses,
        "without_truth_domain": apart,
    }
    measures = {
        "queries to the first alert": [field(a, "geophone.queries") for a in first],
        "leak_bytes when it opened": [field(a, "geophone.leak_bytes") for a in first],
        "seconds to the first alert": [seconds_of(a) for a in first],
    }
    print("\ndetected captures, first alert")
    for name, values in measures.items():
        told[name.replace(" ", "_")] = spread = spread_of(values)
        if spread:
            print(f"  {name:<28} median {spread['median']:>9.1f}   p95 {spread['p95']:>9.1f}   "
                  f"max {spread['max']:>9.1f}")
    section("missed", misses)
    section("no truth domain (not in the rate; found: any alert)", apart)
    return told


def report_benign(runs):
    """What should give no alert."""
    told = {}
    print("\nbenign")
    for name in sorted({group_of(run) for run in runs}) + ["all"]:
        chosen = [run for run in runs if name in ("all", group_of(run))]
        queries = sum(run.read for run in chosen)
        unread = sum(run.queries for run in chosen if not run.told)
        empty = sum(run.read == 0 for run in chosen)
        alerts = sum(len(run.opened) for run in chosen)
        scale = 1e6 / max(queries, 1)
        told[name] = {"captures": len(chosen), "queries": queries, "alerts": alerts,
                      "captures_without_queries": empty, "queries_not_read": unread,
                      "captures_with_alerts": sum(bool(run.opened) for run in chosen),
                      "per_million": alerts * scale}
        bound = ""
        if not alerts:  # nothing seen in n trials: below 3/n with 95 % confidence
            told[name]["per_million_below"] = 3 * scale
            bound = f", rule of three: below {3 * scale:.1f}"
        lost = f" (and {unread} by the manifest in captures not read)" if unread else ""
        print(f"  {name:<12} {len(chosen)} captures ({empty} without a query on port 53), "
              f"{queries} queries{lost}, {alerts} alerts, {alerts * scale:.1f} per million "
              f"queries{bound}")
    lines = [f"{run.file}: {brief(alert)}" for run in runs for alert in run.opened]
    section("alerts in benign and benign-edge", lines)
    told["list"] = lines
    return told


def report_others(runs):
    """Labels that say neither tunnel nor benign."""
    told = {}
    print("\nother labels")
    for label in sorted({run.label for run in runs}):
        chosen = [run for run in runs if run.label == label]
        told[label] = {"captures": len(chosen), "queries": sum(run.queries for run in chosen),
                       "alerts": sum(len(run.opened) for run in chosen)}
        print("  {:<20} {captures:>4} captures {queries:>8} queries {alerts:>4} alerts"
              .format(label, **told[label]))
        for run in chosen:
            if run.truth:
                found = "found" if channel_alerts(run) else "NOT found"
                print(f"      {run.file}: truth {' '.join(run.truth)[:80]}: {found}")
            for alert in run.opened:
                print(f"      {run.file}: {brief(alert, full=False)}")
    return told


def main():
    signal.signal(signal.SIGPIPE, signal.SIG_DFL)  # a reader such as head may leave early
    parser = argparse.ArgumentParser(description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", help="folder with captures and manifest.tsv")
    parser.add_argument("--geophone", default="target/release/geophone", metavar="PATH",
                        help="the program (default target/release/geophone)")
    parser.add_argument("--rules", metavar="DIR", help="rules instead of those compiled in")
    parser.add_argument("-j", "--jobs", type=int, default=1, help="replays at once (default 1)")
    parser.add_argument("--timeout", type=int, default=120, metavar="SECONDS",
                        help="for one capture (default 120)")
    parser.add_argument("--only", metavar="TEXT", help="only files whose path contains TEXT")
    parser.add_argument("--out", metavar="FILE.json", help="write the result here as JSON too")
    options = parser.parse_args()
    if not os.access(options.geophone, os.X_OK):
        sys.exit(f"no program at {options.geophone}: cargo build --release, or --geophone PATH")
    rows = read_manifest(os.path.join(options.folder, "manifest.tsv"), options.only)
    with ThreadPoolExecutor(max(options.jobs, 1)) as pool:
        runs = list(pool.map(lambda row: replay(options, row), rows))
    broken = [f"{run.file}: {wrong}" for run in runs for wrong in run.wrong]
    refused = sum(run.status == 1 for run in runs)
    print(f"{len(runs)} captures replayed, {refused} of them damaged or not readable (exit 1)")
    section("broken (crash, timeout, counters or scores that do not add up)", broken)
    channel = lambda run: run.label.startswith("tunnel") or run.label == "exfil"
    benign = lambda run: run.label.startswith("benign")
    result = {"captures": len(runs), "refused": refused, "broken": broken}
    result["channels"] = report_channels([run for run in runs if channel(run)])
    result["benign"] = report_benign([run for run in runs if benign(run)])
    result["others"] = report_others([run for run in runs if not channel(run)
                                      and not benign(run)])
    if options.out:
        with open(options.out, "w", encoding="utf-8") as file:
            json.dump(result, file, indent=1)
            file.write("\n")


def read_manifest(path, only):
    if not os.path.exists(path):
        sys.exit(f"no manifest at {path}")
    with open(path, newline="", encoding="utf-8") as file:
        rows = list(csv.DictReader(file, delimiter="\t", quoting=csv.QUOTE_NONE))
    missing = [name for name in MANIFEST_COLUMNS if not rows or name not in rows[0]]
    if missing:
        sys.exit(f"{path} has no column {', '.join(missing)}")
    rows = [row for row in rows if not only or only in row["file"]]
    if not rows:
        sys.exit(f"no captures chosen from {path}")
    return rows


if __name__ == "__main__":
    main()
