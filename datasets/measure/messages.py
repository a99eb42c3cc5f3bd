#!/usr/bin/env python3
"""Compares the DNS messages geophone-sensor finds in captures with those tshark finds.

tshark's side is counted once and kept in --cache. Counted are messages on port 53 over UDP
and TCP; not mDNS, LLMNR, DNS on other ports, DNS quoted in ICMP errors, or messages in
segments that tshark marks as retransmissions. Messages in the heads of datagrams whose other
fragments never came are told apart on both sides: geophone-sensor reads them, tshark only where
the snap length cut them. A payload too short for an identifier, which tshark gave to its DNS
dissector in vain, counts as the message that it is for geophone-sensor.
Without --sensor only the cache is filled.
"""

import argparse
import collections
import concurrent.futures
import csv
import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile

# Raise when the meaning of a column changes: older caches are then thrown away.
METHOD = 3
COLUMNS = ("file", "size", "mtime", "udp_messages", "tcp_messages", "frames", "note")
SKIPPED_ENDINGS = (".tsv", ".md", ".gz", ".xz")
SKIPPED_FOLDERS = ("lists",)
DNS_PORT = "53"
UDP_HEADER_OCTETS, DNS_HEADER_OCTETS = 8, 12

FIELDS = ("frame.number", "frame.protocols", "frame.len", "frame.cap_len", "dns.id",
          "udp.srcport", "udp.dstport", "udp.length", "tcp.srcport", "tcp.dstport",
          "icmp.type", "icmpv6.type", "tcp.analysis.retransmission", "ip.fragment.count",
          "ipv6.fragment.count", "ip.frag_offset", "ipv6.fraghdr.offset", "_ws.malformed",
          "ip.flags.mf")
# What may stand between the link and DNS, and what frame.protocols calls it.
ENCAPSULATIONS = ("vlan", "mpls", "pppoes", "ppp", "gre", "vxlan", "geneve", "gtp", "teredo",
                  "l2tp", "erspan", "wlan", "capwap.data", "ipsec", "esp", "ah", "nflog", "sll",
                  "null", "raw", "pktap", "ppi", "fddi", "arcnet", "ieee8021ah", "llc")


def captures_in(folder):
    """Every capture below `folder`, relative to it, in order."""
    found = []
    for where, folders, files in os.walk(folder):
        folders[:] = sorted(name for name in folders if name not in SKIPPED_FOLDERS)
        for name in files:
            if not name.endswith(SKIPPED_ENDINGS) and not name.startswith("."):
                found.append(os.path.relpath(os.path.join(where, name), folder))
    return sorted(found)


def last_error(raw, path):
    """The last line of standard error that tells something, without the folder's name."""
    text = raw.decode(errors="replace").replace(path, os.path.basename(path))
    lines = [line.strip() for line in text.splitlines()]
    lines = [line for line in lines if line and not line.startswith(("Running as", "** "))]
    return lines[-1].replace("\t", " ")[:200] if lines else ""


def count_with_tshark(tshark, path, timeout, environment):
    """tshark's count of one capture: (UDP messages, TCP messages, frames, note)."""
    command = [tshark, "-n", "-r", path, "-T", "fields", "-E", "separator=/t",
               "-E", "occurrence=a", "-E", "aggregator=,"]
    for field in FIELDS:
        command += ["-e", field]
    error = ""
    with tempfile.TemporaryFile() as output:
        try:
            done = subprocess.run(command, stdout=output, stderr=subprocess.PIPE,
                                  timeout=timeout, env=environment, check=False)
            if done.returncode != 0:
                error = last_error(done.stderr, path) or f"exit {done.returncode}"
        except subprocess.TimeoutExpired:
            error = f"tshark took more than {timeout} s, counted as far as it came"
        output.seek(0)
        tally = collections.Counter()
        for line in output:
            count_frame(line.decode(errors="replace").rstrip("\n").split("\t"), tally)
    udp, tcp, frames = (tally.pop(key, 0) for key in ("udp", "tcp", "frames"))
    notes = [f"{name}={number}" for name, number in sorted(tally.items())]
    if error:
        notes.append(f"error: {error}")
    return udp, tcp, frames, "; ".join(notes)


