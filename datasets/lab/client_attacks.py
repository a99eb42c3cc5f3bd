"""What the captures of attacks on clients, and by them, hold; see attacks.py."""

SITE = {"internal": ["192.168.77.0/24"], "resolvers": ["192.168.77.53"],
        "authoritative": ["192.168.77.60"], "secondaries": ["192.168.77.61/32"],
        "zones": ["campus-lab.internal"]}
CLIENT, RESOLVER = "192.168.77.11", "192.168.77.12"

# The programs in each, where BIND is not the only one.
SERVERS = {"poison-guess": ["unbound", "bind"], "poison-ports": ["bind"],
           "poison-fragments": ["unbound", "bind"], "quiet-wide": ["unbound", "bind"],
           "quiet-twice": ["unbound", "bind"],
           "quiet-spread": ["unbound", "bind"], "rogue-outside": ["dnsmasq", "bind"],
           "rogue-inside": ["dnsmasq", "bind"], "rogue-many": ["dnsmasq", "bind"],
           "leak": ["dnsmasq", "bind"]}

# name: what happens, [(rule, subject, seconds)], the site (none: nothing is configured), also
ATTACKS = {
    "poison-guess": ("a resolver (Unbound) with one port; guessed ids for one sibling after the other, "
                     "with delegations", [("cache-poisoning", RESOLVER, 10)], None, []),
    "poison-ports": ("answers to 2,000 ports of a resolver in the name of one server",
                     [("cache-poisoning", RESOLVER, 10)], None, []),
    "poison-fragments": ("ends of fragmented answers lie in wait at a resolver (Unbound) for their heads",
                         [("cache-poisoning", RESOLVER, 10)], None, []),
    "poison-race": ("a host on the wire answers before the resolver does",
                    [("cache-poisoning", CLIENT, 10)], None, []),
    "rebinding": ("a name turns from outside to inside after four seconds",
                  [("dns-rebinding", "flip-lab.net", 10)], None, []),
    "rogue-outside": ("a client asks a resolver outside; those to ask are named",
                      [("rogue-resolver", CLIENT, 10)], SITE, []),
    "rogue-inside": ("a neighbour answers on port 53, a client asks it; those to ask are named",
                     [("rogue-resolver", CLIENT, 10)], SITE,
                     [("rogue-resolver", "192.168.77.14", "the neighbour asks outside, too")]),
    "rogue-many": ("a client asks eight resolvers outside in turn",
                   [("rogue-resolver", CLIENT, 10)], None, []),
    "encrypted": ("a client looks up resolvers for encrypted DNS and connects to port 853 of one",
                  [("encrypted-dns", CLIENT, 10)], None, []),
    "leak": ("internal names, wpad, domain controllers: asked outside",
             [("name-leak", CLIENT, 10)], None, []),
    "generated": ("a client looks for 60 generated domains, one of which exists, and browses",
                  [("dga", CLIENT, 10)], None, []),
    "beacon": ("orders by TXT once a minute (recorded sixty times as fast, times spread)",
               [("c2-beacon", CLIENT, 2100)], None, []),
    "vpn": ("WireGuard's messages through port 53", [("non-dns", CLIENT, 10)], None, []),
    "malformed": ("messages that break six rules, forty a second",
                  [("malformed-dns", "192.168.77.13", 10)], None, []),
    "quiet-wide": ("answers that come in fragments", [], None, []),
    "quiet-twice": ("every answer comes twice", [], None, []),
    "quiet-spread": ("other addresses each time; AAAA made from A (Unbound's DNS64)", [], None, []),
    "quiet-split": ("a public name that always stood for a host inside", [], None, []),
    "quiet-member": ("a member of a Windows domain, at the resolver it is meant to ask", [], SITE, []),
    "quiet-mdns": ("names under .local, answered inside", [], None, []),
    "quiet-chromium": ("three drawn labels at every start, with and without search suffix", [],
                       None, []),
    "quiet-typing": ("typing errors while browsing", [], None, []),
    "quiet-pulse": ("telemetry: one name each minute, one answer (recorded sixty times as fast, times "
                    "spread)", [], None, []),
}
