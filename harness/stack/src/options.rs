//! TCP options: read from a segment, written into one.

use core::time::Duration;
use tcpconf_wire::SeqNumber;
use tcpconf_wire::view::{OptionView, TcpView};

const KIND_NOP: u8 = 1;
const KIND_MSS: u8 = 2;
const KIND_WINDOW_SCALE: u8 = 3;
const KIND_SACK_PERMITTED: u8 = 4;
const KIND_SACK: u8 = 5;
const KIND_TIMESTAMPS: u8 = 8;
const KIND_USER_TIMEOUT: u8 = 28;
const KIND_FAST_OPEN: u8 = 34;

/// Most SACK blocks a header can hold (RFC 2018 §3).
pub(crate) const MAX_SACK_BLOCKS: usize = 4;

/// TSval and TSecr (RFC 7323 §3.2).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Timestamps {
    pub(crate) value: u32,
    pub(crate) echo: u32,
}

impl Timestamps {
    /// Those of a RST in answer to a segment with `cause` (RFC 7323 §5.2): TSval is zero, as there
    /// may be no clock for this connection, and the echo shows what is answered.
    pub(crate) fn of_reset_for(cause: Self) -> Self {
        Self {
            value: 0,
            echo: cause.value,
        }
    }
}

/// Up to four SACK blocks, left and right edge.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct SackBlocks {
    blocks: [(SeqNumber, SeqNumber); MAX_SACK_BLOCKS],
    count: usize,
}

impl SackBlocks {
    /// Adds a block; dropped when all four places are taken.
    pub(crate) fn push(&mut self, start: SeqNumber, end: SeqNumber) {
        if let Some(place) = self.blocks.get_mut(self.count) {
            *place = (start, end);
            self.count += 1;
        }
    }

    #[inline]
    pub(crate) fn as_slice(&self) -> &[(SeqNumber, SeqNumber)] {
        &self.blocks[..self.count]
    }
}

/// A Fast Open cookie: 4 to 16 octets (RFC 7413 §4.1.1).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct FastOpenCookie {
    octets: [u8; 16],
    len: u8,
}

impl FastOpenCookie {
    /// `None` when there cannot be a cookie of this length.
    pub(crate) fn new(cookie: &[u8]) -> Option<Self> {
        let len = cookie.len();
        if !len.is_multiple_of(2) || !(4..=16).contains(&len) {
            return None;
        }
        let mut octets = [0; 16];
        octets[..len].copy_from_slice(cookie);
        Some(Self {
            octets,
            len: len as u8,
        })
    }

    pub(crate) fn as_slice(&self) -> &[u8] {
        &self.octets[..usize::from(self.len)]
    }
}

/// The Fast Open option (RFC 7413 §4.1.1).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum FastOpenOption {
    /// Empty: the peer asks for a cookie.
    Request,
    Cookie(FastOpenCookie),
}

/// The options of an arriving segment that this stack knows. What is malformed is as if it were not
/// there, and so is all that follows a length that lies (MUST-6, MUST-7).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Options {
    pub(crate) mss: Option<u16>,
    pub(crate) window_scale: Option<u8>,
    pub(crate) sack_permitted: bool,
    pub(crate) timestamps: Option<Timestamps>,
    pub(crate) sack: SackBlocks,
    pub(crate) fast_open: Option<FastOpenOption>,
    /// RFC 5482; zero is as good as none (§3.4).
    pub(crate) user_timeout: Option<Duration>,
}

impl Options {
    /// Those of a segment without any.
    pub(crate) const NONE: Self = Self {
        mss: None,
        window_scale: None,
        sack_permitted: false,
        timestamps: None,
        sack: SackBlocks {
            blocks: [(SeqNumber(0), SeqNumber(0)); MAX_SACK_BLOCKS],
            count: 0,
        },
        fast_open: None,
        user_timeout: None,
    };

