#!/bin/sh
# Fuzzes for HOURS (may be 0.1), the targets in turn with equal shares or those that are named, one process a share.
# Minimises what is found, keeps the corpus small, writes report.md beside the artifacts, adds a line a target to
# hours.md. Exits with 1 when something was found.
#
#   fuzz/nightly.sh HOURS [TARGET…]
#
# JOBS=N runs N processes on the same corpus.
set -eu
cd "$(dirname "$0")"
hours=${1:?"usage: fuzz/nightly.sh HOURS [TARGET…]"}
shift
jobs=${JOBS:-1}

. ./common.sh
guided=yes
build "$@"

targets=${*:-$(cargo fuzz list)}
count=$(echo "$targets" | wc -w)
seconds=$(awk -v h="$hours" -v n="$count" 'BEGIN { print int(h * 3600 / n) }')
commit=$(git rev-parse --short HEAD)
[ -z "$(git status --porcelain -- ../harness)" ] || commit="$commit+"
report=artifacts/report.md
mkdir -p artifacts
printf '# Fuzzing of %s, %s\n\n' "$commit" "$(date -u +%Y-%m-%d)" >"$report"
found=

for target in $targets; do
    mkdir -p "corpus/$target" "artifacts/$target"
    options=$(options_of "$target")
    before=$(find "artifacts/$target" -type f ! -name '*.min' | wc -l)
    log=artifacts/$target.log
    read_cpu
    start=$cpu
    # -fork goes on behind a crash, and keeps every input that makes one.
    # shellcheck disable=SC2046,SC2086 # several words each
    "$binaries/$target" "corpus/$target" $(ls -d "seeds/$target" "regressions/$target" 2>/dev/null) \
        -artifact_prefix="artifacts/$target/" -fork="$jobs" -ignore_crashes=1 -ignore_timeouts=1 -ignore_ooms=1 \
        -max_total_time="$seconds" -timeout=10 $options >"$log" 2>&1 || true
    read_cpu
    took=$(echo "$cpu $start" | awk '{ print $1 - $2 }')
    executions=$(sed -n 's/^#\([0-9]*\):.*/\1/p' "$log" | tail -1)
    after=$(find "artifacts/$target" -type f ! -name '*.min' | wc -l)
    new=$((after - before))
    echo "$target: ${executions:-0} executions, $new findings"
    printf '## %s\n\n%s executions in %s s of CPU time, %s findings\n\n' "$target" "${executions:-0}" "$took" "$new" >>"$report"
    awk -v d="$(date -u +%Y-%m-%d)" -v c="$commit" -v t="$target" -v s="$took" -v e="${executions:-0}" \
        -v n="$new" 'BEGIN { printf "| %s | %s | %s | %.3f | %s | %s |\n", d, c, t, s / 3600, e, n }' >>hours.md
    if [ "$new" -gt 0 ]; then
        found="$found $target"
        for input in artifacts/"$target"/crash-* artifacts/"$target"/timeout-* artifacts/"$target"/oom-*; do
            [ -f "$input" ] && [ ! -f "$input.min" ] || continue
            case $input in *.min) continue ;; esac
            "$binaries/$target" -minimize_crash=1 -runs=20000 -max_total_time=30 -exact_artifact_path="$input.min" \
                "$input" >/dev/null 2>&1 || true
            [ -f "$input.min" ] || cp "$input" "$input.min"
            message=$("$binaries/$target" "$input.min" 2>&1 | grep -A2 'panicked at' | head -3 || true)
            # No panic when it is played alone: out of memory or time, or not repeatable.
            [ -n "$message" ] || message=$(grep -m1 'SUMMARY: libFuzzer' "$log" || echo 'it is quiet when it is played alone')
            printf -- '- `%s`\n\n```\n%s\n```\n\n' "$input.min" "$message" >>"$report"
        done
    fi
    # A corpus that says the same with less.
    merged=$(mktemp -d)
    if "$binaries/$target" -merge=1 "$merged" "corpus/$target" >/dev/null 2>&1; then
        rm -rf "corpus/$target"
        mv "$merged" "corpus/$target"
    else
        rm -rf "$merged"
    fi
done

if [ -n "$found" ]; then
    echo "findings in:$found; see fuzz/$report" >&2
    exit 1
fi
