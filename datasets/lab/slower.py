#!/usr/bin/env python3
"""Spreads a capture over more time: slower.py FILE START FACTOR; the clock is FACTOR times as slow from
START on. What takes an hour need not be recorded for an hour."""

import struct
import sys


def slower(octets, start, factor):
    out, at = bytearray(octets), 24
    while at < len(out):
        seconds, micros, length = struct.unpack_from("<III", out, at)
        micros += seconds * 1_000_000
        if micros > start:
            micros = start + (micros - start) * factor
        struct.pack_into("<II", out, at, *divmod(micros, 1_000_000))
        at += 16 + length
    return out


def main():
    path, start, factor = sys.argv[1], round(float(sys.argv[2]) * 1e6), int(sys.argv[3])
    if factor > 1:
        with open(path, "rb") as file:
            octets = file.read()
        with open(path, "wb") as file:
            file.write(slower(octets, start, factor))


if __name__ == "__main__":
    main()
