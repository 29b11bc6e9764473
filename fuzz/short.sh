#!/bin/sh
# Runs each fuzz target for SECONDS (default 30) over its seeds and its grown corpus.
# Exits with 1 when a target found something: the input is in fuzz/artifacts/TARGET, ready to be moved to
# fuzz/regressions/TARGET with its fix.
#
#   fuzz/short.sh [SECONDS] [TARGET…]
set -eu
cd "$(dirname "$0")"
seconds=${1:-30}
[ $# -eq 0 ] || shift

command -v cargo-fuzz >/dev/null 2>&1 || cargo install --locked --version '^0.13' cargo-fuzz

# Nightly adds coverage of values; without its rust-src no sanitizer works, hence `-s none`. Stable does as well.
toolchain=
for candidate in +nightly ''; do
    # shellcheck disable=SC2086 # empty means: the default toolchain
    if cargo $candidate fuzz build -s none >build.log 2>&1; then
        toolchain=$candidate
        built=yes
        break
    fi
done
if [ -z "${built:-}" ]; then
    cat build.log >&2
    exit 2
fi
rm -f build.log

targets=${*:-$(cargo fuzz list)}
failed=
for target in $targets; do
    mkdir -p "corpus/$target" "seeds/$target" "regressions/$target"
    dictionary=
    [ ! -f "dictionaries/$target.dict" ] || dictionary="-dict=dictionaries/$target.dict"
    echo "== $target, $seconds s"
    # shellcheck disable=SC2086 # both may be empty
    cargo $toolchain fuzz run -s none "$target" \
        "corpus/$target" "seeds/$target" "regressions/$target" -- \
        -max_total_time="$seconds" -timeout=5 -rss_limit_mb=1024 -max_len=2048 \
        -print_final_stats=1 $dictionary || failed="$failed $target"
done
rmdir regressions/* 2>/dev/null || true
if [ -n "$failed" ]; then
    echo "findings in:$failed" >&2
    exit 1
fi
