//! Payload that names its sequence number, so that any corruption, shift or repetition shows.
//!
//! Upper-case letters only: a line-oriented service behind the port keeps on reading, since no blank,
//! line end or lower-case letter ever comes.

/// The octet at `offset` octets behind the initial sequence number of its sender.
pub fn octet(offset: u32) -> u8 {
    // A Fibonacci hash: neighbouring offsets give unrelated letters, so that a shift by any
    // distance shows within a few octets.
    let mixed = offset.wrapping_mul(0x9E37_79B1).rotate_right(13) ^ offset;
    b'A' + ((mixed.wrapping_mul(0x85EB_CA6B) >> 16) % 26) as u8
}

/// `length` octets from `offset`.
pub fn octets(offset: u32, length: usize) -> Vec<u8> {
    (0..length)
        .map(|i| octet(offset.wrapping_add(i as u32)))
        .collect()
}

/// The first octet of `bytes` that is not the one expected from `offset`: `(index, expected)`.
pub fn first_wrong(offset: u32, bytes: &[u8]) -> Option<(usize, u8)> {
    bytes.iter().enumerate().find_map(|(i, byte)| {
        let expected = octet(offset.wrapping_add(i as u32));
        (*byte != expected).then_some((i, expected))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_shift_shows_within_sixteen_octets() {
        for shift in 1..5_000u32 {
            assert!(
                first_wrong(shift, &octets(0, 16)).is_some(),
                "a shift by {shift} would go unseen"
            );
        }
    }

    #[test]
    fn only_upper_case_letters_come() {
        assert!(
            octets(0xffff_ff00, 4_096)
                .iter()
                .all(u8::is_ascii_uppercase)
        );
    }
}
