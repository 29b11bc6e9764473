//! The octet of any stream at a sequence number: a function of that number alone. Whatever is lost, doubled or
//! shifted shows, and no side has to know which incarnation of a connection it looks at.

use tcpconf_wire::SeqNumber;

/// Odd, so that no two of 2^32 neighbours have the same product (2^32 / golden ratio).
const STEP: u32 = 0x9e37_79b1;

/// Octets that are made at once: a vector of them.
const LANES: usize = 32;

/// From the product of a place to that of the place so many behind it.
const STRIDE: u32 = STEP.wrapping_mul(LANES as u32);

/// The octets at the places whose products begin with `first`.
#[inline(always)]
fn lanes(first: u32) -> [u8; LANES] {
    core::array::from_fn(|n| (first.wrapping_add((n as u32).wrapping_mul(STEP)) >> 24) as u8)
}

/// `len` octets of a stream from `seq` on.
pub(super) fn stream(seq: SeqNumber, len: usize) -> Vec<u8> {
    let mut out = vec![0; len];
    fill(seq, &mut out);
    out
}

/// Writes the octets of a stream from `seq` on.
pub(super) fn fill(seq: SeqNumber, out: &mut [u8]) {
    let mut product = seq.0.wrapping_mul(STEP);
    let (whole, rest) = out.as_chunks_mut::<LANES>();
    for place in whole {
        *place = lanes(product);
        product = product.wrapping_add(STRIDE);
    }
    for (place, right) in rest.iter_mut().zip(lanes(product)) {
        *place = right;
    }
}

/// The index of the first of these octets that is not that of its place.
pub(super) fn first_wrong(seq: SeqNumber, got: &[u8]) -> Option<usize> {
    // Nearly always there is none: that is found out without a branch for each piece.
    let mut product = seq.0.wrapping_mul(STEP);
    let (whole, rest) = got.as_chunks::<LANES>();
    let mut wrong = false;
    for piece in whole {
        wrong |= *piece != lanes(product);
        product = product.wrapping_add(STRIDE);
    }
    for (octet, right) in rest.iter().zip(lanes(product)) {
        wrong |= *octet != right;
    }
    if !wrong {
        return None;
    }
    let right = stream(seq, got.len());
    got.iter().zip(right).position(|(got, right)| *got != right)
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

    #[test]
    fn an_octet_is_that_of_its_place_wherever_a_piece_begins() {
        let seq = SeqNumber(0xffff_ff00);
        let text = stream(seq, 300);
        for start in 0..40 {
            for end in [start, start + 1, start + 15, start + 16, start + 17, 300] {
                assert_eq!(
                    stream(seq + start, (end - start) as usize),
                    text[start as usize..end as usize]
                );
            }
        }
        for wrong in 0..300 {
            let mut changed = text.clone();
            changed[wrong] ^= 0x80;
            assert_eq!(first_wrong(seq, &changed), Some(wrong));
        }
    }
}
