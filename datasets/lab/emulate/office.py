"""Ordinary traffic of an office, written: browsers, mail, chat, updates, a Windows domain.

Pages are drawn by popularity (Zipf), each with the third parties that pages have; a client keeps
answers for their TTL, asks A, AAAA and HTTPS as browsers do, asks again when no answer comes, and is
idle at night and at lunch. Names of well-known services stand here as facts about DNS; sites of the
long tail and the office itself are made up. All addresses are of documentation and test networks
(RFC 2544, RFC 3849, RFC 5737). Nothing here is drawn from names/labels.txt, from which prices are learnt.
"""

import zlib

from wire import NXDOMAIN, Exchange, a, srv, wire_name

HOUR = 3600.0
OFFICE = b"corp.lindqvist-lab.com"

POPULAR = """www.google.com www.youtube.com www.bing.com outlook.office365.com teams.microsoft.com
www.linkedin.com github.com www.wikipedia.org en.wikipedia.org www.amazon.com stackoverflow.com
www.reddit.com mail.google.com docs.google.com drive.google.com calendar.google.com www.bbc.co.uk
www.nytimes.com www.theguardian.com login.microsoftonline.com sharepoint.com www.office.com zoom.us
app.slack.com www.atlassian.com jira.atlassian.com trello.com www.notion.so www.figma.com
web.whatsapp.com www.instagram.com www.facebook.com x.com open.spotify.com www.netflix.com
www.booking.com www.ebay.com www.paypal.com www.dropbox.com news.ycombinator.com www.spiegel.de
www.lemonde.fr weather.com maps.google.com translate.google.com chatgpt.com www.adobe.com
www.salesforce.com na139.lightning.force.com eu.docusign.net www.dhl.com www.ups.com""".split()

THIRD = """fonts.googleapis.com fonts.gstatic.com www.googletagmanager.com www.google-analytics.com
region1.google-analytics.com ssl.gstatic.com apis.google.com www.gstatic.com securepubads.g.doubleclick.net
stats.g.doubleclick.net pagead2.googlesyndication.com tpc.googlesyndication.com connect.facebook.net
static.xx.fbcdn.net cdn.jsdelivr.net cdnjs.cloudflare.com unpkg.com ajax.googleapis.com
static.cloudflareinsights.com bat.bing.com c.clarity.ms cdn.cookielaw.org geolocation.onetrust.com
js.hs-scripts.com px.ads.linkedin.com snap.licdn.com sb.scorecardresearch.com cdn.segment.com
browser.sentry-cdn.com o447951.ingest.sentry.io script.hotjar.com widget.intercom.io
dpm.demdex.net ib.adnxs.com match.adsrvr.org cm.g.doubleclick.net secure.adnxs.com
static.criteo.net gum.criteo.com cdn.taboola.com trc.taboola.com i.ytimg.com yt3.ggpht.com
rr3---sn-4g5lznez.googlevideo.com rr5---sn-4g5ednsy.googlevideo.com pbs.twimg.com abs.twimg.com
m.media-amazon.com images-eu.ssl-images-amazon.com d1ykf07e75w7ss.cloudfront.net
d2c87l0yth4zbw.cloudfront.net d3e54v103j8qbb.cloudfront.net avatars.githubusercontent.com
objects.githubusercontent.com api.github.com s3.eu-west-1.amazonaws.com
res.cdn.office.net statics.teams.cdn.office.net aadcdn.msauth.net logincdn.msauth.net""".split()

STEADY = """teams.events.data.microsoft.com v10.events.data.microsoft.com settings-win.data.microsoft.com
outlook.office365.com presence.teams.microsoft.com ctldl.windowsupdate.com edge.microsoft.com
self.events.data.microsoft.com client.wns.windows.com array803.prod.do.dsp.mp.microsoft.com
fe3cr.delivery.mp.microsoft.com time.windows.com ocsp.digicert.com crl3.digicert.com
safebrowsing.googleapis.com update.googleapis.com clients4.google.com mtalk.google.com
wss-primary.slack.com slack.com gateway.icloud.com gsp-ssl.ls.apple.com nexusrules.officeapps.live.com
config.teams.microsoft.com www.msftconnecttest.com dns.msftncsi.com""".split()

