#!/bin/sh
# RUSTC_WRAPPER of the fuzz builds: coverage counts in the crates under test alone. The branches of the harness around
# them say nothing about the code under test and cost more than it. Values compared are followed in the suite
# language only, which has keywords. cargo-fuzz hands its flags to every crate; here they are taken away again.
set -eu
rustc=$1
shift
crate=
counted=
previous=
for argument in "$@"; do
    [ "$previous" != --crate-name ] || crate=$argument
    previous=$argument
done
case $crate in
tcpconf_suite) exec "$rustc" "$@" ;;
tcpconf_wire | tcpconf_stack | smoltcp) counted=yes ;;
esac
count=$#
while [ "$count" -gt 0 ]; do
    argument=$1
    shift
    case $counted$argument in
    *-sanitizer-coverage-trace-compares) ;;
    -Cpasses=sancov-module | -Cllvm-args=-sanitizer-coverage-*) ;;
    *) set -- "$@" "$argument" ;;
    esac
    count=$((count - 1))
done
exec "$rustc" "$@"
