#!/usr/bin/env bash
# Times geophone over Apache Kafka: one broker, one sensor, workers; all on this machine.
# kafka.sh [DIRECTORY OF THE BUILT PROGRAMS] [OPTIONS OF kafka.py…]   (default target/release)
# The programs must be built with their feature `kafka`. Set PRIORITY to run broker and programs at
# a real-time priority (chrt -r, root), so that what else runs here disturbs less. The broker is this
# script's own, on free ports; one that runs already is left alone.
set -euo pipefail
export LC_ALL=C

here=$(cd "$(dirname "$0")" && pwd)
root=$(cd "$here/../.." && pwd)
built=$root/target/release
work=$root/target/bench
capture=$work/mixed.pcap
if [ $# -gt 0 ] && [[ $1 != -* ]]; then
    built=$1
    shift
fi

for name in geophone geophone-sensor; do
    if [ ! -x "$built/$name" ]; then
        echo "no $name in $built; make bench-kafka builds it" >&2
        exit 1
    fi
done
if [ ! -r /proc/self/stat ]; then
    echo "no /proc/self/stat; CPU time is read there, on Linux only" >&2
    exit 1
fi

. "$here/capture.sh"
make_capture "$capture"

scratch=$(mktemp -d "$work/kafka.XXXXXX")
export KAFKA_LAB_DIR=$scratch/broker KAFKA_HEAP=${KAFKA_HEAP:-1g}
runner=''
finish() {
    if [ -n "$runner" ]; then kill "$runner" 2>/dev/null && wait "$runner"; fi
    "$root/datasets/lab/kafka.sh" stop || true
    rm -rf "$scratch"
}
trap finish EXIT
trap 'exit 1' INT TERM
first=()
if [ -n "${PRIORITY:-}" ]; then first=(chrt -r "$PRIORITY"); fi
"${first[@]}" "$root/datasets/lab/kafka.sh" start 1
eval "$("$root/datasets/lab/kafka.sh" env)"
"${first[@]}" python3 "$here/kafka.py" --built "$built" --capture "$capture" --scratch "$scratch" \
    --broker "$(cat "$KAFKA_LAB_DIR/broker-1.pid")" --brokers "$KAFKA_BOOTSTRAP" \
    --priority "${PRIORITY:-0}" "$@" &
runner=$!
status=0
wait "$runner" || status=$?
runner=''
exit "$status"
