"""TUNS: IP packets in CNAME questions and answers, base32, short of what any resolver refuses.

From L. Nussbaum, P. Neyron, O. Richard, "On Robust Covert Channels Inside DNS", IFIP SEC 2009: only
CNAME records, base32 names, an MTU of 140 octets, short polls numbered by a counter so that no cache
answers them. A name begins with `d` where it carries a packet, with `r` where it asks for one.
The octets inside are a number and random data here, not IP; answers have this file's own form.
"""

import base64

from wire import Exchange, chunks, in_labels, under, wire_name


class Tuns:
    def __init__(self, domain, chunk=100, gap=0.04):
        self.domain, self.chunk, self.gap = domain, chunk, gap

    def carrying(self, packet):
        # Packets are numbered in their first two octets, in the place of an IP header.
        text = base64.b32encode(packet).replace(b"=", b"0")
        return in_labels(b"d" + text) + b"." + self.domain

    def speak(self, up, down, pick, clients):
        counter, at = pick.randrange(20000), 0.0
        ups, downs = chunks(up, self.chunk), chunks(down, self.chunk)
        for n in range(max(len(ups), len(downs))):
            names = []
            if n < len(ups):
                names.append((self.carrying(n.to_bytes(2, "big") + ups[n]), b"z." + self.domain))
            told = (self.carrying(n.to_bytes(2, "big") + downs[n]) if n < len(downs)
                    else b"z." + self.domain)
            names.append((b"r%d." % (counter + n) + self.domain, told))
            for name, target in names:
                yield Exchange(at, clients[0], name, "CNAME",
                               [(None, "CNAME", wire_name(target), 3)])
                at += self.gap * pick.uniform(0.5, 1.5)

    def packet(self, name):
        text = name[1:].replace(b".", b"").replace(b"0", b"=")
        return base64.b32decode(text)

    def hear(self, messages):
        ups, downs = {}, {}
        for name, _ in under(messages, self.domain):
            if name.startswith(b"d"):
                packet = self.packet(name)
                ups[packet[:2]] = packet[2:]
        for _, message in under(messages, self.domain, answers=True):
            for _, _, target in message.answers:
                if target.startswith(b"d") and target.endswith(self.domain):
                    packet = self.packet(target[:-len(self.domain) - 1])
                    downs[packet[:2]] = packet[2:]
        return tuple(b"".join(part for _, part in sorted(side.items())) for side in (ups, downs))
