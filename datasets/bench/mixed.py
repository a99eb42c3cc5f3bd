#!/usr/bin/env python3
"""Writes a capture of ordinary DNS traffic, as a mirror port at resolvers would show it.

Nothing is recorded: names, clients and answers are invented, and a name that exists is chance;
addresses come from private, benchmarking and documentation ranges. The same arguments give the
same bytes.

The capture is for timing. It says nothing about detection: it holds no tunnel, and its names
and rates are simpler than those of a real network.
"""

import argparse
import heapq
import itertools
import random
import string
import struct

CLIENTS, DOMAINS = 5_000, 20_000
SECONDS_PER_PACKET = 600 / 1_000_000
START = 1_768_204_800  # 2026-01-12 08:00:00 UTC
TCP_SHARE = OTHER_SHARE = 0.005  # of all packets
TCP_PACKETS = 8  # of one connection
UNANSWERED, NXDOMAIN, SERVFAIL = 0.005, 0.06, 0.005  # of queries
IPV6_CLIENTS, TAGGED_CLIENTS = 0.15, 0.10
CHUNK = 4 << 20

A, NS, CNAME, SOA, PTR, MX, TXT, AAAA, SRV, OPT, HTTPS = 1, 2, 5, 6, 12, 15, 16, 28, 33, 41, 65
QTYPES = {A: 60, AAAA: 22, HTTPS: 8, PTR: 4, TXT: 2, SRV: 1.6, MX: 1, SOA: 0.8, NS: 0.6}
NOERROR, FORMAT_ERROR, SERVER_FAILURE, NO_NAME = 0, 1, 2, 3

SUFFIXES = {"com": 55, "net": 10, "org": 9, "de": 6, "io": 4, "co.uk": 4, "fr": 3, "nl": 2,
            "eu": 2, "info": 2, "app": 1, "dev": 1, "com.br": 1}
ONSETS = "b c d f g h j k l m n p r s t v w z br cl dr fl gr pl pr sh sl st th tr".split()
VOWELS = "a e i o u ai ea ee io ou".split()
CODAS = ["", "", "", "l", "m", "n", "r", "s", "t", "x", "ck", "nd", "ng", "rt", "st"]
HOSTS = ("www api cdn img static mail app login m assets media news shop blog auth id events "
         "metrics telemetry update download docs support video data ws push config").split()
SERVICES = ("_ldap._tcp _kerberos._tcp _kerberos._udp _gc._tcp _sip._tls _sipfederationtls._tcp "
            "_xmpp-client._tcp _autodiscover._tcp _ldap._tcp.dc._msdcs").split()
OFFICE = "corp.example"


# --- names -------------------------------------------------------------------------------------

