#!/bin/sh
# Prints for each target, or those that are named, how many inputs a second of user CPU time it runs: without
# sanitizer, with assertions and overflow checks.
#
# - libFuzzer: the real loop (mutation, coverage, corpus) for RUNS executions from the seeds;
# - target: the same functions over the seeds without libFuzzer and coverage (examples/speed.rs), and how many
#   operations an input has (stack_ops).
#
#   [MAX_LEN=OCTETS] fuzz/speed.sh [TARGET…]
#
# Inputs are cut to MAX_LEN, of which each target has its own.
set -eu
cd "$(dirname "$0")"
. ./common.sh
guided=yes
build "$@"
build_speed

for target in ${*:-$(cargo fuzz list)}; do
    case $target in
    segment_parse | segment_roundtrip | options_parse) runs=3000000 max_len=128 ;;
    stack_ops) runs=200000 max_len=128 ;;
    *) runs=20000 max_len=512 ;;
    esac
    max_len=${MAX_LEN:-$max_len}
    options=$(MAX_LEN=$max_len options_of "$target")
    scratch=$(mktemp -d)
    read_cpu
    before=$user
    # shellcheck disable=SC2046,SC2086 # several words each
    "$binaries/$target" "$scratch" $(ls -d "seeds/$target" "regressions/$target" 2>/dev/null) \
        -runs="$runs" -seed=1 $options >"$scratch.log" 2>&1 || { tail -5 "$scratch.log" >&2; exit 1; }
    read_cpu
    awk -v t="$target" -v r="$runs" -v a="$user" -v b="$before" -v o="$options" \
        'BEGIN { printf "%s: libFuzzer %.0f inputs/CPU-s (%d runs, %s)\n", t, r / (a - b), r, o }'
    MAX_LEN=$max_len "$speed" "$target" 2 seeds/"$target"/*
    rm -rf "$scratch" "$scratch.log"
done
echo "build: $(sed -n '/^\[profile.release\]/,/^$/p' Cargo.toml | grep = | tr '\n' ' ')"
echo "mimalloc, ${guide:-without a profile}; coverage: instrument.sh; CPU: $(sed -n 's/^model name.*: //p' /proc/cpuinfo | head -1), load $(cut -d' ' -f1 /proc/loadavg)"
