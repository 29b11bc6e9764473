//! See `tcpconf_target::fuzzing::stack_ops`.
#![no_main]

use tcpconf_fuzz as _;

libfuzzer_sys::fuzz_target!(|data: &[u8]| tcpconf_target::fuzzing::stack_ops(data));
