#!/usr/bin/env bash
# Times geophone beside tcpdump, dnscap and tshark: one core, one capture of a million frames.
# run.sh [DIRECTORY OF THE BUILT PROGRAMS]   (default target/release)
# Set RUNS for more runs of each (default 5). What is not installed is skipped and named.
set -euo pipefail
export LC_ALL=C

here=$(cd "$(dirname "$0")" && pwd)
root=$(cd "$here/../.." && pwd)
built=${1:-$root/target/release}
work=$root/target/bench
runs=${RUNS:-5}
capture=$work/mixed.pcap
slow_limit=60 # seconds after which a slow program is given a slice instead

have() { command -v "$1" >/dev/null 2>&1; }

for name in geophone geophone-sensor; do
    if [ ! -x "$built/$name" ]; then
        echo "no $name in $built; build first: cargo build --release" >&2
        exit 1
    fi
done
built=$(cd "$built" && pwd)
if ! have python3; then
    echo "python3 is missing; it makes the capture and adds up the results" >&2
    exit 1
fi

mkdir -p "$work"
scratch=$(mktemp -d "$work/run.XXXXXX")
trap 'rm -rf "$scratch"' EXIT

. "$here/capture.sh"
make_capture "$capture"
# The length of a classic pcap's records, added up: no program of the comparison is asked.
frames_of() {
    python3 - "$1" <<'PYTHON'
import struct, sys
data, at, count = open(sys.argv[1], "rb").read(), 24, 0
while at < len(data):
    at += 16 + struct.unpack_from("<I", data, at + 8)[0]
    count += 1
print(count)
PYTHON
}
frames=$(frames_of "$capture")

pin=()
if have taskset && taskset -c 0 true 2>/dev/null; then
    pin=(taskset -c 0)
else
    echo "taskset is missing: runs are not pinned to one core"
fi
have hyperfine || echo "hyperfine is missing: timed by the shell"
[ -x /usr/bin/time ] || echo "/usr/bin/time is missing: no peak memory"

# Seconds of each run, one a line. Standard output and error go to /dev/null.
time_runs() {
    local count=$1 warmup=$2
    shift 2
    if have hyperfine; then
        hyperfine --style none --shell none --warmup "$warmup" --runs "$count" \
            --export-json "$scratch/times.json" "$(printf '%q ' "$@")" >/dev/null || return 1
        python3 -c 'import json, sys
print(*json.load(open(sys.argv[1]))["results"][0]["times"], sep="\n")' "$scratch/times.json"
        return
    fi
    local run began
    for ((run = -warmup; run < count; run++)); do
        began=$EPOCHREALTIME
        "$@" >/dev/null 2>&1 || return 1
        ((run < 0)) || awk -v a="$began" -v b="$EPOCHREALTIME" 'BEGIN { print b - a }'
    done
}

peak_kib() {
    [ -x /usr/bin/time ] || { echo 0; return; }
    /usr/bin/time -f %M -o "$scratch/peak" "$@" >/dev/null 2>&1 || true
    tail -n 1 "$scratch/peak"
}

# measure NAME FRAMES RUNS WARMUP COMMAND…: a line of the table's data.
measure() {
    local name=$1 count=$2 times=$3 warmup=$4
    shift 4
    echo "  $name" >&2
    if ! time_runs "$times" "$warmup" "${pin[@]}" "$@" >"$scratch/seconds"; then
        echo "$name: failed: $*" >&2
        return 1
    fi
    printf '%s\t%s\t%s\t%s\n' "$name" "$count" "$(paste -sd, "$scratch/seconds")" \
        "$(peak_kib "${pin[@]}" "$@")" >>"$scratch/results"
}

echo "timing over $frames frames, $runs runs after one to warm up:"
failed=0
measure "geophone replay" "$frames" "$runs" 1 \
    "$built/geophone" replay "$capture" --alerts /dev/null || failed=1
