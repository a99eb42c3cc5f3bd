"""What must be said of the captures of attacks-servers.sh; read by attacks.py."""

INSIDE = {"internal": ["192.168.77.0/24", "192.168.78.0/24"]}
SITE = {**INSIDE, "resolvers": ["192.168.77.53"],
        "authoritative": ["192.168.77.60", "192.168.77.61"], "secondaries": ["192.168.77.61/32"]}
RESOLVERS = {**INSIDE, "resolvers": ["192.168.77.53", "192.168.77.54", "192.168.77.61"]}

# The command that tells each server's version.
VERSIONS = {"bind": ["named", "-v"], "nsd": ["nsd", "-v"], "knot": ["knotd", "--version"],
            "unbound": ["unbound", "-V"], "dnsmasq": ["dnsmasq", "--version"],
            "nmap": ["nmap", "--version"]}

# The programs in each, where BIND is not the only one.
SERVERS = {
    "reflector-nsd": ["nsd", "bind"], "recursing-dnsmasq": ["dnsmasq", "bind"],
    "torture-unbound": ["unbound", "bind"], "torture-authority": ["knot"], "half-open": ["knot"],
    "transfer-knot": ["knot"], "transfer-nmap": ["bind", "nmap"],
    "version-nmap": ["bind", "knot", "unbound", "nmap"], "version-outside": ["knot", "bind"],
    "brute-nmap": ["bind", "nmap"], "sweep-outside": ["knot"], "load-spoofed": ["knot"],
    "quiet-flush": ["unbound", "bind"],
    "quiet-second": ["bind", "unbound"], "quiet-validating": ["unbound", "bind"],
    "quiet-increments": ["bind", "knot"], "quiet-truncated": ["nsd", "bind"],
    "quiet-connections": ["knot"],
}

DRAWN = "names that nobody asked before could carry what they cost: the leak contract counts them"
REPEATED = "which known name is asked again, all day, could tell as much: the contract's signal bucket"

# name: what happens, [(rule, subject, seconds)], the site (none: nothing is configured), also
ATTACKS = {
    "reflector-nsd": ("NSD is made to send a victim keys and text, beside ordinary questions",
                      [("amplification", "203.0.113.77", 10)], SITE, []),
    "reflector-resolver": ("a host asks our resolver for ANY, TXT and keys of a signed domain in its "
                           "neighbour's name",
                           [("amplification", "192.168.77.14", 10)], None, []),
    "reflected-fragments": ("answers in fragments that nobody asked for, from 70 servers",
                            [("amplification", "192.168.77.12", 10)], None, []),
    "recursing-dnsmasq": ("dnsmasq forwards for hosts outside: one that looks, one that uses it",
                          [("open-resolver", "192.168.77.60", 10)], None, []),
    "torture-unbound": ("four hosts ask 14 random names a second each of one domain",
                        [("nxdomain-flood", "bluefin-travel.net", 10)], None,
                        [("dns-exfiltration", "bluefin-travel.net", DRAWN)]),
    "torture-silent": ("random names of a domain whose servers do not answer any more",
                       [("nxdomain-flood", "argentum-lab.com", 10)], None,
                       [("dns-exfiltration", "argentum-lab.com", DRAWN)]),
    "torture-authority": ("80 resolvers outside pass on random names of the site's own domain",
                          [("nxdomain-flood", "campus-lab.org", 10)], SITE,
                          [("dns-exfiltration", "campus-lab.org", DRAWN)]),
    "half-open": ("30 connections a second are asked for by nobody",
                  [("tcp-exhaustion", "192.168.77.60", 10)], None, []),
    "transfer-knot": ("a whole signed zone is asked for and given, in many messages",
                      [("zone-transfer", "192.168.77.12", 10)], SITE, []),
    "transfer-nmap": ("nmap's dns-zone-transfer", [("zone-transfer", "192.168.77.13", 10)], SITE, []),
    "version-nmap": ("nmap's dns-nsid and version detection against three servers",
                     [("version-probe", "192.168.77.12", 10)], None, []),
    "version-outside": ("a host outside asks 26 addresses for version.bind; few are servers",
                        [("version-probe", "198.51.100.10", 10)], SITE, []),
    "brute-nmap": ("nmap's dns-brute with its own list",
                   [("reverse-sweep", "192.168.77.13", 10)], None, []),
    "sweep-outside": ("a host outside asks the site's server for the names of all its addresses",
                      [("reverse-sweep", "198.51.100.10", 10)], SITE, []),
    "load-spoofed": ("a server that was asked four names a second is asked 2,000, in the name of 120 "
                     "hosts", [("query-flood", "192.168.77.60", 10)], None,
                     [("dns-tunnel", "campus-lab.org", REPEATED)]),
    "quiet-polling": ("a host that keeps no answer asks for one key once a second", [], None, []),
    "quiet-flush": ("ordinary clients; the resolver forgets everything, twice", [], SITE, []),
    "quiet-second": ("the first resolver is away for ten seconds: hosts ask the second", [],
                     RESOLVERS, []),
    "quiet-validating": ("a resolver on the same wire asks servers outside and validates", [],
                         RESOLVERS, []),
    "quiet-increments": ("a listed secondary is told of changes and takes those (IXFR)", [], SITE, []),
    "quiet-storm": ("the resolver is away for ten seconds: 64 questions a second, each asked again "
                    "every second", [], None, []),
    "quiet-blackout": ("for a minute the servers of all domains refuse: every name fails at once", [],
                       None, []),
    "quiet-truncated": ("text and keys that do not fit, taken over TCP after truncation", [], SITE, []),
    "quiet-spam": ("a mail server asks for seventy senders a second: PTR and three block lists", [],
                   None, []),
    "quiet-connections": ("40 connections that are kept and used, others for one question each", [],
                          SITE, []),
}
