"""Channels in what is asked about known names: which name, which type, when, in which case.

Written from V. Paxson et al., "Practical Comprehensive Bounds on Surreptitious Communication over
DNS", USENIX Security 2013, which bounds these channels one by one: a codebook of names that were asked
before, the query type, the time between queries; the case of letters is D. Dagon et al., "Increased
DNS Forgery Resistance Through 0x20-Bit Encoding", CCS 2008, used as a channel.
"""

import words
from wire import Exchange, a, mx, soa, srv, txt, under, wire_name

KINDS = ["A", "AAAA", "TXT", "MX", "HTTPS", "NS", "SRV", "CAA"]
NUMBERS = [1, 28, 16, 15, 65, 2, 33, 257]


def answer(kind, domain):
    rdata = {"A": a(198, 18, 80, 2), "AAAA": bytes.fromhex("20010db8" + "00" * 11 + "02"),
             "TXT": txt(b"v=spf1 -all"), "MX": mx(b"mail." + domain),
             "NS": wire_name(b"ns1." + domain), "SRV": srv(b"app." + domain, 443),
             "CAA": b"\0\5issueca." + domain, "SOA": soa(domain)}
    return [(None, kind, rdata[kind], 0)] if kind in rdata else []


def bits_of(data, width):
    whole, total = int.from_bytes(data, "big"), len(data) * 8
    whole, total = whole << -total % width, total + -total % width
    return [whole >> at & (1 << width) - 1 for at in range(total - width, -1, -width)]


def octets_of(values, width):
    whole = 0
    for value in values:
        whole = whole << width | value
    total = len(values) * width
    return (whole >> total % 8).to_bytes(total // 8, "big")


class Codebook:
    """One of 256 known names a question: an octet each."""

    def __init__(self, domain, gap=10.0):
        self.domain, self.gap, self.names = domain, gap, words.common(256)

    def speak(self, up, down, pick, clients):
        at = 0.0
        # Every name is asked for once beforehand: after that none is new.
        for octet in list(range(256)) + list(up):
            yield Exchange(at, clients[0], self.names[octet] + b"." + self.domain, "A",
                           [(None, "A", a(198, 18, 81, octet), 0)])
            at += self.gap * pick.uniform(0.7, 1.3)

    def hear(self, messages):
        said = [self.names.index(name) for name, _ in under(messages, self.domain)]
        return bytes(said[256:]), b""


class QueryType:
    """Three bits in the type of a question about always the same name."""

    def __init__(self, domain, gap=5.0):
        self.domain, self.gap = domain, gap

    def speak(self, up, down, pick, clients):
        at = 0.0
        for value in bits_of(up, 3):
            kind = KINDS[value]
            yield Exchange(at, clients[0], b"www." + self.domain, kind, answer(kind, self.domain))
            at += self.gap * pick.uniform(0.8, 1.2)

    def hear(self, messages):
        said = [NUMBERS.index(message.kind) for _, message in under(messages, self.domain)]
        return octets_of(said, 3), b""


class Timing:
    """One bit in the pause before the next question: `short` seconds or twice as long."""

    def __init__(self, domain, short=2.0):
        self.domain, self.short = domain, short

    def speak(self, up, down, pick, clients):
        at = 0.0
        for value in [0] + bits_of(up, 1):
            at += self.short * (1 + value) + pick.uniform(-0.2, 0.2)
            yield Exchange(at, clients[0], b"status." + self.domain, "A", answer("A", self.domain))

    def hear(self, messages):
        times = [message.time for _, message in under(messages, self.domain)]
        pauses = [later - sooner for sooner, later in zip(times, times[1:])]
        return octets_of([int(pause > self.short * 1.5) for pause in pauses], 1), b""


class LetterCase:
    """A bit in the case of each letter of a name that never changes."""

    def __init__(self, domain, label=b"assets-production-static", gap=15.0):
        self.domain, self.label, self.gap = domain, label, gap
        self.width = sum(1 for letter in label.decode() if letter.isalpha())

    def speak(self, up, down, pick, clients):
        at = 0.0
        for value in bits_of(up, self.width):
            said, left = "", self.width
            for letter in self.label.decode():
                if letter.isalpha():
                    left -= 1
                    letter = letter.upper() if value >> left & 1 else letter
                said += letter
            yield Exchange(at, clients[0], said.encode() + b"." + self.domain, "A",
                           answer("A", self.domain))
            at += self.gap * pick.uniform(0.8, 1.2)

    def hear(self, messages):
        said = []
        for name, _ in under(messages, self.domain):
            value = 0
            for letter in name.decode():
                value = value << 1 | letter.isupper() if letter.isalpha() else value
            said.append(value)
        return octets_of(said, self.width), b""