class Names:
    """Every name that may be asked, in pools with their popularity."""

    def __init__(self, rng):
        self.rng = rng
        self.domains = self.make_domains(DOMAINS)
        self.zipf = list(itertools.accumulate(1 / rank for rank in range(1, DOMAINS + 1)))
        self.hosts = [self.make_hosts(rank, name) for rank, name in enumerate(self.domains)]
        self.broken = [f"www.{name}" for name in self.make_domains(100)]
        self.reverse = [self.make_reverse() for _ in range(6_000)]
        self.reverse_absent = [self.make_reverse() for _ in range(2_000)]
        self.absent = [self.make_absent() for _ in range(4_000)]

    def word(self, parts):
        pick = self.rng.choice
        return "".join(pick(ONSETS) + pick(VOWELS) + pick(CODAS) for _ in range(parts))

    def make_domains(self, count):
        suffixes = self.rng.choices(list(SUFFIXES), list(SUFFIXES.values()), k=count)
        made = {}
        for suffix in suffixes:
            name = None
            while name is None or name in made:
                name = f"{self.word(self.rng.choice((2, 2, 2, 3, 3)))}.{suffix}"
            made[name] = None
        return list(made)

    def make_hosts(self, rank, domain):
        """The hosts of a domain, the popular first."""
        rng = self.rng
        if rank < 600 and rank % 15 == 7:  # content networks: random-looking, shared by all
            alphabet = string.ascii_lowercase + string.digits
            return ["d" + "".join(rng.choices(alphabet, k=rng.randint(8, 13))) + "." + domain
                    for _ in range(rng.randint(20, 60))]
        count = rng.randint(4, 14) if rank < 1_000 else rng.randint(1, 4)
        return [f"www.{domain}", domain] + [f"{host}.{domain}"
                                            for host in rng.sample(HOSTS[1:], count)]

    def make_reverse(self):
        rng = self.rng
        if rng.random() < 0.85:
            net = rng.choice(("10.20", "10.21", "198.18", "198.19"))
            octets = f"{net}.{rng.randrange(256)}.{rng.randrange(1, 255)}".split(".")
            return ".".join(reversed(octets)) + ".in-addr.arpa"
        nibbles = "20010db8" + f"{rng.getrandbits(96):024x}"
        return ".".join(reversed(nibbles)) + ".ip6.arpa"

    def make_absent(self):
        """Names that do not exist: search lists, old names, mistyped ones."""
        rng = self.rng
        kind = rng.random()
        if kind < 0.3:
            return f"{rng.choice(self.hosts[rng.randrange(500)])}.{OFFICE}"
        if kind < 0.5:
            host = rng.choice(("wpad", "isatap", "printer", "nas", "proxy"))
            return f"{host}.{self.word(1)}.{OFFICE}"
        if kind < 0.8:
            return f"{rng.choice(HOSTS)}-old.{rng.choice(self.domains)}"
        return f"www.{self.word(3)}.com"

    def pick(self, qtype, outcome):
        """A name for a query of `qtype` that ends as `outcome`."""
        rng = self.rng
        if outcome == SERVER_FAILURE:
            return rng.choice(self.broken)
        if qtype == PTR:
            pool = self.reverse if outcome == NOERROR else self.reverse_absent
            return pool[int(len(pool) * rng.random() ** 3)]
        rank = rng.choices(range(DOMAINS), cum_weights=self.zipf)[0]
        domain = self.domains[rank]
        if qtype == SRV:
            return f"{rng.choice(SERVICES)}.{OFFICE if outcome == NOERROR else domain}"
        if qtype == TXT:
            prefix = rng.choice(("", "", "_dmarc.", "_dmarc.", "selector1._domainkey."))
            return prefix + domain if outcome == NOERROR else f"_dmarc.old.{domain}"
        if outcome == NO_NAME:
            return self.absent[int(len(self.absent) * rng.random() ** 2)]
        if qtype in (MX, NS, SOA):
            return domain
        hosts = self.hosts[rank]
        return hosts[int(len(hosts) * rng.random() ** 2)]


# --- messages ----------------------------------------------------------------------------------

class Message:
    """A DNS message without its id; names are compressed."""

    def __init__(self, flags, name, qtype):
        self.flags, self.counts = flags, [1, 0, 0, 0]
        self.octets, self.known = bytearray(12), {}
        self.name(name)
        self.octets += struct.pack(">HH", qtype, 1)

    def name(self, name):
        labels = name.split(".") if name else []
        for at in range(len(labels)):
            rest = ".".join(labels[at:])
            if rest in self.known:
                self.octets += struct.pack(">H", 0xC000 | self.known[rest])
                return
            if len(self.octets) < 0x3FFF:
                self.known[rest] = len(self.octets)
            self.octets.append(len(labels[at]))
            self.octets += labels[at].encode()
        self.octets.append(0)

    def record(self, part, owner, rtype, ttl, *data):
        """A record in section `part` (1 answer, 2 authority); of `data`, text is a name."""
        self.counts[part] += 1
        self.name(owner)
        self.octets += struct.pack(">HHI", rtype, 1, ttl) + b"\0\0"
        start = len(self.octets)
        for item in data:
            if isinstance(item, str):
                self.name(item)
            else:
                self.octets += item
        struct.pack_into(">H", self.octets, start - 2, len(self.octets) - start)

    def soa(self, part, zone, rng):
        self.record(part, zone, SOA, 900, f"ns1.{zone}", f"hostmaster.{zone}",
                    struct.pack(">IIIII", 2026010000 + rng.randrange(100), 7200, 900, 1209600, 300))

    def finish(self, edns):
        """The octets after the id; `edns` is the client's OPT record, if it sends one."""
        octets = bytes(self.octets)
        counts = self.counts[:3] + [1 if edns else 0]
        return struct.pack(">HHHHH", self.flags, *counts) + octets[12:] + edns


