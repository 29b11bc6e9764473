//! Sequence numbers: arithmetic modulo 2^32 (RFC 9293 §3.4).

use core::fmt;
use core::ops::{Add, AddAssign, Sub};

/// A sequence or acknowledgement number.
///
/// Comparisons are those of RFC 9293 §3.4: `a.lt(b)` holds when `b` lies at most 2^31 − 1 ahead of
/// `a`.  The type has no `Ord`, because that relation is not transitive.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct SeqNumber(pub u32);

impl SeqNumber {
    /// Signed distance from `earlier` to `self`, modulo 2^32: positive when `self` is ahead.
    pub const fn distance_from(self, earlier: Self) -> i32 {
        self.0.wrapping_sub(earlier.0).cast_signed()
    }

    /// `self < other`.
    pub const fn lt(self, other: Self) -> bool {
        self.distance_from(other) < 0
    }

    /// `self =< other`.
    pub const fn le(self, other: Self) -> bool {
        self.distance_from(other) <= 0
    }

    /// `self > other`.
    pub const fn gt(self, other: Self) -> bool {
        other.lt(self)
    }

    /// `self >= other`.
    pub const fn ge(self, other: Self) -> bool {
        other.le(self)
    }

    /// The later of the two.
    #[must_use]
    pub const fn max(self, other: Self) -> Self {
        if self.lt(other) { other } else { self }
    }

    /// The earlier of the two.
    #[must_use]
    pub const fn min(self, other: Self) -> Self {
        if other.lt(self) { other } else { self }
    }
}

impl Add<u32> for SeqNumber {
    type Output = Self;
    fn add(self, by: u32) -> Self {
        Self(self.0.wrapping_add(by))
    }
}

impl AddAssign<u32> for SeqNumber {
    fn add_assign(&mut self, by: u32) {
        *self = *self + by;
    }
}

impl Sub<u32> for SeqNumber {
    type Output = Self;
    fn sub(self, by: u32) -> Self {
        Self(self.0.wrapping_sub(by))
    }
}

/// Octets from `earlier` to `self`, modulo 2^32.
impl Sub for SeqNumber {
    type Output = u32;
    fn sub(self, earlier: Self) -> u32 {
        self.0.wrapping_sub(earlier.0)
    }
}

impl fmt::Display for SeqNumber {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}
