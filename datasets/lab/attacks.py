#!/usr/bin/env python3
"""Keeps attacks.toml: what each capture of an attack holds, and what must be said of it.

attacks.py MANIFEST CAPTURE START: puts a capture in that was just recorded; START is when the attack
began, in seconds since 1970. What is expected is written here, once for each attack.
"""

import datetime
import gzip
import hashlib
import os
import re
import struct
import subprocess
import sys
import tomllib

import client_attacks
import server_attacks

SITE = {"internal": ["192.168.77.0/24"], "resolvers": ["192.168.77.53"],
        "authoritative": ["192.168.77.60", "192.168.77.61"], "secondaries": ["192.168.77.61/32"],
        "zones": ["campus-lab.internal"]}

DRAWN = "names that nobody asked before could carry what they cost: the leak contract counts them"

# name: what happens, [(rule, subject, seconds)], the site (none: nothing is configured), also
ATTACKS = {
    "reflector": ("our server is made to send a victim large answers (ANY, TXT, DNSKEY, EDNS 4096)",
                  [("amplification", "203.0.113.9", 10)], None, []),
    "reflected": ("large answers that nobody asked for, from 80 servers",
                  [("amplification", "192.168.77.11", 10)], None, []),
    "recursing": ("a server of ours (Unbound) resolves names anywhere for twenty hosts outside",
                  [("open-resolver", "192.168.77.60", 10)], None, []),
    "torture-client": ("dnsperf asks random names of one domain through our resolver",
                       [("nxdomain-flood", "greenfield-bank.com", 10)], None,
                       [("dns-exfiltration", "greenfield-bank.com", DRAWN)]),
    "torture-spoofed": ("random names of one domain from 150 addresses of the network",
                        [("nxdomain-flood", "harbor-news.com", 10)], None,
                        [("dns-exfiltration", "harbor-news.com", DRAWN)]),
    "load-flood": ("dnsperf asks a server 2,000 known names a second that was asked a few",
                   [("query-flood", "192.168.77.60", 10), ("query-flood", "192.168.77.11", 10)],
                   None, [("dns-tunnel", "campus-lab.org", "one client repeats names of a domain that "
                           "only it asks: the leak contract counts what their order could tell")]),
    "syn-flood": ("first packets of 400 connections a second to our server",
                  [("tcp-exhaustion", "192.168.77.60", 10)], None, []),
    "held": ("240 connections to our server that are opened and held",
             [("tcp-exhaustion", "192.168.77.60", 10)], None, []),
    "transfer-taken": ("a whole zone is asked for and given (BIND)",
                       [("zone-transfer", "192.168.77.11", 10)], None, []),
    "transfer-refused": ("whole zones are asked for and refused",
                         [("zone-transfer", "192.168.77.12", 10)], SITE, []),
    "transfer-increment": ("IXFR by a host that is no secondary (NSD)",
                           [("zone-transfer", "192.168.77.11", 10)], SITE, []),
    "version-dig": ("three servers are asked who they are and what they run",
                    [("version-probe", "192.168.77.13", 10)], SITE, []),
    "sweep": ("nmap asks for the names of all addresses of a range",
              [("reverse-sweep", "192.168.77.12", 10)], None, []),
    "brute": ("a list of 400 likely host names of one domain",
              [("reverse-sweep", "192.168.77.12", 10)], None,
              [("dns-tunnel", "bluefin-travel.net", DRAWN)]),
    "quiet-restart": ("ordinary clients; the resolver is started again, its cache empty", [], SITE, []),
    "quiet-failover": ("ordinary clients; the resolver goes away and comes back", [], SITE, []),
    "quiet-signed": ("DNSSEC, large answers, some over TCP after truncation", [], None, []),
    "quiet-transfers": ("a listed secondary takes the zone, is notified of changes, takes those",
                        [], SITE, []),
    "quiet-load": ("three clients ask 240 known names a second each, over UDP and TCP", [], None, []),
    "quiet-mail": ("a mail server: PTR, block lists, TXT; the log reader of its neighbour", [],
                   None, []),
    "quiet-crawler": ("a crawler: many names of many domains, one in eight gone", [], None, []),
    "quiet-outage": ("the servers of all domains are away for 20 s: everything fails", [], None, []),
}


def frames(path):
    with gzip.open(path) as file:
        octets = file.read()
    at, count = 24, 0
    while at < len(octets):
        at += 16 + struct.unpack_from("<I", octets, at + 8)[0]
        count += 1
    return count


def version(*command):
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    first = (done.stdout + done.stderr).strip().splitlines()[0]
    # Unbound leaves its own name out.
    return re.split(r" \(|  ", re.sub("^Version ", "Unbound ", first))[0]


def entry(path, start):
    name = os.path.basename(path).removesuffix(".pcap.gz")
    what, truths, site, also = {**ATTACKS, **server_attacks.ATTACKS, **client_attacks.ATTACKS}[name]
    with open(path, "rb") as file:
        octets = file.read()
    made = {
        "file": "attacks/" + os.path.basename(path), "sha256": hashlib.sha256(octets).hexdigest(),
        "packets": frames(path), "what": what,
        "recorded": datetime.datetime.now(datetime.timezone.utc).date(),
        "servers": ", ".join(version(*server_attacks.VERSIONS[one]) for one in
                             {**server_attacks.SERVERS, **client_attacks.SERVERS}.get(name, ["bind"])),
    }
    if site:
        made["network"] = site
    made["truth"] = [{"rule": rule, "subject": subject, "start": float(start), "within": within}
                     for rule, subject, within in truths]
    made["also"] = [{"rule": rule, "subject": subject, "why": why} for rule, subject, why in also]
    return made


def value(of):
    if isinstance(of, bool):
        return str(of).lower()
    if isinstance(of, (int, float)):
        return repr(of)
    if isinstance(of, datetime.date):
        return of.isoformat()
    if isinstance(of, list):
        return "[" + ", ".join(value(one) for one in of) + "]"
    if isinstance(of, dict):
        return "{ " + ", ".join(f"{key} = {value(one)}" for key, one in of.items()) + " }"
    return '"' + str(of).replace("\\", "\\\\").replace('"', '\\"') + '"'


def main():
    manifest, capture, start = sys.argv[1:]
    known = {}
    if os.path.exists(manifest):
        with open(manifest, "rb") as file:
            known = {one["file"]: one for one in tomllib.load(file)["capture"]}
    made = entry(capture, start)
    known[made["file"]] = made
    lines = ["# What each capture of an attack holds. Written by lab/attacks.py: change that, and record.",
             ""]
    for one in sorted(known.values(), key=lambda one: one["file"]):
        lines.append("[[capture]]")
        for key, of in one.items():
            if key in ("truth", "also"):
                of = [part for part in of]
                if not of:
                    continue
                inside = ",\n".join("    " + value(part) for part in of)
                lines.append(f"{key} = [\n{inside},\n]")
            else:
                lines.append(f"{key} = {value(of)}")
        lines.append("")
    with open(manifest, "w") as file:
        file.write("\n".join(lines))


if __name__ == "__main__":
    main()