SYLLABLES = """al ber cor dan el fir gar hol in jor kan lun mer nor ost pel quin ros sol tan ul ver wes
yor zen bri cla dro fen gri hav isk jun kel lor mar nev orb pol ras ste tor vin wol""".split()
ENDINGS = ["com", "com", "com", "org", "net", "de", "co.uk", "io", "eu", "fr", "nl", "se"]
FRONTS = ["www", "www", "www", "", "shop", "blog", "app", "login", "my", "static", "img", "api", "cdn",
          "media", "assets", "portal", "support", "news"]
EDGES = [b"e%d.dscb.akamaiedge.net", b"e%d.a.akamaiedge.net", b"a%d.g.akamai.net",
         b"prod-%d.map.fastly.net", b"star-%d.c10r.facebook.com", b"site-%d.azurefd.net"]


def tail_sites(pick, count):
    """Made-up sites, as many as asked for; each with the hosts a page of it needs."""
    sites = []
    while len(sites) < count:
        name = "".join(pick.choice(SYLLABLES) for _ in range(pick.choice([2, 3, 3])))
        if pick.random() < 0.2:
            name += "-" + pick.choice(["group", "online", "shop", "media", "tech", "bank"])
        site = f"{name}.{pick.choice(ENDINGS)}"
        fronts = ["www"] + pick.sample(FRONTS, pick.randrange(0, 4))
        sites.append([f"{front}.{site}" if front else site for front in dict.fromkeys(fronts)])
    return sites


def stable(name, kind="A"):
    return zlib.crc32(name.lower() + kind.encode())