def zone_of(name):
    """The zone whose SOA a negative answer shows."""
    labels = name.split(".")
    if labels[-1] == "arpa":
        return ".".join(labels[-3:]) if labels[-2] == "in-addr" else ".".join(labels[-10:])
    deep = ".".join(labels[-2:]) in SUFFIXES
    return ".".join(labels[-3 if deep else -2:])


def answer(names, name, qtype, outcome):
    """The response to a question, always the same for the same question."""
    rng = random.Random(f"{name}/{outcome}")  # A, AAAA and HTTPS share their CNAME chain
    message = Message(0x8180 | outcome, name, qtype)
    if outcome == SERVER_FAILURE:
        return message
    zone = zone_of(name)
    if outcome == NO_NAME:
        message.soa(2, zone, rng)
        return message
    if qtype in (A, AAAA, HTTPS):
        addresses(message, names, name, qtype, zone, rng)
    elif qtype == PTR:
        target = f"host-{rng.randrange(10_000)}.{names.domains[rng.randrange(900)]}"
        message.record(1, name, PTR, 3600, target)
    elif qtype == TXT:
        message.record(1, name, TXT, 3600, *texts(name, zone, rng))
    elif qtype == MX:
        for number in range(rng.randint(1, 3)):
            message.record(1, name, MX, 3600, struct.pack(">H", 10 * (number + 1)),
                           f"mx{number + 1}.{zone}")
    elif qtype == NS:
        for number in range(rng.randint(2, 4)):
            message.record(1, name, NS, 86400, f"ns{number + 1}.{zone}")
    elif qtype == SRV:
        for number in range(rng.randint(1, 3)):
            target = b"".join(bytes([len(label)]) + label.encode()
                              for label in f"dc{number + 1}.{OFFICE}".split(".")) + b"\0"
            message.record(1, name, SRV, 600, struct.pack(">HHH", 0, 100, 389), target)
    else:
        message.soa(1, zone, rng)
    return message


def addresses(message, names, name, qtype, zone, rng):
    """CNAMEs, then addresses or service bindings, or no data."""
    owner = name
    for _ in range(rng.choices((0, 1, 2, 3), (45, 32, 17, 6))[0]):
        target = (f"{rng.choice(HOSTS)}-{rng.getrandbits(20):05x}"
                  f".{names.domains[rng.randrange(400)]}")
        message.record(1, owner, CNAME, rng.choice((60, 300, 3600)), target)
        owner = target
    rng = random.Random(f"{owner}/{qtype}")
    if rng.random() < {A: 0.0, AAAA: 0.4, HTTPS: 0.6}[qtype]:
        message.soa(2, zone_of(owner), rng)
    elif qtype == HTTPS:
        hint = struct.pack(">I", 0xC6120000 | rng.getrandbits(17))
        binding = b"\0\1\0" + b"\0\1\0\6\2h3\2h2" + b"\0\4\0\4" + hint
        message.record(1, owner, HTTPS, 300, binding)
    else:
        for _ in range(rng.choices((1, 2, 4), (40, 34, 26))[0]):
            low = struct.pack(">I", 0xC6120000 | rng.getrandbits(17))  # 198.18.0.0/15
            high = b"\x20\x01\x0d\xb8\xcd" + rng.randbytes(3) + bytes(4)
            message.record(1, owner, qtype, rng.choice((30, 60, 300)),
                           low if qtype == A else high + low)


