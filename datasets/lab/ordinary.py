#!/usr/bin/env python3
"""Asks a resolver what ordinary hosts ask: one client, one kind of traffic, a seed and a rate.

Kinds: web, mail, reverse, kube, dnssec, text, mixed (web with a little of the others).
"""

import argparse
import random
import socket
import struct
import time

from zones import HOSTS, SHOPS, cdn_labels

TYPES = {"A": 1, "NS": 2, "PTR": 12, "MX": 15, "TXT": 16, "AAAA": 28, "SRV": 33, "HTTPS": 65}


def message(ident, name, kind, dnssec):
    labels = b"".join(bytes([len(l)]) + l.encode() for l in name.split("."))
    opt = b"\0" + struct.pack(">HHIH", 41, 1232, 0x8000 if dnssec else 0, 0)
    return (struct.pack(">HHHHHH", ident, 0x0100, 1, 0, 0, 1) + labels + b"\0"
            + struct.pack(">HH", TYPES[kind], 1) + opt)


def web(pick):
    # Zipf-like: few sites, often.
    shop = SHOPS[min(int(pick.expovariate(0.5)), len(SHOPS) - 1)]
    if pick.random() < 0.25:
        # A client meets the same few labels again and again.
        label = cdn_labels()[min(int(pick.expovariate(1 / 6)), 239)]
        return [(label + ".cloudcdn-lab.net", "A")]
    name = pick.choice(HOSTS[:12]) + "." + shop
    return [(name, "A"), (name, "AAAA")] + ([(name, "HTTPS")] if pick.random() < 0.4 else [])


def mail(pick):
    shop = pick.choice(SHOPS)
    quad = ".".join(str(n) for n in (pick.randrange(250), pick.randrange(10), 18, 198))
    return [(shop, "MX"), ("mail." + shop, "A"), (shop, "TXT"), ("_dmarc." + shop, "TXT"),
            ("s1024._domainkey." + shop, "TXT"), (quad + ".zen.dnsbl-lab.org", "A")]


def reverse(pick):
    if pick.random() < 0.7:
        return [(f"{pick.randrange(1, 80)}.{pick.randrange(10)}.18.198.in-addr.arpa", "PTR")]
    digits = f"20010db8{pick.randrange(10):04x}{'0' * 16}{pick.randrange(1, 40):04x}"
    return [(".".join(reversed(digits)) + ".ip6.arpa", "PTR")]


def kube(pick):
    name = pick.choice(["api", "web", "cache", "db", "queue"] + [
        f"{pick.choice(HOSTS)}.{pick.choice(SHOPS)}" for _ in range(4)])
    expanded = [f"{name}.{suffix}" for suffix in
                ("shop.svc.cluster.local", "svc.cluster.local", "cluster.local")]
    return [(n, kind) for n in expanded + ([name] if "." in name else []) for kind in ("A", "AAAA")]


def dnssec(pick):
    return [(pick.choice(HOSTS + ["nothing", "nobody", "none"]) + ".signed-lab.org",
             pick.choice(["A", "AAAA", "TXT"]))]


def text(pick):
    name = "big" if pick.random() < 0.2 else f"r{pick.randrange(60)}"
    return [(name + ".txt-lab.net", "TXT")]


def mixed(pick):
    return pick.choice([web] * 12 + [mail, reverse, dnssec, text])(pick)


class Asker:
    def __init__(self, server, pick, signed):
        self.server, self.pick, self.signed = server, pick, signed

    def ask(self, name, kind):
        data = message(self.pick.randrange(65536), name, kind, self.signed)
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as udp:
            udp.settimeout(2)
            udp.sendto(data, (self.server, 53))
            try:
                answer = udp.recv(65535)
            except socket.timeout:
                return
        if answer[2] & 2:
            self.over_tcp([data, message(self.pick.randrange(65536), name, "A", self.signed)])

    def over_tcp(self, questions):
        """Several messages on one connection, both written at once."""
        with socket.create_connection((self.server, 53), timeout=3) as tcp:
            tcp.sendall(b"".join(struct.pack(">H", len(q)) + q for q in questions))
            for _ in questions:
                length = struct.unpack(">H", self.read(tcp, 2))[0]
                self.read(tcp, length)

    @staticmethod
    def read(tcp, n):
        data = b""
        while len(data) < n:
            part = tcp.recv(n - len(data))
            if not part:
                raise ConnectionError("the resolver closed the connection")
            data += part
        return data


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("kind", choices=["web", "mail", "reverse", "kube", "dnssec", "text", "mixed"])
    parser.add_argument("--server", required=True)
    parser.add_argument("--seed", type=int, required=True)
    parser.add_argument("--queries", type=int, default=500)
    parser.add_argument("--rate", type=float, default=50, help="queries a second, on average")
    options = parser.parse_args()
    pick = random.Random(options.seed)
    asker = Asker(options.server, pick, options.kind == "dnssec")
    asked, began = 0, time.monotonic()
    while asked < options.queries:
        for name, kind in globals()[options.kind](pick):
            asker.ask(name, kind)
            asked += 1
        # Traffic has a pace: this is what is recorded, not a wait for anything.
        ahead = asked / options.rate * pick.uniform(0.8, 1.2) - (time.monotonic() - began)
        if ahead > 0:
            time.sleep(ahead)


if __name__ == "__main__":
    main()