def count_frame(values, tally):
    """Adds one line of tshark's output to `tally`."""
    frame = dict(zip(FIELDS, values))
    tally["frames"] += 1
    if frame.get("ip.frag_offset", "").strip("0,") or frame.get("ipv6.fraghdr.offset"):
        tally["fragment-frames"] += 1
    protocols = frame.get("frame.protocols", "").split(":")
    if protocols.count("nflog") > 1:
        count_packets(protocols, frame, tally)
        return
    messages = len(frame["dns.id"].split(",")) if frame.get("dns.id") else 0
    carrier, on_port = port_of(protocols, frame)
    if not messages:
        if on_port and not quoted(frame):
            if carrier == "udp" and "dns" in protocols:
                tally["head" if is_head(frame) else "udp"] += 1
                tally["without-id"] += 1
            elif carrier == "udp":
                tally["udp53-without-dns"] += 1
            elif "dns" in protocols:  # a length field that promises fewer octets than an id has
                tally["tcp53-dns-without-id"] += 1
        return
    if "dns" not in protocols:  # mdns, llmnr and nbns share the field
        return
    if quoted(frame):
        tally["icmp-quoted"] += messages
    elif not on_port:
        tally["other-port"] += messages
    elif carrier == "tcp" and frame["tcp.analysis.retransmission"]:
        tally["tcp-retransmitted"] += messages
    elif carrier == "udp" and is_head(frame):
        tally["head"] += messages
    else:
        tally[carrier] += messages
        describe(frame, protocols, carrier, messages, tally)


def count_packets(protocols, frame, tally):
    """Adds a netlink frame that holds several packets: columns hold a value for each of them."""
    sources, targets = (frame[f"udp.{end}port"].split(",") for end in ("src", "dst"))
    packets = ":".join(protocols).split("nflog:")[1:]
    over_udp = [packet for packet in packets if "udp" in packet.split(":")]
    for packet, source, target in zip(over_udp, sources, targets):
        if "dns" in packet.split(":") and DNS_PORT in (source, target):
            tally["udp"] += 1
            tally["nflog"] += 1


def quoted(frame):
    return bool(frame.get("icmp.type") or frame.get("icmpv6.type"))


def is_head(frame):
    """Whether a message is read from a first fragment, without the others."""
    more = frame.get("ip.flags.mf", "").split(",")[-1] in ("1", "True")
    return more and not frame["ip.fragment.count"]


def port_of(protocols, frame):
    """The innermost transport of a frame, and whether port 53 is at one of its ends."""
    carriers = [name for name in protocols if name in ("udp", "tcp")]
    if not carriers:
        return "", False
    ends = (frame[f"{carriers[-1]}.srcport"], frame[f"{carriers[-1]}.dstport"])
    return carriers[-1], DNS_PORT in (end.split(",")[-1] for end in ends)


def describe(frame, protocols, carrier, messages, tally):
    """Counts what could make another program see these messages differently."""
    for name in ENCAPSULATIONS:
        if name in protocols:
            tally[name] += messages
    internet = [name for name in protocols if name in ("ip", "ipv6")]
    if len(internet) > 1:
        tally["-in-".join(reversed(internet))] += messages
    if frame["ip.fragment.count"] or frame["ipv6.fragment.count"]:
        tally["reassembled"] += messages
    if frame["_ws.malformed"]:
        tally["malformed"] += messages
    if frame["frame.len"] != frame["frame.cap_len"]:
        tally["cut"] += messages
    if carrier == "udp":
        length = frame["udp.length"].split(",")[-1]
        if length.isdigit() and int(length) < UDP_HEADER_OCTETS + DNS_HEADER_OCTETS:
            tally["short"] += messages


def read_cache(path, head):
    """The kept rows by file; none if they were counted by another tshark or method."""
    if not os.path.exists(path):
        return {}
    with open(path, newline="", encoding="utf-8") as file:
        if file.readline().rstrip("\n") != head:
            return {}
        rows = csv.DictReader(file, delimiter="\t", quoting=csv.QUOTE_NONE)
        return {row["file"]: row for row in rows if row["note"] is not None}


def key_of(options, name):
    """What tells that a file is still the one that was counted."""
    told = os.stat(os.path.join(options.folder, name))
    return str(told.st_size), str(told.st_mtime_ns)


