//! What a run has to say besides its verdicts: packets that nobody claimed, and its own figures.

use super::Loop;
use std::net::{IpAddr, SocketAddr};
use tcpconf_wire::view::{IpView, PROTOCOL_TCP};

/// Packets of the target that belong to no case.
#[derive(Debug, Default)]
pub(super) struct Unclaimed {
    count: u64,
    first: Option<String>,
    pub(super) refused_fragments: u64,
}

impl Unclaimed {
    /// Counts a packet if the target sent it; what others send to us is none of the run's business.
    pub(super) fn add(&mut self, bytes: &[u8], target: &[IpAddr]) {
        let Ok(ip) = IpView::parse(bytes) else {
            return;
        };
        if !target.contains(&ip.src) {
            return;
        }
        self.count += 1;
        self.first.get_or_insert_with(|| match ip.tcp() {
            Ok(tcp) if ip.protocol == PROTOCOL_TCP => format!(
                "{} > {} {} seq {} ack {}",
                SocketAddr::new(ip.src, tcp.src_port),
                SocketAddr::new(ip.dst, tcp.dst_port),
                tcp.flags,
                tcp.seq,
                tcp.ack
            ),
            _ => format!("{} > {} protocol {}", ip.src, ip.dst, ip.protocol),
        });
    }
}

impl Loop<'_, '_> {
    /// What is worth a sentence at the end.
    pub(super) fn notes(&mut self) {
        if let Some(first) = &self.unclaimed.first {
            let count = self.unclaimed.count;
            self.tally.note(format!(
                "packets of the target that belonged to no case: {count} (the first: {first})"
            ));
        }
        if self.reassembly.fragments > 0 {
            self.tally.note(format!(
                "the target sent fragments: {} ({} of them overlapped)",
                self.reassembly.fragments, self.unclaimed.refused_fragments
            ));
        }
        let dropped = self.target.link().dropped();
        if dropped > 0 {
            self.tally.note(format!(
                "packets lost on the way into the harness: {dropped}"
            ));
        }
        let left = self.target.left_behind();
        if let Some(first) = left.first() {
            self.tally.note(format!(
                "sockets that are left on the target: {} (the first: {first})",
                left.len()
            ));
        }
        if self.common.options.verbose {
            self.figures();
        }
    }

    /// How fast and how late the harness itself was.
    fn figures(&mut self) {
        let figures = [
            (
                "turn-around (receive stamp to send stamp)",
                &self.turn_around,
            ),
            ("lateness of the harness's timers", &self.lateness),
        ];
        for (what, histogram) in figures {
            if let (Some(p50), Some(p99)) = (histogram.percentile(50), histogram.percentile(99)) {
                self.tally.note(format!(
                    "{what}: p50 {p50:.1?}, p99 {p99:.1?} ({} samples)",
                    histogram.total()
                ));
            }
        }
    }
}
