"""dnstt: base32 names of up to 63 octets a label, TXT, EDNS; packets of KCP, smux and Noise inside.

From https://www.bamsoftware.com/software/dnstt/protocol.html: a name holds an 8-octet client id, then
padding (an octet 0xe0 + n, then n random octets) and packets behind an octet of length; an answer
holds packets behind two octets of length. An answer is at most 1,232 octets of UDP payload.
The KCP and Noise layers are random octets here, which is what they look like from outside; the client
asks for 1,232 octets by EDNS here.
"""

import base64
import struct

from wire import Exchange, chunks, in_labels, strings, txt, under

DATA_PADDING, POLL_PADDING = 3, 8


class Dnstt:
    def __init__(self, domain, gap=0.03, polls=5):
        self.domain, self.gap, self.polls = domain, gap, polls
        # What 253 octets of name leave: labels of 63, base32, client id and padding.
        room = (253 - len(domain) - 1) * 63 // 64
        self.chunk = room * 5 // 8 - 8 - 1 - DATA_PADDING - 1

    def name(self, ident, padding, packet, pick):
        body = ident + bytes([0xE0 + padding]) + pick.randbytes(padding)
        if packet:
            body += bytes([len(packet)]) + packet
        return in_labels(base64.b32encode(body).rstrip(b"=").lower()) + b"." + self.domain

    def speak(self, up, down, pick, clients):
        ident, at = pick.randbytes(8), 0.0
        ups, downs = chunks(up, self.chunk), chunks(down, 880)
        for n in range(max(len(ups), len(downs)) + self.polls):
            packet = ups[n] if n < len(ups) else b""
            told = downs[n] if n < len(downs) else b""
            name = self.name(ident, DATA_PADDING if packet else POLL_PADDING, packet, pick)
            body = struct.pack(">H", len(told)) + told if told else b""
            yield Exchange(at, clients[0], name, "TXT", [(None, "TXT", txt(body), 60)], edns=1232)
            at += (self.gap if n < len(ups) else 0.5) * pick.uniform(0.7, 1.6)

    def hear(self, messages):
        up = down = b""
        for name, _ in under(messages, self.domain):
            text = name.replace(b".", b"").upper()
            body = base64.b32decode(text + b"=" * (-len(text) % 8))[8:]
            while body:
                if body[0] >= 0xE0:
                    body = body[1 + body[0] - 0xE0:]
                else:
                    up, body = up + body[1:1 + body[0]], body[1 + body[0]:]
        for _, message in under(messages, self.domain, answers=True):
            body = strings(message.answers[0][2])
            while body:
                length = struct.unpack_from(">H", body)[0]
                down, body = down + body[2:2 + length], body[2 + length:]
        return up, down
