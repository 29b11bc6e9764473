//! How much is exchanged.

/// Octets each way of one bulk transfer.
pub(crate) const BULK: u64 = 100 << 20;

/// Connections opened by each side.
pub(crate) const CONNECTIONS: u32 = 10_000;

/// Octets each way of each of many connections.
pub(crate) const GREETING: u64 = 40;

/// Connections that are open at once.
pub(crate) const AT_ONCE: u32 = 32;

/// The octet at this place of any stream: neighbours differ, and so do places 2^8, 2^16 or an MSS apart.
pub(crate) fn octet(at: u64) -> u8 {
    (at.wrapping_mul(2_654_435_761) >> 13) as u8
}

/// Fills `buffer` with the stream from `at`.
pub(crate) fn fill(buffer: &mut [u8], at: u64) {
    for (octet_here, place) in buffer.iter_mut().zip(at..) {
        *octet_here = octet(place);
    }
}

/// Holds what came against the stream from `at`.
pub(crate) fn check(buffer: &[u8], at: u64) {
    for (&got, place) in buffer.iter().zip(at..) {
        assert_eq!(got, octet(place), "octet {place} of the stream");
    }
}

/// Who closes first, which both sides can tell by the port of the opener: of four ports the opener closes
/// first on two, the other side on two. (Linux gives `connect` ports of one parity.)
pub(crate) fn opener_closes_first(port: u16) -> bool {
    port & 2 == 0
}
