#!/usr/bin/env python3
"""Answers for zones that no ordinary server would serve so; one address, UDP.

odd_authority.py domains              prints the domains it answers for
odd_authority.py serve ADDRESS        serves them until it is stopped
"""

import heapq
import random
import select
import socket
import struct
import sys
import time

from client_names import RENDEZVOUS
from packets import A, TXT, answer


def address(text):
    return (A, socket.inet_aton(text))


class Zones:
    """What each zone says to a question: (delay in seconds, copies, TTL, [(type, data)])."""

    def __init__(self, seed):
        self.rng = random.Random(seed)
        self.first = {}
        self.asked = 0

    def flip(self, name, qtype):
        """Outside first, inside four seconds later: DNS rebinding."""
        began = self.first.setdefault(name, time.monotonic())
        inside = time.monotonic() - began > 4
        return 0, 1, 1, [address("192.168.77.1" if inside else "198.18.77.7")]

    def slow(self, name, qtype):
        """Takes its time: others may answer first."""
        return 0.4, 1, 300, [address("198.18.66.1")]

    def spread(self, name, qtype):
        """Other hosts each time, to be kept for two seconds."""
        hosts = self.rng.sample(range(1, 31), 2)
        return 0, 1, 2, [address(f"198.18.50.{host}") for host in hosts]

    def implant(self, name, qtype):
        """Orders in text, not to be kept."""
        self.asked += 1
        order = f"job {self.asked:04d}" if self.asked % 9 == 4 else "idle"
        return 0, 1, 0, [(TXT, bytes([len(order)]) + order.encode())]

    def pulse(self, name, qtype):
        """One and the same host, to be kept for a second."""
        return 0, 1, 1, [address("198.18.51.1")]

    def twice(self, name, qtype):
        """Every answer comes twice, as on a line that repeats packets."""
        return 0, 2, 30, [address("198.18.52.1")]

    def split(self, name, qtype):
        """A public name that has always stood for a host inside."""
        return 0, 1, 30, [address("192.168.77.60")]

    def wide(self, name, qtype):
        """More than a frame holds: it comes in fragments."""
        text = b"".join(b"\xff" + bytes([97 + n]) * 255 for n in range(9))
        return 0.1, 1, 300, [(TXT, text)]

    def rendezvous(self, name, qtype):
        return 0, 1, 300, [address("198.18.99.9")]


SERVED = {
    "flip-lab.net": Zones.flip, "slow-bank.com": Zones.slow, "spread-lab.net": Zones.spread,
    "implant-lab.net": Zones.implant, "pulse-lab.com": Zones.pulse, "twice-lab.org": Zones.twice,
    "split-lab.com": Zones.split, "wide-lab.com": Zones.wide, RENDEZVOUS: Zones.rendezvous,
}


def question(message):
    labels, at = [], 12
    while message[at]:
        labels.append(message[at + 1:at + 1 + message[at]].decode("latin-1"))
        at += 1 + message[at]
    return ".".join(labels), struct.unpack_from(">H", message, at + 1)[0]


def reply(zones, message):
    """Returns the answer, when it goes out and how often."""
    name, qtype = question(message)
    number = struct.unpack_from(">H", message)[0]
    zone = next((zone for zone in SERVED if name.lower().endswith(zone)), None)
    delay, copies, ttl, records = SERVED[zone](zones, name.lower(), qtype) if zone else (0, 1, 0, [])
    fitting = [(kind, ttl, data) for kind, data in records if kind == qtype]
    return answer(number, name, fitting, 0x8400, qtype), delay, copies


def serve(host):
    zones, waiting = Zones(53), []
    served = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    served.bind((host, 53))
    while True:
        left = max(0, waiting[0][0] - time.monotonic()) if waiting else None
        if select.select([served], [], [], left)[0]:
            message, to = served.recvfrom(4096)
            packet, delay, copies = reply(zones, message)
            for copy in range(copies):
                heapq.heappush(waiting, (time.monotonic() + delay + copy * 0.003, packet, to))
        while waiting and waiting[0][0] <= time.monotonic():
            _, packet, to = heapq.heappop(waiting)
            served.sendto(packet, to)


if __name__ == "__main__":
    if sys.argv[1] == "domains":
        print("\n".join(SERVED))
    else:
        serve(sys.argv[2])
