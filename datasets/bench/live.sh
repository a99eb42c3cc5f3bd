#!/usr/bin/env bash
# Plays the benchmark capture into an interface and tells what the programs that listen there lose.
# live.sh [OPTIONS] [DIRECTORY OF THE BUILT PROGRAMS]   (default target/release)
#   --seconds N      how long to play (default 60)
#   --pps N          packets a second; without it as fast as the sender can
#   --with PROGRAM   sensor, geophone or tcpdump, again for several (default sensor and geophone)
# Needs root and Linux: two network namespaces with a pair of interfaces are made and removed.
set -euo pipefail
export LC_ALL=C

here=$(cd "$(dirname "$0")" && pwd)
root=$(cd "$here/../.." && pwd)
built=$root/target/release
work=$root/target/bench
capture=$work/mixed.pcap
seconds=60
rate=(--topspeed)
programs=()

fail() {
    echo "$1" >&2
    exit "${2:-1}"
}

while [ $# -gt 0 ]; do
    case $1 in
        --seconds | --pps | --with)
            [ $# -ge 2 ] || fail "$1 needs a value; see the head of $0" 2
            case $1 in
                --seconds) seconds=$2 ;;
                --pps) rate=(--pps="$2") ;;
                --with) programs+=("$2") ;;
            esac
            shift 2
            ;;
        -*) fail "unknown option $1; see the head of $0" 2 ;;
        *)
            built=$1
            shift
            ;;
    esac
done
[ ${#programs[@]} -gt 0 ] || programs=(sensor geophone)
[[ $seconds =~ ^[1-9][0-9]*$ ]] || fail "--seconds: a whole number above 0" 2

[ "$(uname -s)" = Linux ] || fail "network namespaces are Linux's; there is none here"
[ "$(id -u)" = 0 ] || fail "network namespaces need root: sudo $0"
for tool in python3 tcpdump tcpreplay ip taskset; do
    command -v "$tool" >/dev/null 2>&1 ||
        fail "$tool is missing; datasets/lab/need.sh live installs it"
done
cores=$(getconf _NPROCESSORS_ONLN)
((cores >= 2)) || fail "$cores core; one listens and one sends, so two are needed"
# Two cores listen where a third can send; of two, one.
if ((cores == 2)); then listening=0 sending=1; else listening=0,1 sending=2-$((cores - 1)); fi
for program in "${programs[@]}"; do
    case $program in
        sensor) binary=$built/geophone-sensor ;;
        geophone) binary=$built/geophone ;;
        tcpdump) continue ;;
        *) fail "--with $program: sensor, geophone or tcpdump" 2 ;;
    esac
    [ -x "$binary" ] || fail "no program at $binary; build first: cargo build --release"
done

. "$here/capture.sh"
make_capture "$capture"

scratch=$(mktemp -d "${TMPDIR:-/tmp}/live.XXXXXX")
# Frames of the capture that are not DNS: our filter does not let them into the ring.
others=0
if [ -x "$built/geophone-sensor" ]; then
    "$built/geophone-sensor" replay "$capture" --stats "$scratch/whole.json" >/dev/null
    others=$(python3 -c 'import json, sys
counters = json.load(open(sys.argv[1], encoding="utf-8"))["counters"]
print(sum(counters["frame." + kind] for kind in ("not_ip", "other_port", "other_transport"))
      / counters["frame.read"])' "$scratch/whole.json")
fi
out=gp-out-$$ in=gp-in-$$
listener='' sender=''
finish() {
    local process
    for process in $sender $listener; do
        kill -KILL "$process" 2>/dev/null || true
    done
    ip netns delete "$out" 2>/dev/null || true
    ip netns delete "$in" 2>/dev/null || true
    rm -rf "$scratch"
}
trap finish EXIT
trap 'exit 130' INT TERM

ip netns add "$out"
ip netns add "$in"
for space in "$out" "$in"; do
    # Nothing but the capture is to be on the wire: no router or neighbour discovery.
    ip netns exec "$space" sh -c '
        for name in all default; do
            echo 1 >/proc/sys/net/ipv6/conf/$name/disable_ipv6
            echo 0 >/proc/sys/net/ipv6/conf/$name/autoconf
        done'
done
ip -n "$out" link add tap0 txqueuelen 10000 type veth peer name tap1 netns "$in"
ip -n "$out" link set tap0 arp off mtu 9000 up
ip -n "$in" link set tap1 txqueuelen 10000 arp off mtu 9000 promisc on up

counted() { # counted NAMESPACE INTERFACE COUNTER
    ip netns exec "$1" cat "/sys/class/net/$2/statistics/$3"
}

# The listeners' command lines; `exec`, so that the signal reaches the program.
listen() {
    local command
    case $1 in
        sensor) command=("$built/geophone-sensor" -i tap1 --stats "$scratch/stats.json") ;;
        geophone)
            command=("$built/geophone" live -i tap1 --alerts /dev/null
                --stats "$scratch/stats.json")
            ;;
        tcpdump) command=(tcpdump -n -s 0 -B 65536 -i tap1 -w /dev/null) ;;
    esac
    ip netns exec "$in" taskset -c "$listening" "${command[@]}" >/dev/null 2>"$scratch/said" &
    listener=$!
}