def in_parallel(function, calls):
    """Yields what `function` returns for each of `calls`, in their order, all cores at work."""
    with concurrent.futures.ProcessPoolExecutor(os.cpu_count()) as pool:
        yield from pool.map(function, *zip(*calls)) if calls else ()


def fill_cache(options, files):
    """Returns tshark's row for every file, counting those the cache does not know."""
    tshark = shutil.which(options.tshark)
    if not tshark:
        sys.exit(f"no program {options.tshark}: apt-get install tshark, or --tshark PATH")
    told = subprocess.run([tshark, "--version"], capture_output=True, check=True).stdout
    version = told.decode().split("(Git", 1)[0].splitlines()[0].strip()
    head = f"# {version}, method {METHOD}"
    kept = read_cache(options.cache, head)
    os.makedirs(os.path.dirname(os.path.abspath(options.cache)), exist_ok=True)
    with (open(options.cache, "w", encoding="utf-8") as cache,
          tempfile.TemporaryDirectory() as settings):
        # Settings of the user would change what is counted.
        environment = dict(os.environ, WIRESHARK_CONFIG_DIR=settings, LC_ALL="C", TZ="UTC")
        cache.write(head + "\n" + "\t".join(COLUMNS) + "\n")
        for row in kept.values():
            cache.write("\t".join(row[column] for column in COLUMNS) + "\n")
        keys = {name: key_of(options, name) for name in files}
        unknown = [name for name in files if name not in kept
                   or (kept[name]["size"], kept[name]["mtime"]) != keys[name]]
        counts = in_parallel(count_with_tshark, [
            (tshark, os.path.join(options.folder, name), options.timeout, environment)
            for name in unknown])
        for number, (name, counted) in enumerate(zip(unknown, counts), 1):
            kept[name] = dict(zip(COLUMNS, (name, *keys[name], *map(str, counted))))
            cache.write("\t".join(kept[name][column] for column in COLUMNS) + "\n")
            cache.flush()
            if sys.stderr.isatty():
                print(f"\rtshark: {number} of {len(unknown)} ", end="", file=sys.stderr)
        rows = {name: kept[name] for name in files}
    return rows


def run_sensor(sensor, path, timeout):
    """The sensor's side of one capture: (exit status, statistics or None, its last words)."""
    with tempfile.TemporaryDirectory() as folder:
        stats = os.path.join(folder, "stats.json")
        try:
            done = subprocess.run([sensor, "replay", path, "--stats", stats],
                                  stdout=subprocess.DEVNULL, stderr=subprocess.PIPE,
                                  timeout=timeout, check=False)
        except subprocess.TimeoutExpired:
            return "timeout", None, f"took more than {timeout} s"
        try:
            with open(stats, encoding="utf-8") as file:
                told = json.load(file)
        except (OSError, ValueError):
            told = None
        return done.returncode, told, last_error(done.stderr, path)


def name_of_status(status):
    if isinstance(status, int) and status < 0:
        return f"signal {signal.Signals(-status).name}"
    return f"exit {status}"


