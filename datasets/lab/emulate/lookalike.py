"""Benign traffic that looks like a channel, written: a class a capture, several clients, hours.

The forms of names are those that the services document or that theory.md section 10 lists; names of
services are facts, what stands below them is drawn here. Each function yields exchanges from time 0.
"""

import base64
import ipaddress

from office import answers, tail_sites
from wire import NXDOMAIN, Exchange, a, srv, txt, wire_name

HOUR = 3600.0
ALNUM = "abcdefghijklmnopqrstuvwxyz0123456789"
BASE32 = "abcdefghijklmnopqrstuvwxyz234567"
HEX = "0123456789abcdef"
LOOPBACK = [(None, "A", a(127, 0, 0, 4), 300)]


def hosts(first, count):
    return [f"192.168.77.{first + n}" for n in range(count)]


def word(pick, alphabet, length):
    return "".join(pick.choice(alphabet) for _ in range(length)).encode()


def arrivals(pick, clients, hours, an_hour):
    """(time, client) at random, each client at its own pace."""
    for client in clients:
        rate, at = an_hour * pick.uniform(0.6, 1.4) / HOUR, 0.0
        while (at := at + pick.expovariate(rate)) < hours * HOUR:
            yield at, client


def v4(pick):
    """A sender's address: most mail comes from few networks."""
    network = pick.choice([(198, 18), (198, 19), (203, 0), (192, 0)])
    third = pick.randrange(256) if network[0] == 198 else {203: 113, 192: 2}[network[0]]
    return (*network, third, pick.randrange(1, 255))


def reversed_v4(address):
    return b".".join(b"%d" % part for part in reversed(address))


def turned(digits):
    """Hexadecimal digits whose letters are turned by 13 places, as Sophos writes them."""
    return digits.translate(bytes.maketrans(b"abcdef", b"nopqrs"))


def reputation(pick):
    """Anti-virus and file reputation: McAfee GTI, Sophos SXL, ESET LiveGrid, Team Cymru MHR, Trend.

    Sophos's form is that of its KB 31563, McAfee's that of Trellix KB53782 and of captures."""
    files = [word(pick, HEX, 32) for _ in range(900)]
    for at, client in arrivals(pick, hosts(21, 8), 8, 42):
        file = files[min(int(pick.expovariate(1 / 220)), 899)]
        text = base64.b32encode(bytes.fromhex(file.decode())).rstrip(b"=").lower()
        name = pick.choice([
            b"0.0.0.0.1.0.0.4e." + text + b".avqs.mcafee.com", text + b".avts.mcafee.com",
            b"a-0.19-a3000081.10081.1518.19d4.36ea.410.0." + text + b".avqs.mcafee.com",
            b"4." + turned(file) + b".i.05.s.sophosxl.net",
            text[:20] + b".a.j.e5.sk", file + b".malware.hash.cymru.com",
            b"titanium30-en.url.trendmicro.com"])
        missing = b"cymru" in name or pick.random() < 0.3
        kind = "TXT" if b"sophos" in name and pick.random() < 0.5 else "A"
        told = [(None, "TXT", txt(b"w f g"), 300)] if kind == "TXT" else LOOPBACK
        yield Exchange(at, client, name, kind, [] if missing else told, NXDOMAIN if missing else 0)


def blocklists(pick):
    """Mail servers asking DNSBL, DNSWL, URIBL and SURBL, hashes of addresses, and origins by ASN."""
    sites = [site[0].removeprefix("www.").encode() for site in tail_sites(pick, 400)]
    for at, client in arrivals(pick, hosts(41, 3), 8, 11):
        quad = reversed_v4(v4(pick))
        lists = [b"zen.spamhaus.org", b"bl.spamcop.net", b"b.barracudacentral.org",
                 b"dnsbl.sorbs.net", b"psbl.surriel.com", b"bl.mailspike.net", b"list.dnswl.org"]
        names = [(quad + b"." + where, "A") for where in lists]
        site = pick.choice(sites)
        names += [(site + where, "A") for where in
                  (b".multi.surbl.org", b".black.uribl.com", b".dbl.spamhaus.org")]
        digest = base64.b32encode(pick.randbytes(20)).rstrip(b"=").lower()
        names.append((digest + b"._email.ab3cd4efgh5ij6klmn7opq2rst.hbl.dq.spamhaus.net", "A"))
        names.append((quad + b".origin.asn.cymru.com", "TXT"))
        for n, (name, kind) in enumerate(names):
            listed = kind == "TXT" or pick.random() < 0.12
            told = ([(None, "TXT", txt(b"64512 | 198.18.0.0/15 | ZZ | other | 2001-01-01"), 3600)]
                    if kind == "TXT" else [(None, "A", a(127, 0, 0, pick.choice([2, 4, 10])), 300)])
            yield Exchange(at + n * 0.004, client, name, kind, told if listed else [],
                           0 if listed else NXDOMAIN)


