"""Writes DNS exchanges as messages and frames, writes and reads captures: what all emulators share.

An exchange is one query with its answer. Names are octets, labels divided by dots: no label that an
emulator sends has a dot in it. Captures are Ethernet, little-endian pcap; written ones are packed
with gzip and without a date, so that the same exchanges give the same file.
"""

import dataclasses
import gzip
import random
import struct

TYPES = {"A": 1, "NS": 2, "CNAME": 5, "SOA": 6, "NULL": 10, "PTR": 12, "MX": 15, "TXT": 16,
         "AAAA": 28, "SRV": 33, "NAPTR": 35, "DS": 43, "DNSKEY": 48, "CAA": 257, "HTTPS": 65}
NOERROR, SERVFAIL, NXDOMAIN = 0, 2, 3
RESOLVER = "192.168.77.53"
MICROS = 1_000_000


@dataclasses.dataclass
class Exchange:
    """One query, sent at `time` (seconds) by `client`, and what came back."""

    time: float
    client: str
    name: bytes
    kind: str
    answers: list = dataclasses.field(default_factory=list)  # (owner or None, type, rdata, ttl)
    rcode: int = NOERROR
    server: str = RESOLVER
    edns: int = 0  # size of UDP answers the client takes, 0 without EDNS
    wait: float = 0.02  # until the answer
    answered: bool = True
    port: int = 0  # 0: a new one


def wire_name(name):
    return b"".join(bytes([len(l)]) + l for l in name.split(b".") if l) + b"\0"


def a(*octets):
    return bytes(octets)


def txt(*strings):
    """Character strings of at most 255 octets each (RFC 1035 section 3.3.14)."""
    parts = [s[n:n + 255] for s in strings for n in range(0, max(len(s), 1), 255)]
    return b"".join(bytes([len(p)]) + p for p in parts)


def mx(name, preference=10):
    return struct.pack(">H", preference) + wire_name(name)


def srv(name, port, priority=0, weight=100):
    return struct.pack(">HHH", priority, weight, port) + wire_name(name)


def soa(zone):
    return (wire_name(b"ns1." + zone) + wire_name(b"hostmaster." + zone)
            + struct.pack(">IIIII", 2026030200, 7200, 900, 1209600, 300))


def question(exchange):
    return wire_name(exchange.name) + struct.pack(">HH", TYPES[exchange.kind], 1)


def opt(exchange):
    return b"\0" + struct.pack(">HHIH", 41, exchange.edns, 0, 0) if exchange.edns else b""


def query(exchange, ident):
    head = struct.pack(">HHHHHH", ident, 0x0100, 1, 0, 0, 1 if exchange.edns else 0)
    return head + question(exchange) + opt(exchange)


def response(exchange, ident, authoritative=False):
    flags = 0x8180 | (0x0400 if authoritative else 0) | exchange.rcode
    body, authority = question(exchange), 0
    for owner, kind, rdata, ttl in exchange.answers:
        body += (wire_name(owner) if owner else b"\xc0\x0c")
        body += struct.pack(">HHIH", TYPES[kind], 1, ttl, len(rdata)) + rdata
    if exchange.rcode == NXDOMAIN:
        zone = b".".join(exchange.name.split(b".")[-2:])
        rdata = soa(zone)
        body += wire_name(zone) + struct.pack(">HHIH", TYPES["SOA"], 1, 300, len(rdata)) + rdata
        authority = 1
    return struct.pack(">HHHHHH", ident, flags, 1, len(exchange.answers), authority,
                       1 if exchange.edns else 0) + body + opt(exchange)


def mac(address):
    return bytes([2, 0]) + bytes(int(n) for n in address.split("."))


def checksum(data):
    total = sum(struct.unpack(f">{len(data) // 2}H", data))
    while total >> 16:
        total = (total & 0xFFFF) + (total >> 16)
    return ~total & 0xFFFF


def frame(source, target, ports, payload):
    """Ethernet, IPv4 and UDP; without a UDP checksum, which IPv4 allows (RFC 768)."""
    ends = bytes(int(n) for address in (source, target) for n in address.split("."))
    udp = struct.pack(">HHHH", *ports, 8 + len(payload), 0) + payload
    head = struct.pack(">BBHHHBBH", 0x45, 0, 20 + len(udp), 0, 0x4000, 64, 17, 0)
    head = head[:10] + struct.pack(">H", checksum(head + ends)) + ends
    return mac(target) + mac(source) + b"\x08\x00" + head + udp


