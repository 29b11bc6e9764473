//! Reports: folds over the event stream of a run.
//!
//! Each kind of report is a file of its own and sees nothing but [`RunEvent`]s; none reads what
//! another wrote, and none decides a verdict.  [`Reports`] hands every event to all of them and keeps
//! a run going when one of them cannot write.
//!
//! [`coverage`] is no fold: it is computed from the suites alone.  [`snapshot`] compares what targets did.

mod again;
pub mod coverage;
mod fanout;
pub mod html;
pub mod jsonl;
mod junit;
pub mod pcapng;
mod place;
mod reason;
pub mod snapshot;
mod tap;
pub mod terminal;
mod text;

#[cfg(test)]
mod sample;

pub use again::Again;
pub use fanout::{ReportError, Reports};
pub use html::Html;
pub use jsonl::JsonLines;
pub use junit::Junit;
pub use pcapng::Captures;
pub use tap::Tap;
pub use terminal::Terminal;
pub use text::printable;

use std::io;
use tcpconf_engine::RunEvent;

/// A fold over the events of a run.
pub trait Report {
    /// The next event.
    ///
    /// # Errors
    /// When what it writes to fails; it is not called again then.
    fn event(&mut self, event: &RunEvent) -> io::Result<()>;

    /// No more events: writes what is left.
    ///
    /// # Errors
    /// As above.
    fn finish(&mut self) -> io::Result<()>;
}
