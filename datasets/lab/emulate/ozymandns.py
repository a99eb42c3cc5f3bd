"""OzymanDNS: an ssh session in A questions (base32, up) and TXT answers (base64, down).

By Dan Kaminsky, 2004 (http://www.doxpara.com/ozymandns_src_0.1.tgz, Black Hat USA 2004 "Black Ops of
DNS"). Up: `<base32 labels>.<offset>-<nonce>.<id>.up.sshdns.<domain>`, answered with the length as an
address. Down: `<offset>-<nonce>.<id>.down.sshdns.<domain>`, two strings of 110 octets in base64.
"""

import base64

from wire import Exchange, a, chunks, in_labels, strings, txt, under


class OzymanDns:
    def __init__(self, domain, chunk=110, gap=0.1):
        self.domain, self.chunk, self.gap = domain, chunk, gap

    def speak(self, up, down, pick, clients):
        ident, at = b"%d" % pick.randrange(65536), 0.0
        tail = b"." + ident + b".%s.sshdns." + self.domain
        ups, downs = chunks(up, self.chunk), chunks(down, 220)
        for n in range(max(len(ups), len(downs))):
            if n < len(ups):
                text = in_labels(base64.b32encode(ups[n]).rstrip(b"=").lower())
                place = b".%d-%d" % (n * self.chunk, pick.randrange(65536))
                yield Exchange(at, clients[0], text + place + tail % b"up", "A",
                               [(None, "A", a(len(ups[n]), 0, 0, 0), 0)])
                at += self.gap * pick.uniform(0.6, 1.4)
            if n < len(downs):
                place = b"%d-%d" % (n * 220, pick.randrange(65536))
                parts = [base64.b64encode(p) + b"\n" for p in chunks(downs[n], 110)]
                yield Exchange(at, clients[0], place + tail % b"down", "TXT",
                               [(None, "TXT", txt(*parts), 0)])
                at += self.gap * pick.uniform(0.6, 1.4)

    def hear(self, messages):
        ups, downs = {}, {}
        for name, _ in under(messages, b"up.sshdns." + self.domain):
            *text, place, _ = name.split(b".")
            text = b"".join(text).upper()
            ups[int(place.split(b"-")[0])] = base64.b32decode(text + b"=" * (-len(text) % 8))
        for name, message in under(messages, b"down.sshdns." + self.domain, answers=True):
            lines = strings(message.answers[0][2]).splitlines()
            downs[int(name.split(b"-")[0])] = b"".join(base64.b64decode(line) for line in lines)
        return tuple(b"".join(part for _, part in sorted(side.items())) for side in (ups, downs))
