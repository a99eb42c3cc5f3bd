# More attacks on servers, and more of their ordinary business; sourced by attacks.sh. A function each,
# named in SERVER_NAMES. Victims are NSD, Knot, Unbound and dnsmasq where attacks.sh has BIND.

BACKUP=192.168.77.54 # A second resolver, beside the first.
OUTER=$SECONDARY     # A resolver whose own questions the mirror port sees.

floods() { in_ns "$1" python3 "$LAB/floods.py" "${@:2}"; }

# The zones of the site: forward, signed; reverse, with every other address named.
site_zones() {
    local zone=campus-lab.org n
    mkdir -p "$WORK/site"
    {
        echo "\$TTL 300"
        echo "@ IN SOA ns.$zone. hostmaster.$zone. ${SERIAL:-1} 60 30 1209600 60"
        printf '@ IN NS ns.%s.\nns IN A %s\n' "$zone" "$SERVER"
        for n in $(seq 1 "${HOSTS_OF_SITE:-60}"); do echo "host-$n IN A 192.168.78.$n"; done
        echo "big IN TXT $(for n in $(seq 1 12); do printf '"%0200d" ' "$n"; done)"
        echo "$(seq 1 "${SERIAL:-1}" | sed 's/.*/change-& IN A 192.168.79.&/')"
    } >"$WORK/site/$zone.zone"
    if ! compgen -G "$WORK/site/K*" >/dev/null; then
        (cd "$WORK/site" && dnssec-keygen -q -a ECDSAP256SHA256 "$zone" >/dev/null &&
            dnssec-keygen -q -a ECDSAP256SHA256 -f KSK "$zone" >/dev/null)
    fi
    (cd "$WORK/site" && dnssec-signzone -q -S -o "$zone" -f "$zone.signed" "$zone.zone" >/dev/null)
    {
        echo "\$TTL 300"
        echo "@ IN SOA ns.$zone. hostmaster.$zone. 1 60 30 1209600 60"
        echo "@ IN NS ns.$zone."
        for n in $(seq 1 2 255); do echo "$n IN PTR host-$n.$zone."; done
    } >"$WORK/site/78.168.192.in-addr.arpa.zone"
}

start_knot() { # start_knot [more lines of its zone]: the site's server
    site_zones
    mkdir -p "$WORK/knot"
    cat >"$WORK/knot.conf" <<CONF
server:
    listen: $SERVER@53
    rundir: $WORK/knot
    identity: knot-lab
    version: on
log:
  - target: stderr
    any: warning
database:
    storage: $WORK/knot
acl:
  - id: anybody
    address: 0.0.0.0/0
    action: transfer
template:
  - id: default
    storage: $WORK/site
    journal-content: none
zone:
  - domain: campus-lab.org
    file: campus-lab.org.signed
    acl: anybody
  - domain: 78.168.192.in-addr.arpa
    file: 78.168.192.in-addr.arpa.zone
CONF
    start knot srv knotd -c "$WORK/knot.conf"
    until_true 20 answers c4 "$SERVER" host-1.campus-lab.org A
}

start_own_nsd() { # NSD as the site's server
    site_zones
    cat >"$WORK/own-nsd.conf" <<CONF
server:
  ip-address: $SERVER
  username: ""
  zonesdir: "$WORK/site"
  zonelistfile: "$WORK/own.list"
  database: ""
  xfrdfile: "$WORK/own.xfrd"
  xfrdir: "$WORK"
  pidfile: "$WORK/own.pid"
  rrl-ratelimit: 0
  hide-version: no
remote-control:
  control-enable: no
zone:
  name: campus-lab.org
  zonefile: "campus-lab.org.signed"
zone:
  name: 78.168.192.in-addr.arpa
  zonefile: "78.168.192.in-addr.arpa.zone"
CONF
    start nsd srv nsd -d -c "$WORK/own-nsd.conf"
    until_true 20 answers c4 "$SERVER" host-1.campus-lab.org A
}

start_unbound() { # start_unbound NS ADDRESS [more lines]: a resolver
    unbound_conf "$2" 0.0.0.0/0 'local-zone: "168.192.in-addr.arpa." nodefault' \
        "${3:-module-config: \"iterator\"}" >"$WORK/unbound-$1.conf"
    start "unbound_$1" "$1" unbound -d -p -c "$WORK/unbound-$1.conf"
    until_true 20 answers "$1" "$2" www.acme-widgets.com A
}