def texts(name, zone, rng):
    """The strings of a TXT record, with their lengths."""
    if name.startswith("_dmarc."):
        text = f"v=DMARC1; p=reject; rua=mailto:dmarc@{zone}"
    elif "_domainkey" in name:
        key = "".join(rng.choices(string.ascii_letters + string.digits + "+/", k=216))
        text = f"v=DKIM1; k=rsa; p={key}"
    else:
        text = f"v=spf1 include:spf.{zone} ip4:198.18.{rng.randrange(256)}.0/24 -all"
    parts = [text[at:at + 255].encode() for at in range(0, len(text), 255)]
    return [bytes([len(part)]) + part for part in parts]


# --- frames ------------------------------------------------------------------------------------

def total(octets):
    """The ones' complement sum of 16-bit words, not yet inverted."""
    if len(octets) % 2:
        octets += b"\0"
    return int.from_bytes(octets, "big") % 0xFFFF


def checksum(value):
    return 0xFFFF - value % 0xFFFF


IPV4 = struct.Struct(">BBHHHBBH")
UDP = struct.Struct(">HHHH")


class End:
    """One of the two directions between a client and its resolver."""

    def __init__(self, ethernet, source, target, hops):
        self.six = len(source) == 16
        kind = b"\x86\xdd" if self.six else b"\x08\x00"
        self.ethernet, self.pair, self.hops = ethernet + kind, source + target, hops
        self.sum = total(self.pair)

    def ip(self, protocol, payload, ident=0):
        """A frame around an IP payload."""
        if self.six:
            head = struct.pack(">IHBB", 0x60000000, len(payload), protocol, self.hops)
            return self.ethernet + head + self.pair + payload
        length = 20 + len(payload)
        value = checksum(0x4500 + length + ident + 0x4000 + self.hops * 256 + protocol + self.sum)
        return (self.ethernet + IPV4.pack(0x45, 0, length, ident, 0x4000, self.hops, protocol,
                                          value % 0xFFFF) + self.pair + payload)

    def udp(self, source, target, ident, body, body_sum):
        """A frame with a DNS message: `body` is what follows its id."""
        length = 10 + len(body)
        value = checksum(self.sum + 17 + 2 * length + source + target + ident + body_sum)
        payload = UDP.pack(source, target, length, value) + ident.to_bytes(2, "big") + body
        return self.ip(17, payload, 0 if target == 53 else ident ^ 0x5A5A)

    def tcp(self, source, target, sequence, acknowledged, flags, data=b""):
        options = b"\2\4\5\xb4\1\1\4\2" if flags & 2 else b""
        words = 5 + len(options) // 4
        head = struct.pack(">HHIIBBHHH", source, target, sequence & 0xFFFFFFFF,
                           acknowledged & 0xFFFFFFFF, words << 4, flags, 64240, 0, 0)
        segment = head + options + data
        value = checksum(self.sum + 6 + len(segment) + total(segment))
        return self.ip(6, segment[:16] + value.to_bytes(2, "big") + segment[18:])


