#!/usr/bin/env python3
"""What attacks on servers, and busy networks, send that no program at hand does.

floods.py outside|known|fragments …    packets under other hosts' addresses (root)
floods.py ask|mail|keep|shut …          hosts with patience: several servers, retries, connections
"""

import argparse
import asyncio
import random
import socket
import struct
import time

import ordinary
from packets import A, TXT, Sender, answer, anywhere, paced, question
from zones import HOSTS, SHOPS, cdn_labels

PTR = 12
# Octets of a fragment: a multiple of eight (RFC 791 section 2.3), and fits into 1,500 with its header.
PIECE = 1480


def outside(given, rng):
    """Random names below a domain, as resolvers outside pass them on: without RD, with EDNS."""
    sender = Sender()
    resolvers = [anywhere(rng) for _ in range(given.hosts)]
    for _ in paced(given.count, given.rate):
        label = "".join(rng.choices("abcdefghijklmnopqrstuvwxyz0123456789", k=rng.randint(6, 16)))
        packet = question(rng.randrange(65536), f"{label}.{given.name}", A, 1232, flags=0)
        sender.udp(rng.choice(resolvers), rng.randrange(1024, 65536), given.to, 53, packet)


def known(given, rng):
    """Names that are there, in the name of many hosts."""
    sender = Sender()
    hosts = [anywhere(rng) for _ in range(given.hosts)]
    for _ in paced(given.count, given.rate):
        text = f"host-{rng.randrange(60) + 1}.{given.name}"
        sender.udp(rng.choice(hosts), 4096 + rng.randrange(16), given.to, 53,
                   question(rng.randrange(65536), text, A, flags=0))


def fragments(given, rng):
    """Answers nobody asked for that are too large for one packet."""
    sender = Sender()
    servers = [anywhere(rng) for _ in range(given.hosts)]
    text = b"\xff" + b"x" * 255
    for _ in paced(given.count, given.rate):
        payload = answer(rng.randrange(65536), given.name, [(TXT, 300, text * 9)])
        body = struct.pack(">HHHH", 53, rng.randrange(1024, 65536), 8 + len(payload), 0) + payload
        source, number = rng.choice(servers), rng.randrange(1, 65536)
        for at in range(0, len(body), PIECE):
            piece = body[at:at + PIECE]
            more = 0x2000 if at + PIECE < len(body) else 0
            head = struct.pack(">BBHHHBBH4s4s", 0x45, 0, 20 + len(piece), number, more | at // 8, 64, 17,
                               0, socket.inet_aton(source), socket.inet_aton(given.to))
            sender.socket.sendto(head + piece, (given.to, 0))


class Patient(asyncio.DatagramProtocol):
    """One question, until somebody answers it."""

    def __init__(self):
        self.answered = asyncio.get_running_loop().create_future()

    def datagram_received(self, data, _):
        if not self.answered.done():
            self.answered.set_result(data)

    def error_received(self, _):
        """A server that is away: time will be up."""


async def resolve(given, rng, text, qtype):
    """Each server in turn, as often as asked to: RES_TIMEOUT, RES_DFLRETRY of stub resolvers."""
    packet = question(rng.randrange(65536), text, qtype, 1232)
    loop = asyncio.get_running_loop()
    for _ in range(given.tries):
        for server in given.to.split(","):
            link, asked = await loop.create_datagram_endpoint(Patient, remote_addr=(server, 53))
            try:
                link.sendto(packet)
                said = await asyncio.wait_for(asked.answered, given.patience)
                # SERVFAIL, REFUSED: the next server at once.
                if said[3] & 15 not in (2, 5):
                    return said
            except (TimeoutError, asyncio.TimeoutError):
                pass
            finally:
                link.close()
    return None


async def at_pace(given, rng, questions):
    """Starts questions at a rate, whatever became of those before."""
    began, under_way = time.monotonic(), []
    for n in range(given.count):
        await asyncio.sleep(max(0.0, began + n / given.rate - time.monotonic()))
        under_way += [asyncio.create_task(resolve(given, rng, *one)) for one in questions(rng)]
    await asyncio.gather(*under_way)


def visited(rng):
    """A name that is there: of a site, or of the network that carries its pictures."""
    if rng.random() < 0.15:
        # The same few again and again.
        return [(cdn_labels()[min(int(rng.expovariate(1 / 6)), 239)] + ".cloudcdn-lab.net", A)]
    return [(f"{rng.choice(HOSTS)}.{rng.choice(SHOPS)}", A)]


def sender_of_mail(rng):
    """What a mail server asks of a host that connects: its name, and three lists (RFC 5782)."""
    quads = [rng.randrange(1, 224)] + [rng.randrange(256) for _ in range(3)]
    if rng.random() < 0.3:
        quads = [198, 18, rng.randrange(10), rng.randrange(250)]
    turned = ".".join(str(n) for n in reversed(quads))
    lists = ["zen.spamhaus.org", "bl.spamcop.net", "b.barracudacentral.org"]
    return [(f"{turned}.in-addr.arpa", PTR)] + [(f"{turned}.{one}", A) for one in lists]


def ask(given, rng):
    """A network's hosts behind one address: names that are there."""
    asyncio.run(at_pace(given, rng, visited))


def mail(given, rng):
    """A mail server on a busy day."""
    asyncio.run(at_pace(given, rng, sender_of_mail))


def keep(given, rng):
    """Connections that are kept and used (RFC 7766 section 6.2.1), some questions on each."""
    def over(connection):
        text = f"host-{rng.randrange(60) + 1}.{given.name}"
        packet = question(rng.randrange(65536), text, A, 1232)
        connection.sendall(struct.pack(">H", len(packet)) + packet)
        length = struct.unpack(">H", ordinary.Asker.read(connection, 2))[0]
        ordinary.Asker.read(connection, length)

    kept = [socket.create_connection((given.to, 53), timeout=5) for _ in range(given.hosts)]
    for n in paced(given.count, given.rate):
        over(kept[n % len(kept)])
    for connection in kept:
        connection.close()


def shut(given, _rng):
    """A server that hears and says nothing."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as listening:
        listening.bind((given.to, 53))
        while True:
            listening.recv(65535)


def main():
    made = {one.__name__: one for one in (outside, known, fragments, ask, mail, keep, shut)}
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("what", choices=made)
    parser.add_argument("--to", required=True, help="the server; for ask and mail several, by commas")
    parser.add_argument("--hosts", type=int, default=60, help="hosts, or connections")
    parser.add_argument("--name", default="campus-lab.org")
    parser.add_argument("--count", type=int, default=300)
    parser.add_argument("--rate", type=float, default=30, help="a second")
    parser.add_argument("--patience", type=float, default=1, help="seconds to wait for an answer")
    parser.add_argument("--tries", type=int, default=3)
    parser.add_argument("--seed", type=int, default=53)
    given = parser.parse_args()
    made[given.what](given, random.Random(given.seed))


if __name__ == "__main__":
    main()