def content_networks(pick):
    """Random hosts of content networks and object stores; most are shared by clients, some are not."""
    def drawn():
        return pick.choice([
            lambda: b"d" + word(pick, ALNUM, 13) + b".cloudfront.net",
            lambda: b"rr%d---sn-" % pick.randrange(1, 9) + word(pick, ALNUM, 8) + b".googlevideo.com",
            lambda: b"e%d.dsc%s.akamaiedge.net" % (pick.randrange(99999), word(pick, "abcdeg", 1)),
            lambda: b"scontent-arn2-%d.xx.fbcdn.net" % pick.randrange(9),
            lambda: b"video-" + word(pick, HEX, 8) + b".cdn.contentedge-lab.net",
            lambda: word(pick, HEX, 16) + b".r.contentedge-lab.net",
            lambda: word(pick, ALNUM, 18) + b".blob.core.windows.net",
            lambda: word(pick, ALNUM, 12) + b".s3.eu-west-1.amazonaws.com",
            lambda: b"az" + word(pick, "0123456789", 6) + b".vo.msecnd.net",
            lambda: b"d-%020d.ampproject.net" % pick.randrange(10**20),
            lambda: word(pick, ALNUM, 10) + b".b-cdn.net"])()
    shared = [drawn() for _ in range(700)]
    for at, client in arrivals(pick, hosts(21, 10), 8, 27):
        name = drawn() if pick.random() < 0.06 else shared[min(int(pick.expovariate(1 / 150)), 699)]
        yield Exchange(at, client, name, "A", answers(name, "A")[0])
        if pick.random() < 0.4:
            yield Exchange(at + 0.0003, client, name, "AAAA", answers(name, "AAAA")[0])


def cloud_internal(pick):
    """Names that clouds give to instances: EC2, Compute Engine, Oracle VCN, Azure; managed databases."""
    machines = []
    for _ in range(260):
        x, y, z = pick.randrange(8), pick.randrange(256), pick.randrange(1, 255)
        machines.append(pick.choice([
            b"ip-10-%d-%d-%d.ec2.internal" % (x, y, z),
            b"ip-10-%d-%d-%d.eu-west-1.compute.internal" % (x, y, z),
            b"inst-" + word(pick, ALNUM, 5) + b"-pool.sub%014d.prodvcn.oraclevcn.com"
            % pick.randrange(10**14),
            b"gke-prod-pool-" + word(pick, HEX, 8) + b"-" + word(pick, ALNUM, 4)
            + b".c.harbor-lab-prod.internal",
            b"vm" + word(pick, ALNUM, 12) + b".x4k2dlmq0wye3c5h.bx.internal.cloudapp.net",
            b"orders." + word(pick, ALNUM, 12) + b".eu-west-1.rds.amazonaws.com",
            b"cache-%04d." % pick.randrange(9999) + word(pick, ALNUM, 6)
            + b".ng.0001.euw1.cache.amazonaws.com"]))
    for at, client in arrivals(pick, hosts(61, 8), 8, 30):
        name = machines[min(int(pick.expovariate(1 / 60)), 259)]
        told = [(None, "A", a(10, *v4(pick)[1:]), 60)]
        yield Exchange(at, client, name, "A", told)
        if pick.random() < 0.5:
            yield Exchange(at + 0.0003, client, name, "AAAA", [])


