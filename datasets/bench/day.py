#!/usr/bin/env python3
"""Streams a day of DNS of a network as a pcap to standard output, faster than it is replayed.

Names, answers and clients are those of mixed.py, in hours of work and of rest. Clients renew
their addresses, some names are new, a few answers come over TCP or in fragments, some queries
are repeated or never answered, and something on port 53 is not DNS. The same arguments give the
same octets, however many processes make them.

The stream is for endurance: what grows in a day shows. It holds no tunnel.
"""

import argparse
import collections
import concurrent.futures
import multiprocessing
import os
import random
import signal
import string
import struct
import sys

from mixed import (A, AAAA, DOMAINS, HTTPS, NO_NAME, NOERROR, NXDOMAIN, QTYPES, SERVER_FAILURE,
                   SERVFAIL, START, TCP_SHARE, TXT, UNANSWERED, Client, End, Message, Names,
                   Traffic, answer, checksum, total)

SLICE = 300  # seconds that are made at once
OVERHANG = 10  # seconds by which an exchange may end after its slice
ADDRESSES = 8  # of a client's own, through which its leases go
LEASE_SLICES = (48, 288)  # 4 to 24 hours
ALWAYS_ON = 0.15  # clients whose rate knows no night
RETRIED, FRESH, LARGE, STRANGE = 0.004, 0.01, 0.002, 0.001  # of exchanges
FRESH_ZONES = 60  # content networks that make names up; a client asks each but a few times a day
KNOWN_BODIES = 500_000  # kept by each process, about 200 MiB
FRAGMENT = 1_480  # octets behind an IP header

# The rate of each hour of the day, as a multiple of the mean once divided by its own.
CURVE = (35, 30, 25, 25, 25, 30, 50, 90, 140, 170, 180, 175, 150, 160, 175, 170, 160, 140, 120,
         110, 100, 90, 70, 50)


class Way(End):
    """A direction whose datagrams are made by one call of struct, with their record's head."""

    def __init__(self, ethernet, source, target, hops):
        super().__init__(ethernet, source, target, hops)
        size = len(self.ethernet)
        self.head = size + (40 if self.six else 20)
        self.base = self.sum + (0 if self.six else 0x8500 + (hops << 8 | 17))
        form = "IHH32s" if self.six else "HHHHHH8s"
        self.pack = struct.Struct(f">IIII{size}s{form}HHHHH").pack

    def record(self, time, source, target, ident, body, body_sum):
        """A pcap record with a DNS message: `body` is what follows its id."""
        length = 10 + len(body)
        size = self.head + length
        value = 0xFFFF - (self.sum + 17 + 2 * length + source + target + ident + body_sum) % 0xFFFF
        if self.six:
            return self.pack(time // 1_000_000, time % 1_000_000, size, size, self.ethernet,
                             0x60000000, length, 0x1100 | self.hops, self.pair,
                             source, target, length, value, ident) + body
        whole = 20 + length
        return self.pack(time // 1_000_000, time % 1_000_000, size, size, self.ethernet,
                         0x4500, whole, ident, 0x4000, self.hops << 8 | 17,
                         0xFFFF - (self.base + whole + ident) % 0xFFFF, self.pair,
                         source, target, length, value, ident) + body