python3 "$here/flood.py" "$scratch/flood.pcap" --packets "$frames" >/dev/null
measure "geophone replay, a flood" "$frames" "$runs" 1 \
    "$built/geophone" replay "$scratch/flood.pcap" --alerts /dev/null || failed=1
rm -f "$scratch/flood.pcap"
measure "geophone-sensor replay" "$frames" "$runs" 1 \
    "$built/geophone-sensor" replay "$capture" || failed=1
if have tcpdump; then
    measure "tcpdump -nn (text)" "$frames" "$runs" 1 tcpdump -nn -r "$capture" || failed=1
    measure "tcpdump -w (copies frames)" "$frames" "$runs" 1 \
        tcpdump -r "$capture" -w /dev/null || failed=1
else
    echo "  tcpdump: not installed, skipped"
fi
if have dnscap; then
    # -T and -L 4095: with TCP and tagged frames, which dnscap otherwise leaves out.
    measure "dnscap -w (copies frames)" "$frames" "$runs" 1 \
        dnscap -T -L 4095 -r "$capture" -w "$scratch/dump" || failed=1
    measure "dnscap -g (text)" "$frames" "$((runs < 3 ? runs : 3))" 0 \
        dnscap -T -L 4095 -g -r "$capture" || failed=1
else
    echo "  dnscap: not installed, skipped"
fi
if have tshark; then
    names=(tshark -n -T fields -e dns.qry.name -r)
    slice=$capture count=$frames
    if have timeout && ! timeout "$slow_limit" "${pin[@]}" "${names[@]}" "$capture" \
        >/dev/null 2>&1; then
        count=100000
        slice=$scratch/slice.pcap
        python3 "$here/mixed.py" "$slice" --packets "$count" >/dev/null
        echo "  tshark needs more than $slow_limit s: timed over $count frames"
    fi
    measure "tshark -T fields (1 run)" "$count" 1 0 "${names[@]}" "$slice" || failed=1
else
    echo "  tshark: not installed, skipped"
fi

echo
: >>"$scratch/results"
python3 - "$scratch/results" <<'PYTHON'
import statistics
import sys

rows = [line.rstrip("\n").split("\t") for line in open(sys.argv[1])]
rows = [(name, int(frames), [float(time) for time in times.split(",")], int(peak))
        for name, frames, times, peak in rows]
rate = {name: frames / statistics.median(times) for name, frames, times, _ in rows}
base = next((rate[name] for name in rate if name.startswith("tcpdump -nn")), None)
print(f"{'program':<27} {'median s':>9} {'min - max s':>16} {'k packets/s':>12} "
      f"{'x tcpdump':>10} {'peak MiB':>9}")
for name, frames, times, peak in rows:
    times_base = f"{rate[name] / base:.2f}" if base else "-"
    peak = f"{peak / 1024:.1f}" if peak else "-"
    print(f"{name:<27} {statistics.median(times):>9.3f} "
          f"{f'{min(times):.3f} - {max(times):.3f}':>16} {rate[name] / 1000:>12.0f} "
          f"{times_base:>10} {peak:>9}")
print("x tcpdump: packets a second, as a multiple of those of tcpdump -nn, which prints each frame")
PYTHON

echo
model=$(sed -n 's/^model name[[:space:]]*: //p' /proc/cpuinfo 2>/dev/null | head -n 1) || true
load=$(cut -d ' ' -f 1 /proc/loadavg 2>/dev/null) || true
echo "machine: ${model:-unknown processor}, $(getconf _NPROCESSORS_ONLN) cores, $(uname -sm)," \
    "load ${load:-unknown} at the end; each run on one core"
echo "capture: $frames frames, $(wc -c <"$capture") octets, datasets/bench/mixed.py;" \
    "the flood is datasets/bench/flood.py's"
for tool in tcpdump dnscap tshark; do
    case $tool in
        dnscap) flag=-V ;;
        *) flag=--version ;;
    esac
    if have "$tool"; then
        echo "version: $("$tool" "$flag" 2>&1 | grep -i -m 1 "$tool" || true)"
    fi
done
exit "$failed"
