"""Cobalt Strike's DNS beacon: check-ins by A, tasks by TXT, AAAA or A, output in hexadecimal names.

From the vendor's manual ("DNS Beacon", https://hstechdocs.helpsystems.com/manuals/cobaltstrike/) and
the default strings of its profile as published: check-in `<id>.<domain>`, tasks `api.<n><id>.<domain>`
(TXT mode; `cdn.` for A, `www6.` for AAAA), output `post.<k><hex>.…<n><id>.<domain>` with k labels of
at most 56 hexadecimal digits, the first of 40 where there are four; its length first, in `post.1<hex>`.
Sleeps 60 s by default; 0.0.0.0 is "nothing to do".
"""

import base64

from wire import Exchange, a, chunks, strings, txt, under

FULL = 20 + 3 * 28  # octets in a question with four labels
# Of each mode: prefix, type, last octet of the check-in's answer, octets of task an answer.
MODES = {"dns-txt": (b"api", "TXT", 242, 184), "dns6": (b"www6", "AAAA", 244, 16),
         "dns": (b"cdn", "A", 240, 4)}


class CobaltStrike:
    def __init__(self, domain, sleep=60.0, jitter=0.0, hours=3.0, jobs=3, mode="dns-txt"):
        self.domain, self.sleep, self.jitter = domain, sleep, jitter
        self.hours, self.jobs = hours, jobs
        self.prefix, self.kind, self.wanted, self.size = MODES[mode]
        self.ident = b"19997cf2"

    def speak(self, up, down, pick, clients):
        rounds = int(self.hours * 3600 / self.sleep)
        at, count = 0.0, 0
        ups = chunks(up, -(-len(up) // self.jobs))
        downs = chunks(down, -(-len(down) // self.jobs))
        when = {rounds * (n + 1) // (self.jobs + 1): n for n in range(self.jobs)}

        def asked(name, kind, rdata, ttl=1):
            return Exchange(at, clients[0], name + b"." + self.domain, kind,
                            [(None, kind, rdata, ttl)])

        for turn in range(rounds):
            job = when.get(turn)
            # The last octet tells the mode: TXT, or nothing to do.
            yield asked(self.ident, "A", a(0, 0, 0, self.wanted if job is not None else 0))
            if job is not None:
                at += 0.1
                size = len(downs[job]).to_bytes(4, "big")
                yield asked(self.prefix + b".%x" % count + self.ident, "A", size)
                for part in chunks(downs[job], self.size):
                    at, count = at + 0.1, count + 1
                    told = (txt(base64.b64encode(part)) if self.kind == "TXT"
                            else part.ljust(self.size, b"\0"))
                    yield asked(self.prefix + b".%x" % count + self.ident, self.kind, told)
                at, count = at + 0.3, count + 1
                yield asked(b"post.1%x.%x" % (len(ups[job]), count) + self.ident, "A", a(0, 0, 0, 0))
                for part in chunks(ups[job], FULL):
                    at, count = at + 0.05, count + 1
                    text = part.hex().encode()
                    # Where four labels are full the first is shorter, so that the name fits.
                    first = 40 if len(part) == FULL else 56
                    labels = [text[:first]] + chunks(text[first:], 56)
                    name = b"post.%d" % len(labels) + b".".join(labels)
                    yield asked(name + b".%x" % count + self.ident, "A", a(0, 0, 0, 0))
                count += 1
            at += self.sleep * (1 - self.jitter * pick.random())

    def hear(self, messages):
        up = down = b""
        whole = 0
        for name, _ in under(messages, self.domain):
            if name.startswith(b"post."):
                _, first, *rest = name.split(b".")
                digits = first[1:] + b"".join(rest[:-1])
                if whole == 0:
                    whole = int(digits, 16)
                else:
                    part = bytes.fromhex(digits.decode())
                    up, whole = up + part, whole - len(part)
        left = 0
        for name, message in under(messages, self.domain, answers=True):
            if name.startswith(self.prefix + b"."):
                told = message.answers[0][2]
                if left == 0:
                    left = int.from_bytes(told, "big")
                    continue
                part = base64.b64decode(strings(told)) if self.kind == "TXT" else told[:left]
                down, left = down + part, left - len(part)
        return up, down
