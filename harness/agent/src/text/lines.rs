//! A stream cut into lines.

use thiserror::Error;

/// A line was longer than allowed; what there was of it is gone.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
#[error("a line is longer than {0} octets")]
pub struct TooLong(pub usize);

/// Collects octets and hands out lines, without their LF or CR LF. It never holds more than a line and
/// what was pushed last.
#[derive(Debug)]
pub struct Lines {
    buffer: Vec<u8>,
    /// Where the first line that was not handed out begins.
    start: usize,
    /// Up to where no LF was found.
    scanned: usize,
    max: usize,
    skipping: bool,
}

impl Lines {
    /// For lines of at most `max` octets.
    pub fn new(max: usize) -> Self {
        Self {
            buffer: Vec::new(),
            start: 0,
            scanned: 0,
            max,
            skipping: false,
        }
    }

    /// What has arrived. Take all lines before the next push.
    pub fn push(&mut self, octets: &[u8]) {
        self.buffer.drain(..self.start);
        self.scanned -= self.start;
        self.start = 0;
        self.buffer.extend_from_slice(octets);
    }

    /// The next complete line.
    pub fn next_line(&mut self) -> Option<Result<Vec<u8>, TooLong>> {
        loop {
            let end = self.buffer[self.scanned..]
                .iter()
                .position(|octet| *octet == b'\n')
                .map(|found| self.scanned + found);
            let Some(end) = end else {
                self.scanned = self.buffer.len();
                // A CR may still belong to the line's end.
                if self.skipping || self.scanned - self.start > self.max + 1 {
                    self.start = self.scanned;
                    self.skipping = true;
                }
                return None;
            };
            let line = &self.buffer[self.start..end];
            let line = line.strip_suffix(b"\r").unwrap_or(line);
            let too_long = self.skipping || line.len() > self.max;
            let line = if too_long {
                Err(TooLong(self.max))
            } else {
                Ok(line.to_vec())
            };
            self.start = end + 1;
            self.scanned = self.start;
            self.skipping = false;
            if line.as_ref().is_ok_and(Vec::is_empty) {
                continue;
            }
            return Some(line);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn cut(max: usize, pushes: &[&[u8]]) -> Vec<Result<Vec<u8>, TooLong>> {
        let mut lines = Lines::new(max);
        let mut out = Vec::new();
        for push in pushes {
            lines.push(push);
            out.extend(std::iter::from_fn(|| lines.next_line()));
        }
        out
    }

    #[test]
    fn lines_end_in_lf_or_cr_lf_and_empty_ones_are_nothing() {
        let lines = cut(9, &[b"a b\r\n\n\r", b"\nc", b"d\n", b"rest"]);
        assert_eq!(lines, [Ok(b"a b".to_vec()), Ok(b"cd".to_vec())]);
    }

    #[test]
    fn a_line_that_is_too_long_is_told_once_and_the_next_is_read() {
        let lines = cut(4, &[b"abcdefgh", b"ijklmnop", b"q\nabcd\r\nabcde\nx\n"]);
        let wanted = [
            Err(TooLong(4)),
            Ok(b"abcd".to_vec()),
            Err(TooLong(4)),
            Ok(b"x".to_vec()),
        ];
        assert_eq!(lines, wanted);
    }

    #[test]
    fn what_is_skipped_is_not_kept() {
        let mut lines = Lines::new(16);
        for _ in 0..1_000 {
            lines.push(&[b'a'; 100]);
            assert_eq!(lines.next_line(), None);
            assert!(lines.buffer.len() <= 200);
        }
    }

    proptest! {
        #[test]
        fn where_the_stream_was_cut_does_not_matter(
            text in prop::collection::vec(prop_oneof![Just(b'\n'), Just(b'\r'), b'a'..=b'c'], 0..60),
            at in prop::collection::vec(1usize..9, 0..30),
        ) {
            let mut pushes = Vec::new();
            let mut rest = &text[..];
            for count in at {
                let (push, behind) = rest.split_at(count.min(rest.len()));
                pushes.push(push);
                rest = behind;
            }
            pushes.push(rest);
            prop_assert_eq!(cut(5, &pushes), cut(5, &[&text]));
        }
    }
}
