"""A shell over TXT answers: PowerShell commands in base64 of UTF-16, output in hexadecimal names.

The shape of dns-shell (https://github.com/sensepost/DNS-Shell) by its description only: the client
polls with TXT, gets a script in long answers as `powershell -EncodedCommand` takes it, and sends output
back in numbered hexadecimal labels. The order of labels and the poll's words are this file's own.
"""

import base64

from wire import Exchange, a, chunks, strings, txt, under

SCRIPT = ("$p=Get-Process|Sort-Object CPU -Descending|Select-Object -First 40 Name,Id,CPU;"
          "$n=Get-NetTCPConnection|Where-Object State -eq Established;$p;$n;")


class DnsShell:
    def __init__(self, domain, poll=5.0, minutes=40.0, jobs=4):
        self.domain, self.poll, self.minutes, self.jobs = domain, poll, minutes, jobs

    def speak(self, up, down, pick, clients):
        rounds, at = int(self.minutes * 60 / self.poll), 0.0
        ups = chunks(up, -(-len(up) // self.jobs))
        downs = chunks(down, -(-len(down) // self.jobs))
        when = {rounds * (n + 1) // (self.jobs + 1): n for n in range(self.jobs)}
        session, count = b"%08x" % pick.randrange(1 << 32), 0
        for turn in range(rounds):
            job = when.get(turn)
            name = b"%d.%s." % (turn, session) + self.domain
            parts = chunks(base64.b64encode(downs[job]), 1000) if job is not None else [b"nop"]
            for number, part in enumerate(parts):
                asked = b"%d-" % number + name if number else name
                yield Exchange(at, clients[0], asked, "TXT", [(None, "TXT", txt(part), 0)],
                               edns=4096)
                at += 0.08
            for part in chunks(ups[job], 30) if job is not None else []:
                yield Exchange(at, clients[0], b"%s.%d.%s.o." % (part.hex().encode(), count, session)
                               + self.domain, "A", [(None, "A", a(127, 0, 0, 1), 0)])
                at, count = at + 0.06, count + 1
            at += self.poll * pick.uniform(0.95, 1.05)

    def hear(self, messages):
        up, text, down = {}, b"", b""
        for name, _ in under(messages, b"o." + self.domain):
            data, number, _ = name.split(b".")
            up[int(number)] = bytes.fromhex(data.decode())
        for name, message in under(messages, self.domain, answers=True):
            if message.kind != 16:
                continue
            part = strings(message.answers[0][2])
            if not name.split(b".")[0].count(b"-"):
                down, text = down + base64.b64decode(text), b""
            text += part if part != b"nop" else b""
        return b"".join(part for _, part in sorted(up.items())), down + base64.b64decode(text)


def script(size):
    """A script of about `size` octets as UTF-16, which is what is encoded."""
    return (SCRIPT * (size // (2 * len(SCRIPT)) + 1)).encode("utf-16-le")[:size // 2 * 2]
