//! See `tcpconf_wire::testing::targets::segment_parse`.
#![no_main]

use tcpconf_fuzz as _;

libfuzzer_sys::fuzz_target!(|data: &[u8]| tcpconf_wire::testing::targets::segment_parse(data));
