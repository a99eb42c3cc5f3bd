#!/usr/bin/env python3
"""Makes the seeds of the fuzz targets from the captures of this tree.

Each target gets a folder of small files in the form that its module in src/ reads. The same
captures give the same files, named by what is in them.
"""

import argparse
import gzip
import hashlib
import lzma
import os
import struct
import subprocess
import sys

HERE = os.path.dirname(os.path.abspath(__file__))
CAPTURES = os.path.join(HERE, "..", "..", "datasets", "captures")
DNS_PORT, UDP, TCP, IPV4, IPV6 = 53, 17, 6, 0x0800, 0x86DD
MOST_MESSAGES, MOST_GROUPS, MOST_RECORDS = 60, 12, 40  # of one capture
GROUP = 6  # frames

# In the order of LINKS in src/frame.rs; what stands before an IPv4 packet there. The length of
# the packet, where a header has it, is put in by `framed`.
LLC = b"\xaa\xaa\x03\0\0\0\x08\0"
WLAN = b"\x08\x02\0\0" + bytes(18) + b"\0\0" + LLC
ETHERNET = b"\2" * 6 + b"\4" * 6 + b"\x08\0"
LINKS = (
    ETHERNET,
    b"",
    b"\0\0\0\1\0\6" + bytes(8) + b"\x08\0",
    b"\x08\0" + bytes(18),
    b"\2\0\0\0",
    b"\xff\3\0\x21",
    b"\xff\3\0\x21",
    b"\x11\0\0\1\0LL\0\x21",
    b"\x0f\0\x08\0",
    WLAN,
    b"\x50" + bytes(12) + LLC,
    LLC,
    b"\x3d\2\0\0" + bytes(57) + bytes(3),
    struct.pack(">II", 0x44, 144) + bytes(136) + WLAN,
    b"\0\0\x08\0\0\0\0\0" + WLAN,
    b"\1\2\0\0\xd4",
    b"\1\2\xd4",
    struct.pack("<IIII", 108, 1, 1, 0) + bytes(92) + ETHERNET,
    struct.pack(">II", 0x80211001, 64) + bytes(56) + WLAN,
    b"\0\xff\3\0\x21",
    b"\0\0\x08\0\x01\0\0\0" + ETHERNET,
    bytes(8) + b"\2\4LL\0\0LL" + b"\0\0" + ETHERNET,
    b"\0\1\x01\x40",
    b"\2\0\0\0" + b"\x08\0\1\0\x08\0\0\0" + b"NL\x09\0",
    bytes(8) + b"\0\0\0\0\0\0\0\x0c" + b"NN\0\0\0\4\0\0" + bytes(8) + b"\2\0\0\0" + b"NL\x09\0",
    struct.pack("<IIII", 108, 1, 1, 0) + bytes(92) + ETHERNET,
    b"",
)
# What may stand between Ethernet's addresses and an IPv4 packet.
TUNNELS = {
    "vlan": b"\x81\0\0\7\x08\0",
    "qinq": b"\x88\xa8\0\7\x81\0\0\x09\x08\0",
    "mpls": b"\x88\x47\0\1\0\x40\0\2\1\x40",
    "pppoe": b"\x88\x64\x11\0\0\1LL\0\x21",
    "llc": b"LL" + LLC,
}
# IPv4 protocols with what stands before the inner IPv4 packet or frame.
CARRIERS = {
    "ipip": (4, b""),
    "gre": (47, b"\0\0\x08\0"),
    "gre-key": (47, b"\x20\0\x08\0\0\0\0\1"),
    "gre-bridge": (47, b"\0\0\x65\x58" + ETHERNET),
    "erspan": (47, b"\x10\0\x88\xbe\0\0\0\1\x10\1\0\0\0\0\0\0" + ETHERNET),
    "vxlan": (UDP, b"\x20\0\x12\xb5LL\0\0\x08\0\0\0\0\0\1\0" + ETHERNET),
    "geneve": (UDP, b"\x20\0\x17\xc1LL\0\0\0\0\x65\x58\0\0\1\0" + ETHERNET),
    "gtp": (UDP, b"\x08\x68\x08\x68LL\0\0\x30\xffLL\0\0\0\1"),
    "teredo": (UDP, b"\x20\0\x0d\xd8LL\0\0"),
    "ah": (51, b"\4\4\0\0" + bytes(20)),
}


