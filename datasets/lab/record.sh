#!/usr/bin/env bash
# Records the labelled captures with real programs in network namespaces; see ../README.md.
# Usage: record.sh [NAME…]   (default: all)     needs root and /dev/net/tun; takes about ten minutes
set -euo pipefail

LAB=$(cd "$(dirname "$0")" && pwd)
CAPTURES=$LAB/../captures
WORK=$(mktemp -d)
export PATH=$PATH:/usr/sbin PYTHONDONTWRITEBYTECODE=1
. "$LAB/topology.sh"
. "$LAB/servers.sh"
. "$LAB/tunnels.sh"

if [ "$(id -u)" != 0 ]; then
    echo "record.sh: needs root for network namespaces: sudo make lab" >&2
    exit 1
fi
if ! ip netns add gp-probe 2>/dev/null; then
    echo "record.sh: this system does not allow network namespaces" >&2
    exit 1
fi
ip netns delete gp-probe
[ -c /dev/net/tun ] || { echo "record.sh: no /dev/net/tun: modprobe tun" >&2; exit 1; }

cleanup() {
    local status=$?
    [ $status = 0 ] || tail -n 5 "$WORK"/*.log >&2
    stop_all
    remove_topology
    rm -rf "$WORK"
}
trap cleanup EXIT

# ordinary CLIENT KIND SEED QUERIES RATE: one client's ordinary traffic.
ordinary() {
    in_ns "$1" python3 "$LAB/ordinary.py" "$2" --server "$RESOLVER" --seed "$3" \
        --queries "$4" --rate "$5"
}

# capture NAME COMMAND…: records port 53 on the mirror port while COMMAND runs; packed where PACK is set.
capture() {
    local name=$1
    echo "recording $name"
    start tcpdump lan tcpdump -i "$TAP" --immediate-mode -U -w "$WORK/$name.pcap" port 53
    until_true 10 grep -q "listening on" "$WORK/tcpdump.log"
    "${@:2}"
    read -rt 0.5 <> <(:) || true # what is under way is written before tcpdump ends
    stop tcpdump
    if [ -n "${PACK:-}" ]; then
        gzip -9nc "$WORK/$name.pcap" >"$CAPTURES/$name.pcap.gz"
    else
        mv "$WORK/$name.pcap" "$CAPTURES/$name.pcap"
    fi
}

# beside COMMAND…: runs COMMAND while two other clients go about their business, and waits for all.
beside() {
    local -a others
    ordinary c2 mixed 21 "${QUERIES:-150}" "${RATE:-15}" & others+=($!)
    ordinary c3 mixed 31 "${QUERIES:-150}" "${RATE:-15}" & others+=($!)
    "$@"
    wait "${others[@]}"
}

several() { # several KIND QUERIES RATE: all four clients at once
    local n
    local -a clients
    for n in "${CLIENTS[@]}"; do
        ordinary "c$n" "$1" "$n" "$2" "$3" & clients+=($!)
    done
    wait "${clients[@]}"
}

everything() {
    several web 350 60
    several mail 120 60
    several reverse 120 60
    several kube 160 80
    several dnssec 80 60
    several text 80 60
}

under_load() { # dnsperf: a busy resolver
    python3 "$LAB/queries.py" 4000 >"$WORK/queries"
    in_ns c1 dnsperf -s "$RESOLVER" -d "$WORK/queries" -Q 800 -l 5 >/dev/null
    in_ns c2 dnsperf -s "$RESOLVER" -d "$WORK/queries" -m tcp -Q 100 -l 2 >/dev/null
}

variants() { # variants NAME…: the variants of the real tools and the emulated ones, by resolver
    local resolver name through tool type options
    local -x PACK=yes
    for resolver in bind unbound dnsmasq; do
        MINIMISE=no start_resolver "$resolver" # dns2tcpd answers no NS
        while read -r name through tool type options; do
            [ "$through" = "$resolver" ] && wanted "$name" "$@" || continue
            # shellcheck disable=SC2086 # options are words
            QUERIES=60 RATE=20 capture "$name" beside variant "$tool" "$type" $options </dev/null
        done <<<"$VARIANTS"
        for name in $(python3 "$LAB/emulate" list "$resolver"); do
            wanted "$name" "$@" || continue
            QUERIES=60 RATE=20 capture "$name" beside emulated_moves "$name"
        done
        stop resolver
    done
}

written() { # written NAME…: captures with a clock of their own; nothing is sent
    local name
    for name in $(python3 "$LAB/emulate" list written) $(python3 "$LAB/emulate" list benign); do
        wanted "$name" "$@" || continue
        echo "writing $name"
        python3 "$LAB/emulate" write "$name" "$CAPTURES/$name.pcap.gz"
    done
}

wanted() { [ $# = 1 ] || { local name=$1; shift; case " $* " in *" $name "*) ;; *) return 1 ;; esac; }; }

main() {
    mkdir -p "$CAPTURES"
    make_topology
    start_authority
    start payload net python3 "$LAB/transfer.py" serve 127.0.0.1 9001
    local resolver kind
    for resolver in bind unbound dnsmasq; do
        if wanted "ordinary-$resolver" "$@"; then
            start_resolver "$resolver"
            capture "ordinary-$resolver" everything
            stop resolver
        fi
    done
    start_resolver bind
    wanted ordinary-load "$@" && capture ordinary-load under_load
    for kind in NULL TXT CNAME MX SRV A; do
        wanted "iodine-${kind,,}" "$@" && capture "iodine-${kind,,}" beside iodine_moves "$kind" 16384
    done
    wanted iodine-idle "$@" && QUERIES=400 RATE=10 capture iodine-idle beside iodine_idles 45
    for kind in TXT KEY; do
        wanted "dns2tcp-${kind,,}" "$@" && capture "dns2tcp-${kind,,}" beside dns2tcp_moves "$kind" 16384
    done
    wanted demo-iodine "$@" && QUERIES=1500 RATE=75 capture demo-iodine beside iodine_moves NULL 49152
    stop resolver
    variants "$@"
    written "$@"
    # Every payload must come out of its capture again.
    python3 -m unittest discover -q -s "$LAB/emulate"
    python3 "$LAB/manifest.py" "$CAPTURES" "$LAB/../manifest.toml"
}

main "$@"
