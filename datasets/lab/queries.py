#!/usr/bin/env python3
"""Prints a dnsperf query file of ordinary web names: queries.py N."""

import random
import sys

from ordinary import web

pick, printed = random.Random(5), 0
while printed < int(sys.argv[1]):
    for name, kind in web(pick):
        print(name, kind)
        printed += 1