def frames_of(path):
    """Yields the Ethernet frames of a classic pcap with the microseconds since the last."""
    with open(path, "rb") as file:
        data = file.read()
    order = {b"\xd4\xc3\xb2\xa1": "<", b"\xa1\xb2\xc3\xd4": ">"}.get(data[:4])
    if order is None or struct.unpack_from(order + "I", data, 20)[0] != 1:
        sys.exit(f"{path}: no capture of Ethernet frames with microseconds")
    at, before = 24, None
    while at < len(data):
        seconds, micros, length, _ = struct.unpack_from(order + "IIII", data, at)
        now = seconds * 1_000_000 + micros
        yield data[at + 16:at + 16 + length], now - (before or now)
        at, before = at + 16 + length, now


def packet_of(frame):
    """The IP packet of an Ethernet frame, without padding; empty where there is none."""
    kind = int.from_bytes(frame[12:14], "big")
    if kind == IPV4:
        return frame[14:14 + int.from_bytes(frame[16:18], "big")]
    if kind == IPV6:
        return frame[14:54 + int.from_bytes(frame[18:20], "big")]
    return b""


def segment_of(packet):
    """(transport, whether the server sent it, TCP flags, sequence, payload) on port 53."""
    if not packet:
        return None
    four = packet[0] >> 4 == 4
    if four and int.from_bytes(packet[6:8], "big") & 0x3FFF:
        return None
    protocol = packet[9] if four else packet[6]
    data = packet[(packet[0] & 15) * 4 if four else 40:]
    if protocol not in (UDP, TCP) or len(data) < 8:
        return None
    source, target = struct.unpack_from(">HH", data)
    if DNS_PORT not in (source, target):
        return None
    if protocol == UDP:
        return UDP, source == DNS_PORT, 0, 0, data[8:]
    return (TCP, source == DNS_PORT, data[13], int.from_bytes(data[4:8], "big"),
            data[(data[12] >> 4) * 4:])


def gap_octet(micros):
    """The octet by which Bench::pass lets about that time pass."""
    return min(31, max(0, micros * 64).bit_length())


def framed(head, packet):
    """`packet` behind `head`, whose lengths are marked LL (big) and NL, NN (little-endian)."""
    for mark, order, extra in ((b"LL", ">H", 0), (b"NL", "<H", 4), (b"NN", "<H", 24)):
        at = head.find(mark)
        while at >= 0:
            length = len(packet) + len(head) - at - 2 + extra
            head = head[:at] + struct.pack(order, min(length, 0xFFFF)) + head[at + 2:]
            at = head.find(mark)
    return head + packet


def carried(protocol, head, packet):
    """`packet` in another IPv4 packet."""
    inner = framed(head, packet)
    length = 20 + len(inner)
    return struct.pack(">BBHHHBBH", 0x45, 0, length, 7, 0, 64, protocol, 0) + bytes(
        (192, 0, 2, 1, 192, 0, 2, 2)) + inner


class Corpus:
    """Where seeds go."""

    def __init__(self, folder):
        self.folder, self.counts = folder, {}

    def add(self, target, data):
        folder = os.path.join(self.folder, target)
        os.makedirs(folder, exist_ok=True)
        name = "seed-" + hashlib.sha256(data).hexdigest()[:16]
        with open(os.path.join(folder, name), "wb") as file:
            file.write(data)
        self.counts[target] = self.counts.get(target, 0) + 1

    def frames(self, links, frames, snap=0):
        """Frames as (octets, gap, which of the two link types)."""
        data = bytes((*links, snap))
        for frame, gap, second in frames:
            data += struct.pack(">HB", len(frame) & 0x7FFF | second << 15, gap) + frame
        self.add("frame", data)


