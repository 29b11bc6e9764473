//! See `tcpconf_target::fuzzing::two_stacks`.
#![no_main]

use tcpconf_fuzz as _;

libfuzzer_sys::fuzz_target!(|data: &[u8]| tcpconf_target::fuzzing::two_stacks(data));
