#!/usr/bin/env python3
"""Writes manifest.toml: what each capture holds, how it was made, and the truth in it.

manifest.py CAPTURES MANIFEST. Intervals are read off the captures. What people wrote into the manifest
(`found`, `queries`, `false_alarms`) is kept; so are versions and dates of a capture that has not changed.
"""

import datetime
import hashlib
import os
import re
import subprocess
import sys
import tomllib

LAB = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(LAB, "emulate"))
import campaigns  # noqa: E402
import wire  # noqa: E402

CLIENT, IODINED = "192.168.77.11", "198.51.100.20"
TUNNELS = {"iodine": "tunnel-lab.net", "dns2tcp": "courier-lab.org"}
CARRIED = {"demo-iodine": 49152 + 2048, "iodine-idle": 0}  # octets up and down; others by their mode


def output(*command):
    done = subprocess.run(command, capture_output=True, text=True)
    return (done.stdout + done.stderr).strip()


def versions():
    bind = output("named", "-v").split()
    return {
        "bind": " ".join(bind[:2]),
        "unbound": output("unbound", "-V").splitlines()[0].replace("Version", "Unbound"),
        "dnsmasq": " ".join(output("dnsmasq", "--version").split()[:3]),
        "iodine": package("iodine"),
        "dns2tcp": package("dns2tcp"),
        "dnsperf": package("dnsperf"),
        "ordinary": "datasets/lab/ordinary.py",
    }


def package(name):
    return name + " " + output("dpkg-query", "-W", "-f=${Version}", name)


def variants():
    """The variants of the real tools as tunnels.sh lists them: name to (resolver, tool, mode)."""
    text = open(os.path.join(LAB, "tunnels.sh")).read()
    listed = re.search(r'^VARIANTS="\n(.*?)^"', text, re.DOTALL | re.MULTILINE).group(1)
    found = {}
    for line in listed.splitlines():
        name, resolver, tool, *mode = line.split()
        how = "raw UDP after a handshake" if tool == "iodine-raw" else " ".join(mode)
        found[name] = (resolver, tool.partition("-")[0], how)
    return found


def describe(stem, known, listed):
    """The keys of a capture that its name gives; `resolver` is the resolver's key in `known`."""
    if stem in campaigns.CAMPAIGNS:
        campaign = campaigns.CAMPAIGNS[stem]
        file = type(campaign.tool).__module__
        made = {"role": "tunnel", "tool": f"{file} (emulated by datasets/lab/emulate/{file}.py)",
                "mode": campaign.mode, "resolver": campaign.live,
                "payload_bytes": sum(len(part) for part in campaign.payload()),
                "note": "sent and recorded" if campaign.live else "beside light ordinary traffic"}
        return made | ({} if campaign.live else {"generated": True})
    if stem in campaigns.BENIGN:
        office = stem == "office-day"
        file, made = ("office", campaigns.office.day) if office else (
            "lookalike", campaigns.lookalike.CLASSES[stem])
        first = campaigns.office.__doc__ if office else made.__doc__
        return {"role": "benign", "tool": f"datasets/lab/emulate/{file}.py",
                "mode": "12 clients, 8 hours" if office else "several clients, 8 hours",
                "resolver": "", "generated": True, "note": first.split("\n")[0].rstrip(".")}
    kind, _, mode = stem.partition("-")
    if stem in listed:
        resolver, tool, mode = listed[stem]
        return {"role": "tunnel", "tool": known[tool], "mode": mode + ", 4 KB up, 2 KB down",
                "resolver": resolver, "payload_bytes": 4096 + 2048, "note": "a file moved"}
    if stem == "demo-iodine":
        return {"role": "mixed", "tool": known["iodine"], "mode": "NULL, 48 KB up", "resolver": "bind",
                "payload_bytes": CARRIED[stem], "note": "an iodine tunnel among web-like traffic"}
    if stem == "iodine-idle":
        return {"role": "tunnel", "tool": known["iodine"], "mode": "NULL, keep-alives only",
                "resolver": "bind", "payload_bytes": 0, "note": "an idle tunnel"}
    if kind in TUNNELS:
        return {"role": "tunnel", "tool": known[kind], "mode": f"{mode.upper()}, 16 KB up, 2 KB down",
                "resolver": "bind", "payload_bytes": 16384 + 2048, "note": "a file moved"}
    if stem == "ordinary-load":
        return {"role": "benign", "tool": known["dnsperf"], "mode": "UDP 800/s, then TCP 100/s",
                "resolver": "bind", "note": "a busy resolver"}
    note = "web, CDN, mail with DKIM, SPF and DNSBL, reverse, Kubernetes search, DNSSEC, TXT, TCP"
    return {"role": "benign", "tool": known["ordinary"], "mode": "four clients", "resolver": mode,
            "note": note}


