//! See `tcpconf_wire::testing::targets::options_parse`.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| tcpconf_wire::testing::targets::options_parse(data));