    /// Adds those of a segment. They are large: what is returned is built elsewhere and moved.
    pub(crate) fn read(&mut self, segment: &TcpView<'_>) {
        // The layout nearly every segment has (RFC 7323 appendix A).
        if let [1, 1, 8, 10, body @ ..] = segment.options
            && let Some(body) = body.first_chunk::<8>()
            && segment.options.len() == 12
        {
            self.timestamps = Some(timestamps(body));
            return;
        }
        for option in segment.options() {
            let OptionView::Kind(kind, data) = option else {
                continue;
            };
            match (kind, data) {
                (KIND_MSS, &[a, b]) => self.mss = Some(u16::from_be_bytes([a, b])),
                (KIND_WINDOW_SCALE, &[shift]) => self.window_scale = Some(shift),
                (KIND_SACK_PERMITTED, []) => self.sack_permitted = true,
                (KIND_TIMESTAMPS, data) => {
                    if let Some(body) = data.first_chunk::<8>()
                        && data.len() == 8
                    {
                        self.timestamps = Some(timestamps(body));
                    }
                }
                (KIND_FAST_OPEN, []) => self.fast_open = Some(FastOpenOption::Request),
                (KIND_FAST_OPEN, data) => {
                    // RFC 7413 §4.1.1: other lengths are ignored.
                    let cookie = FastOpenCookie::new(data);
                    self.fast_open = cookie.map(FastOpenOption::Cookie).or(self.fast_open);
                }
                (KIND_USER_TIMEOUT, &[a, b]) => {
                    self.user_timeout = user_timeout(u16::from_be_bytes([a, b]));
                }
                (KIND_SACK, data) => {
                    let (blocks, rest) = data.as_chunks::<8>();
                    if rest.is_empty() {
                        for b in blocks {
                            self.sack.push(
                                SeqNumber(u32::from_be_bytes([b[0], b[1], b[2], b[3]])),
                                SeqNumber(u32::from_be_bytes([b[4], b[5], b[6], b[7]])),
                            );
                        }
                    }
                }
                _ => {}
            }
        }
    }
}

fn timestamps(b: &[u8; 8]) -> Timestamps {
    Timestamps {
        value: u32::from_be_bytes([b[0], b[1], b[2], b[3]]),
        echo: u32::from_be_bytes([b[4], b[5], b[6], b[7]]),
    }
}

/// RFC 5482 §3.3: the highest bit says minutes instead of seconds.
fn user_timeout(field: u16) -> Option<Duration> {
    let value = u64::from(field & 0x7fff);
    let unit = if field & 0x8000 == 0 { 1 } else { 60 };
    (value > 0).then(|| Duration::from_secs(value * unit))
}

/// The options area of a segment that is being built: at most 40 octets, padded with NOPs in front
/// so that it always is a whole number of words.
#[derive(Clone, Copy, Debug)]
pub(crate) struct OptionArea {
    bytes: [u8; 40],
    len: usize,
}

impl OptionArea {
    pub(crate) const fn new() -> Self {
        Self {
            bytes: [0; 40],
            len: 0,
        }
    }

    pub(crate) fn as_slice(&self) -> &[u8] {
        &self.bytes[..self.len]
    }

    pub(crate) const fn len(&self) -> usize {
        self.len
    }

    const fn room(&self) -> usize {
        self.bytes.len() - self.len
    }

    fn put(&mut self, bytes: &[u8]) {
        self.bytes[self.len..self.len + bytes.len()].copy_from_slice(bytes);
        self.len += bytes.len();
    }

    pub(crate) fn mss(&mut self, mss: u16) {
        let [a, b] = mss.to_be_bytes();
        self.put(&[KIND_MSS, 4, a, b]);
    }

    /// SACK-permitted alone, or in the padding of the timestamps that follow it.
    pub(crate) fn sack_permitted(&mut self, with_timestamps: bool) {
        if !with_timestamps {
            self.put(&[KIND_NOP, KIND_NOP]);
        }
        self.put(&[KIND_SACK_PERMITTED, 2]);
    }

    pub(crate) fn timestamps(&mut self, timestamps: Timestamps, padded: bool) {
        if padded {
            self.put(&[KIND_NOP, KIND_NOP]);
        }
        self.put(&[KIND_TIMESTAMPS, 10]);
        self.put(&timestamps.value.to_be_bytes());
        self.put(&timestamps.echo.to_be_bytes());
    }

