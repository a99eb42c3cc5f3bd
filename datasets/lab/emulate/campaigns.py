"""Every emulated capture: the tool, its parameters, who speaks, and what is carried.

A live campaign is sent through a resolver of the lab and recorded there; the others are written, with
a clock of their own, beside light ordinary traffic. The payload is random octets unless said; it comes
from the campaign's name, so that a decoder can be held to it.
"""

import dataclasses
import random

import lookalike
import office
from cobaltstrike import CobaltStrike
from dnscat2 import Dnscat2
from dnsexfiltrator import DnsExfiltrator
from dnsshell import DnsShell, script
from dnstt import Dnstt
from download import Addresses, Chain
from exfil import Exfil, Markov, Octets, Words
from modulation import Codebook, LetterCase, QueryType, Timing
from ozymandns import OzymanDns
from saitama import Saitama
from sliver import Sliver
from sunburst import Sunburst
from tuns import Tuns

START = 1772438400.0  # Monday, 2 March 2026, 08:00 UTC
CLIENT = "192.168.77.11"
OTHERS = ["192.168.77.12", "192.168.77.13"]
SERVER = "198.51.100.40"


@dataclasses.dataclass
class Campaign:
    name: str
    tool: object
    mode: str
    domains: list
    up: int = 0
    down: int = 0
    live: str = ""  # the resolver it goes through; empty: written
    label: str = "tunnel"
    clients: list = dataclasses.field(default_factory=lambda: [CLIENT])
    text: bytes = b""  # a payload up that is not random
    script: bool = False  # a payload down that is a script

    def payload(self):
        pick = random.Random(self.name)
        up = self.text or pick.randbytes(self.up)
        return up, script(self.down) if self.script else pick.randbytes(self.down)

    def exchanges(self):
        """The channel alone, from time 0."""
        return list(self.tool.speak(*self.payload(), random.Random(self.name + " speaks"), self.clients))

    def written(self):
        """The channel and what others do meanwhile, at the times of the capture."""
        channel = self.exchanges()
        length = channel[-1].time
        lead = min(600.0, 5 + length / 20)
        others = list(office.light(random.Random(self.name + " beside"), OTHERS, length + 2 * lead,
                                   min(400.0, 110 * 3600 / max(length, 1))))
        for exchange in channel:
            exchange.time += START + lead
        for exchange in others:
            exchange.time += START
        return channel + others

    def recovered(self, messages):
        """What a decoder reads out of a capture, cut to the sizes that were sent."""
        sent = self.payload()
        return tuple(read[:len(whole)] for read, whole in zip(self.tool.hear(messages), sent))


def several(stem, count, endings=(b"com", b"net", b"org", b"info")):
    return [b"%s%d-lab.%s" % (stem, n + 1, endings[n % len(endings)]) for n in range(count)]


def made(name, tool, mode, domain, **rest):
    domains = domain if isinstance(domain, list) else [domain]
    return Campaign(name, tool(domain), mode, domains, **rest)


def tools():
    yield made("dnscat2-bind", Dnscat2, "domain, TXT CNAME MX", b"mewler-lab.com",
               up=2048, down=1024, live="bind")
    yield made("dnscat2-unbound", lambda d: Dnscat2(d, chunk=60, idle=8), "domain, small, 8 s of polls",
               b"purrbox-lab.net", up=1024, down=512, live="unbound")
    yield made("dnscat2-direct", lambda d: Dnscat2(d, direct=SERVER), "direct, `dnscat.`", b"dnscat",
               up=2048, down=1024)
    yield made("dnscat2-idle", lambda d: Dnscat2(d, idle=1200), "polls for 20 minutes, then 1.5 KB",
               b"sleepycat-lab.org", up=1024, down=512)
    yield made("dnstt-bind", Dnstt, "TXT, EDNS 1232", b"t.fernway-lab.com", up=3072, down=3072,
               live="bind")
    yield made("dnstt-dnsmasq", Dnstt, "TXT, EDNS 1232", b"t.brookway-lab.net", up=3072, down=3072,
               live="dnsmasq")
    yield made("ozymandns-bind", OzymanDns, "A up, TXT down", b"kingofkings-lab.org", up=2048, down=2048,
               live="bind")
    yield made("tuns-unbound", Tuns, "CNAME", b"cask-lab.net", up=2048, down=1024, live="unbound")
    yield made("cobaltstrike", CobaltStrike, "A check-ins each 60 s, TXT tasks", b"stagecraft-lab.com",
               up=3072, down=1536, label="c2")
    yield made("cobaltstrike-aaaa", lambda d: CobaltStrike(d, sleep=90, jitter=0.3, hours=6, jobs=2,
                                                           mode="dns6"),
               "A check-ins each 90 s less up to 30 %, AAAA tasks", b"backstage-lab.net", up=1024,
               down=1024, label="c2")
    yield made("cobaltstrike-a", lambda d: CobaltStrike(d, sleep=120, jitter=0.2, hours=8, jobs=2,
                                                        mode="dns"),
               "A check-ins each 120 s less up to 20 %, A tasks", b"understudy-lab.org", up=1500,
               down=600, label="c2")
    yield made("sliver-base58", Sliver, "base58, 40 polls", b"argentum-lab.com", up=2048, down=2048,
               live="bind", label="c2")
    yield made("sliver-base32", lambda d: Sliver(d, case=False, polls=60, pause=60.0),
               "base32, a poll a minute", b"electrum-lab.org", up=2048, down=2048, label="c2")
    yield made("dnsexfiltrator-base64", DnsExfiltrator, "base64url, 255 octets", b"courier64-lab.com",
               up=6144, live="dnsmasq", label="exfil")
    yield made("dnsexfiltrator-base32", lambda d: DnsExfiltrator(d, base32=True, size=120, label=40),
               "base32, 120 octets, labels of 40", b"courier32-lab.net", up=3072, live="bind",
               label="exfil")
    yield made("dnsexfiltrator-slow", lambda d: DnsExfiltrator(d, size=80, label=30, throttle=30.0),
               "base64url, 80 octets, one each 30 s", b"courier80-lab.org", up=4096,
               label="exfil")
    yield made("dnsshell", DnsShell, "TXT poll each 5 s, PowerShell down, hex up", b"conch-lab.net",
               up=1200, down=6000, script=True, label="c2")
    yield made("saitama", Saitama, "A, 3 domains, base36, 59 s", several(b"rice", 3), up=1024, down=96,
               label="c2")
    yield made("sunburst", Sunburst, "one label, hours apart, 5 days", b"avswatch-lab.com", label="c2",
               text=b"intranetnorthwindtraderseuropelocal")
    yield made("hex-bind", lambda d: Exfil([d], Octets(28, "hex"), 0.1, numbered=True, nxdomain=True),
               "<hex>.<n>, NXDOMAIN", b"sixteens-lab.com", up=2048, live="bind", label="exfil")


