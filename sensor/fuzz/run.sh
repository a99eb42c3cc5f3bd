#!/usr/bin/env bash
# Fuzzes the sensor: run.sh [TARGET…]   (default: all, as many at once as there are cores)
# Set FUZZ_SECONDS for the time of each (default 30), SANITIZER (default address; none is faster).
# Inputs that reached something new stay in corpus/, finds in artifacts/.
set -euo pipefail
export LC_ALL=C
export RUSTC_BOOTSTRAP=1 # coverage and sanitizers are unstable flags of a stable compiler

here=$(cd "$(dirname "$0")" && pwd)
root=$(cd "$here/../.." && pwd)
seconds=${FUZZ_SECONDS:-30}
sanitizer=${SANITIZER:-address}
cores=$(getconf _NPROCESSORS_ONLN)
cargo=$(command -v cargo || echo "$HOME/.cargo/bin/cargo")
# libFuzzer's guess from the corpus would be the length of the longest seed.
most_octets=4096

targets=("$@")
if [ ${#targets[@]} = 0 ]; then
    for file in "$here"/fuzz_targets/*.rs; do
        name=${file##*/}
        targets+=("${name%.rs}")
    done
fi
for target in "${targets[@]}"; do
    if [ ! -e "$here/fuzz_targets/$target.rs" ]; then
        echo "no fuzz target \"$target\"; there are: $(cd "$here/fuzz_targets" && echo *.rs)" >&2
        exit 1
    fi
done
if ! "$cargo" fuzz --version >/dev/null 2>&1; then
    echo "cargo-fuzz is missing; install it: cargo install cargo-fuzz --locked" >&2
    exit 1
fi

cd "$root"
"$cargo" fuzz build --fuzz-dir "$here" --sanitizer "$sanitizer"
"$cargo" build --quiet --locked --profile demo -p geophone-sensor --no-default-features
built=$("$cargo" metadata --format-version 1 --no-deps --locked |
    sed -n 's/.*"target_directory":"\([^"]*\)".*/\1/p')
python3 "$here/seeds.py" --sensor "$built/demo/geophone-sensor"

scratch=$(mktemp -d "${TMPDIR:-/tmp}/fuzz.XXXXXX")
trap 'rm -rf "$scratch"' EXIT

fuzz() {
    local target=$1
    mkdir -p "$here/corpus/$target" "$here/artifacts/$target"
    "$cargo" fuzz run --fuzz-dir "$here" --sanitizer "$sanitizer" "$target" -- \
        -max_total_time="$seconds" -max_len="$most_octets" -timeout=10 -rss_limit_mb=2048 \
        -dict="$here/dns.dict" -print_final_stats=1 >"$scratch/$target.log" 2>&1 ||
        echo "$target" >>"$scratch/failed"
}

echo "fuzzing ${targets[*]}: $seconds s each"
running=0
for target in "${targets[@]}"; do
    if ((running == cores)); then
        wait -n
        running=$((running - 1))
    fi
    fuzz "$target" &
    running=$((running + 1))
done
wait

printf '%-10s %12s %9s %9s %9s  %s\n' target executions per-s edges inputs found
for target in "${targets[@]}"; do
    log=$scratch/$target.log
    number() { grep -a "stat::$1:" "$log" | tail -n 1 | grep -o '[0-9]*$' || echo 0; }
    last() { grep -a -o "$1 [0-9]*" "$log" | tail -n 1 | grep -o '[0-9]*$' || echo 0; }
    found=$(grep -a -o 'Test unit written to .*' "$log" | sed 's/.* //' | head -n 1) || true
    printf '%-10s %12s %9s %9s %9s  %s\n' "$target" "$(number number_of_executed_units)" \
        "$(number average_exec_per_sec)" "$(last cov:)" "$(last corp:)" "${found:-nothing}"
done
[ -e "$scratch/failed" ] || exit 0

while read -r target; do
    log=$scratch/$target.log
    echo
    echo "$target failed:"
    grep -a -A 4 -m 1 -E 'panicked at|ERROR: |^error' "$log" || tail -n 20 "$log"
    find=$(grep -a -o 'Test unit written to .*' "$log" | sed 's/.* //' | head -n 1) || true
    [ -n "$find" ] || continue
    # The smallest input that does the same; half a minute is enough for most.
    "$cargo" fuzz run --fuzz-dir "$here" --sanitizer "$sanitizer" "$target" "$find" -- \
        -minimize_crash=1 -max_total_time=30 -exact_artifact_path="$scratch/smallest" \
        >"$scratch/minimize.log" 2>&1 || true
    [ -s "$scratch/smallest" ] || cp "$find" "$scratch/smallest"
    cp "$scratch/smallest" "$find.smallest"
    rm "$scratch/smallest"
    echo "input, $(wc -c <"$find.smallest") octets: $(od -An -v -tx1 <"$find.smallest" | tr -d ' \n')"
    echo "again: RUSTC_BOOTSTRAP=1 cargo fuzz run --fuzz-dir sensor/fuzz $target ${find#"$root"/}.smallest"
done <"$scratch/failed"
cat <<'TEXT'

To make a test of a find: src/ of the target says what the octets mean. Write what they stand
for, frames or a message or a line, into sensor/tests/hostile.rs with the assertion that failed,
see it fail, then mend the sensor. Keep it there: the corpus is not committed.
TEXT
exit 1
