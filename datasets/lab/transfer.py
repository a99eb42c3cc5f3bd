#!/usr/bin/env python3
"""Moves octets over a TCP connection and checks that they arrived: both ends of a tunnel's payload.

serve ADDRESS PORT         takes one transfer a connection, answers with its SHA-256 and 2 KB
send ADDRESS PORT OCTETS   sends random octets (seeded), compares the answer, exits 1 if they differ
"""

import hashlib
import random
import socket
import struct
import sys


def read(connection, n):
    data = b""
    while len(data) < n:
        part = connection.recv(n - len(data))
        if not part:
            raise ConnectionError(f"closed after {len(data)} of {n} octets")
        data += part
    return data


def serve(address, port):
    with socket.create_server((address, port)) as server:
        while True:
            connection, _ = server.accept()
            with connection:
                try:
                    data = read(connection, struct.unpack(">I", read(connection, 4))[0])
                    down = random.Random(2).randbytes(2048)
                    connection.sendall(hashlib.sha256(data).digest() + down)
                except ConnectionError:
                    continue


def send(address, port, octets):
    data = random.Random(1).randbytes(octets)
    with socket.create_connection((address, port), timeout=150) as connection:
        connection.sendall(struct.pack(">I", octets) + data)
        answer = read(connection, 32 + 2048)
    if answer[:32] != hashlib.sha256(data).digest():
        sys.exit("what arrived is not what was sent")


if __name__ == "__main__":
    command, address, port = sys.argv[1], sys.argv[2], int(sys.argv[3])
    serve(address, port) if command == "serve" else send(address, port, int(sys.argv[4]))