    pub(crate) fn window_scale(&mut self, shift: u8) {
        self.put(&[KIND_NOP, KIND_WINDOW_SCALE, 3, shift]);
    }

    /// A cookie, or an empty option, padded in front; left out when there is no room.
    pub(crate) fn fast_open(&mut self, option: FastOpenOption) {
        let cookie = match &option {
            FastOpenOption::Request => &[],
            FastOpenOption::Cookie(cookie) => cookie.as_slice(),
        };
        let length = cookie.len() + 2;
        let padding = length.next_multiple_of(4) - length;
        if padding + length > self.room() {
            return;
        }
        for _ in 0..padding {
            self.put(&[KIND_NOP]);
        }
        self.put(&[KIND_FAST_OPEN, length as u8]);
        self.put(cookie);
    }

    /// Seconds as long as they fit, rounded up minutes beyond; at least one second (RFC 5482 §3.4).
    pub(crate) fn user_timeout(&mut self, timeout: Duration) {
        let secs = timeout.as_secs().max(1);
        let field = match u16::try_from(secs) {
            Ok(secs) if secs < 0x8000 => secs,
            _ => {
                0x8000
                    | u16::try_from(secs.div_ceil(60))
                        .unwrap_or(u16::MAX)
                        .min(0x7fff)
            }
        };
        let [a, b] = field.to_be_bytes();
        self.put(&[KIND_USER_TIMEOUT, 4, a, b]);
    }

    /// As many blocks as fit (RFC 2018 §3: four, or three beside timestamps).
    pub(crate) fn sack(&mut self, blocks: &[(SeqNumber, SeqNumber)]) {
        let count = blocks.len().min(self.room().saturating_sub(4) / 8);
        if count == 0 {
            return;
        }
        let length = u8::try_from(2 + 8 * count).expect("at most four blocks");
        self.put(&[KIND_NOP, KIND_NOP, KIND_SACK, length]);
        for (start, end) in &blocks[..count] {
            self.put(&start.0.to_be_bytes());
            self.put(&end.0.to_be_bytes());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(options: &[u8]) -> Options {
        let mut segment = vec![0; 20];
        segment[12] = u8::try_from((20 + options.len()) / 4 * 16).unwrap();
        segment.extend_from_slice(options);
        let mut read = Options::NONE;
        read.read(&TcpView::parse(&segment).unwrap());
        read
    }

    #[test]
    fn what_is_written_is_read_back() {
        let stamps = Timestamps { value: 7, echo: 9 };
        let mut area = OptionArea::new();
        area.mss(1460);
        area.sack_permitted(true);
        area.timestamps(stamps, false);
        area.window_scale(7);
        assert_eq!(area.len() % 4, 0);
        let options = parse(area.as_slice());
        assert_eq!(options.mss, Some(1460));
        assert!(options.sack_permitted);
        assert_eq!(options.timestamps, Some(stamps));
        assert_eq!(options.window_scale, Some(7));
    }

    #[test]
    fn three_sack_blocks_fit_beside_timestamps() {
        let mut area = OptionArea::new();
        area.timestamps(Timestamps { value: 7, echo: 9 }, true);
        area.sack(&[(SeqNumber(1), SeqNumber(2)); 4]);
        assert_eq!(area.len(), 40);
        assert_eq!(parse(area.as_slice()).sack.as_slice().len(), 3);
    }

    #[test]
    fn options_before_a_lying_length_count_and_those_behind_do_not() {
        let options = parse(&[2, 4, 5, 0xb4, 99, 0, 3, 3, 7, 0, 0, 0]);
        assert_eq!(options.mss, Some(0x5b4));
        assert_eq!(options.window_scale, None);
    }

    #[test]
    fn an_option_of_the_wrong_length_is_ignored() {
        let options = parse(&[2, 3, 5, 3, 2, 4, 2, 1]);
        assert_eq!((options.mss, options.window_scale), (None, None));
        assert!(options.sack_permitted);
    }
}
