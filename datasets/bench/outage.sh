#!/usr/bin/env bash
# Takes the broker away from a sensor that captures at full rate, and tells what became of every record.
# outage.sh [OPTIONS] [DIRECTORY OF THE BUILT PROGRAMS]   (default target/release)
#   --seconds N     how long the broker is away (default 600)
#   --pps N         packets a second on the interface (default 50000)
#   --spool-mib N   what the spool may take (default 16384)
# The programs must be built with their feature `kafka`. Needs root and Linux: a pair of interfaces,
# one in a network namespace of its own, is made and removed; the broker is this script's own, on
# loopback. Ends with status 1 where a record is unaccounted for.
set -euo pipefail
export LC_ALL=C

here=$(cd "$(dirname "$0")" && pwd)
root=$(cd "$here/../.." && pwd)
built=$root/target/release
work=$root/target/bench
capture=$work/mixed.pcap
away=600 pps=50000 spool_mib=16384
edge=20 # seconds that the broker is there before and after

fail() {
    echo "$1" >&2
    exit "${2:-1}"
}

while [ $# -gt 0 ]; do
    case $1 in
        --seconds | --pps | --spool-mib)
            [ $# -ge 2 ] || fail "$1 needs a value; see the head of $0" 2
            [[ $2 =~ ^[1-9][0-9]*$ ]] || fail "$1: a whole number above 0" 2
            case $1 in
                --seconds) away=$2 ;;
                --pps) pps=$2 ;;
                --spool-mib) spool_mib=$2 ;;
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
if [ "$(uname -s)" != Linux ] || [ "$(id -u)" != 0 ]; then
    fail "interfaces are made with Linux's ip, as root: sudo $0"
fi
for tool in python3 tcpreplay ip kcat; do
    command -v "$tool" >/dev/null 2>&1 ||
        fail "$tool is missing; datasets/lab/need.sh live outage installs it"
done
for name in geophone geophone-sensor; do
    [ -x "$built/$name" ] || fail "no $name in $built; make bench-kafka builds it"
done
. "$here/capture.sh"
make_capture "$capture"

scratch=$(mktemp -d "$work/outage.XXXXXX")
export KAFKA_LAB_DIR=$scratch/broker KAFKA_HEAP=${KAFKA_HEAP:-1g}
space=gp-outage-$$ inside=gpo$((RANDOM % 10000))
sensor='' sender=''
finish() {
    local process
    for process in $sender $sensor; do
        kill -KILL "$process" 2>/dev/null || true
    done
    "$root/datasets/lab/kafka.sh" stop || true
    ip link delete "$inside" 2>/dev/null || true
    ip netns delete "$space" 2>/dev/null || true
    rm -rf "$scratch"
}
trap finish EXIT
trap 'exit 130' INT TERM

"$root/datasets/lab/kafka.sh" start 1
eval "$("$root/datasets/lab/kafka.sh" env)"
printf '[kafka]\nspool_mib = %s\n' "$spool_mib" >"$scratch/sensor.toml"
"$built/geophone" topics create --kafka "$KAFKA_BOOTSTRAP" --config "$scratch/sensor.toml" >/dev/null

ip netns add "$space"
ip netns exec "$space" sysctl -qw net.ipv6.conf.all.disable_ipv6=1 net.ipv6.conf.default.disable_ipv6=1
ip -n "$space" link add tap0 txqueuelen 10000 type veth peer name "$inside" netns 1
sysctl -qw "net.ipv6.conf.$inside.disable_ipv6=1"
ip -n "$space" link set tap0 arp off mtu 9000 up
ip link set "$inside" txqueuelen 10000 arp off mtu 9000 promisc on up

# It is nobody by the time it opens the spool.
install -d -o nobody "$scratch/spool"
chmod 755 "$scratch"
before=$(wc -l </proc/net/packet)
"$built/geophone-sensor" -i "$inside" --kafka "$KAFKA_BOOTSTRAP" --sensor outage \
    --config "$scratch/sensor.toml" --spool "$scratch/spool" --stats "$scratch/stats.json" \
    2>"$scratch/said" &