def seeds_of_frames(corpus, frames):
    """Groups of frames as they are, cut, on every link type and in tunnels."""
    step = max(1, len(frames) // MOST_GROUPS // GROUP) * GROUP
    for number, at in enumerate(range(0, len(frames), step)):
        group = frames[at:at + GROUP]
        corpus.frames((0, 1), [(frame, gap_octet(gap), 0) for frame, gap in group],
                      snap=(0, 0, 0, 16)[number % 4])
    asked = [packet for frame, _ in frames
             if (packet := packet_of(frame)) and packet[0] >> 4 == 4 and segment_of(packet)]
    if not asked:
        return
    for number, head in enumerate(LINKS):
        packets = asked[number % len(asked):][:2]
        corpus.frames((number, 0), [(framed(head, packet), 10, 0) for packet in packets])
    for number, head in enumerate(TUNNELS.values()):
        packet = asked[number % len(asked)]
        corpus.frames((0, 1), [(ETHERNET[:12] + framed(head, packet), 10, 0)])
    for number, (protocol, head) in enumerate(CARRIERS.values()):
        packet = asked[number % len(asked)]
        corpus.frames((1, 0), [(carried(protocol, head, packet), 10, 0)])


def seeds_of_fragments(corpus, messages):
    """Messages as hostile fragments, and as pieces of one datagram in disorder."""
    for number, message in enumerate(messages):
        six, size = number & 1, 8 * (2 + number % 7)
        whole = message[:1_200]
        hostile, at, first = b"\0", 0, size - 8
        while at < len(whole):
            part = whole[at:at + (first if at == 0 else size)]
            offset = 0 if at == 0 else (at + 8) // 8
            at += len(part)
            flags = six | (2 if at < len(whole) else 0) | number % 4 << 5
            hostile += struct.pack(">BHBBB", flags, offset, 0, 10, len(part)) + part
        corpus.add("fragment", hostile)
        orders = hashlib.sha256(message).digest()[:number % 20]
        corpus.add("fragment", bytes((1, six, number % 16, len(orders))) + orders + whole)


def seeds_of_streams(corpus, segments, messages):
    """Segments as they came, and messages as pieces of one stream in disorder."""
    for at in range(0, min(len(segments), MOST_GROUPS * 8), 8):
        data, firsts = b"\0", {}
        for _, answers, flags, sequence, payload in segments[at:at + 8]:
            first = firsts.setdefault(answers, sequence)
            place = sequence - first & 0xFFFF
            data += struct.pack(">BBHBBB", 0x40 if answers else 0, flags & 7, place, 10, 0,
                                len(payload[:255])) + payload[:255]
        corpus.add("stream", data)
    # A large message on every connection, in three segments each.
    head = struct.pack(">HHHHHHH", 8_000, 7, 0x8000, 0, 0, 0, 0)
    data = b"\0"
    for who in range(32):
        data += struct.pack(">BBHBBB", who, 2, 0, 0, 0, 0)
        for place, length in ((1, 250), (4_001, 250), (8_001, 0)):
            data += struct.pack(">BBHBBB", who, 0, place, 0, length, len(head)) + head
    corpus.add("stream", data)
    for at in range(0, len(messages), 4):
        digest = hashlib.sha256(messages[at]).digest()
        data = b"\1" + digest[:4] + bytes((digest[4] % 60, 5))
        for number in range(5):
            data += struct.pack(">HB", digest[5 + number] * 2, digest[10 + number])
        for message in messages[at:at + 4]:
            body = message[12:267]
            data += bytes((len(body),)) + body
        corpus.add("stream", data)


def pcapng_block(order, kind, body):
    """A block of a pcapng file: type, length, body, padding, length."""
    body += bytes(-len(body) % 4)
    length = struct.pack(order + "I", len(body) + 12)
    return struct.pack(order + "I", kind) + length + body + length


def pcapng_of(order, frames):
    """Frames as a pcapng file: of two interfaces, with each kind of block."""
    def options(*pairs):
        words = b"".join(struct.pack(order + "HH", code, len(value)) + value
                         + bytes(-len(value) % 4) for code, value in pairs)
        return words + bytes(4)

    def interface(link, snap, *pairs):
        return pcapng_block(order, 1, struct.pack(order + "HHI", link, 0, snap) + options(*pairs))

    file = pcapng_block(order, 0x0A0D0D0A,
                        struct.pack(order + "IHHq", 0x1A2B3C4D, 1, 0, -1) + options((1, b"seed")))
    file += interface(1, 0) + interface(1, 200, (9, b"\x09"), (14, struct.pack(order + "q", -5)))
    file += pcapng_block(order, 4, struct.pack(order + "HH", 1, 7) + b"\xc0\0\2\1a\0" + bytes(6))
    micros = 1_600_000_000_000_000
    for number, (frame, gap) in enumerate(frames):
        micros += gap
        length, second = len(frame), number & 1
        stamp = micros * (1_000 if second else 1)
        when = struct.pack(order + "II", stamp >> 32, stamp & 0xFFFFFFFF)
        if number % 4 == 3:
            file += pcapng_block(order, 3, struct.pack(order + "I", length) + frame)
        elif number % 4 == 2:
            file += pcapng_block(order, 2, struct.pack(order + "HH", second, 3) + when
                                 + struct.pack(order + "II", length, length) + frame)
        else:
            file += pcapng_block(order, 6, struct.pack(order + "I", second) + when
                                 + struct.pack(order + "II", length, length) + frame
                                 + bytes(-length % 4) + options((4, struct.pack(order + "q", 2))))
    when = struct.pack(order + "II", micros >> 32, micros & 0xFFFFFFFF)
    drops = options((4, struct.pack(order + "q", 90)), (5, struct.pack(order + "q", 3)))
    file += pcapng_block(order, 5, struct.pack(order + "I", 0) + when + drops)
    return file + pcapng_block(order, 0xBAD, b"unknown")


def lz4_of(data):
    """An LZ4 frame of one block that is stored as it is."""
    return (b"\x04\x22\x4d\x18\x60\x40\x82" + struct.pack("<I", len(data) | 1 << 31) + data
            + bytes(4))


def zstd_of(data):
    """A zstd frame of one block that is stored as it is."""
    return (b"\x28\xb5\x2f\xfd\x60" + struct.pack("<H", len(data) - 256)
            + struct.pack("<I", len(data) << 3 | 1)[:3] + data)


def seeds_of_captures(corpus, path, frames):
    """The beginning of a capture in both formats and orders, as it is and packed."""
    with open(path, "rb") as file:
        data = file.read(2_000)
    order = "<>"[len(frames) & 1]
    swapped = struct.pack(">IHHIIII", 0xA1B23C4D, 2, 4, 0, 0, 0xFFFF, 1) + b"".join(
        struct.pack(">IIII", 7, gap & 0xFFFF, len(frame), len(frame)) + frame
        for frame, gap in frames[:8])
    for drip, plain in ((255, data), (6, swapped), (20, pcapng_of(order, frames[:10]))):
        corpus.add("capture", bytes((drip,)) + plain)
    inside = pcapng_of(order, frames[:6])
    for drip, packed in enumerate((gzip.compress(inside, 6, mtime=0), lzma.compress(inside),
                                   lz4_of(inside), zstd_of(inside))):
        corpus.add("capture", bytes((drip * 9,)) + packed)


def main():
    parser = argparse.ArgumentParser(description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", default=os.path.join(HERE, "corpus"), metavar="FOLDER",
                        help="default corpus/ beside this script")
    parser.add_argument("--sensor", metavar="PATH",
                        help="the program geophone-sensor, for the seeds of records")
    options = parser.parse_args()
    if options.sensor and not os.access(options.sensor, os.X_OK):
        sys.exit(f"no program at {options.sensor}: cargo build --release, or another --sensor")
    corpus = Corpus(options.out)
    for name in sorted(os.listdir(CAPTURES)):
        if not name.endswith(".pcap"):
            continue
        path = os.path.join(CAPTURES, name)
        frames = list(frames_of(path))
        found = [segment for frame, _ in frames if (segment := segment_of(packet_of(frame)))]
        datagrams = [segment[4] for segment in found if segment[0] == UDP]
        messages = list(dict.fromkeys(datagrams))
        messages = messages[::max(1, len(messages) // MOST_MESSAGES)]
        seeds_of_captures(corpus, path, frames)
        seeds_of_frames(corpus, frames)
        seeds_of_fragments(corpus, messages[::3])
        seeds_of_streams(corpus, [segment for segment in found if segment[0] == TCP], messages)
        for message in messages:
            corpus.add("message", message)
        if options.sensor:
            told = subprocess.run([options.sensor, "replay", path], capture_output=True,
                                  check=True).stdout.splitlines()
            for line in told[::max(1, len(told) // MOST_RECORDS)]:
                corpus.add("record", line)
    for target, count in sorted(corpus.counts.items()):
        print(f"{target}: {count} seeds")


if __name__ == "__main__":
    main()
