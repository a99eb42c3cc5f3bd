#!/usr/bin/env python3
"""Writes a capture in which every query is of another (client, domain): keys.py FILE [KEYS].

It fills the tables, and nothing else: each name is asked once and answered with "no such name".
The same arguments give the same octets.
"""

import struct
import sys

from mixed import START, checksum, total

CLIENTS = 50_000
SERVER = bytes((192, 0, 2, 53))
CHUNK = 4 << 20


def frame(ident, source, target, ports, flags, question):
    body = struct.pack(">HHHHHH", ident, flags, 1, 0, 0, 0) + question
    udp = struct.pack(">HHHH", *ports, 8 + len(body), 0) + body
    head = struct.pack(">BBHHHBBH4s4s", 0x45, 0, 20 + len(udp), ident, 0, 64, 17, 0, source, target)
    head = head[:10] + struct.pack(">H", checksum(total(head))) + head[12:]
    return bytes(12) + b"\x08\x00" + head + udp


def main():
    path, keys = sys.argv[1], int(sys.argv[2]) if len(sys.argv) > 2 else 1_000_000
    with open(path, "wb") as file:
        file.write(struct.pack(">IHHiIII", 0xA1B2C3D4, 2, 4, 0, 0, 65535, 1))
        chunk = bytearray()
        for n in range(keys):
            client = struct.pack(">I", 0x0A000001 + n % CLIENTS)
            label = f"d{n // CLIENTS}x{n % 1000}".encode()
            question = (b"\x03www" + bytes((len(label),)) + label + b"\x03com\0"
                        + struct.pack(">HH", 1, 1))
            micros = START * 1_000_000 + n * 60
            for late, way in ((0, (client, SERVER, (40000, 53), 0x0100)),
                              (30, (SERVER, client, (53, 40000), 0x8183))):
                octets = frame(n & 0xFFFF, *way, question)
                at = micros + late
                chunk += struct.pack(">IIII", at // 1_000_000, at % 1_000_000, len(octets),
                                     len(octets)) + octets
            if len(chunk) > CHUNK:
                file.write(chunk)
                chunk.clear()
        file.write(chunk)


if __name__ == "__main__":
    main()