def compare(options, rows):
    """Runs the sensor over every file; prints what differs. True if there was no crash."""
    crashes, unbalanced, silent, differing = [], [], [], []
    # Of all files, and of those in which tshark or the sensor found something.
    whole, telling = collections.Counter(), collections.Counter()
    ours_total, theirs_total = collections.Counter(), collections.Counter()
    apart, damaged, headed = collections.Counter(), 0, collections.Counter()
    runs = in_parallel(run_sensor, [
        (options.sensor, os.path.join(options.folder, name), options.timeout) for name in rows])
    for (name, row), (status, told, words) in zip(rows.items(), runs):
        if status not in (0, 1):
            crashes.append(f"{name}: {name_of_status(status)}: {words}")
        elif told is None:
            silent.append(f"{name}: {name_of_status(status)}: {words}")
        damaged += status == 1
        if told is not None and told.get("balanced") is not True:
            unbalanced.append(f"{name}: {told.get('imbalance')}")
        counters = (told or {}).get("counters", {})
        ours = {kind: counters.get(f"message.total_{kind}", 0) for kind in ("udp", "tcp")}
        heads = counters.get("message.total_head", 0)  # which message.total_udp counts too
        ours["udp"] -= heads
        headed.update(files=heads > 0, messages=heads)
        theirs = {kind: int(row[f"{kind}_messages"]) for kind in ("udp", "tcp")}
        ours_total.update(ours)
        theirs_total.update(theirs)
        apart.update({kind: abs(ours[kind] - theirs[kind]) for kind in ours})
        sound = status in (0, 1) and told is not None
        exact = sound and ours == theirs
        near = sound and all(abs(ours[kind] - theirs[kind]) <= 0.001 * theirs[kind]
                             for kind in ours)
        found = sum(ours.values()) + sum(theirs.values())
        for tally in (whole, telling) if found else (whole,):
            tally.update(files=1, exact=exact, near=near)
        if not exact:
            words = f"  [{name_of_status(status)}: {words}]" if status != 0 else ""
            beside = f"  (and {heads} in heads)" if heads else ""
            differing.append((abs(sum(ours.values()) - sum(theirs.values())),
                              f"{ours['udp']}/{ours['tcp']} {theirs['udp']}/{theirs['tcp']}  "
                              f"{name}  {row['note']}{beside}{words}"))

    section("crashes of the sensor (not exit 0 or 1)", crashes)
    section("files whose counters do not balance", unbalanced)
    section("files without statistics (exit 0 or 1)", silent)
    differing.sort(key=lambda pair: (-pair[0], pair[1]))
    section("files that differ: ours UDP/TCP, tshark's UDP/TCP, file, what tshark met there",
            [line for _, line in differing])
    for title, tally in (("files compared", whole), ("of these, with messages", telling)):
        print(f"{title:<24} {tally['files']}, agree exactly {tally['exact']} "
              f"({share(tally['exact'], tally['files'])}), within 0.1 % {tally['near']} "
              f"({share(tally['near'], tally['files'])})")
    print(f"{'ended with exit 1':<24} {damaged} (damaged, or a link type not supported)")
    for kind in ("udp", "tcp"):
        print(f"{'messages over ' + kind.upper():<24} ours {ours_total[kind]}, tshark's "
              f"{theirs_total[kind]}; differences of all files, unsigned: {apart[kind]}")
    ours, theirs = sum(ours_total.values()), sum(theirs_total.values())
    print(f"{'messages':<24} ours {ours}, tshark's {theirs} ({ours - theirs:+d}; "
          "too many here and too few there cancel)")
    print(f"{'in heads of datagrams':<24} ours {headed['messages']} more, in {headed['files']} "
          "files; the rest of the datagram never came, and tshark reads few of them")
    return not crashes


def share(part, whole):
    return f"{100 * part / whole:.2f} %" if whole else "no files"


def section(title, lines):
    print(f"{title}: {len(lines)}")
    for line in lines:
        print(f"  {line}")
    print()


def main():
    signal.signal(signal.SIGPIPE, signal.SIG_DFL)  # a reader such as head may leave early
    parser = argparse.ArgumentParser(description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", help="folder with captures, searched with its subfolders")
    parser.add_argument("--cache", required=True, metavar="FILE",
                        help="TSV that keeps tshark's counts")
    parser.add_argument("--sensor", metavar="PATH", help="the program geophone-sensor")
    parser.add_argument("--only", metavar="TEXT", help="only files whose path contains TEXT")
    parser.add_argument("--tshark", default="tshark", metavar="PATH")
    parser.add_argument("--timeout", type=int, default=60, metavar="SECONDS",
                        help="for one file and one program (default 60)")
    options = parser.parse_args()
    if not os.path.isdir(options.folder):
        parser.error(f"no folder {options.folder}")
    if options.sensor and not os.access(options.sensor, os.X_OK):
        sys.exit(f"no program at {options.sensor}: cargo build --release, or another --sensor")
    files = captures_in(options.folder)
    if options.only:
        files = [name for name in files if options.only in name]
    if not files:
        sys.exit(f"no captures in {options.folder}")
    rows = fill_cache(options, files)
    totals = [sum(int(row[f"{kind}_messages"]) for row in rows.values())
              for kind in ("udp", "tcp")]
    print(f"tshark: {len(rows)} files, {totals[0]} messages over UDP, {totals[1]} over TCP\n")
    if options.sensor and not compare(options, rows):
        sys.exit(1)


if __name__ == "__main__":
    main()
