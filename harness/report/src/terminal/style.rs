//! Colours, which never carry anything that the words do not say.

use anstyle::{AnsiColor, Style};
use tcpconf_engine::Shown;

pub(super) const BOLD: Style = Style::new().bold();
pub(super) const DIM: Style = Style::new().dimmed();
pub(super) const ERROR: Style = AnsiColor::Red.on_default().bold();

/// A status' style.
pub(super) fn of(shown: Shown) -> Style {
    match shown {
        Shown::Pass => AnsiColor::Green.on_default().bold(),
        Shown::Fail | Shown::Xpass | Shown::Error => ERROR,
        Shown::Warn | Shown::Inconclusive => AnsiColor::Yellow.on_default().bold(),
        Shown::Info | Shown::Xfail => AnsiColor::Cyan.on_default().bold(),
        Shown::Unsupported | Shown::Skip => DIM,
    }
}
