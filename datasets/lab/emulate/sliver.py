"""Sliver's DNS transport: protobuf messages in base58 or base32 names, A up, TXT down.

From https://sliver.sh/docs?name=DNS+C2 and the message definition in its repository
(protobuf/dnspb/dns.proto): type, an id of 8 bits beside a session of 24, start, stop, size, data; the
whole name at most 254 octets, labels of 63; base58 where the resolver keeps case, else base32; an A
answer carries a checksum of what arrived. An envelope is encrypted, so random octets here. The order
of a session and the plain base58 alphabet (Sliver shuffles its own) are this file's simplification.
"""

import base64
import zlib

from wire import Exchange, chunks, in_labels, strings, txt, under

BASE58 = b"123456789ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz"
INIT, POLL, TO_IMPLANT, FROM_IMPLANT = 2, 3, 7, 8


def base58(data):
    number, text = int.from_bytes(b"\1" + data, "big"), b""
    while number:
        number, digit = divmod(number, 58)
        text = BASE58[digit:digit + 1] + text
    return text


def unbase58(text):
    number = 0
    for letter in text:
        number = number * 58 + BASE58.index(letter)
    return number.to_bytes((number.bit_length() + 7) // 8, "big")[1:]


def varint(number):
    out = b""
    while number > 127:
        out, number = out + bytes([number & 127 | 128]), number >> 7
    return out + bytes([number])


def encode(**fields):
    """A message; fields in the order of their numbers, zeros left out as proto3 does."""
    out = b""
    for number, name in enumerate(["type", "id", "start", "stop", "size"], 1):
        if fields.get(name):
            out += bytes([number << 3]) + varint(fields[name])
    data = fields.get("data", b"")
    return out + (bytes([6 << 3 | 2]) + varint(len(data)) + data if data else b"")


def decode(data):
    fields, at = {}, 0

    def number():
        nonlocal at
        value = shift = 0
        while True:
            value |= (data[at] & 127) << shift
            at, shift = at + 1, shift + 7
            if not data[at - 1] & 128:
                return value

    while at < len(data):
        tag = number()
        value = number()
        if tag & 7 == 2:
            value, at = data[at:at + value], at + value
        fields[tag >> 3] = value
    return fields


class Sliver:
    def __init__(self, domain, case=True, chunk=110, gap=0.05, polls=40, pause=1.0):
        """`case`: base58, else base32. `polls` with `pause` seconds between them come first."""
        self.domain, self.case, self.chunk = domain, case, chunk
        self.gap, self.polls, self.pause = gap, polls, pause

    def name(self, body):
        text = base58(body) if self.case else base64.b32encode(body).rstrip(b"=").lower()
        return in_labels(text) + b"." + self.domain

    def body(self, name):
        text = name.replace(b".", b"")
        if self.case:
            return unbase58(text)
        return base64.b32decode(text.upper() + b"=" * (-len(text) % 8))

    def speak(self, up, down, pick, clients):
        session, at = pick.randrange(1 << 24), 0.0
        number = pick.randrange(256)

        def asked(kind, answers, body):
            return Exchange(at, clients[0], self.name(body), kind, answers)

        yield asked("A", [(None, "A", pick.randbytes(4), 0)], encode(
            type=INIT, id=session, size=64, stop=64, data=pick.randbytes(64)))
        for _ in range(self.polls):
            at += self.pause * pick.uniform(0.9, 1.3)
            yield asked("TXT", [(None, "TXT", txt(b""), 0)], encode(
                type=POLL, id=session, data=pick.randbytes(8)))
        for start in range(0, len(up), self.chunk):
            part = up[start:start + self.chunk]
            at += self.gap * pick.uniform(0.6, 1.5)
            yield asked("A", [(None, "A", zlib.crc32(part).to_bytes(4, "big"), 0)], encode(
                type=FROM_IMPLANT, id=number << 24 | session, start=start, stop=start + len(part),
                size=len(up), data=part))
        for start in range(0, len(down), 180):
            part = down[start:start + 180]
            at += self.gap * pick.uniform(0.6, 1.5)
            told = encode(type=TO_IMPLANT, start=start, size=len(down), data=part)
            yield asked("TXT", [(None, "TXT", txt(base64.b64encode(told)), 0)], encode(
                type=TO_IMPLANT, id=number << 24 | session, start=start, stop=start + len(part)))

    def hear(self, messages):
        ups, downs = {}, {}
        for name, _ in under(messages, self.domain):
            fields = decode(self.body(name))
            if fields.get(1) == FROM_IMPLANT:
                ups[fields.get(3, 0)] = fields[6]
        for _, message in under(messages, self.domain, answers=True):
            text = strings(message.answers[0][2]) if message.kind == 16 else b""
            if text:
                fields = decode(base64.b64decode(text))
                downs[fields.get(3, 0)] = fields[6]
        return tuple(b"".join(part for _, part in sorted(side.items())) for side in (ups, downs))
