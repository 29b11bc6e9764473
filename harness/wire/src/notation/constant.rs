//! The notation with plain numbers: traces, snapshots, reproducers.

use super::cursor::is_ident_char;
use super::{Cursor, NotationError, Span, ValueParser};

/// Numbers as they stand, decimal or hexadecimal.
#[derive(Clone, Copy, Debug, Default)]
pub struct ConstantValues;

impl ValueParser for ConstantValues {
    type Value = u64;

    fn value(&mut self, c: &mut Cursor<'_>) -> Result<u64, NotationError> {
        c.skip_blanks();
        let start = c.pos();
        let number = c.number()?;
        if c.peek_char().is_some_and(is_ident_char) {
            c.word(is_ident_char);
            return Err(c.error(start, "malformed number"));
        }
        Ok(number)
    }

    fn parameter(&mut self, _: &mut Cursor<'_>) -> Option<u64> {
        None
    }

    fn constant(&mut self, number: u64, _: Span) -> u64 {
        number
    }

    fn range_agrees(&self, start: &u64, end: &u64, len: &u64) -> bool {
        // Modulo 2^32, as sequence numbers are.
        end.wrapping_sub(*start) & 0xffff_ffff == *len
    }
}
