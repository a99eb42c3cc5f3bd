"""Exfiltration by no tool of a name: any encoding, any pace, over any number of domains and clients.

The paces are those of theory and of reports: one question a minute and less, 30 % and exponential
jitter (beacons of C2 frameworks), 16 octets every half hour (DecoyDog and SUNBURST waited longer). The
encodings are those that beat lengths and entropy: word lists, text drawn from letter pairs (as in
"Ziza, Tadic, Vuletic, IJIS 2023" names of at most 9 octets). `<hex>.<number>.<domain>` is what the
PowerShell one-liners of many write-ups send (e.g. https://isc.sans.edu/diary.html?date=2017-04-20).
"""

import base64

import words
from wire import NXDOMAIN, Exchange, a, txt, under


class Octets:
    """`size` octets a name in an alphabet of a power of two, or in hexadecimal."""

    def __init__(self, size, encoding):
        self.bits, self.size, self.encoding = size * 8, size, encoding

    def name(self, value):
        data = value.to_bytes(self.size, "big")
        if self.encoding == "hex":
            return data.hex().encode()
        if self.encoding == "base32":
            return base64.b32encode(data).rstrip(b"=").lower()
        return base64.urlsafe_b64encode(data).rstrip(b"=")

    def value(self, name):
        if self.encoding == "hex":
            data = bytes.fromhex(name.decode())
        elif self.encoding == "base32":
            data = base64.b32decode(name.upper() + b"=" * (-len(name) % 8))
        else:
            data = base64.urlsafe_b64decode(name + b"=" * (-len(name) % 4))
        return int.from_bytes(data, "big")


class Words:
    """`count` words of a list of 2,048: 11 bits each."""

    def __init__(self, count, between=b"-"):
        self.bits, self.count, self.between = 11 * count, count, between
        self.words = words.common(2048)

    def name(self, value):
        parts = []
        for _ in range(self.count):
            value, index = divmod(value, 2048)
            parts.append(self.words[index])
        return self.between.join(reversed(parts))

    def value(self, name):
        value = 0
        for part in name.split(self.between):
            value = value * 2048 + self.words.index(part)
        return value


class Markov:
    """`length` letters, each one of the four that most often follow the last in English words."""

    def __init__(self, length):
        self.bits, self.length = 2 * length, length
        self.next = words.followers(4)

    def name(self, value):
        steps, last, out = [], "^", ""
        for _ in range(self.length):
            value, step = divmod(value, 4)
            steps.append(step)
        for step in reversed(steps):
            last = self.next[last][step]
            out += last
        return out.encode()

    def value(self, name):
        value, last = 0, "^"
        for letter in name.decode():
            value, last = value * 4 + self.next[last].index(letter), letter
        return value


def pieces(data, bits):
    """The data as numbers of so many bits, the last filled up with zeros."""
    total = len(data) * 8
    whole = int.from_bytes(data, "big") << (-total % bits)
    count = -(-total // bits)
    return [whole >> bits * (count - 1 - n) & (1 << bits) - 1 for n in range(count)]


def joined(values, bits):
    whole = 0
    for value in values:
        whole = whole << bits | value
    return (whole >> (len(values) * bits) % 8).to_bytes(len(values) * bits // 8, "big")


class Exfil:
    def __init__(self, domains, encoder, gap, jitter="none", kind="A", numbered=False,
                 nxdomain=False, below=b"", order="turn"):
        """`jitter`: none, share (30 % either way) or exponential. `order`: domains in turn or at
        random; clients always in turn."""
        self.domains, self.encoder, self.gap, self.jitter = domains, encoder, gap, jitter
        self.kind, self.numbered, self.nxdomain, self.below = kind, numbered, nxdomain, below
        self.order = order

    def pause(self, pick):
        if self.jitter == "share":
            return self.gap * pick.uniform(0.7, 1.3)
        if self.jitter == "exponential":
            return pick.expovariate(1 / self.gap)
        return self.gap + pick.uniform(0, min(0.05, self.gap / 10))

    def speak(self, up, down, pick, clients):
        at = 0.0
        for n, value in enumerate(pieces(up, self.encoder.bits)):
            domain = (self.domains[n % len(self.domains)] if self.order == "turn"
                      else pick.choice(self.domains))
            name = self.encoder.name(value) + (b".%d" % n if self.numbered else b"") + self.below
            answers = [(None, "A", a(198, 18, 77, 1 + n % 8), 30)] if self.kind == "A" else [
                (None, "TXT", txt(b"ok"), 1)]
            yield Exchange(at, clients[n % len(clients)], name + b"." + domain, self.kind,
                           [] if self.nxdomain else answers,
                           NXDOMAIN if self.nxdomain else 0)
            at += self.pause(pick)

    def hear(self, messages):
        names = []
        for domain in self.domains:
            for name, message in under(messages, domain):
                if self.below:
                    name = name[:-len(self.below)]
                number = 0
                if self.numbered:
                    name, _, number = name.rpartition(b".")
                names.append((int(number), message.time, self.encoder.value(name)))
        return joined([value for _, _, value in sorted(names)], self.encoder.bits), b""
