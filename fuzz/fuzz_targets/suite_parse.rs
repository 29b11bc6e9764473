//! See `tcpconf_target::fuzzing::suite_parse`.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| tcpconf_target::fuzzing::suite_parse(data));