resolver_is() { # resolver_is bind|unbound: in the place of the other
    stop resolver
    start_resolver "$1"
}

# --- attacks ------------------------------------------------------------------------------------

reflector_nsd() {
    local n
    start_own_nsd
    begin
    packets net reflect --to "$SERVER" --source 203.0.113.77 --name campus-lab.org --mix --count 200 --rate 40 &
    n=$!
    floods c1 ask --to "$RESOLVER" --count 60 --rate 12
    wait "$n"
    stop nsd
}
reflector_resolver() { # A host of the site attacks its neighbour over the resolver.
    begin
    packets c1 reflect --to "$RESOLVER" --source 192.168.77.14 --name signed-lab.org --mix --count 300 --rate 30
}
reflected_fragments() { begin; floods net fragments --to 192.168.77.12 --name big.txt-lab.net --count 500 --rate 80 --hosts 70; }
recursing_dnsmasq() {
    local n
    start forwarder srv dnsmasq --keep-in-foreground --no-resolv --no-hosts --no-daemon \
        --listen-address="$SERVER" --bind-interfaces --user=root --server="$RESOLVER"
    until_true 20 answers srv "$SERVER" www.acme-widgets.com A
    begin
    # Who looks for such servers asks once; who uses them comes back.
    in_ns net dig +tries=1 +time=2 -b 198.51.100.101 "@$SERVER" www.openledger.org A >/dev/null
    for n in $(seq 1 12); do
        in_ns net dig +tries=1 +time=2 -b 198.51.100.102 "@$SERVER" "r$n.txt-lab.net" TXT >/dev/null
    done
    stop forwarder
}
torture_unbound() { # Four hosts, none of them loud.
    local n
    local -a others
    resolver_is unbound
    for n in "${CLIENTS[@]}"; do
        python3 - "$n" >"$WORK/names-$n" <<'PYTHON'
import random
import sys
rng = random.Random(int(sys.argv[1]))
for _ in range(210):
    print("".join(rng.choices("abcdefghijklmnopqrstuvwxyz", k=rng.randint(13, 18))) + ".bluefin-travel.net A")
PYTHON
    done
    begin
    for n in "${CLIENTS[@]}"; do
        in_ns "c$n" dnsperf -s "$RESOLVER" -d "$WORK/names-$n" -Q 14 -n 1 >/dev/null & others+=($!)
    done
    wait "${others[@]}"
    resolver_is bind
}
torture_silent() { # The servers of the zone do not answer any more, and the resolver gives up.
    start silent net python3 "$LAB/floods.py" shut --to 198.51.100.40
    until_true 20 in_ns net sh -c 'ss -Hlnu "src 198.51.100.40" | grep -q .'
    begin
    packets c1 torture --to "$RESOLVER" --net 192.168.77 --name argentum-lab.com --count 1500 --rate 80
    stop silent
}
torture_authority() { # From outside, at the site's own zone.
    start_knot
    begin
    floods net outside --to "$SERVER" --name campus-lab.org --count 1800 --rate 150 --hosts 80
    stop knot
}
half_open() { # Slow, and from where nobody is.
    start_knot
    begin
    packets net syn --to "$SERVER" --count 500 --rate 30
    stop knot
}
transfer_knot() { # All of it, in many messages.
    HOSTS_OF_SITE=250 start_knot
    begin
    in_ns c2 dig +tcp "@$SERVER" campus-lab.org AXFR >/dev/null
    stop knot
}
transfer_nmap() {
    start_server
    begin
    in_ns c3 nmap -Pn -n -p 53 --script dns-zone-transfer --script-args dns-zone-transfer.domain=campus-lab.org \
        "$SERVER" >/dev/null
    stop server
}
version_nmap() {
    start_knot
    start_unbound sec "$OUTER"
    begin
    in_ns c2 nmap -Pn -n -sU -sV -p 53 --script dns-nsid "$RESOLVER" "$SERVER" "$OUTER" >/dev/null
    stop unbound_sec
    stop knot
}
version_outside() { # One name, every address of a range: most are nobody's.
    local n
    start_knot
    # The router sends to addresses that nobody has, too.
    for n in $(seq 62 85); do
        in_ns res ip neigh replace "192.168.77.$n" lladdr "02:00:00:00:00:$n" dev eth0
    done
    begin
    for n in $(seq 60 85); do
        in_ns net dig +tries=1 +time=1 "@192.168.77.$n" version.bind CH TXT >/dev/null 2>&1 &
        read -rt 0.2 <> <(:) || true
    done
    read -rt 1.5 <> <(:) || true
    in_ns res ip neigh flush nud permanent dev eth0
    stop knot
}
brute_nmap() {
    begin
    in_ns c3 nmap -sn -Pn -n --dns-servers "$RESOLVER" --script dns-brute \
        --script-args "dns-brute.domain=greenfield-bank.com,dns-brute.threads=4" "$RESOLVER" >/dev/null
}
sweep_outside() { # The own server is asked for every address, in no order.
    start_knot
    shuf -i 1-254 --random-source=<(yes) | sed 's/.*/&.78.168.192.in-addr.arpa PTR/' >"$WORK/names"
    begin
    in_ns net dnsperf -s "$SERVER" -d "$WORK/names" -Q 20 -n 1 >/dev/null
    stop knot
}

