#!/usr/bin/env bash
# Replays a generated day and watches the memory of the program: what leaks in a day shows.
# soak.sh [PROGRAM] [OPTIONS OF day.py…]   (default target/release/geophone)
# Set SAMPLE for the seconds between samples (default 2).
set -euo pipefail
export LC_ALL=C

here=$(cd "$(dirname "$0")" && pwd)
root=$(cd "$here/../.." && pwd)
program=${1:-$root/target/release/geophone}
shift $(($# > 0 ? 1 : 0))
sample=${SAMPLE:-2}

if [ ! -x "$program" ]; then
    echo "no program at $program; build first: cargo build --release" >&2
    exit 1
fi
if ! command -v python3 >/dev/null 2>&1; then
    echo "python3 is missing; it makes the day: datasets/lab/need.sh bench installs it" >&2
    exit 1
fi
if [ ! -r /proc/self/status ]; then
    echo "no /proc/self/status; the memory of a process is read there, on Linux only" >&2
    exit 1
fi

scratch=$(mktemp -d "${TMPDIR:-/tmp}/soak.XXXXXX")
writer='' reader=''
finish() {
    local process
    for process in $writer $reader; do
        kill "$process" 2>/dev/null || true
    done
    rm -rf "$scratch"
}
trap finish EXIT

# The filter of seen names has two generations, and pages of the second are first touched when
# the first is over. Sizes stay the default's; that this happens in the warm-up is all it changes.
printf '[state]\nseen_hours = 3\n' >"$scratch/soak.toml"
promised=$("$program" config --config "$scratch/soak.toml" | sed -n '1s/.* \([0-9][0-9]*\) MiB.*/\1/p')
if [ -z "$promised" ]; then
    echo "the first line of \"$program config\" promises no MiB; is it geophone?" >&2
    exit 1
fi

mkfifo "$scratch/day.pcap"
python3 "$here/day.py" --progress "$scratch/progress" "$@" >"$scratch/day.pcap" &
writer=$!
"$program" replay - --alerts "$scratch/alerts" --format ecs --stats "$scratch/stats.json" \
    --config "$scratch/soak.toml" <"$scratch/day.pcap" 2>"$scratch/said" &
reader=$!

# Wall seconds, seconds of capture and frames written, KiB resident; one line a sample.
began=$EPOCHREALTIME
: >"$scratch/samples"
while kill -0 "$reader" 2>/dev/null; do
    resident=$(sed -n 's/^VmRSS:[^0-9]*\([0-9]*\).*/\1/p' "/proc/$reader/status" 2>/dev/null) || true
    reached=$(cat "$scratch/progress" 2>/dev/null) || true
    if [ -n "$resident" ] && [ -n "$reached" ]; then
        echo "$(awk -v a="$began" -v b="$EPOCHREALTIME" 'BEGIN { printf "%.1f", b - a }')" \
            "$reached" "$resident" >>"$scratch/samples"
    fi
    sleep "$sample"
done
status=0
wait "$reader" || status=$?
reader=''
wait "$writer" || status=$?
writer=''
cat "$scratch/said"
if [ "$status" != 0 ]; then
    echo "the replay or its input failed with status $status" >&2
    exit 1
fi

python3 - "$scratch" "$promised" <<'PYTHON'
import json
import sys

folder, promised = sys.argv[1], int(sys.argv[2])
WARM, SHARE, LEAST_KIB, ROWS = 0.25, 0.02, 2 * 1024, 25
with open(f"{folder}/samples", encoding="ascii") as file:
    samples = [tuple(map(float, line.split())) for line in file]
with open(f"{folder}/progress", encoding="ascii") as file:
    length = float(file.read().split()[0])
with open(f"{folder}/stats.json", encoding="utf-8") as file:
    told = json.load(file)
warm = [sample for sample in samples if sample[1] <= length * WARM]
after = [sample for sample in samples if sample[1] > length * WARM]
if not warm or len(after) < 10:
    sys.exit("too few samples to judge: a longer day (--hours) or a smaller SAMPLE")

print(f"{'hour':>6} {'wall s':>7} {'M frames':>9} {'RSS MiB':>8}")
for sample in samples[::max(1, len(samples) // ROWS)]:
    wall, seconds, frames, resident = sample
    print(f"{seconds / 3600:>6.1f} {wall:>7.1f} {frames / 1e6:>9.2f} {resident / 1024:>8.1f}")
counters = told["counters"]
wall, _, frames, _ = samples[-1]
base, peak = warm[-1][3], max(sample[3] for sample in after)
most = max(sample[3] for sample in samples)
bound = max(LEAST_KIB, base * SHARE)
print(f"\n{counters['frame.read']} frames, {frames / wall / 1000:.0f} k/s with their making; "
      f"{counters.get('alert.opened', 0)} alerts")
print(f"resident after a quarter {base / 1024:.1f} MiB, most after it {peak / 1024:.1f} "
      f"({(peak - base) / 1024:+.1f}, bound {bound / 1024:+.1f}); "
      f"most of all {most / 1024:.1f} of {promised} promised")
faults = []
if told.get("balanced") is not True:
    faults.append(f"counters do not balance: {told.get('imbalance')}")
if peak - base > bound:
    faults.append("memory grew after the first quarter")
if most > promised * 1024:
    faults.append("more memory than geophone config promises")
print("verdict: " + ("; ".join(faults) if faults else "steady and within the promise"))
sys.exit(bool(faults))
PYTHON
