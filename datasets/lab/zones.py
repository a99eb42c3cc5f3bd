#!/usr/bin/env python3
"""Writes the zones of the lab: ordinary names of made-up owners, and delegations to the tunnels.

zones.py FOLDER [DOMAIN…]: each DOMAIN is delegated to 198.51.100.40 as well.
Deterministic: the same names every time, so that ordinary.py can ask for what is there.
"""

import random
import sys

SHOPS = ["acme-widgets.com", "northwind-mail.org", "bluefin-travel.net", "harbor-news.com",
         "sunny-recipes.org", "metrica-stats.com", "pixelpress.net", "openledger.org",
         "greenfield-bank.com", "tinyurl-lab.net"]
HOSTS = ["www", "mail", "api", "cdn", "static", "img", "login", "shop", "blog", "news", "m",
         "assets", "video", "search", "maps", "status", "docs", "app", "auth", "events"]
LISTS = {"spamhaus.org": ".zen", "bl.spamcop.net": "", "b.barracudacentral.org": ""}
SOA = "@ 3600 IN SOA ns.{z} hostmaster.{z} 1 7200 900 1209600 300\n@ 3600 IN NS ns.{z}\n" \
      "ns 3600 IN A 198.51.100.10\n"


def cdn_labels(seed=11, n=240):
    """Random-looking labels as content networks hand them out, shared by all clients."""
    pick = random.Random(seed)
    alphabet = "abcdefghijklmnopqrstuvwxyz0123456789"
    return ["d" + "".join(pick.choice(alphabet) for _ in range(13)) for _ in range(n)]


def write(folder, zone, records):
    with open(f"{folder}/{'root' if zone == '.' else zone}.zone", "w") as file:
        file.write("$TTL 300\n" + SOA.format(z="" if zone == "." else zone + ".") + records)


def shop(zone, index):
    lines = [f"@ IN A 198.18.{index}.1", f"@ IN AAAA 2001:db8:{index}::1", "@ IN MX 10 mail",
             "@ IN TXT \"v=spf1 mx include:_spf.northwind-mail.org -all\"",
             f"@ IN TXT \"site-verification={index:032x}\"",
             "_dmarc IN TXT \"v=DMARC1; p=reject; rua=mailto:dmarc@" + zone + "\"",
             "s1024._domainkey IN TXT \"v=DKIM1; k=rsa; p=" + "MIGfMA0GCSqGSIb3DQEBAQUAA4GN" * 8 + "\"",
             "_sip._tcp IN SRV 0 5 5060 app"]
    for n, host in enumerate(HOSTS):
        if n % 4 == 3:
            lines.append(f"{host} IN CNAME {cdn_labels()[index * 20 + n]}.cloudcdn-lab.net.")
        else:
            lines += [f"{host} 60 IN A 198.18.{index}.{n + 2}",
                      f"{host} 60 IN AAAA 2001:db8:{index}::{n + 2:x}"]
    return "\n".join(lines) + "\n"


def main():
    folder = sys.argv[1]
    import os
    os.makedirs(folder, exist_ok=True)
    for index, zone in enumerate(SHOPS):
        write(folder, zone, shop(zone, index))
    write(folder, "cloudcdn-lab.net", "".join(
        f"{label} 60 IN A 198.19.{n % 250}.{n // 250 + 1}\n" for n, label in enumerate(cdn_labels())))
    write(folder, "dnsbl-lab.org", "".join(
        f"{n}.0.18.198.zen IN A 127.0.0.{2 + n % 9}\n" for n in range(0, 250, 7)))
    # Lists that a busy mail server asks: senders of the lab are on them, others are not.
    for zone, below in LISTS.items():
        write(folder, zone, "".join(f"{n}.0.18.198{below} IN A 127.0.0.2\n" for n in range(0, 250, 5)))
    write(folder, "signed-lab.org", "".join(f"{h} IN A 198.18.40.{n + 1}\n" for n, h in enumerate(HOSTS)))
    write(folder, "txt-lab.net", "".join(
        f"r{n} IN TXT \"record {n} of an ordinary zone, {'x' * (n % 60)}\"\n" for n in range(60))
        + "big IN TXT " + " ".join(f"\"{'large answer ' * 18}\"" for _ in range(12)) + "\n")
    write(folder, "cluster.local", "".join(
        f"{s}.{ns}.svc IN A 10.96.{a}.{b + 1}\n" for a, ns in enumerate(["default", "shop", "monitoring"])
        for b, s in enumerate(["api", "web", "cache", "db", "queue", "grafana", "prometheus"])))
    write(folder, "18.198.in-addr.arpa", "".join(
        f"{h}.{n} IN PTR host-{h}.{z}.\n" for n, z in enumerate(SHOPS) for h in range(1, 60)))
    write(folder, "8.b.d.0.1.0.0.2.ip6.arpa", "".join(
        f"{'.'.join(reversed(f'{n:04x}' + '0' * 16 + f'{h:04x}'))} IN PTR v6-{h}.{z}.\n"
        for n, z in enumerate(SHOPS) for h in range(1, 30)))
    zones = SHOPS + list(LISTS) + ["cloudcdn-lab.net", "dnsbl-lab.org", "signed-lab.org", "txt-lab.net",
                     "cluster.local", "18.198.in-addr.arpa", "8.b.d.0.1.0.0.2.ip6.arpa"]
    delegations = "".join(f"{zone}. IN NS ns.root-lab.\n" for zone in zones)
    delegations += ("ns.root-lab. IN A 198.51.100.10\n"
                    "t.tunnel-lab.net. IN NS ns.t.tunnel-lab.net.\n"
                    "ns.t.tunnel-lab.net. IN A 198.51.100.20\n"
                    "d.courier-lab.org. IN NS ns.d.courier-lab.org.\n"
                    "ns.d.courier-lab.org. IN A 198.51.100.30\n")
    # Domains of the emulated tools, given by name.
    delegations += "".join(f"{zone}. IN NS ns.{zone}.\nns.{zone}. IN A 198.51.100.40\n"
                           for zone in sys.argv[2:])
    write(folder, ".", delegations)
    with open(f"{folder}/hints", "w") as file:
        file.write(". 3600 IN NS ns.root-lab.\nns.root-lab. 3600 IN A 198.51.100.10\n")


if __name__ == "__main__":
    main()