# CPU seconds and peak KiB of a process; empty once it is gone.
usage() {
    awk -v tick="$(getconf CLK_TCK)" '
        FILENAME ~ /stat$/ { sub(/.*\) /, ""); cpu = ($12 + $13) / tick }
        /^VmHWM:/ { peak = $2 }
        END { if (peak) print cpu, peak }' "/proc/$1/stat" "/proc/$1/status" 2>/dev/null || true
}

run() {
    local program=$1 before sent status=0 tries=0
    rm -f "$scratch/stats.json" "$scratch/usage"
    listen "$program"
    # A packet socket of the namespace tells that the program listens.
    until [ "$(ip netns exec "$in" sh -c 'wc -l </proc/net/packet')" -gt 1 ]; do
        tries=$((tries + 1))
        if ((tries > 100)) || ! kill -0 "$listener" 2>/dev/null; then
            cat "$scratch/said" >&2
            fail "$program does not listen on the interface"
        fi
        sleep 0.1
    done
    sleep 0.5 # rings are mapped after the socket is opened
    before=$(counted "$out" tap0 tx_packets)
    ip netns exec "$out" taskset -c "$sending" tcpreplay --quiet --intf1=tap0 \
        --preload-pcap --loop=0 --duration="$seconds" "${rate[@]}" "$capture" \
        >"$scratch/sent" 2>&1 &
    sender=$!
    wait "$sender" || { cat "$scratch/sent" >&2; fail "tcpreplay failed"; }
    sender=''
    sent=$(($(counted "$out" tap0 tx_packets) - before))
    sleep 1 # what waits in the ring
    usage "$listener" >"$scratch/usage"
    kill -TERM "$listener" 2>/dev/null || true
    wait "$listener" || status=$?
    listener=''
    if [ "$status" != 0 ]; then
        cat "$scratch/said" >&2
        echo "$program ended with status $status after SIGTERM" >&2
        failed=1
    fi
    python3 - "$program" "$scratch" "$sent" "$(counted "$in" tap1 rx_dropped)" "$others" \
        <<'PYTHON' || failed=1
import json
import re
import sys

program, folder, sent, dropped_by_pair, others = sys.argv[1:]
sent, others = int(sent), float(others)
with open(f"{folder}/sent", encoding="utf-8") as file:
    span = float(re.search(r"sent in ([0-9.]+) seconds", file.read())[1])
imbalance = None
if program == "tcpdump":
    with open(f"{folder}/said", encoding="utf-8") as file:
        said = file.read()
    told = {kind: int(number) for number, kind in
            re.findall(r"(\d+) packets? (captured|dropped by kernel|dropped by interface)", said)}
    read, kernel = told["captured"], told["dropped by kernel"]
    interface = told.get("dropped by interface", 0)
else:
    with open(f"{folder}/stats.json", encoding="utf-8") as file:
        stats = json.load(file)
    counters, imbalance = stats["counters"], stats.get("imbalance")
    read = counters["frame.read"]
    kernel, interface = (counters[f"frame.dropped_{who}"] for who in ("kernel", "interface"))
with open(f"{folder}/usage", encoding="ascii") as file:
    cpu, peak = (float(word) for word in file.read().split() or (0, 0))
filtered = 0 if program == "tcpdump" else round(sent * others)
# The last round may stop anywhere, and the others are not spread evenly.
if abs(sent - read - kernel - interface - filtered) <= 0.01 * filtered:
    filtered = sent - read - kernel - interface
lost = sent - read - filtered
print(f"{program:<9} {sent / span / 1000:>11.1f} {read / span / 1000:>11.1f} {sent:>11} {read:>11} "
      f"{filtered:>10} {kernel:>10} {interface:>10} {100 * lost / sent if sent else 0:>7.3f} {cpu:>7.1f} "
      f"{cpu * 1e6 / read if read else 0:>8.2f} {peak / 1024:>8.1f}")
if lost != kernel + interface:
    print(f"  {lost} frames are missing, told are {kernel + interface}; "
          f"the interface itself dropped {dropped_by_pair}")
if imbalance:
    sys.exit(f"  counters do not balance: {imbalance}")
PYTHON
}

failed=0
echo "${capture##*/} for $seconds s, ${rate[*]}; listening on core $listening, sending on core $sending"
printf '%-9s %11s %11s %11s %11s %10s %10s %10s %7s %7s %8s %8s\n' program 'offered k/s' \
    'read k/s' sent read not-DNS kernel interface lost-% cpu-s us/frame RSS-MiB
for program in "${programs[@]}"; do
    run "$program"
done
model=$(sed -n 's/^model name[[:space:]]*: //p' /proc/cpuinfo 2>/dev/null | head -n 1) || true
echo "machine: ${model:-unknown processor}, $cores cores, $(uname -srm); $(tcpreplay --version 2>&1 |
    head -n 1)"
exit "$failed"