sensor=$!
for ((tries = 0; ; tries++)); do
    # A packet socket more: it listens.
    [ "$(wc -l </proc/net/packet)" -gt "$before" ] && break
    kill -0 "$sensor" 2>/dev/null || { cat "$scratch/said" >&2; fail "the sensor ended"; }
    [ "$tries" -lt 100 ] || fail "the sensor does not listen"
    sleep 0.1
done

ip netns exec "$space" tcpreplay --quiet --intf1=tap0 --preload-pcap --loop=0 \
    --duration=$((away + 2 * edge)) --pps="$pps" "$capture" >"$scratch/sent" 2>&1 &
sender=$!
sleep "$edge"
kill -KILL "$("$root/datasets/lab/kafka.sh" pid 1)"
echo "the broker is away for $away s, $pps packets/s"
sleep "$away"
most=$(du -sm "$scratch/spool" | cut -f 1)
"$root/datasets/lab/kafka.sh" revive 1
began=$EPOCHREALTIME
wait "$sender" || { cat "$scratch/sent" >&2; fail "tcpreplay failed"; }
sender=''
# Empty but for the file that is written to.
until [ "$(du -sm "$scratch/spool" | cut -f 1)" -le 64 ]; do sleep 1; done
drained=$(awk -v a="$began" -v b="$EPOCHREALTIME" 'BEGIN { printf "%.0f", b - a }')
used=$(awk -v tick="$(getconf CLK_TCK)" '{ sub(/.*\) /, ""); printf "%.1f", ($12 + $13) / tick }' "/proc/$sensor/stat")
peak=$(awk '/^VmHWM:/ { printf "%.0f", $2 / 1024 }' "/proc/$sensor/status")
kill -TERM "$sensor"
status=0
wait "$sensor" || status=$?
sensor=''
[ "$status" = 0 ] || { cat "$scratch/said" >&2; fail "the sensor ended with status $status"; }
cat "$scratch/said" >&2
# What the broker holds: the ends of all partitions that the sensor writes to.
for topic in geophone.records geophone.ticks; do
    kcat -b "$KAFKA_BOOTSTRAP" -L -J -t "$topic" |
        python3 -c 'import json, sys
for topic in json.load(sys.stdin)["topics"]:
    for part in topic["partitions"]:
        print("-t", topic["topic"] + ":%d:-1" % part["partition"])'
done | xargs kcat -b "$KAFKA_BOOTSTRAP" -Q | awk '{ sum += $NF } END { printf "%d", sum }' >"$scratch/held"
python3 - "$scratch" "$most" "$drained" "$used" "$peak" <<'PYTHON'
import json
import sys

folder, most, drained, used, peak = sys.argv[1:]
with open(f"{folder}/stats.json", encoding="utf-8") as file:
    stats = json.load(file)
counters = stats["counters"]
kafka = {name.removeprefix("kafka."): value for name, value in counters.items() if name.startswith("kafka.")}
frames = counters["frame.read"]
print(f"{frames} frames read, {counters['frame.dropped_kernel']} dropped by the kernel; "
      f"{float(used) * 1e6 / frames:.2f} us of CPU a frame, at most {peak} MiB")
print(f"{kafka['produced']} messages: {kafka['delivered']} delivered, of these {kafka['through_spool']} "
      f"through the spool ({most} MiB at its fullest, empty {drained} s after the broker was back); "
      f"dropped {kafka['dropped_full']} full, {kafka['dropped_busy']} busy; "
      f"rejected {kafka['rejected']}, unreadable {kafka['unreadable']}, spooled {kafka['spooled']}")
with open(f"{folder}/held", encoding="ascii") as file:
    held = int(file.read())
print(f"the broker holds {held} messages of this sensor")
if stats.get("imbalance"):
    sys.exit(f"counters do not balance: {stats['imbalance']}")
known = sum(kafka[name] for name in ("delivered", "dropped_full", "dropped_busy", "rejected", "unreadable", "spooled"))
if known != kafka["produced"] + kafka["recovered"]:
    sys.exit("messages are unaccounted for")
if held != kafka["delivered"]:
    sys.exit("the broker does not hold what was delivered")
PYTHON
