"""dnscat2: hex in TXT, CNAME and MX questions and answers, polling; with a domain or without one.

From https://github.com/iagox86/dnscat2/blob/master/doc/protocol.md: `<hex>.<domain>`, or
`dnscat.<hex>` straight to the server; a packet is an id, a type, a session, two counters and data.
The data here is random octets, as it is on the wire when dnscat2 encrypts; without its key exchange.
"""

import struct

from wire import Exchange, chunks, in_labels, mx, strings, txt, under, wire_name

SYN, MSG, FIN = 0, 1, 2
TAG = b"dnscat"


class Dnscat2:
    def __init__(self, domain, direct=None, chunk=90, gap=0.05, idle=0.0):
        """`direct`: the server's address where there is no domain. `idle`: seconds of polls, one a
        second, with nothing to say before the transfer."""
        self.domain, self.direct, self.chunk = domain, direct, chunk
        self.gap, self.idle = gap, idle

    def name(self, packet):
        text = in_labels(packet.hex().encode(), 60)
        return TAG + b"." + text if self.direct else text + b"." + self.domain

    def packet(self, name):
        if self.direct:
            return bytes.fromhex(name[len(TAG):].replace(b".", b"").decode())
        return bytes.fromhex(name[:-len(self.domain)].replace(b".", b"").decode())

    def answer(self, kind, packet):
        if kind == "TXT":
            return txt(packet.hex().encode())
        return mx(self.name(packet)) if kind == "MX" else wire_name(self.name(packet))

    def speak(self, up, down, pick, clients):
        session, at = pick.randrange(65536), 0.0
        seq, ack = pick.randrange(65536), pick.randrange(65536)

        def exchange(kind, asked, told):
            number = pick.randrange(65536)
            record = pick.choice(["TXT", "CNAME", "MX"])
            head = struct.pack(">HBH", number, kind, session)
            extra = {"server": self.direct} if self.direct else {}
            return Exchange(at, clients[0], self.name(head + asked), record,
                            [(None, record, self.answer(record, head + told), 60)], **extra)

        yield exchange(SYN, struct.pack(">HH", seq, 0), struct.pack(">HH", ack, 0))
        for _ in range(int(self.idle)):
            at += 1 + pick.uniform(0.01, 0.03)
            yield exchange(MSG, struct.pack(">HH", seq, ack), struct.pack(">HH", ack, seq))
        ups, downs = chunks(up, self.chunk), chunks(down, self.chunk - 20)
        for n in range(max(len(ups), len(downs))):
            at += self.gap * pick.uniform(0.8, 1.5)
            sent, told = (part[n] if n < len(part) else b"" for part in (ups, downs))
            yield exchange(MSG, struct.pack(">HH", seq, ack) + sent,
                           struct.pack(">HH", ack, (seq + len(sent)) % 65536) + told)
            seq, ack = (seq + len(sent)) % 65536, (ack + len(told)) % 65536
        at += self.gap
        yield exchange(FIN, b"done\0", b"done\0")

    def hear(self, messages):
        sides = {False: {}, True: {}}
        for message in messages:
            if self.direct:
                if not message.name.startswith(TAG + b"."):
                    continue
            elif not message.name.endswith(b"." + self.domain):
                continue
            if message.is_answer:
                _, kind, rdata = message.answers[0]
                packet = (bytes.fromhex(strings(rdata).decode()) if kind == 16
                          else self.packet(rdata[2:] if kind == 15 else rdata))
            else:
                packet = self.packet(message.name)
            if packet[2] == MSG and len(packet) > 9:
                sides[message.is_answer].setdefault(packet[5:7], (message.time, packet[9:]))
        return tuple(b"".join(data for _, data in sorted(sides[side].values()))
                     for side in (False, True))