def spans(stem, path):
    """(client, domain, first, last) of each part of the channel in a capture."""
    campaign = campaigns.CAMPAIGNS.get(stem)
    domains = ([d.decode() for d in campaign.domains] if campaign else
               [TUNNELS[stem.replace("demo-", "").partition("-")[0]]])
    clients, seen = campaign.clients if campaign else [CLIENT], {}
    direct = getattr(campaign.tool, "direct", None) if campaign else None
    for message in wire.heard(path):
        if message.is_answer or message.client not in clients:
            continue
        name = message.name.decode("latin-1").lower()
        for domain in domains:
            # Registered domains: a campaign may speak below a subdomain of its own.
            registered = ".".join(domain.split(".")[-2:])
            if (message.server == direct) if direct else name.endswith("." + registered):
                key = (message.client, "" if direct else registered)
                seen.setdefault(key, [message.time, 0])[1] = message.time
    if stem == "iodine-raw":
        # Past the handshake it is no DNS, but it is the channel.
        source, target = (bytes(int(n) for n in host.split(".")) for host in (CLIENT, IODINED))
        raw = [time for time, data in wire.captured(path) if data[26:34] == source + target]
        seen[CLIENT, TUNNELS["iodine"]][1] = raw[-1]
    return [(*key, *span) for key, span in seen.items()]


def value(given):
    if isinstance(given, bool):
        return "true" if given else "false"
    if isinstance(given, str):
        return '"' + given.replace("\\", "\\\\").replace('"', '\\"') + '"'
    if isinstance(given, list):
        return "[" + "".join(f"\n    {value(part)}," for part in given) + "\n]"
    return str(given)


def entry(file, path, known, listed, before):
    data, stem = open(path, "rb").read(), file.partition(".")[0]
    said = describe(stem, known, listed)
    resolver = said.pop("resolver")
    digest = hashlib.sha256(data).hexdigest()
    when = datetime.datetime.fromtimestamp(os.path.getmtime(path), datetime.timezone.utc)
    frames = [time for time, _ in wire.captured(path)]
    if said.get("generated"):
        when = datetime.datetime.fromtimestamp(frames[0], datetime.timezone.utc)
    keys = {"file": f"captures/{file}", "sha256": digest, "bytes": len(data), "packets": len(frames),
            "role": said["role"], "tool": said["tool"], "mode": said["mode"],
            "resolver": known[resolver] if resolver else "none",
            "network": f"lab-{resolver}" if resolver else "generated",
            "recorded": when.date()}
    if before.get("sha256") == digest and not said.get("generated"):
        keys |= {key: before[key] for key in ("tool", "resolver", "recorded")}
    keys |= {key: said[key] for key in ("generated", "payload_bytes", "note") if key in said}
    if before.get("false_alarms"):
        keys["false_alarms"] = before["false_alarms"]
    lines = ["[[capture]]"] + [f"{key} = {value(given)}" for key, given in keys.items()]
    if said["role"] != "benign":
        campaign = campaigns.CAMPAIGNS.get(stem)
        kept = {(t["client"], t["domain"]): t for t in before.get("truth", [])}
        found = spans(stem, path)
        for client, domain, first, last in found:
            truth = {"client": client, "domain": domain,
                     "label": campaign.label if campaign else "tunnel",
                     "start": f"{first:.6f}", "end": f"{last:.6f}"}
            lines += ["[[capture.truth]]"] + [
                f"{key} = {given if key in ('start', 'end') else value(given)}"
                for key, given in truth.items()]
            if len(found) > 1:
                lines.append(f"channel = {value(stem)}")
            written = kept.get((client, domain), {})
            lines += [f"{key} = {value(written[key])}" for key in ("found", "queries") if key in written]
    return lines + [""]


def main():
    folder, manifest = sys.argv[1:]
    known, listed = versions(), variants()
    before = {}
    if os.path.exists(manifest):
        with open(manifest, "rb") as file:
            before = {capture["file"]: capture for capture in tomllib.load(file)["capture"]}
    lines = ["# Written by lab/manifest.py; recorded by lab/record.sh.", "version = 1", ""]
    for file in sorted(os.listdir(folder)):
        if file.endswith((".pcap", ".pcap.gz")):
            lines += entry(file, os.path.join(folder, file), known, listed,
                           before.get(f"captures/{file}", {}))
    with open(manifest, "w") as out:
        out.write("\n".join(lines))


if __name__ == "__main__":
    main()
