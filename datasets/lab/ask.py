#!/usr/bin/env python3
"""Asks servers what standard input says ("name type" a line), in turn, and waits for each answer.

ask.py --rate N SERVER…
"""

import argparse
import random
import socket
import sys

from ordinary import message
from packets import paced


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("servers", nargs="+")
    parser.add_argument("--rate", type=float, default=10, help="questions a second at most")
    given = parser.parse_args()
    questions = [line.split() for line in sys.stdin]
    rng = random.Random(1)
    for n in paced(len(questions), given.rate):
        name, kind = questions[n]
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as asking:
            asking.settimeout(1)
            asking.connect((given.servers[n % len(given.servers)], 53))
            asking.send(message(rng.randrange(65536), name, kind, False))
            try:
                asking.recv(4096)
            except OSError:
                pass  # nobody answers: that is in the capture, too


if __name__ == "__main__":
    main()
