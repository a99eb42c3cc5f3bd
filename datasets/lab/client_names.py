#!/usr/bin/env python3
"""Prints what a client asks, a question a line ("name type"); ask.py asks it.

client_names.py generated|leak|member|chromium|encrypted|mdns|typing|undesignated
"""

import itertools
import random
import sys

from zones import HOSTS, SHOPS

LETTERS = "abcdefghijklmnopqrstuvwxy"
SUFFIXES = ["com", "net", "biz", "ru", "org", "info"]


def generated():
    """Domains by a recipe like that of Cryptolocker (see analytics/tests/watches/families)."""
    state = 0x2c9277b5
    for n in range(120):
        label = ""
        for _ in range(13):
            state = (state * 1664525 + 1013904223) % 2**32
            label += LETTERS[(state >> 16) % 25]
        yield f"{label}.{SUFFIXES[n % 6]}"


# The one of them that somebody registered.
RENDEZVOUS = next(itertools.islice(generated(), 35, None))


def looking():
    """Generated domains, and an ordinary site after each third."""
    rng = random.Random(5)
    for n, domain in enumerate(itertools.islice(generated(), 60)):
        yield domain, "A"
        if n % 3 == 2:
            yield f"www.{rng.choice(SHOPS)}", "A"


def leak():
    zone = "campus-lab.internal"
    names = [(f"_ldap._tcp.dc._msdcs.{zone}", "SRV"), (f"wpad.{zone}", "A"), ("fileserver.corp", "A"),
             (f"_kerberos._tcp.{zone}", "SRV"), ("printer.local", "A"), (f"isatap.{zone}", "A"),
             (f"dc1.{zone}", "A"), ("intranet.lan", "A"), (f"wiki.{zone}", "AAAA")]
    return names * 4


def member():
    """A member of a Windows domain and its search list, at the resolver it is meant to ask."""
    zone = "campus-lab.internal"
    for n in range(60):
        yield f"_ldap._tcp.site{n % 3}._sites.dc._msdcs.{zone}", "SRV"
        yield f"wpad.{zone}", "A"
        yield f"{HOSTS[n % 20]}.{zone}", "A"
        yield f"{HOSTS[n % 20]}.{SHOPS[n % 10]}", "A"


def chromium():
    """Three drawn labels at every start (chromium.org, "DNS interception checks"), then pages."""
    rng = random.Random(9)
    for _ in range(6):
        for _ in range(3):
            label = "".join(rng.choices(LETTERS + "z", k=rng.randint(7, 15)))
            yield label, "A"
            yield f"{label}.campus-lab.org", "A"
        for _ in range(20):
            yield f"{rng.choice(HOSTS)}.{rng.choice(SHOPS)}", "A"


def encrypted():
    names = ["mozilla.cloudflare-dns.com", "dns.google", "dns.quad9.net", "doh.opendns.com"]
    return [(name, kind) for name in names for kind in ("A", "AAAA")]


def mdns():
    """Names of devices under .local that a resolver inside answers, or says are not there."""
    for n in range(120):
        yield f"{['tv', 'printer', 'speaker', 'nas'][n % 4]}-{n % 11}.local", "A"
        yield f"api.shop.svc.cluster.local", "A"


def typing():
    """Two letters changed places now and then."""
    rng = random.Random(4)
    for n in range(160):
        name = rng.choice(SHOPS)
        if n % 9 == 0:
            at = rng.randrange(1, 6)
            name = name[:at] + name[at + 1] + name[at] + name[at + 2:]
        yield f"www.{name}", "A"


def undesignated():
    rng = random.Random(6)
    return [(f"{rng.choice(HOSTS)}.{rng.choice(SHOPS)}", "A") for _ in range(80)]


def main():
    lists = {"generated": looking, "leak": leak, "member": member, "chromium": chromium, "mdns": mdns,
             "encrypted": encrypted, "typing": typing, "undesignated": undesignated}
    for name, kind in lists[sys.argv[1]]():
        print(name, kind)


if __name__ == "__main__":
    main()