def mail_authentication(pick):
    """Two mail servers checking SPF with macros, DKIM, DMARC, MTA-STS, TLS reports, BIMI and DANE."""
    key = b"v=DKIM1; k=rsa; p=MIIBIjANBgkqhkiG9w0BAQEFAAOCAQ8AMIIBCgKCAQEA"
    sites = [site[0].removeprefix("www.").encode() for site in tail_sites(pick, 350)]
    keys = {site: key + base64.b64encode(pick.randbytes(190)) for site in sites}
    for at, client in arrivals(pick, hosts(41, 2), 8, 24):
        site = sites[min(int(pick.expovariate(1 / 90)), 349)]
        selector = pick.choice([b"s1", b"s2", b"selector1", b"20230601", b"google", b"k1", b"mail",
                                b"zendesk2", word(pick, ALNUM, 32)])
        quad = b".".join(b"%d" % part for part in v4(pick))
        asked = [(site, "MX", []), (site, "TXT", [b"v=spf1 include:_spf.google.com ~all"]),
                 (quad + b"._spf." + site, "A", LOOPBACK),
                 (quad + b"._ip.mail-" + word(pick, ALNUM, 4) + b"." + site + b"._ehlo." + site
                  + b"._spf.vali.email", "A", LOOPBACK),
                 (selector + b"._domainkey." + site, "TXT", [keys[site]]),
                 (b"_dmarc." + site, "TXT", [b"v=DMARC1; p=reject; rua=mailto:d@" + site]),
                 (b"_mta-sts." + site, "TXT", [b"v=STSv1; id=20260101000000Z;"]),
                 (b"_smtp._tls." + site, "TXT", []), (b"default._bimi." + site, "TXT", []),
                 (b"_25._tcp.mx." + site, "CNAME", [])]
        for n, (name, kind, told) in enumerate(asked):
            if pick.random() < 0.25:
                continue
            if kind == "TXT":
                told = [(None, "TXT", txt(part), 3600) for part in told]
            yield Exchange(at + n * 0.01, client, name, kind, told, 0 if told or kind == "MX" else NXDOMAIN,
                           edns=1232)


def reverse(pick):
    """A mail server, a log analyser and a telephone exchange: PTR in both trees, and ENUM."""
    for at, client in arrivals(pick, hosts(41, 3), 8, 62):
        draw = pick.random()
        if draw < 0.45:
            name, kind = reversed_v4(v4(pick)) + b".in-addr.arpa", "PTR"
        elif draw < 0.75:
            address = ipaddress.IPv6Address(0x20010DB8 << 96 | pick.randrange(40) << 80
                                            | (pick.randrange(1 << 64) if pick.random() < 0.7
                                               else pick.randrange(1, 80)))
            name, kind = address.reverse_pointer.encode(), "PTR"
        else:
            number = b"4687700%04d" % pick.randrange(10000)
            name, kind = b".".join(number[n:n + 1] for n in range(10, -1, -1)) + b".e164.arpa", "NAPTR"
        found = kind == "PTR" and pick.random() < 0.5
        told = [(None, "PTR", wire_name(b"host-%d.dyn.norvik.net" % pick.randrange(9999)), 3600)]
        yield Exchange(at, client, name, kind, told if found else [], 0 if found else NXDOMAIN)
    # A walk through a /24, as a scanner of one's own network makes one.
    for n in range(256):
        yield Exchange(5 * HOUR + n * 0.4, "192.168.77.44", b"%d.2.0.192.in-addr.arpa" % n, "PTR",
                       [], NXDOMAIN)


def dnssec_probes(pick):
    """Validating forwarders: DS and DNSKEY, trust anchor telemetry, sentinels, shortened names."""
    sites = [site[0].removeprefix("www.").encode() for site in tail_sites(pick, 500)]
    for at, client in arrivals(pick, hosts(71, 4), 8, 40):
        site = sites[min(int(pick.expovariate(1 / 120)), 499)]
        asked = pick.choice([
            [(site, "DS"), (site, "DNSKEY")], [(site, "NS")], [(b"_." + site, "A")],
            [(b"_.www." + site, "A"), (b"www." + site, "A")], [(b"_ta-4f66-9728", "NULL")],
            [(b"_ta-4f66", "NULL")], [(b"root-key-sentinel-is-ta-20326." + site, "A")],
            [(b"root-key-sentinel-not-ta-38696." + site, "A")], [(b"com", "DNSKEY"), (b"", "DNSKEY")]])
        for n, (name, kind) in enumerate(asked):
            data = [(None, "DNSKEY", b"\1\1\3\x0d" + pick.randbytes(64), 3600)] if (
                kind == "DNSKEY") else ([(None, "A", a(198, 18, 1, 1), 60)] if kind == "A" else [])
            yield Exchange(at + n * 0.02, client, name, kind, data,
                           NXDOMAIN if name.startswith(b"_") else 0, edns=1232)