# --- business -----------------------------------------------------------------------------------

quiet_flush() {
    local business
    resolver_is unbound
    begin
    RATE=20 QUERIES=240 beside ordinary c1 mixed 12 240 20 & business=$!
    sleep 4
    kill -HUP "$PID_resolver" # Unbound reads its configuration, and forgets everything.
    sleep 4
    kill -HUP "$PID_resolver"
    wait "$business"
    resolver_is bind
}
quiet_second() { # The first resolver goes; hosts ask the second until it is back.
    local n
    local -a others
    in_ns res ip address add "$BACKUP/24" dev eth0
    start_unbound res "$BACKUP"
    begin
    for n in 1 2 3; do
        floods "c$n" ask --to "$RESOLVER,$BACKUP" --count 240 --rate 10 --seed "$n" & others+=($!)
    done
    sleep 6
    stop resolver
    sleep 10
    start_resolver bind
    wait "${others[@]}"
    stop unbound_res
    in_ns res ip address delete "$BACKUP/24" dev eth0
}
quiet_validating() {
    cat "$WORK"/zones/Ksigned-lab.org.*.key >"$WORK/anchor"
    start_unbound sec "$OUTER" "module-config: \"validator iterator\"
  trust-anchor-file: \"$WORK/anchor\"
  qname-minimisation: yes
  harden-below-nxdomain: yes"
    until_true 10 validates
    begin
    in_ns c1 python3 "$LAB/ordinary.py" dnssec --server "$OUTER" --seed 5 --queries 200 --rate 25 &
    local one=$!
    in_ns c2 python3 "$LAB/ordinary.py" mixed --server "$OUTER" --seed 6 --queries 300 --rate 25
    wait "$one"
    stop unbound_sec
}
validates() { in_ns c4 dig +dnssec "@$OUTER" www.signed-lab.org A | grep -q 'flags:.* ad'; }
quiet_increments() { # A listed secondary (Knot) takes the zone, is told of changes, takes those (IXFR).
    local serial
    SERIAL=1 site_zones
    cat >"$WORK/primary.conf" <<CONF
options { directory "$WORK/site"; listen-on { $SERVER; }; listen-on-v6 { none; }; recursion no;
  pid-file none; session-keyfile "$WORK/site/session.key"; dnssec-validation no; notify explicit;
  also-notify { $SECONDARY; }; ixfr-from-differences yes; allow-transfer { $SECONDARY; }; };
controls { };
zone "campus-lab.org" { type primary; file "$WORK/site/campus-lab.org.signed"; };
CONF
    mkdir -p "$WORK/second"
    cat >"$WORK/second.conf" <<CONF
server:
    listen: $SECONDARY@53
    rundir: $WORK/second
database:
    storage: $WORK/second
remote:
  - id: primary
    address: $SERVER
acl:
  - id: primary
    address: $SERVER
    action: notify
zone:
  - domain: campus-lab.org
    storage: $WORK/second
    master: primary
    acl: primary
CONF
    start primary srv named -f -c "$WORK/primary.conf"
    until_true 20 answers c4 "$SERVER" host-1.campus-lab.org A
    begin
    start second sec knotd -c "$WORK/second.conf"
    until_true 30 answers c4 "$SECONDARY" host-1.campus-lab.org A
    for serial in 2 3 4; do
        SERIAL=$serial site_zones
        kill -HUP "$PID_primary"
        until_true 60 has_serial "$serial"
    done
    stop second
    stop primary
}
quiet_storm() { # The resolver is away for ten seconds, everybody asks again and again, and at once when it is back.
    local n
    local -a others
    begin
    for n in "${CLIENTS[@]}"; do
        floods "c$n" ask --to "$RESOLVER" --count 400 --rate 16 --seed "$n" --tries 12 & others+=($!)
    done
    sleep 6
    stop resolver
    sleep 10
    start_resolver bind
    wait "${others[@]}"
}
quiet_blackout() { # For a minute every name fails at once: the servers know their zones no more.
    local n
    local -a others
    resolver_is bind # An empty cache.
    cat >"$WORK/nothing.conf" <<CONF
options { directory "$WORK"; listen-on { 198.51.100.10; }; listen-on-v6 { none; }; recursion no;
  pid-file none; session-keyfile "$WORK/nothing.key"; empty-zones-enable no; dnssec-validation no; };
controls { };
CONF
    begin
    for n in "${CLIENTS[@]}"; do
        floods "c$n" ask --to "$RESOLVER" --count 640 --rate 8 --seed "$n" --tries 2 & others+=($!)
    done
    sleep 10
    stop authority
    start authority net named -f -c "$WORK/nothing.conf"
    sleep 60
    stop authority
    start authority net named -f -c "$WORK/authority.conf"
    wait "${others[@]}"
}
quiet_truncated() { # Answers that do not fit, taken over TCP.
    local n business
    start_own_nsd
    begin
    ordinary c3 text 33 200 20 & business=$!
    for n in $(seq 1 40); do
        in_ns c1 dig +bufsize=512 "@$SERVER" big.campus-lab.org TXT >/dev/null
        in_ns c2 dig +dnssec +bufsize=512 "@$SERVER" campus-lab.org DNSKEY >/dev/null
    done
    wait "$business"
    stop nsd
}
quiet_spam() { # A mail server on a busy day.
    begin
    floods c1 mail --to "$RESOLVER" --count 700 --rate 70
}
quiet_polling() { # A host that keeps no answer asks for one key once a second.
    local n
    begin
    for n in $(seq 1 60); do
        in_ns c1 dig +tries=1 +time=1 "@$RESOLVER" s1024._domainkey.acme-widgets.com TXT >/dev/null
        sleep 1
    done
}
load_spoofed() { # What is usual is learned for more than six minutes.
    local n
    start_knot
    for n in $(seq 1 60); do echo "host-$n.campus-lab.org A"; done >"$WORK/names"
    in_ns net dnsperf -s "$SERVER" -d "$WORK/names" -Q 4 -l 440 >/dev/null
    begin
    floods net known --to "$SERVER" --count 5000 --rate 2000 --hosts 120
    stop knot
}
quiet_connections() { # Resolvers that keep their connections, and some that come for one question.
    local business n
    start_knot
    for n in $(seq 1 60); do echo "host-$n.campus-lab.org A"; done >"$WORK/names"
    begin
    floods c1 keep --to "$SERVER" --hosts 40 --count 400 --rate 25 & business=$!
    in_ns c2 dnsperf -m tcp -c 20 -s "$SERVER" -d "$WORK/names" -Q 40 -l 12 >/dev/null
    wait "$business"
    stop knot
}
SERVER_NAMES="reflector-nsd reflector-resolver reflected-fragments recursing-dnsmasq
    torture-unbound torture-silent torture-authority half-open transfer-knot transfer-nmap
    version-nmap version-outside brute-nmap sweep-outside load-spoofed
    quiet-flush quiet-second quiet-validating quiet-increments quiet-storm quiet-blackout
    quiet-truncated quiet-spam quiet-connections quiet-polling"