def slow():
    def each(name, encoder, gap, mode, domains, up, **rest):
        keep = {key: rest.pop(key) for key in ("jitter", "kind", "order", "below") if key in rest}
        domains = domains if isinstance(domains, list) else [domains]
        return Campaign(name, Exfil(domains, encoder, gap, **keep), mode, domains, up=up,
                        label="exfil", **rest)

    b32 = lambda size: Octets(size, "base32")  # noqa: E731
    yield each("slow-minute", b32(16), 60.0, "16 octets a minute", b"drizzle-lab.com", 5600)
    yield each("slow-five-minutes", b32(20), 300.0, "20 octets each 5 minutes", b"dewdrop-lab.net", 2880)
    yield each("slow-4kb-day", b32(24), 518.4, "24 octets each 8.6 minutes: 4 kB a day",
               b"trickle-lab.org", 4000)
    yield each("slow-1kb-day", b32(16), 1382.4, "16 octets each 23 minutes: 1 kB a day",
               b"seepage-lab.com", 3008)
    yield each("slow-half-hour", b32(16), 1800.0, "16 octets each 30 minutes", b"stalactite-lab.net", 2304)
    yield each("jitter-30", b32(16), 60.0, "16 octets a minute, 30 % jitter", b"wobble-lab.com", 5600,
               jitter="share")
    yield each("jitter-exponential", b32(16), 60.0, "16 octets a minute on average, exponential",
               b"fidget-lab.org", 5600, jitter="exponential")
    yield each("rotate-3", b32(16), 60.0, "3 domains in turn", several(b"carousel", 3), 5600,
               jitter="share")
    yield each("rotate-10", b32(16), 60.0, "10 domains at random", several(b"roundel", 10), 8000,
               jitter="share", order="random")
    yield each("split-5", b32(16), 30.0, "one channel over 5 clients", b"fivefold-lab.com", 8000,
               jitter="share", clients=[f"192.168.77.{n}" for n in (11, 14, 15, 16, 17)])
    yield each("words", Words(3), 15.0, "3 of 2,048 words", b"glossary-lab.com", 3072, jitter="share")
    yield each("words-labels", Words(2, b"."), 10.0, "2 of 2,048 words, a label each",
               b"thesaurus-lab.net", 2048, jitter="share")
    yield each("markov", Markov(14), 12.0, "14 letters that follow each other", b"rambling-lab.org", 3072,
               jitter="share")
    yield each("short", b32(5), 8.0, "8 octets of name", b"curt-lab.com", 4096, jitter="share")
    yield each("short-hex", Octets(4, "hex"), 6.0, "8 hexadecimal digits", b"terse-lab.net", 3072,
               jitter="exponential", kind="TXT")
    yield each("base64url", Octets(30, "base64url"), 20.0, "30 octets each 20 s below `cdn.`",
               b"stowaway-lab.com", 5400, jitter="share", below=b".cdn")


def unusual():
    yield made("codebook", Codebook, "256 known names, an octet each", b"primer-lab.com", up=1536,
               label="exfil")
    yield made("query-type", QueryType, "3 bits in the type", b"assorted-lab.net", up=512,
               label="exfil")
    yield made("timing", Timing, "a bit in the pause", b"metronome-lab.org", up=256, label="exfil")
    yield made("letter-case", LetterCase, "22 bits in the case", b"ransomnote-lab.com", up=2048,
               label="exfil")
    yield made("download-aaaa", Addresses, "8 AAAA an answer", b"wellspring-lab.com", down=8192,
               label="download")
    yield made("download-a", lambda d: Addresses(d, "A", records=12, gap=0.7), "12 A an answer",
               b"cistern-lab.net", down=6144, label="download")
    yield made("download-chain", Chain, "3 aliases an answer, base32", b"daisychain-lab.org", down=8192,
               label="download")


CAMPAIGNS = {c.name: c for group in (tools, slow, unusual) for c in group()}


def live_domains():
    return sorted({domain.decode() for c in CAMPAIGNS.values() if c.live for domain in c.domains})


def benign(name):
    """The exchanges of a benign capture, at the times of the capture."""
    if name == "office-day":
        made_up = office.day(random.Random(name), [f"192.168.77.{n}" for n in range(101, 113)], pages=22.0)
    else:
        made_up = lookalike.CLASSES[name](random.Random(name))
    out = []
    for exchange in made_up:
        exchange.time += START
        out.append(exchange)
    return out


BENIGN = ["office-day", *lookalike.CLASSES]