def search_suffixes(pick):
    """Kubernetes with ndots:5 and a Windows domain: every name tried below every suffix first."""
    outside = ["api.stripe.com", "sqs.eu-west-1.amazonaws.com", "hooks.slack.com", "api.github.com",
               "registry.npmjs.org", "o447951.ingest.sentry.io"] + [
        site[0] for site in tail_sites(pick, 40)]
    pods = [b"shop.svc.cluster.local", b"svc.cluster.local", b"cluster.local",
            b"eu-west-1.compute.internal"]
    for at, client in arrivals(pick, hosts(81, 6), 8, 6):
        name = pick.choice(outside).encode()
        for n, end in enumerate(pods + [b""]):
            whole = name + b"." + end if end else name
            for kind in ("A", "AAAA"):
                told = [] if end else answers(whole, kind)[0]
                yield Exchange(at + n * 0.001, client, whole, kind, told, NXDOMAIN if end else 0)
    domain = b"ad.lindqvist-lab.local"
    guid = b"4f1c2a90-7d3e-4b58-9a61-0c2d7e88b1f4"
    for at, client in arrivals(pick, hosts(21, 8), 8, 7):
        site = pick.choice([b"Stockholm", b"Malmo", b"Default-First-Site-Name"])
        name, kind = pick.choice([
            (b"_ldap._tcp." + site + b"._sites.dc._msdcs." + domain, "SRV"),
            (b"_kerberos._tcp." + site + b"._sites.dc._msdcs." + domain, "SRV"),
            (b"_ldap._tcp.pdc._msdcs." + domain, "SRV"),
            (b"_ldap._tcp." + guid + b".domains._msdcs." + domain, "SRV"),
            (guid + b"._msdcs." + domain, "CNAME"), (b"wpad." + domain, "A"),
            (b"isatap." + domain, "A"), (b"fileserver." + domain, "A"),
            (b"DESKTOP-" + word(pick, ALNUM, 7).upper() + b"." + domain, "A")])
        told = [(None, "SRV", srv(b"dc1." + domain, 389), 600)] if kind == "SRV" else []
        yield Exchange(at, client, name, kind, told, 0 if told else NXDOMAIN)


def telemetry(pick):
    """Measurements and tests of resolvers: one random label a session, in zones that many ask."""
    zones = [(b".test.u.dotnxdomain.net", HEX, 24), (b".edns.ip-api.com", ALNUM, 32),
             (b".bash.ws", "0123456789", 10), (b".ecsprobe.perfmeter-lab.net", ALNUM, 16),
             (b".rum.pulsemeter-lab.com", HEX, 32), (b".dnstest.streamer-lab.com", ALNUM, 12),
             (b".t.nodecheck-lab.org", BASE32, 26), (b".probe.resolver-lab.io", HEX, 16)]
    for at, client in arrivals(pick, hosts(21, 24), 8, 9):
        end, alphabet, length = pick.choice(zones)
        name = word(pick, alphabet, length) + end
        for n, kind in enumerate(["A", "AAAA"][:pick.choice([1, 2, 2])]):
            told = [(None, "A", a(198, 18, 90, 1), 0)] if kind == "A" else []
            yield Exchange(at + n * 0.0004, client, name, kind, told)


def browser_probes(pick):
    """Chromium asks for three random names of one label when it starts or the network changes."""
    for at, client in arrivals(pick, hosts(21, 16), 8, 2.6):
        for n in range(3):
            name = word(pick, "abcdefghijklmnopqrstuvwxyz", pick.randrange(7, 16))
            for end in (b".corp.lindqvist-lab.com", b""):
                yield Exchange(at + n * 0.01, client, name + end, "A", [], NXDOMAIN)
        yield Exchange(at + 0.3, client, b"detectportal.firefox.com", "A",
                       answers(b"detectportal.firefox.com", "A")[0])


def wildcard(pick):
    """Hosts named by a hash or a user below one domain, every one with the same answer."""
    same = [(None, "A", a(198, 18, 99, 9), 600)]
    pages = [word(pick, HEX, 32) for _ in range(1500)]
    users = [site[0].split(".")[-2].encode() for site in tail_sites(pick, 500)]
    for at, client in arrivals(pick, hosts(21, 8), 8, 34):
        draw = pick.random()
        if draw < 0.4:
            name = pages[min(int(pick.expovariate(1 / 500)), 1499)] + b".quanhost-lab.net"
        elif draw < 0.8:
            name = users[min(int(pick.expovariate(1 / 120)), 499)] + b".pageworks-lab.com"
        else:
            name = b"p%d-" % pick.randrange(40) + word(pick, HEX, 8) + b".static.forumcdn-lab.org"
        yield Exchange(at, client, name, "A", same)


CLASSES = {
    "look-reputation": reputation, "look-blocklists": blocklists, "look-cdn": content_networks,
    "look-cloud": cloud_internal, "look-mail": mail_authentication, "look-reverse": reverse,
    "look-dnssec": dnssec_probes, "look-search": search_suffixes, "look-telemetry": telemetry,
    "look-probes": browser_probes, "look-wildcard": wildcard}