class Day(Traffic):
    """Makes any slice of the day; every process has one of its own, all alike."""

    def __init__(self, clients, rate, seed):  # of Traffic only what one exchange needs
        self.seed, self.bodies = seed, {}
        self.rng = random.Random(seed)
        self.names = Names(self.rng)
        self.clients = [Client(number, self.rng) for number in range(clients)]
        self.scale = rate * clients * SLICE / 3_600
        self.scale /= sum(client.weight for client in self.clients)
        for number, client in enumerate(self.clients):
            self.habits(number, client)
        self.large = [self.large_body(number) for number in range(20)]
        self.fresh_zones = self.names.domains[40:40 + FRESH_ZONES]

    def habits(self, number, client):
        rng = self.rng
        client.number = number
        client.flat = rng.random() < ALWAYS_ON
        client.shift = rng.uniform(-2, 2)
        client.period, client.phase = rng.randint(*LEASE_SLICES), rng.randrange(288)
        client.epoch, client.edns_sum = None, total(client.edns)

    def large_body(self, number):
        """A query and its answer of two or three fragments."""
        name = f"signed{number}.{self.names.domains[number]}"
        rng = random.Random(name)
        reply = Message(0x8180, name, TXT)
        for _ in range(rng.randint(8, 16)):
            text = "".join(rng.choices(string.ascii_letters + string.digits, k=220)).encode()
            reply.record(1, name, TXT, 3600, bytes([len(text)]) + text)
        edns = struct.pack(">BHHIH", 0, 41, 4096, 0x8000, 0)
        query = Message(0x0100, name, TXT).finish(edns)
        return query, total(query), reply.finish(edns)

    def leased(self, client, number):
        """The client with the address it has in slice `number`."""
        epoch = (number + client.phase) // client.period
        if client.epoch != epoch:
            client.epoch = epoch
            rng = random.Random(f"{self.seed}/{client.number}/{epoch}")
            old = client.asks.pair
            half = len(old) // 2
            if half == 16:
                address = old[:8] + rng.randbytes(8)
            else:
                place = client.number * ADDRESSES + epoch % ADDRESSES
                address = struct.pack(">I", 0x0A400000 + place + 2 * (place // 254) + 1)
            server = old[half:]
            client.asks = Way(client.asks.ethernet[:-2], address, server, 64)
            client.hears = Way(client.hears.ethernet[:-2], server, address, 63)
        return client

    def slice(self, number):
        """The records of slice `number`: its first, the others joined, those after its end."""
        rng = self.rng = self.names.rng = random.Random(f"{self.seed}/slice/{number}")
        begin = START + number * SLICE
        hour = (begin % 86_400) / 3_600
        weights = [self.leased(client, number).weight
                   * (1 if client.flat else curve(hour + client.shift))
                   for client in self.clients]
        count = round(self.scale * sum(weights))
        kinds = (None, self.lonely, self.retried, self.fresh, self.fragmented, self.connection,
                 self.strange)
        shares = (UNANSWERED, RETRIED, FRESH, LARGE, TCP_SHARE / 4, STRANGE)
        self.ranks = iter(rng.choices(range(DOMAINS), cum_weights=self.names.zipf, k=count))
        plan = zip(rng.choices(kinds, (1 - sum(shares), *shares), k=count),
                   rng.choices(self.clients, weights, k=count),
                   rng.choices(list(QTYPES), list(QTYPES.values()), k=count),
                   rng.choices((NOERROR, NO_NAME, SERVER_FAILURE),
                               (1 - NXDOMAIN - SERVFAIL, NXDOMAIN, SERVFAIL), k=count))
        head = struct.Struct(">IIII").pack
        begin *= 1_000_000
        span = SLICE * 1_000_000
        records = []
        add, chance = records.append, rng.random
        for make, client, qtype, outcome in plan:
            time = begin + int(chance() * span)
            if make is None:  # a query and its answer, as nearly all are
                query, query_sum, reply, reply_sum = self.exchange(client, qtype, outcome)
                bits = int(chance() * (1 << 32))
                port, ident = 1024 + (bits >> 16) % 64512, bits & 0xFFFF
                add(client.asks.record(time, port, 53, ident, query, query_sum))
                time += 1_000 + int(39_000 * chance() ** 4)
                add(client.hears.record(time, 53, port, ident, reply, reply_sum))
                continue
            for delay, frame in make(client, qtype, outcome):
                seconds, micros = divmod(time + delay, 1_000_000)
                size = len(frame)
                add(head(seconds, micros, size, size) + frame)
        if len(self.bodies) > KNOWN_BODIES:
            self.bodies.clear()
        # Big-endian records sort as octets by their times.
        records.sort()
        first = struct.pack(">I", START + number * SLICE + OVERHANG)
        last = struct.pack(">I", START + (number + 1) * SLICE)
        opening = sum(1 for record in records[:len(records) // 8] if record[:4] < first)
        late = 0
        while late < len(records) and records[-1 - late][:4] >= last:
            late += 1
        end = len(records) - late
        return records[:opening], b"".join(records[opening:end]), records[end:], len(records)

    def exchange(self, client, qtype, outcome):
        """Query and answer, each with its sum, as this client would see them."""
        if outcome == NOERROR and qtype in (A, AAAA, HTTPS):
            hosts = self.names.hosts[next(self.ranks)]
            name = hosts[int(len(hosts) * self.rng.random() ** 2)]
        else:
            name = self.names.pick(qtype, outcome)
        key = name, qtype, outcome
        known = self.bodies.get(key)
        if known is None:
            query = Message(0x0100, name, qtype).finish(b"")
            reply = answer(self.names, name, qtype, outcome).finish(b"")
            known = self.bodies[key] = query, total(query), reply, total(reply)
        if not client.edns:
            return known
        query, query_sum, reply, reply_sum = known
        edns, add = client.edns, client.edns_sum
        # One more record, and the sum of what follows an odd number of octets is turned round.
        return (query[:8] + b"\0\1" + query[10:] + edns,
                query_sum + 1 + (add << 8 if len(query) % 2 else add),
                reply[:8] + b"\0\1" + reply[10:] + edns,
                reply_sum + 1 + (add << 8 if len(reply) % 2 else add))

    def retried(self, client, qtype, outcome):
        """Asked two or three times, the last answered or not."""
        query, query_sum, reply, reply_sum = self.exchange(client, qtype, outcome)
        rng = self.rng
        port, ident = rng.randrange(1024, 65536), rng.getrandbits(16)
        asked = client.asks.udp(port, 53, ident, query, query_sum)
        last = 0
        for last in range(0, rng.choice((2, 3)) * 1_500_000, 1_500_000):
            yield last, asked
        if rng.random() < 0.7:
            yield last + self.delay(), client.hears.udp(53, port, ident, reply, reply_sum)

    def fresh(self, client, _qtype, _outcome):
        """A host name nobody asked before, as content networks make them."""
        rng = self.rng
        host = "".join(rng.choices(string.ascii_lowercase + string.digits, k=rng.randint(6, 10)))
        name = f"{host}.{rng.choice(self.fresh_zones)}"
        qtype = rng.choice((A, A, AAAA))
        query = Message(0x0100, name, qtype).finish(client.edns)
        reply = answer(self.names, name, qtype, NOERROR).finish(client.edns)
        port, ident = rng.randrange(1024, 65536), rng.getrandbits(16)
        yield 0, client.asks.udp(port, 53, ident, query, total(query))
        yield self.delay(), client.hears.udp(53, port, ident, reply, total(reply))

    def fragmented(self, client, _qtype, _outcome):
        """An answer larger than a frame; now and then its end is missing."""
        rng = self.rng
        query, query_sum, reply = rng.choice(self.large)
        port, ident = rng.randrange(1024, 65536), rng.getrandbits(16)
        yield 0, client.asks.udp(port, 53, ident, query, query_sum)
        delay, way = self.delay(), client.hears
        length = 10 + len(reply)
        value = checksum(way.sum + 17 + 2 * length + 53 + port + ident + total(reply))
        carried = struct.pack(">HHHHH", 53, port, length, value, ident) + reply
        pieces = [carried[at:at + FRAGMENT] for at in range(0, length, FRAGMENT)]
        if rng.random() < 0.02:
            pieces.pop()
        for number, piece in enumerate(pieces):
            offset = number * FRAGMENT
            more = offset + len(piece) < length
            yield delay + 12 * number, fragment(way, ident, offset, more, piece)

    def strange(self, client, _qtype, _outcome):
        """Something on port 53 that is not DNS."""
        rng = self.rng
        body = rng.choice((b"\xff" * 20, b"GET / HTTP/1.0\r\n\r\n", rng.randbytes(rng.randrange(80))))
        port, ident = rng.randrange(1024, 65536), rng.getrandbits(16)
        yield 0, client.asks.udp(port, 53, ident, body, total(body))


def fragment(way, ident, offset, more, piece):
    """A frame with a piece of a UDP datagram."""
    if way.six:
        head = struct.pack(">IHBB", 0x60000000, 8 + len(piece), 44, way.hops)
        place = struct.pack(">BBHI", 17, 0, offset | more, ident)
        return way.ethernet + head + way.pair + place + piece
    words = [0x4500, 20 + len(piece), ident, offset // 8 | more << 13, way.hops << 8 | 17]
    head = struct.pack(">HHHHHH", *words, checksum(sum(words) + way.sum))
    return way.ethernet + head + way.pair + piece


def curve(hour):
    """The rate at an hour of the day; the mean of the day is 1."""
    hour %= 24
    before = int(hour)
    after = CURVE[(before + 1) % 24]
    rate = CURVE[before] + (after - CURVE[before]) * (hour - before)
    return rate * 24 / sum(CURVE)


DAYS = {}


def slice_of(arguments, number):
    """A slice; its process makes the day once."""
    if arguments not in DAYS:
        DAYS[arguments] = Day(*arguments)
    return DAYS[arguments].slice(number)


def stream(arguments, slices, workers, told):
    """Writes the pcap; `told` gets the seconds and frames written so far."""
    out = sys.stdout.buffer
    out.write(struct.pack(">IHHiIII", 0xA1B2C3D4, 2, 4, 0, 0, 262_144, 1))
    late, frames = [], 0
    slice_of(arguments, 0)  # made before the processes are, so that they share it
    context = multiprocessing.get_context("fork")
    with concurrent.futures.ProcessPoolExecutor(workers, mp_context=context) as pool:
        due, ahead = collections.deque(), iter(range(slices))
        for number in range(slices):
            while len(due) < workers + 1 and (next_slice := next(ahead, None)) is not None:
                due.append(pool.submit(slice_of, arguments, next_slice))
            first, rest, after, count = due.popleft().result()
            out.write(b"".join(sorted(late + first)))
            out.write(rest)
            late, frames = after, frames + count
            told((number + 1) * SLICE, frames)
        out.write(b"".join(late))
        out.flush()
    return frames


def teller(path):
    """Keeps the newest progress in a file, whole at every moment."""
    def tell(seconds, frames):
        if path:
            with open(path + ".new", "w", encoding="ascii") as file:
                file.write(f"{seconds} {frames}\n")
            os.replace(path + ".new", path)
    return tell


def main():
    signal.signal(signal.SIGINT, signal.SIG_DFL)
    parser = argparse.ArgumentParser(description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--clients", type=int, default=5_000, help="default 5000")
    parser.add_argument("--hours", type=float, default=24, help="default 24, from 08:00 UTC on")
    parser.add_argument("--queries-per-client-hour", type=float, default=125,
                        help="default 125, about 30 million frames a day")
    parser.add_argument("--seed", type=int, default=1, help="default 1")
    parser.add_argument("--workers", type=int, default=max(1, (os.cpu_count() or 1) - 1),
                        help="processes (default: one less than there are cores)")
    parser.add_argument("--progress", metavar="FILE",
                        help="keep the seconds and frames written so far in FILE")
    options = parser.parse_args()
    if sys.stdout.isatty():
        parser.error("standard output is a terminal: pipe it into geophone replay -")
    if not 1 <= options.clients <= 100_000:
        parser.error("--clients: from 1 to 100000, for every lease to have an address")
    if options.hours <= 0 or options.queries_per_client_hour <= 0 or options.workers < 1:
        parser.error("--hours, --queries-per-client-hour and --workers: more than 0")
    arguments = (options.clients, options.queries_per_client_hour, options.seed)
    slices = max(1, round(options.hours * 3_600 / SLICE))
    try:
        frames = stream(arguments, slices, options.workers, teller(options.progress))
    except BrokenPipeError:
        sys.stderr.write("day.py: the reader closed the pipe\n")
        os._exit(1)  # standard output cannot be flushed any more
    sys.stderr.write(f"day.py: {frames} frames, {slices * SLICE / 3_600:g} hours\n")


if __name__ == "__main__":
    main()
