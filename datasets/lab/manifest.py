#!/usr/bin/env python3
"""Writes manifest.toml: what each capture holds, how it was recorded, and the truth in it.

manifest.py CAPTURES MANIFEST. The truth's interval is read off the capture with tshark.
"""

import datetime
import hashlib
import os
import struct
import subprocess
import sys

CLIENT = "192.168.77.11"
TUNNELS = {"iodine": "tunnel-lab.net", "dns2tcp": "courier-lab.org"}


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


def describe(name):
    """(role, tool, mode, resolver, note) from a capture's name."""
    stem = name.removesuffix(".pcap")
    kind, _, mode = stem.partition("-")
    if stem == "demo-iodine":
        return "mixed", "iodine", "NULL, 48 KB up", "bind", "an iodine tunnel among web-like traffic"
    if stem == "iodine-idle":
        return "tunnel", "iodine", "NULL, keep-alives only", "bind", "an idle tunnel"
    if kind in TUNNELS:
        return "tunnel", kind, f"{mode.upper()}, 16 KB up, 2 KB down", "bind", "a file moved"
    if stem == "ordinary-load":
        return "benign", "dnsperf", "UDP 800/s, then TCP 100/s", "bind", "a busy resolver"
    note = "web, CDN, mail with DKIM, SPF and DNSBL, reverse, Kubernetes search, DNSSEC, TXT, TCP"
    return "benign", "ordinary", "four clients", mode, note


def interval(path, domain):
    shown = output("tshark", "-n", "-r", path, "-Y",
                   f'dns.flags.response == 0 && ip.src == {CLIENT} && dns.qry.name contains "{domain}"',
                   "-T", "fields", "-e", "frame.time_epoch")
    times = [line for line in shown.splitlines() if line[:1].isdigit()]
    return (times[0][:17], times[-1][:17]) if times else None


def count(data):
    """Frames of a classic little-endian pcap, as tcpdump writes it here."""
    at, frames = 24, 0
    while at < len(data):
        at += 16 + struct.unpack_from("<I", data, at + 8)[0]
        frames += 1
    return frames


def text(value):
    return '"' + value.replace("\\", "\\\\").replace('"', '\\"') + '"'


def main():
    folder, manifest = sys.argv[1:]
    known = versions()
    lines = ["# Written by lab/manifest.py; recorded by lab/record.sh.", "version = 1", ""]
    for name in sorted(os.listdir(folder)):
        if not name.endswith(".pcap"):
            continue
        path = os.path.join(folder, name)
        data = open(path, "rb").read()
        role, tool, mode, resolver, note = describe(name)
        packets = count(data)
        when = datetime.datetime.fromtimestamp(os.path.getmtime(path), datetime.timezone.utc)
        lines += ["[[capture]]", f"file = {text('captures/' + name)}",
                  f"sha256 = {text(hashlib.sha256(data).hexdigest())}", f"bytes = {len(data)}",
                  f"packets = {packets}", f"role = {text(role)}", f"tool = {text(known[tool])}",
                  f"mode = {text(mode)}", f"resolver = {text(known[resolver])}",
                  f"recorded = {when:%Y-%m-%d}", f"note = {text(note)}"]
        domain = TUNNELS.get(tool)
        span = interval(path, domain) if domain else None
        if span:
            lines += ["[[capture.truth]]", f"client = {text(CLIENT)}", f"domain = {text(domain)}",
                      'label = "tunnel"', f"start = {span[0]}", f"end = {span[1]}"]
        lines.append("")
    with open(manifest, "w") as file:
        file.write("\n".join(lines))


if __name__ == "__main__":
    main()
