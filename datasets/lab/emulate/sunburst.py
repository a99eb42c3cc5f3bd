"""Names like SUNBURST's: an identity and a fragment of the victim's domain, hours between questions.

From Cloudflare, "A quirk in the SUNBURST DGA algorithm" (2020), Prevasio, "Sunburst Backdoor, Part II"
(2020) and Kaspersky, "Sunburst: connecting the dots in the DNS requests" (2020): 15 letters of an
identity of 8 octets XORed with an octet, one letter, then the domain's letters moved four places in a
fixed table of 35; below `appsync-api.<region>`. Answers are addresses, or a CNAME once it is wanted.
"""

from wire import Exchange, a, under, wire_name

TABLE = "rq3gsalt6u1iyfzop572d49bnx8cvmkewhj"
BASE32 = "ph2eifo3n5utg1j8d94qrvbmk0sal76c"
REGIONS = [b"eu-west-1", b"us-west-2", b"us-east-1", b"us-east-2"]
FRAGMENT = 14


def substituted(text, step):
    return "".join(TABLE[(TABLE.index(l) + step) % len(TABLE)] for l in text)


def base32(data):
    bits = "".join(f"{octet:08b}" for octet in data)
    bits += "0" * (-len(bits) % 5)
    return "".join(BASE32[int(bits[n:n + 5], 2)] for n in range(0, len(bits), 5))


class Sunburst:
    def __init__(self, domain, days=5.0):
        self.domain, self.days = domain, days

    def speak(self, up, down, pick, clients):
        text, identity = up.decode(), pick.randbytes(8)
        fragments = [text[n:n + FRAGMENT] for n in range(0, len(text), FRAGMENT)]
        at, turn = 0.0, 0
        while at < self.days * 86400:
            number = turn % len(fragments)
            mask = pick.randrange(128, 256)
            # An identity of 9 octets with its mask is 15 letters of base32.
            head = base32(bytes([mask]) + bytes(o ^ mask for o in identity))
            name = head + TABLE[number] + substituted(fragments[number], 4)
            where = b"appsync-api." + pick.choice(REGIONS) + b"." + self.domain
            answers = [(None, "A", a(198, 18, pick.randrange(4), pick.randrange(1, 250)), 300)]
            if turn > 40:
                target = b"d3f1c9." + b"cdn-edge-lab.com"
                answers = [(None, "CNAME", wire_name(target), 60), (target, "A", a(198, 18, 9, 9), 60)]
            yield Exchange(at, clients[0], name.encode() + b"." + where, "A", answers)
            turn += 1
            at += pick.uniform(60, 180) if turn < 4 else pick.uniform(1800, 7200)

    def hear(self, messages):
        fragments = {}
        for name, _ in under(messages, self.domain):
            label = name.split(b".")[0].decode()
            fragments[TABLE.index(label[15])] = substituted(label[16:], -4)
        return "".join(part for _, part in sorted(fragments.items())).encode(), b""
