//! Generated values by the thousand, or by the million with `TCPCONF_DEEP=1`.

use arbitrary::Unstructured;

/// Values checked in an ordinary run.
const CASES: u64 = 4_000;
/// Values checked with `TCPCONF_DEEP=1`.
const CASES_DEEP: u64 = 3_000_000;
/// Bytes that one value is made of at most.
const ENTROPY: usize = 256;

/// Runs `check` over generated values; gives their number.
pub(crate) fn for_each<T>(
    seed: u64,
    generator: fn(&mut Unstructured<'_>) -> arbitrary::Result<T>,
    mut check: impl FnMut(&T),
) -> u64 {
    let deep = std::env::var("TCPCONF_DEEP").is_ok_and(|value| value == "1");
    let cases = if deep { CASES_DEEP } else { CASES };
    let mut state = seed;
    let mut entropy = [0; ENTROPY];
    for _ in 0..cases {
        for chunk in entropy.chunks_exact_mut(8) {
            chunk.copy_from_slice(&split_mix(&mut state).to_le_bytes());
        }
        let value =
            generator(&mut Unstructured::new(&entropy)).expect("zeros stand in for missing bytes");
        check(&value);
    }
    cases
}

/// SplitMix64: good enough to mix bits, two lines long.
fn split_mix(state: &mut u64) -> u64 {
    *state = state.wrapping_add(0x9e37_79b9_7f4a_7c15);
    let mut z = *state;
    z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ (z >> 31)
}
