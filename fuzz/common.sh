# What the scripts of this folder have in common; to be read by them (`. ./common.sh`) in fuzz/.
# Sets toolchain (nightly, or empty for the default) and binaries (their folder).

command -v cargo-fuzz >/dev/null 2>&1 || cargo install --locked --version '^0.13' cargo-fuzz

# Builds the targets that are named, or all. Nightly adds little, and without its rust-src no sanitizer works, hence
# `-s none`. Stable does as well. Coverage counts in the code under test alone, see instrument.sh; cargo does not look at
# a wrapper when it decides what is fresh, so that the wrapper's contents are among the flags. The code is for this
# machine's CPU.
build() {
    RUSTC_WRAPPER=$PWD/instrument.sh
    RUSTFLAGS="${RUSTFLAGS:-} -Ctarget-cpu=native --cfg=instrument=\"$(cksum <instrument.sh | cut -d' ' -f1)\""
    export RUSTC_WRAPPER RUSTFLAGS
    for toolchain in +nightly ''; do
        # shellcheck disable=SC2086 # empty means: the default toolchain
        if build_with "$toolchain" "$@" >build.log 2>&1; then
            rm -f build.log
            unset RUSTC_WRAPPER
            binaries=${CARGO_TARGET_DIR:-target}/$(rustc -vV | sed -n 's/^host: //p')/release
            return
        fi
    done
    cat build.log >&2
    exit 2
}

# The same with this toolchain.
build_with() {
    toolchain=$1
    shift
    if [ $# -eq 0 ]; then
        cargo $toolchain fuzz build -s none
        return
    fi
    for target; do
        cargo $toolchain fuzz build -s none "$target" || return
    done
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