class Client:
    """A client with its resolver: where its frames go, and how it asks."""

    RESOLVERS = ((b"\x0a\x14\0\x35", b"\x20\x01\x0d\xb8" + bytes(11) + b"\x35"),
                 (b"\x0a\x14\1\x35", b"\x20\x01\x0d\xb8" + bytes(10) + b"\1\x35"))

    def __init__(self, number, rng):
        resolver = rng.randrange(2)
        six = rng.random() < IPV6_CLIENTS
        hardware = b"\x02\x00\x0a" + number.to_bytes(3, "big")
        gateway = b"\x02\x00\x35\x00\x00" + bytes([resolver])
        tag = b""
        if rng.random() < TAGGED_CLIENTS:
            tag = b"\x81\x00" + struct.pack(">H", rng.choice((20, 30, 40)))
        low = struct.pack(">I", 0x0A150000 + number + 2 * (number // 254) + 1)
        address = b"\x20\x01\x0d\xb8\0\x15\0\0" + rng.randbytes(8) if six else low
        server = self.RESOLVERS[resolver][six]
        self.asks = End(gateway + hardware + tag, address, server, 64)
        self.hears = End(hardware + gateway + tag, server, address, 63)
        size, flags = rng.choices(((0, 0), (1232, 0), (4096, 0x8000)), (15, 75, 10))[0]
        self.edns = struct.pack(">BHHIH", 0, OPT, size, flags, 0) if size else b""
        self.weight = rng.lognormvariate(0, 1)


# --- traffic -----------------------------------------------------------------------------------

class Traffic:
    """Gives frames in the order of their times."""

    def __init__(self, packets, seed):
        self.rng = random.Random(seed)
        self.names = Names(self.rng)
        self.clients = [Client(number, self.rng) for number in range(CLIENTS)]
        self.bodies = {}
        self.plan(packets)

    def plan(self, packets):
        """Decides what starts when, so that the frames add up to `packets`."""
        rng = self.rng
        connections = round(packets * TCP_SHARE / TCP_PACKETS)
        others = round(packets * OTHER_SHARE)
        datagrams = packets - connections * TCP_PACKETS - others
        unanswered = round(datagrams / (2 - UNANSWERED) * UNANSWERED)
        unanswered += (datagrams + unanswered) % 2
        pairs = (datagrams - unanswered) // 2
        starts = [self.pair] * pairs + [self.lonely] * unanswered
        starts += [self.connection] * connections + [self.other] * others
        rng.shuffle(starts)
        length = packets * SECONDS_PER_PACKET * 1e6
        self.times = sorted(int(rng.random() * length) for _ in starts)
        self.starts = starts
        count = len(starts)
        self.asking = rng.choices(self.clients, [client.weight for client in self.clients],
                                  k=count)
        self.qtypes = rng.choices(list(QTYPES), list(QTYPES.values()), k=count)
        self.outcomes = rng.choices((NOERROR, NO_NAME, SERVER_FAILURE),
                                    (1 - NXDOMAIN - SERVFAIL, NXDOMAIN, SERVFAIL), k=count)

    def frames(self):
        """Yields (microseconds, frame)."""
        waiting, order = [], itertools.count()
        push, pop = heapq.heappush, heapq.heappop
        plan = zip(self.times, self.starts, self.asking, self.qtypes, self.outcomes)
        for time, start, client, qtype, outcome in plan:
            while waiting and waiting[0][0] <= time:
                due = pop(waiting)
                yield due[0], due[2]
            for delay, frame in start(client, qtype, outcome):
                push(waiting, (time + delay, next(order), frame))
        while waiting:
            due = pop(waiting)
            yield due[0], due[2]

    def exchange(self, client, qtype, outcome):
        """Query and answer, each with its sum, as this client would see them."""
        name = self.names.pick(qtype, outcome)
        key = (name, qtype, outcome, client.edns)
        known = self.bodies.get(key)
        if known is None:
            query = Message(0x0100, name, qtype).finish(client.edns)
            reply = answer(self.names, name, qtype, outcome).finish(client.edns)
            known = self.bodies[key] = query, total(query), reply, total(reply)
        return known

    def delay(self):
        """Microseconds to an answer, 1 to 40 ms, mostly short."""
        return 1_000 + int(39_000 * self.rng.random() ** 4)

    def lonely(self, client, qtype, outcome):
        query, query_sum, _, _ = self.exchange(client, qtype, outcome)
        bits = self.rng.getrandbits(32)
        yield 0, client.asks.udp(1024 + (bits >> 16) % 64512, 53, bits & 0xFFFF, query, query_sum)

    def pair(self, client, qtype, outcome):
        query, query_sum, reply, reply_sum = self.exchange(client, qtype, outcome)
        bits = self.rng.getrandbits(32)
        port, ident = 1024 + (bits >> 16) % 64512, bits & 0xFFFF
        yield 0, client.asks.udp(port, 53, ident, query, query_sum)
        yield self.delay(), client.hears.udp(53, port, ident, reply, reply_sum)

    def connection(self, client, qtype, outcome):
        """DNS over TCP: TCP_PACKETS frames."""
        query, _, reply, _ = self.exchange(client, qtype, outcome)
        rng = self.rng
        ident = rng.randbytes(2)
        query, reply = (struct.pack(">H", 2 + len(body)) + ident + body
                        for body in (query, reply))
        port, ours, theirs = rng.randrange(32768, 61000), rng.getrandbits(32), rng.getrandbits(32)
        asks, hears = client.asks.tcp, client.hears.tcp
        syn, ack, push, fin = 0x02, 0x10, 0x18, 0x11
        asked, told = ours + 1 + len(query), theirs + 1 + len(reply)
        trip, late = rng.randrange(200, 800), self.delay()
        yield 0, asks(port, 53, ours, 0, syn)
        yield trip, hears(53, port, theirs, ours + 1, syn | ack)
        yield trip + 30, asks(port, 53, ours + 1, theirs + 1, ack)
        yield trip + 60, asks(port, 53, ours + 1, theirs + 1, push, query)
        yield trip + 60 + late, hears(53, port, theirs + 1, asked, push, reply)
        yield trip + 120 + late, asks(port, 53, asked, told, fin)
        yield 2 * trip + 120 + late, hears(53, port, told, asked + 1, fin)
        yield 2 * trip + 150 + late, asks(port, 53, asked + 1, told + 1, ack)

    def other(self, client, _qtype, _outcome):
        """One frame that is not DNS: ARP, ICMP echo or NTP."""
        kind, way = self.rng.randrange(3), self.rng.choice((client.asks, client.hears))
        if kind == 0:
            sender = way.ethernet[6:12]
            address = bytes(4) if way.six else way.pair[:4]
            body = struct.pack(">HHBBH", 1, 0x0800, 6, 4, 1) + sender + address
            asked = bytes(6) + b"\x0a\x14\0\1"
            yield 0, b"\xff" * 6 + sender + b"\x08\x06" + (body + asked).ljust(46, b"\0")
        elif kind == 1:
            echo, protocol = (128, 58) if way.six else (8, 1)
            body = struct.pack(">HH", self.rng.getrandbits(16), 1) + bytes(range(56))
            pseudo = way.sum + 58 + 4 + len(body) if way.six else 0
            value = checksum(pseudo + (echo << 8) + total(body))
            yield 0, way.ip(protocol, struct.pack(">BBH", echo, 0, value) + body)
        else:
            body = b"\x23\0\6\xec" + bytes(36) + self.rng.randbytes(8)  # version 4, client
            length = 8 + len(body)
            value = checksum(way.sum + 17 + 2 * length + 246 + total(body))
            yield 0, way.ip(17, UDP.pack(123, 123, length, value) + body)


def write(path, frames):
    """Writes a pcap; returns frames and octets of frames."""
    record = struct.Struct("<IIII").pack
    count = octets = 0
    before = -1
    with open(path, "wb") as file:
        chunk = bytearray(struct.pack("<IHHiIII", 0xA1B2C3D4, 2, 4, 0, 0, 262_144, 1))
        for time, frame in frames:
            before = time = max(time, before + 1)
            size = len(frame)
            chunk += record(START + time // 1_000_000, time % 1_000_000, size, size)
            chunk += frame
            count += 1
            octets += size
            if len(chunk) >= CHUNK:
                file.write(chunk)
                chunk.clear()
        file.write(chunk)
    return count, octets


def main():
    parser = argparse.ArgumentParser(description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("out", metavar="OUT.pcap")
    parser.add_argument("--packets", type=int, default=1_000_000, help="default 1000000")
    parser.add_argument("--seed", type=int, default=1, help="default 1")
    options = parser.parse_args()
    if options.packets < 1_000:
        parser.error("--packets: at least 1000, for all kinds to appear")
    count, octets = write(options.out, Traffic(options.packets, options.seed).frames())
    print(f"{options.out}: {count} frames, {octets / count:.1f} octets on average")


if __name__ == "__main__":
    main()
