"""DNSExfiltrator: a file in numbered TXT questions, base64url or base32, the number echoed.

From https://github.com/Arno0x/DNSExfiltrator: names as long as they may be (255 octets, labels of 63;
both can be made smaller), a first question `init.<base32 of file name and count>.<domain>`, then
`<number>.<data>.<domain>`; a throttle between questions; the file is compressed and RC4-encrypted, so
random octets here.
"""

import base64

from wire import Exchange, chunks, in_labels, txt, under


class DnsExfiltrator:
    def __init__(self, domain, base32=False, size=255, label=63, throttle=0.0):
        self.domain, self.base32, self.label, self.throttle = domain, base32, label, throttle
        room = (size - len(domain) - 8) * label // (label + 1)
        self.chunk = room * 5 // 8 if base32 else room * 3 // 4

    def text(self, data):
        if self.base32:
            return base64.b32encode(data).rstrip(b"=").lower()
        return base64.urlsafe_b64encode(data).rstrip(b"=")

    def speak(self, up, down, pick, clients):
        parts, at = chunks(up, self.chunk), 0.0
        first = base64.b32encode(b"report.zip|%d" % len(parts)).rstrip(b"=")
        names = [(b"init." + in_labels(first, self.label), b"OK")]
        names += [(b"%d." % n + in_labels(self.text(part), self.label), b"%d" % n)
                  for n, part in enumerate(parts)]
        for name, told in names:
            yield Exchange(at, clients[0], name + b"." + self.domain, "TXT",
                           [(None, "TXT", txt(told), 1)])
            at += self.throttle + pick.uniform(0.03, 0.06)

    def hear(self, messages):
        parts = {}
        for name, _ in under(messages, self.domain):
            number, *text = name.split(b".")
            if number != b"init":
                text = b"".join(text)
                if self.base32:
                    part = base64.b32decode(text.upper() + b"=" * (-len(text) % 8))
                else:
                    part = base64.urlsafe_b64decode(text + b"=" * (-len(text) % 4))
                parts[int(number)] = part
        return b"".join(part for _, part in sorted(parts.items())), b""
