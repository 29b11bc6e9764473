//! The octet of any stream at a sequence number: a function of that number alone. Whatever is lost, doubled or
//! shifted shows, and no side has to know which incarnation of a connection it looks at.

use tcpconf_wire::SeqNumber;

/// Odd, so that no two of 2^32 neighbours have the same product (2^32 / golden ratio).
const STEP: u32 = 0x9e37_79b1;

/// The octets from `seq` on.
fn octets(seq: SeqNumber) -> impl Iterator<Item = u8> {
    let mut product = seq.0.wrapping_mul(STEP);
    core::iter::from_fn(move || {
        let octet = (product >> 24) as u8;
        product = product.wrapping_add(STEP);
        Some(octet)
    })
}

/// `len` octets of a stream from `seq` on.
pub(super) fn stream(seq: SeqNumber, len: usize) -> Vec<u8> {
    let mut out = vec![0; len];
    fill(seq, &mut out);
    out
}

/// Writes the octets of a stream from `seq` on.
pub(super) fn fill(seq: SeqNumber, out: &mut [u8]) {
    for (slot, octet) in out.iter_mut().zip(octets(seq)) {
        *slot = octet;
    }
}

/// The index of the first of these octets that is not that of its place.
pub(super) fn first_wrong(seq: SeqNumber, got: &[u8]) -> Option<usize> {
    // In one piece first: almost always nothing is wrong.
    let differences = got
        .iter()
        .zip(octets(seq))
        .fold(0, |all, (got, octet)| all | (got ^ octet));
    if differences == 0 {
        return None;
    }
    got.iter()
        .zip(octets(seq))
        .position(|(got, octet)| *got != octet)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_shift_of_one_octet_shows() {
        let seq = SeqNumber(0xffff_fff0);
        let text = stream(seq, 40);
        assert_eq!(first_wrong(seq, &text), None);
        assert_eq!(first_wrong(seq + 7, &text[7..]), None);
        assert_eq!(first_wrong(seq + 1, &text), Some(0));
        let mut changed = text;
        changed[33] ^= 1;
        assert_eq!(first_wrong(seq, &changed), Some(33));
    }
}