def frames(exchanges, seed):
    """(time in microseconds, frame) of every exchange, in the order of time."""
    pick, sent = random.Random(seed), []
    for exchange in exchanges:
        ident = pick.randrange(65536)
        port = exchange.port or pick.randrange(49152, 65536)
        at = round(exchange.time * MICROS)
        sent.append((at, len(sent), frame(exchange.client, exchange.server, (port, 53),
                                          query(exchange, ident))))
        if exchange.answered:
            after = at + max(1, round(exchange.wait * MICROS))
            sent.append((after, len(sent), frame(exchange.server, exchange.client, (53, port),
                                                 response(exchange, ident))))
    return [(at, data) for at, _, data in sorted(sent)]


def write_capture(path, exchanges, seed):
    packed = bytearray(struct.pack("<IHHiIII", 0xA1B2C3D4, 2, 4, 0, 0, 262144, 1))
    for at, data in frames(exchanges, seed):
        packed += struct.pack("<IIII", at // MICROS, at % MICROS, len(data), len(data)) + data
    with open(path, "wb") as file:
        file.write(gzip.compress(bytes(packed), 9, mtime=0))


@dataclasses.dataclass
class Heard:
    """One message as a capture shows it; `answers` are (owner, type, rdata) with whole names."""

    time: float
    client: str
    port: int  # the client's
    server: str
    is_answer: bool
    ident: int
    name: bytes
    kind: int
    rcode: int
    answers: list


def unpack(path):
    with open(path, "rb") as file:
        data = file.read()
    return gzip.decompress(data) if data[:2] == b"\x1f\x8b" else data


def captured(path):
    """(time, frame) of a little-endian pcap, packed or not."""
    data, at = unpack(path), 24
    while at < len(data):
        seconds, micros, length = struct.unpack_from("<III", data, at)
        yield seconds + micros / MICROS, data[at + 16:at + 16 + length]
        at += 16 + length


def read_name(data, at):
    """A name and where it ends; a pointer is followed (RFC 1035 section 4.1.4)."""
    labels, end, jumps = [], None, 0
    while data[at]:
        if data[at] & 0xC0:
            end, jumps = end or at + 2, jumps + 1
            if jumps > 30:
                raise ValueError("a name that does not end")
            at = struct.unpack_from(">H", data, at)[0] & 0x3FFF
        else:
            labels.append(data[at + 1:at + 1 + data[at]])
            at += 1 + data[at]
    return b".".join(labels), end or at + 1


def read_rdata(data, kind, at, length):
    """The octets of a record's data, with the name in it written out where it ends in one."""
    lead = {2: 0, 5: 0, 12: 0, 15: 2, 33: 6}.get(kind)
    if lead is None:
        return data[at:at + length]
    return data[at:at + lead] + read_name(data, at + lead)[0]


def message(data):
    """(ident, flags, name, type, answers) of one message."""
    ident, flags, _, count = struct.unpack_from(">HHHH", data)
    name, at = read_name(data, 12)
    kind, answers = struct.unpack_from(">H", data, at)[0], []
    at += 4
    for _ in range(count):
        owner, at = read_name(data, at)
        its, _, _, length = struct.unpack_from(">HHIH", data, at)
        answers.append((owner, its, read_rdata(data, its, at + 10, length)))
        at += 10 + length
    return ident, flags, name, kind, answers


def heard(path):
    """Every DNS message over UDP and IPv4 on port 53; what else is in the capture is passed over."""
    for time, data in captured(path):
        if len(data) < 54 or data[12:14] != b"\x08\x00" or data[23] != 17:
            continue
        source, target = (".".join(str(n) for n in data[s:s + 4]) for s in (26, 30))
        udp = 14 + (data[14] & 15) * 4
        ports = struct.unpack_from(">HH", data, udp)
        if 53 not in ports:
            continue
        try:
            ident, flags, name, kind, answers = message(data[udp + 8:])
        except (IndexError, ValueError, struct.error):
            continue  # port 53, but no DNS: iodine's raw mode
        is_answer = bool(flags & 0x8000)
        client, server = (target, source) if is_answer else (source, target)
        port = ports[1] if is_answer else ports[0]
        yield Heard(time, client, port, server, is_answer, ident, name, kind, flags & 15, answers)


def strings(rdata):
    """The character strings of TXT data, one after the other."""
    at, whole = 0, b""
    while at < len(rdata):
        whole += rdata[at + 1:at + 1 + rdata[at]]
        at += 1 + rdata[at]
    return whole


def chunks(data, size):
    return [data[n:n + size] for n in range(0, len(data), size)]


def in_labels(text, size=63):
    return b".".join(chunks(text, size))


def under(messages, domain, answers=False):
    """(subdomain, message) of what is asked or answered under a domain; repeats within 6 s left out."""
    end, seen = b"." + domain.lower(), {}
    for message in messages:
        if message.is_answer != answers or not message.name.lower().endswith(end):
            continue
        key = (message.client, message.port, message.ident, message.name, message.kind)
        if message.time - seen.get(key, -10.0) > 6:
            seen[key] = message.time
            yield message.name[:-len(end)], message
