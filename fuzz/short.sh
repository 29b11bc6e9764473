#!/bin/sh
# Runs each fuzz target for SECONDS (default 30) over its seeds and its grown corpus.
# Exits with 1 when a target found something: the input is in fuzz/artifacts/TARGET, ready to be moved to
# fuzz/regressions/TARGET with its fix.
#
#   fuzz/short.sh [SECONDS] [TARGET…]
#
# With FUZZ_SEED set every run tries the same inputs, as CI does: what it finds is the change's, not the dice's.
set -eu
cd "$(dirname "$0")"
seconds=${1:-30}
[ $# -eq 0 ] || shift
. ./common.sh
build "$@"

failed=
for target in ${*:-$(cargo fuzz list)}; do
    mkdir -p "corpus/$target" "artifacts/$target"
    echo "== $target, $seconds s"
    # shellcheck disable=SC2046 # several words each
    "$binaries/$target" "corpus/$target" $(ls -d "seeds/$target" "regressions/$target" 2>/dev/null) \
        -artifact_prefix="artifacts/$target/" -max_total_time="$seconds" -timeout=5 -print_final_stats=1 \
        ${FUZZ_SEED:+-seed=$FUZZ_SEED} $(options_of "$target") || failed="$failed $target"
done
if [ -n "$failed" ]; then
    echo "findings in:$failed" >&2
    exit 1
fi
