#!/bin/bash -eu
# Puts every fuzz target into $OUT, with its dictionary, its seeds and what was ever found.
cd "$SRC/tcpconf/fuzz"
# Coverage counts in the code under test alone.
RUSTC_WRAPPER="$PWD/instrument.sh" cargo fuzz build -O --debug-assertions
for target in $(cargo fuzz list); do
    cp "target/x86_64-unknown-linux-gnu/release/$target" "$OUT/"
    if [ -f "dictionaries/$target.dict" ]; then
        cp "dictionaries/$target.dict" "$OUT/"
    fi
    inputs=$(find "seeds/$target" "regressions/$target" -type f 2>/dev/null || true)
    if [ -n "$inputs" ]; then
        echo "$inputs" | zip -q -j -@ "$OUT/${target}_seed_corpus.zip"
    fi
    printf '[libfuzzer]\nmax_len = 2048\ntimeout = 10\n' >"$OUT/$target.options"
done
