//! Eyes on the link: what was said twice, what was reset, what had arrived twice.

use std::collections::HashMap;
use std::net::SocketAddr;
use tcpconf_wire::view::{IpView, OptionView, TcpView};
use tcpconf_wire::{Flags, SeqNumber};

/// The kind of a SACK option (RFC 2018 §3).
const SACK: u8 = 5;
const TCP: u8 = 6;

/// What was seen so far, both ways.
#[derive(Debug, Default)]
pub(crate) struct Wire {
    /// Behind the last octet that was sent, by sender and receiver.
    ends: HashMap<(SocketAddr, SocketAddr), SeqNumber>,
    /// Segments with text, SYN or FIN.
    pub(crate) telling: u64,
    /// All segments.
    pub(crate) segments: u64,
    /// What should not be there, each with its segment in words.
    pub(crate) faults: Vec<String>,
}

impl Wire {
    /// One more packet, whoever sent it.
    pub(crate) fn see(&mut self, packet: &[u8]) {
        let Ok(ip) = IpView::parse(packet) else {
            return;
        };
        if ip.protocol != TCP {
            return;
        }
        let Ok(tcp) = ip.tcp() else {
            self.faults.push("a segment that cannot be parsed".into());
            return;
        };
        self.segments += 1;
        let from = SocketAddr::new(ip.src, tcp.src_port);
        let to = SocketAddr::new(ip.dst, tcp.dst_port);
        if !ip.tcp_checksum_ok() {
            self.fault("wrong checksum", from, to, &tcp);
        }
        if tcp.flags.contains(Flags::RST) {
            self.fault("reset", from, to, &tcp);
        }
        if tells_of_a_duplicate(&tcp) {
            self.fault("D-SACK", from, to, &tcp);
        }
        if tcp.seq_len() == 0 {
            return;
        }
        self.telling += 1;
        let end = tcp.seq + tcp.seq_len();
        let known = self.ends.get(&(from, to)).copied();
        // A SYN with another number opens the next connection of these two.
        let new = tcp.flags.contains(Flags::SYN) && known.is_some_and(|known| known != end);
        match known {
            Some(known) if !new && tcp.seq.lt(known) => {
                self.fault("retransmission", from, to, &tcp);
            }
            _ => {
                self.ends.insert((from, to), end);
            }
        }
    }

    /// Nothing was said twice, reset or wrong; else some of it.
    ///
    /// # Panics
    /// When there was nothing to see.
    pub(crate) fn verdict(&self) -> Result<(), String> {
        assert!(self.telling > 0, "the wire was silent");
        let count = self.faults.len();
        let first = &self.faults[..count.min(10)];
        if count == 0 {
            return Ok(());
        }
        Err(format!(
            "{count} faults in {} segments: {first:#?}",
            self.segments
        ))
    }

    fn fault(&mut self, what: &str, from: SocketAddr, to: SocketAddr, tcp: &TcpView<'_>) {
        let TcpView { seq, ack, .. } = tcp;
        let (flags, length) = (tcp.flags, tcp.payload.len());
        self.faults.push(format!(
            "segment {}: {what}: {from} > {to} {flags} {seq}({length}) ack {ack} win {}",
            self.segments, tcp.window
        ));
    }
}

/// RFC 2883 §4: the first block lies below the acknowledgement, or within the second.
fn tells_of_a_duplicate(tcp: &TcpView<'_>) -> bool {
    let word = |octets: &[u8]| {
        octets
            .first_chunk()
            .map(|c| SeqNumber(u32::from_be_bytes(*c)))
    };
    let Some(body) = tcp.options().find_map(|option| match option {
        OptionView::Kind(SACK, body) => Some(body),
        _ => None,
    }) else {
        return false;
    };
    let mut blocks = body
        .chunks_exact(8)
        .filter_map(|block| Some((word(&block[..4])?, word(&block[4..])?)));
    let Some((left, right)) = blocks.next() else {
        return false;
    };
    left.lt(tcp.ack)
        || blocks
            .next()
            .is_some_and(|(l, r)| l.le(left) && right.le(r))
}
