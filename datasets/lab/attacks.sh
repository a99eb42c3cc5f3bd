#!/usr/bin/env bash
# Records attacks on port 53 and their harmless counterparts with real programs in network namespaces;
# see ../README.md.
# Usage: attacks.sh [NAME…]   (default: all)     needs root; takes about half an hour
#
# The hosts of topology.sh, and two servers of the site: gp-srv (192.168.77.60, its own zone) and
# gp-sec (192.168.77.61, a secondary). The bridge floods, so one port of it sees everything.
set -euo pipefail

LAB=$(cd "$(dirname "$0")" && pwd)
ATTACKS=$LAB/../attacks
MANIFEST=$LAB/../attacks.toml
WORK=$(mktemp -d)
SERVER=192.168.77.60 SECONDARY=192.168.77.61
export PATH=$PATH:/usr/sbin PYTHONDONTWRITEBYTECODE=1
. "$LAB/topology.sh"
. "$LAB/servers.sh"
. "$LAB/attacks-clients.sh"
. "$LAB/attacks-servers.sh"

[ "$(id -u)" = 0 ] || { echo "attacks.sh: needs root for network namespaces" >&2; exit 1; }

cleanup() {
    local status=$? host
    [ $status = 0 ] || tail -n 5 "$WORK"/*.log >&2
    stop_all
    for host in srv sec; do ip netns delete "$LAB_PREFIX-$host" 2>/dev/null || true; done
    remove_topology
    rm -rf "$WORK"
}
trap cleanup EXIT

host() { # host NAME ADDRESS: one more on the bridge
    ip netns add "$LAB_PREFIX-$1"
    in_ns "$1" ip link set lo up
    wire lan "to-$1" "$1" eth0
    in_ns lan ip link set "to-$1" master br0
    in_ns "$1" ip address add "$2/24" dev eth0
    in_ns "$1" ip route add default via "$RESOLVER"
}

make_site() {
    local n
    make_topology
    host srv "$SERVER"
    host sec "$SECONDARY"
    # The mirror port.
    in_ns lan ip link add span type veth peer name mirror
    in_ns lan ip link set span master br0 up
    in_ns lan ip link set mirror up
    in_ns lan ip link set br0 type bridge ageing_time 0
    # Packets under other hosts' addresses pass, and answers to them get lost outside.
    for n in res net srv sec "${CLIENTS[@]/#/c}"; do
        in_ns "$n" sysctl -qw net.ipv4.conf.all.rp_filter=0 net.ipv4.conf.default.rp_filter=0
        for link in eth0 eth1; do in_ns "$n" sysctl -qw "net.ipv4.conf.$link.rp_filter=0" 2>/dev/null || true; done
    done
    for n in "${CLIENTS[@]/#/c}"; do
        in_ns "$n" ip route replace default via "$RESOLVER"
    done
    in_ns res ip route add default via 198.51.100.10
    for n in $(seq 101 120); do in_ns net ip address add "198.51.100.$n/24" dev eth0; done
}

# The site's own server: BIND with a zone of many names, plain and signed.
start_server() { # start_server [allowed to transfer]
    local zone=campus-lab.org transfer=${1:-any} n
    mkdir -p "$WORK/server"
    {
        echo "\$TTL 300"
        echo "@ IN SOA ns.$zone. hostmaster.$zone. ${SERIAL:-1} 60 30 1209600 60"
        printf '@ IN NS ns.%s.\nns IN A %s\n' "$zone" "$SERVER"
        for n in $(seq 1 400); do echo "host-$n IN A 192.168.78.$((n % 250 + 1))"; done
        echo "big IN TXT $(for n in $(seq 1 12); do printf '"%0200d" ' "$n"; done)"
    } >"$WORK/server/$zone.zone"
    (cd "$WORK/server" && rm -f K* ./*.signed &&
        dnssec-keygen -q -a ECDSAP256SHA256 "$zone" >/dev/null &&
        dnssec-keygen -q -a ECDSAP256SHA256 -f KSK "$zone" >/dev/null &&
        dnssec-signzone -q -S -o "$zone" -f "$zone.signed" "$zone.zone" >/dev/null)
    cat >"$WORK/server.conf" <<CONF
options { directory "$WORK/server"; listen-on { $SERVER; }; listen-on-v6 { none; }; recursion no;
  pid-file none; session-keyfile "$WORK/server/session.key"; dnssec-validation no; minimal-any no;
  tcp-clients 1000; notify explicit; also-notify { ${NOTIFY:-}}; rate-limit { responses-per-second 0; }; };
controls { };
zone "$zone" { type primary; file "$WORK/server/$zone.signed"; allow-transfer { $transfer; }; };
CONF
    start server srv named -f -c "$WORK/server.conf"
    until_true 20 answers c4 "$SERVER" host-1.campus-lab.org A
}

begin() { BEGAN=$EPOCHREALTIME; }
packets() { in_ns "$1" python3 "$LAB/packets.py" "${@:2}"; }
known_names() { for n in $(seq 1 "$1"); do echo "host-$((n * n % 60 + 1)).campus-lab.org A"; done; }
ordinary() { in_ns "$1" python3 "$LAB/ordinary.py" "$2" --server "$RESOLVER" --seed "$3" --queries "$4" --rate "$5"; }

# Everyone's business while something happens.
beside() {
    local -a others
    ordinary c3 mixed 31 "${QUERIES:-120}" "${RATE:-12}" & others+=($!)
    ordinary c4 mixed 41 "${QUERIES:-120}" "${RATE:-12}" & others+=($!)
    "$@"
    wait "${others[@]}"
}

# --- attacks, seen from the servers -------------------------------------------------------------

reflector() {
    start_server
    begin
    packets net reflect --to "$SERVER" --source 203.0.113.9 --name campus-lab.org --mix --count 240 --rate 30
    stop server
}
reflected() { begin; packets net unasked --to 192.168.77.11 --name big.txt-lab.net --count 600 --rate 80; }
recursing() {
    local n name
    unbound_conf "$SERVER" 0.0.0.0/0 'module-config: "iterator"' >"$WORK/open.conf"
    start open srv unbound -d -p -c "$WORK/open.conf"
    until_true 20 answers srv "$SERVER" www.acme-widgets.com A
    begin
    for n in $(seq 101 120); do
        for name in www.acme-widgets.com www.harbor-news.com mail.pixelpress.net; do
            in_ns net dig +tries=1 +time=2 -b "198.51.100.$n" "@$SERVER" "$name" A >/dev/null || true
        done
    done
    stop open
}
torture_client() {
    python3 - >"$WORK/names" <<'PYTHON'
import random
rng = random.Random(7)
for _ in range(3000):
    print("".join(rng.choices("abcdefghijklmnopqrstuvwxyz0123456789", k=10)) + ".greenfield-bank.com A")
PYTHON
    begin
    in_ns c1 dnsperf -s "$RESOLVER" -d "$WORK/names" -Q 250 -l 12 >/dev/null
}
torture_spoofed() { begin; packets c1 torture --to "$RESOLVER" --net 192.168.77 --name harbor-news.com --count 2500 --rate 220; }
load_flood() {
    start_server
    known_names 600 >"$WORK/names"
    # What is usual is learned for six minutes.
    in_ns c1 dnsperf -s "$SERVER" -d "$WORK/names" -Q 4 -l 380 >/dev/null
    begin
    in_ns c1 dnsperf -s "$SERVER" -d "$WORK/names" -Q 2000 -l 4 >/dev/null
    stop server
}
syn_flood() { start_server; begin; packets net syn --to "$SERVER" --count 4000 --rate 400; stop server; }
held() {
    start_server
    begin
    packets c2 hold --to "$SERVER" --count 240 --rate 60 --seconds 12
    stop server
}
transfer_taken() { start_server; begin; in_ns c1 dig +tcp "@$SERVER" campus-lab.org AXFR >/dev/null; stop server; }
transfer_refused() {
    local zone
    start_server none
    begin
    for zone in campus-lab.org acme-widgets.com internal example.com; do
        in_ns c2 dig +tcp "@$SERVER" "$zone" AXFR >/dev/null || true
    done
    stop server
}
start_nsd() { # start_nsd: the secondary, a copy of the site's zone
    cat >"$WORK/nsd.conf" <<CONF
server:
  ip-address: $SECONDARY
  username: ""
  zonesdir: "$WORK"
  zonelistfile: "$WORK/nsd.list"
  database: ""
  xfrdfile: "$WORK/nsd.xfrd"
  xfrdir: "$WORK"
  pidfile: "$WORK/nsd.pid"
  hide-version: no
remote-control:
  control-enable: no
zone:
  name: campus-lab.org
  zonefile: "$WORK/nsd.zone"
  request-xfr: AXFR $SERVER NOKEY
  allow-notify: $SERVER NOKEY
  provide-xfr: 0.0.0.0/0 NOKEY
CONF
    start nsd sec nsd -d -c "$WORK/nsd.conf"
    until_true 30 answers c4 "$SECONDARY" host-1.campus-lab.org A
}
transfer_increment() {
    start_server
    start_nsd
    begin
    in_ns c1 dig +tcp "@$SECONDARY" campus-lab.org IXFR=0 >/dev/null || true
    stop nsd
    stop server
}
version_dig() {
    local to name
    start_server
    start_nsd
    begin
    for to in "$RESOLVER" "$SERVER" "$SECONDARY"; do
        for name in version.bind hostname.bind id.server authors.bind; do
            in_ns c3 dig +tries=1 +time=1 "@$to" "$name" CH TXT >/dev/null || true
        done
    done
    stop nsd
    stop server
}
sweep() { begin; in_ns c2 nmap -sL -R --dns-servers "$RESOLVER" 198.18.3.0/24 >/dev/null; }
brute() {
    python3 - >"$WORK/names" <<'PYTHON'
import itertools
for a, b in itertools.islice(itertools.product(
        "dev test stage old new vpn ftp git db sql web app adm sys mon log crm erp hr wiki".split(),
        "box srv gate hub lab net one two east west north south ext int pub priv bak tmp api web".split()), 400):
    print(f"{a}{b}.bluefin-travel.net A")
PYTHON
    begin
    in_ns c2 dnsperf -s "$RESOLVER" -d "$WORK/names" -Q 60 -n 1 >/dev/null
}

# --- the same servers about their business ------------------------------------------------------

quiet_restart() {
    local business
    begin
    QUERIES=300 RATE=25 beside ordinary c1 mixed 11 300 25 & business=$!
    sleep 5
    stop resolver
    start_resolver bind
    wait "$business"
}
quiet_failover() {
    local business
    begin
    QUERIES=250 RATE=20 beside ordinary c1 mixed 11 250 20 & business=$!
    sleep 5
    kill -STOP "$PID_resolver"
    sleep 6
    kill -CONT "$PID_resolver"
    wait "$business"
}
quiet_signed() {
    local n business
    start_server
    begin
    ordinary c3 dnssec 31 200 30 & business=$!
    for n in $(seq 1 60); do
        in_ns c1 dig +dnssec "@$SERVER" "host-$n.campus-lab.org" A >/dev/null
        in_ns c2 dig +dnssec +bufsize=1232 "@$SERVER" campus-lab.org DNSKEY >/dev/null
    done
    for n in $(seq 1 12); do in_ns c1 dig +bufsize=512 "@$SERVER" big.campus-lab.org TXT >/dev/null; done
    wait "$business"
    stop server
}
quiet_transfers() {
    local serial
    NOTIFY="$SECONDARY; " start_server "$SECONDARY"
    begin
    start_nsd
    for serial in 2 3; do
        stop server
        SERIAL=$serial NOTIFY="$SECONDARY; " start_server "$SECONDARY"
        until_true 60 has_serial "$serial"
    done
    stop nsd
    stop server
}
has_serial() { in_ns c4 dig +short "@$SECONDARY" campus-lab.org SOA | grep -q " $1 "; }
quiet_load() {
    local n
    local -a business
    start_server
    known_names 600 >"$WORK/names"
    begin
    for n in 1 2; do
        in_ns "c$n" dnsperf -s "$SERVER" -d "$WORK/names" -Q 240 -l 12 >/dev/null & business+=($!)
    done
    in_ns c3 dnsperf -s "$SERVER" -d "$WORK/names" -m tcp -Q 100 -l 12 >/dev/null
    wait "${business[@]}"
    stop server
}
quiet_mail() { begin; QUERIES=150 RATE=15 beside mail_and_log; }
mail_and_log() {
    ordinary c1 mail 11 300 30
    ordinary c2 reverse 21 200 25
}
quiet_crawler() {
    python3 - "$LAB" >"$WORK/names" <<'PYTHON'
import random
import sys
sys.path.insert(0, sys.argv[1])
from zones import HOSTS, SHOPS
rng = random.Random(3)
for _ in range(1500):
    host = rng.choice(HOSTS) if rng.random() < 0.875 else rng.choice(HOSTS) + "-" + rng.choice(HOSTS)
    print(f"{host}.{rng.choice(SHOPS)} A")
PYTHON
    begin
    beside in_ns c1 dnsperf -s "$RESOLVER" -d "$WORK/names" -Q 90 -n 1 >/dev/null
}
quiet_outage() {
    local business
    begin
    QUERIES=600 RATE=20 beside ordinary c1 web 11 600 20 & business=$!
    sleep 4
    kill -STOP "$PID_authority"
    sleep 20
    kill -CONT "$PID_authority"
    wait "$business"
}

NAMES="reflector reflected recursing torture-client torture-spoofed load-flood syn-flood held
    transfer-taken transfer-refused transfer-increment version-dig sweep brute
    quiet-restart quiet-failover quiet-signed quiet-transfers quiet-load quiet-mail quiet-crawler
    quiet-outage $SERVER_NAMES ${CLIENT_NAMES:-}"

# record NAME: port 53 and fragments, on the mirror port, while it happens.
record() {
    local name=$1
    SLOWER=1
    echo "recording $name"
    start tcpdump lan tcpdump -i mirror --immediate-mode -U -w "$WORK/$name.pcap" \
        "port 53 or port 853 or (ip[6:2] & 0x1fff != 0)"
    until_true 10 grep -q "listening on" "$WORK/tcpdump.log"
    "${name//-/_}"
    read -rt 1 <> <(:) || true # what is under way is written before tcpdump ends
    stop tcpdump
    python3 "$LAB/slower.py" "$WORK/$name.pcap" "$BEGAN" "$SLOWER"
    gzip -9nc "$WORK/$name.pcap" >"$ATTACKS/$name.pcap.gz"
    python3 "$LAB/attacks.py" "$MANIFEST" "$ATTACKS/$name.pcap.gz" "$BEGAN"
}

main() {
    local name
    mkdir -p "$ATTACKS"
    make_site
    start_authority
    start_resolver bind
    for name in $NAMES; do
        [ $# = 0 ] || [[ " $* " == *" $name "* ]] || continue
        record "$name"
    done
}

main "$@"