def answers(name, kind):
    """What the same name is always answered with; a third of all names are aliases of an edge."""
    mark, chain, owner = stable(name), [], None
    ttl = [20, 60, 60, 300, 300, 3600][mark % 6]
    if mark % 3 == 0:
        edge = EDGES[mark // 3 % len(EDGES)] % (mark // 18 % 40000)
        chain, owner = [(None, "CNAME", wire_name(edge), ttl)], edge
    if kind == "A":
        count = 1 + mark // 7 % 3
        chain += [(owner, "A", a(198, 18, mark // 11 % 128, (mark // 13 + n) % 250 + 1), ttl)
                  for n in range(count)]
    elif kind == "AAAA" and mark % 5 < 3:
        address = bytes.fromhex("20010db8") + (mark % 65536).to_bytes(2, "big") + b"\0" * 8
        chain.append((owner, "AAAA", address + (mark // 17 % 65536).to_bytes(2, "big"), ttl))
    elif kind == "HTTPS" and mark % 5 == 0:
        chain.append((owner, "HTTPS", b"\0\1\0\0\1\0\6\2h3\2h2", ttl))
    return chain, ttl


class Client:
    """One host: what it has asked lately, and the exchanges it makes."""

    def __init__(self, address, pick):
        self.address, self.pick, self.known = address, pick, {}

    def ask(self, at, name, kind, told=None, rcode=0, ttl=300):
        """The exchange, twice where the first got no answer; nothing while the answer is known."""
        if self.known.get((name, kind), -1.0) > at:
            return
        if told is None:
            told, ttl = answers(name, kind)
        self.known[name, kind] = at + ttl
        wait = self.pick.choice([0.0004, 0.0009, 0.012, 0.018, 0.03]) * self.pick.uniform(0.8, 1.3)
        edns = 0 if self.pick.random() < 0.7 else 1232
        exchange = Exchange(at, self.address, name, kind, told, rcode, edns=edns, wait=wait)
        if self.pick.random() < 0.004:
            exchange.answered = False
            yield exchange
            at += self.pick.choice([1.0, 2.0, 5.0])
            exchange = Exchange(at, self.address, name, kind, told, rcode, edns=edns, wait=wait)
        yield exchange

    def host(self, at, name, https=0.5):
        name = name.encode() if isinstance(name, str) else name
        yield from self.ask(at, name, "A")
        yield from self.ask(at + 0.0002, name, "AAAA")
        if self.pick.random() < https:
            yield from self.ask(at + 0.0003, name, "HTTPS")


def zipf(pick, count):
    """An index below `count`, the first most often: 1/rank by inversion of its harmonic sum."""
    return min(int((count + 1) ** pick.random()) - 1, count - 1)


def page(client, at, sites):
    pick = client.pick
    hosts = ([POPULAR[zipf(pick, len(POPULAR))]] if pick.random() < 0.55
             else sites[zipf(pick, len(sites))])
    for name in hosts[:1]:
        yield from client.host(at, name)
    for name in hosts[1:]:
        yield from client.host(at + pick.uniform(0.1, 0.6), name, 0.3)
    for _ in range(pick.randrange(0, 7)):
        yield from client.host(at + pick.uniform(0.2, 2.5), THIRD[zipf(pick, len(THIRD))], 0.3)


def steady(client, at):
    """What runs without anybody: updates, presence, telemetry, and the Windows domain."""
    pick = client.pick
    if pick.random() < 0.75:
        yield from client.host(at, pick.choice(STEADY), 0.1)
        return
    choice = pick.randrange(6)
    if choice == 0:
        target = b"dc%d." % pick.randrange(1, 3) + OFFICE
        name = pick.choice([b"_ldap._tcp.dc._msdcs.", b"_kerberos._tcp.dc._msdcs.",
                            b"_ldap._tcp.Stockholm._sites.dc._msdcs."]) + OFFICE
        yield from client.ask(at, name, "SRV", [(None, "SRV", srv(target, 389), 600)], ttl=600)
        yield from client.ask(at + 0.002, target, "A", [(None, "A", a(192, 168, 77, 5), 1200)], ttl=1200)
    elif choice == 1:
        yield from client.ask(at, b"wpad." + OFFICE, "A", [], NXDOMAIN, 900)
    elif choice == 2:
        name = pick.choice([b"fileserver", b"print01", b"intranet", b"sccm", b"wiki", b"git"])
        yield from client.ask(at, name + b"." + OFFICE, "A",
                              [(None, "A", a(192, 168, 77, 5 + len(name)), 1200)], ttl=1200)
        yield from client.ask(at + 0.001, name + b"." + OFFICE, "AAAA", [], ttl=600)
    elif choice == 3:
        last = pick.randrange(1, 60)
        yield from client.ask(at, b"%d.77.168.192.in-addr.arpa" % last, "PTR",
                              [(None, "PTR", wire_name(b"ws%03d." % last + OFFICE), 1200)], ttl=1200)
    elif choice == 4:
        # A name as people type it, with the search suffix behind it.
        name = pick.choice(POPULAR).encode() + b"." + OFFICE
        yield from client.ask(at, name, "A", [], NXDOMAIN, 900)
    else:
        yield from client.ask(at, b"autodiscover.lindqvist-lab.com", "A")


def busy(hour):
    """How busy an office is, from 0 to 1: comes at 8, lunch at 12, leaves after 16."""
    return {0: 0.6, 1: 1.0, 2: 1.0, 3: 0.9, 4: 0.35, 5: 0.8, 6: 1.0, 7: 0.8, 8: 0.4}.get(int(hour), 0.08)


def day(pick, addresses, hours=8.0, pages=26.0, quiet=16.0, start=0.0, level=None):
    """`pages` an hour and client when busy, `quiet` events an hour of what runs by itself."""
    sites = tail_sites(pick, 300)
    for address in addresses:
        client = Client(address, pick)
        eager = pick.uniform(0.5, 1.5)
        at = start + pick.uniform(0, 200)
        while at < start + hours * HOUR:
            now = busy((at - start) / HOUR) if level is None else level
            rate = (pages * now * eager + quiet) / HOUR
            at += pick.expovariate(rate)
            if pick.random() < pages * now * eager / HOUR / rate:
                yield from page(client, at, sites)
            else:
                yield from steady(client, at)


def light(pick, addresses, seconds, events_an_hour=14.0):
    """A few hosts at little more than rest, beside a channel in a written capture."""
    yield from day(pick, addresses, seconds / HOUR, pages=events_an_hour / 2, quiet=events_an_hour,
                   level=0.4)
