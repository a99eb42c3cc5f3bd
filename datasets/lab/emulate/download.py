"""Downloads in answers that carry no text: addresses, and chains of CNAME records.

A and AAAA as payload is a mode of dnscat2 (https://github.com/iagox86/dnscat2/blob/master/doc/protocol.md,
"DNS Record type": an octet of order, then data) and of Cobalt Strike (`mode dns`, `mode dns6`). A chain
of aliases is the case that looks only at question names miss: the targets carry the data.
"""

import base64

from wire import Exchange, a, chunks, in_labels, under, wire_name


class Addresses:
    def __init__(self, domain, kind="AAAA", records=8, gap=1.0):
        self.domain, self.kind, self.records, self.gap = domain, kind, records, gap
        # AAAA: a network of four octets and a number before the data; A: a number.
        self.lead = bytes.fromhex("20010db8") if kind == "AAAA" else b""
        self.size = (16 if kind == "AAAA" else 4) - len(self.lead) - 1

    def speak(self, up, down, pick, clients):
        at = 0.0
        for turn, part in enumerate(chunks(down, self.size * self.records)):
            answers = [(None, self.kind, self.lead + bytes([n]) + piece.ljust(self.size, b"\0"), 0)
                       for n, piece in enumerate(chunks(part, self.size))]
            pick.shuffle(answers)  # as resolvers do
            yield Exchange(at, clients[0], b"u%d." % turn + self.domain, self.kind, answers)
            at += self.gap * pick.uniform(0.7, 1.3)

    def hear(self, messages):
        parts = {}
        for name, message in under(messages, self.domain, answers=True):
            data = sorted(rdata[len(self.lead):] for _, _, rdata in message.answers)
            parts[int(name[1:])] = b"".join(piece[1:] for piece in data)
        return b"", b"".join(part for _, part in sorted(parts.items()))


class Chain:
    """Each question is for an ordinary name; each alias on the way to its address is base32."""

    def __init__(self, domain, links=3, size=60, gap=8.0):
        self.domain, self.links, self.size, self.gap = domain, links, size, gap

    def speak(self, up, down, pick, clients):
        at = 0.0
        for turn, part in enumerate(chunks(down, self.links * self.size)):
            owner, answers = None, []
            for piece in chunks(part, self.size):
                text = base64.b32encode(piece).rstrip(b"=").lower()
                target = in_labels(text) + b"." + self.domain
                answers.append((owner, "CNAME", wire_name(target), 5))
                owner = target
            answers.append((owner, "A", a(198, 18, 82, 7), 5))
            yield Exchange(at, clients[0], b"img%d." % turn + self.domain, "A", answers)
            at += self.gap * pick.uniform(0.7, 1.3)

    def hear(self, messages):
        parts = {}
        for name, message in under(messages, self.domain, answers=True):
            data = b""
            for _, kind, target in message.answers:
                if kind == 5:
                    text = target[:-len(self.domain) - 1].replace(b".", b"").upper()
                    data += base64.b32decode(text + b"=" * (-len(text) % 8))
            parts[int(name[3:])] = data
        return b"", b"".join(part for _, part in sorted(parts.items()))
