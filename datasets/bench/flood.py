#!/usr/bin/env python3
"""Writes a capture of a flood: datagrams from made-up senders for made-up names.

Half of the names stand below one domain, half below domains that nobody asked before; one datagram
in four is the answer that there is no such name. The same arguments give the same bytes. Addresses
and names are drawn; that one exists is chance.
"""

import argparse
import random
import socket
import struct

START = 1_768_204_800  # 2026-01-12 08:00:00 UTC
RESOLVER = bytes((10, 20, 0, 53))
LETTERS = bytes(range(ord("a"), ord("z") + 1))
CHUNK = 4 << 20


def checksum(octets):
    total = sum(struct.unpack(f">{len(octets) // 2}H", octets))
    total = (total & 0xFFFF) + (total >> 16)
    return ~(total + (total >> 16)) & 0xFFFF


def frame(rng):
    def label():
        return b"\x0c" + bytes(rng.choices(LETTERS, k=12))

    below = b"\x0bunder-siege\x03org\0" if rng.random() < 0.5 else label() + b"\x03com\0"
    name, sender = label() + below, struct.pack(">I", rng.randrange(1 << 24, 224 << 24))
    answer, port = rng.random() < 0.25, rng.randrange(1024, 65536)
    flags = 0x8183 if answer else 0x0100
    dns = struct.pack(">HHHHHH", rng.randrange(65536), flags, 1, 0, 0, 0)
    dns += name + struct.pack(">HH", 1, 1)
    source, to, ports = (RESOLVER, sender, (53, port)) if answer else (sender, RESOLVER, (port, 53))
    udp = struct.pack(">HHHH", *ports, 8 + len(dns), 0) + dns
    ip = struct.pack(">BBHHHBBH4s4s", 0x45, 0, 20 + len(udp), 0, 0, 64, socket.IPPROTO_UDP, 0,
                     source, to)
    ip = ip[:10] + struct.pack(">H", checksum(ip)) + ip[12:]
    return bytes((2, 0, 0, 0, 0, 2, 2, 0, 0, 0, 0, 1, 8, 0)) + ip + udp


def main():
    arguments = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    arguments.add_argument("capture", help="the file to write")
    arguments.add_argument("--packets", type=int, default=1_000_000)
    arguments.add_argument("--seconds", type=float, default=20.0, help="how long it takes")
    given = arguments.parse_args()
    rng, buffer = random.Random(53), bytearray()
    with open(given.capture, "wb") as out:
        buffer += struct.pack("<IHHiIII", 0xA1B2C3D4, 2, 4, 0, 0, 65535, 1)
        for n in range(given.packets):
            micros = int(n * given.seconds * 1_000_000 / given.packets)
            octets = frame(rng)
            buffer += struct.pack("<IIII", START + micros // 1_000_000, micros % 1_000_000,
                                  len(octets), len(octets)) + octets
            if len(buffer) > CHUNK:
                out.write(buffer)
                buffer.clear()
        out.write(buffer)
    print(f"{given.capture}: {given.packets} packets")


if __name__ == "__main__":
    main()
