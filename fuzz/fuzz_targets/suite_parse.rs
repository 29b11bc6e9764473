//! See `tcpconf_target::fuzzing::suite_parse`.
#![no_main]

use tcpconf_fuzz as _;

libfuzzer_sys::fuzz_target!(|data: &[u8]| tcpconf_target::fuzzing::suite_parse(data));
