# What the scripts of this folder have in common; to be read by them (`. ./common.sh`) in fuzz/.
# Sets toolchain (nightly, or empty for the default) and binaries (their folder).

command -v cargo-fuzz >/dev/null 2>&1 || cargo install --locked --version '^0.13' cargo-fuzz

# Builds the targets that are named, or all. Nightly adds little, and without its rust-src no sanitizer works, hence
# `-s none`. Stable does as well. Coverage counts in the code under test alone, see instrument.sh; cargo does not look at
# a wrapper when it decides what is fresh, so that the wrapper's contents are among the flags. The code is for this
# machine's CPU, and memory comes from mimalloc. Where `guided` is set, see guide().
build() {
    host=$(rustc -vV | sed -n 's/^host: //p')
    flags="${RUSTFLAGS:-} -Ctarget-cpu=native"
    for toolchain in +nightly ''; do
        guide
        export RUSTC_WRAPPER="$PWD/instrument.sh"
        export RUSTFLAGS="$flags $guide --cfg=instrument=\"$(cksum <instrument.sh | cut -d' ' -f1)\""
        # shellcheck disable=SC2086 # empty means: the default toolchain
        if build_with "$toolchain" "$@" >build.log 2>&1; then
            rm -f build.log
            unset RUSTC_WRAPPER RUSTFLAGS
            binaries=${CARGO_TARGET_DIR:-target}/$host/release
            return
        fi
        unset RUSTC_WRAPPER RUSTFLAGS
    done
    cat build.log >&2
    exit 2
}

# The same with this toolchain.
build_with() {
    toolchain=$1
    shift
    if [ $# -eq 0 ]; then
        cargo $toolchain fuzz build -s none --features mimalloc
        return
    fi
    for target; do
        cargo $toolchain fuzz build -s none --features mimalloc "$target" || return
    done
}

# Builds examples/speed.rs behind build(), in the same way but for the coverage; sets speed to where it is.
build_speed() {
    # shellcheck disable=SC2086
    RUSTFLAGS="$flags $guide" cargo $toolchain build --release --features mimalloc --example speed \
        --target "$host" --target-dir target/speed >build.log 2>&1 || { cat build.log >&2; exit 2; }
    rm -f build.log
    speed=target/speed/$host/release/examples/speed
}

# Sets guide to flags by which the compiler knows from a profile what the targets do with their seeds, or to nothing where
# `guided` is not set or no llvm-profdata is there that reads this compiler's profiles. It costs another build.
guide() {
    guide=
    [ -n "${guided:-}" ] || return 0
    # shellcheck disable=SC2086
    sysroot=$(rustc $toolchain --print sysroot 2>/dev/null || rustc --print sysroot)
    profdata=$(find "$sysroot/lib/rustlib" -name llvm-profdata 2>/dev/null | head -1)
    [ -n "$profdata" ] ||
        profdata=$(find /usr/bin /usr/local/bin -name 'llvm-profdata*' 2>/dev/null | sort -V | tail -1)
    if [ -z "$profdata" ]; then
        echo "no llvm-profdata: built without a profile (rustup component add llvm-tools, or apt-get install llvm)"
        return 0
    fi
    rm -rf target/guide/raw
    # shellcheck disable=SC2086
    RUSTFLAGS="$flags -Cprofile-generate=$PWD/target/guide/raw" cargo $toolchain build --release --features mimalloc \
        --example speed --target "$host" --target-dir target/guide >guide.log 2>&1 || {
        echo "no profile by cargo $toolchain: $(grep -m1 -i error guide.log)"
        return 0
    }
    for seeds in seeds/*; do
        env -u MAX_LEN "target/guide/$host/release/examples/speed" "$(basename "$seeds")" 1 "$seeds"/* >>guide.log 2>&1 || true
    done
    if "$profdata" merge -o target/guide/profile target/guide/raw/*.profraw >>guide.log 2>&1; then
        guide=-Cprofile-use=$PWD/target/guide/profile
        rm -f guide.log
    else
        echo "built without a profile: $(tail -1 guide.log)"
    fi
}

# Options of libFuzzer for a target. Small fast targets do without what libFuzzer keeps of rare features: it costs
# more than they do.
options_of() {
    printf -- '-max_len=%s -rss_limit_mb=1024' "${MAX_LEN:-2048}"
    [ ! -f "dictionaries/$1.dict" ] || printf -- ' -dict=dictionaries/%s.dict' "$1"
    case $1 in segment_* | options_* | stack_ops) printf -- ' -entropic=0 -reduce_inputs=0' ;; esac
}

# Sets cpu to the seconds of CPU time, user and system, that finished children of this shell have used; and user to
# those of user time alone. No subshell may call it: that has other children.
read_cpu() {
    times >cpu.tmp
    user=$(sed -n 2p cpu.tmp | tr ms '  ' | awk '{ print $1 * 60 + $2 }')
    cpu=$(sed -n 2p cpu.tmp | tr ms '  ' | awk '{ print $1 * 60 + $2 + $3 * 60 + $4 }')
    rm -f cpu.tmp
}
