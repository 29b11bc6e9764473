//! JSON Lines: one object an event, the stable interface for machines.
//!
//! docs/reports.md describes the objects, docs/schema/jsonl.schema.json is their schema.

pub mod record;

use crate::{Report, pcapng};
use record::Record;
use std::io::{self, Write};
use tcpconf_engine::RunEvent;

/// Writes one object a line.
#[derive(Debug)]
pub struct JsonLines<W> {
    out: W,
    all_packets: bool,
}

impl<W: Write> JsonLines<W> {
    /// Writes to `out`. The packets of a case go into its line when it did not pass, or with
    /// `all_packets` always.
    pub fn new(out: W, all_packets: bool) -> Self {
        Self { out, all_packets }
    }
}

impl<W: Write> Report for JsonLines<W> {
    fn event(&mut self, event: &RunEvent) -> io::Result<()> {
        let with_packets = match event {
            RunEvent::CaseFinished(case) => pcapng::wanted(case, self.all_packets),
            _ => false,
        };
        serde_json::to_writer(&mut self.out, &Record::of(event, with_packets))?;
        self.out.write_all(b"\n")?;
        // A run that is killed has its lines so far.
        self.out.flush()
    }

    fn finish(&mut self) -> io::Result<()> {
        self.out.flush()
    }
}

#[cfg(test)]
mod tests;
