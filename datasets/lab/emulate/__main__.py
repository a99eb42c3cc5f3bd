"""Emulates DNS tunnels that cannot be installed, and benign traffic that looks like them.

emulate list bind|unbound|dnsmasq|written|benign   names of captures, one a line
emulate domains                        domains of the campaigns that go through a resolver
emulate write NAME FILE                writes a capture with a clock of its own
emulate answer NAME ADDRESS            the server of a live campaign, until it is ended
emulate ask NAME RESOLVER              its client; exits 1 where an answer is not what was sent
"""

import socket
import sys
import time

import campaigns
import wire


def listing(which):
    if which == "benign":
        return campaigns.BENIGN
    return [c.name for c in campaigns.CAMPAIGNS.values() if (c.live or "written") == which]


def write(name, path):
    exchanges = (campaigns.benign(name) if name in campaigns.BENIGN
                 else campaigns.CAMPAIGNS[name].written())
    wire.write_capture(path, exchanges, name + " on the wire")


def answer(name, address):
    """Answers what the script knows; anything else exists without data, as a shortened name does."""
    known = {}
    for exchange in campaigns.CAMPAIGNS[name].exchanges():
        known[exchange.name.lower(), wire.TYPES[exchange.kind]] = exchange
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as udp:
        udp.bind((address, 53))
        while True:
            data, peer = udp.recvfrom(65535)
            asked, at = wire.read_name(data, 12)
            kind = int.from_bytes(data[at:at + 2], "big")
            exchange = known.get((asked.lower(), kind))
            if exchange is None:
                exchange = wire.Exchange(0, "", asked, "A")
                reply = wire.response(exchange, int.from_bytes(data[:2], "big"), authoritative=True)
                reply = reply[:12] + data[12:at + 4] + reply[12 + len(data[12:at + 4]):]
            else:
                exchange.edns = 1232 if data[11] else 0
                exchange.name = asked  # in the case that was asked
                reply = wire.response(exchange, int.from_bytes(data[:2], "big"), authoritative=True)
            udp.sendto(reply, peer)


def ask(name, resolver):
    began = time.monotonic()
    for number, exchange in enumerate(campaigns.CAMPAIGNS[name].exchanges()):
        # The script's own pace: this is what is recorded, not a wait for anything.
        ahead = exchange.time - (time.monotonic() - began)
        if ahead > 0:
            time.sleep(ahead)
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as udp:
            udp.settimeout(5)
            udp.sendto(wire.query(exchange, (number * 40503 + 7) % 65536), (resolver, 53))
            reply = udp.recv(65535)
        rcode, count = reply[3] & 15, int.from_bytes(reply[6:8], "big")
        if rcode != exchange.rcode or count != len(exchange.answers) or reply[2] & 2:
            sys.exit(f"{name}: {exchange.name!r} {exchange.kind}: code {rcode} and {count} answers")


def main():
    command, *rest = sys.argv[1:] or ["help"]
    if command == "list":
        print("\n".join(listing(*rest)))
    elif command == "domains":
        print("\n".join(campaigns.live_domains()))
    elif command in ("write", "answer", "ask"):
        {"write": write, "answer": answer, "ask": ask}[command](*rest)
    else:
        sys.exit(__doc__)


if __name__ == "__main__":
    main()
