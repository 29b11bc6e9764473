//! See `tcpconf_target::fuzzing::two_stacks`.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| tcpconf_target::fuzzing::two_stacks(data));
