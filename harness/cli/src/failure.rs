//! What ends tcpconf before it has an answer: a sentence, what to do about it, an exit code.

use std::fmt::Write as _;
use tcpconf_target::TargetError;

/// Usage or suite error.
pub(crate) const EXIT_USAGE: u8 = 2;
/// Target unreachable or harness error.
pub(crate) const EXIT_BROKEN: u8 = 3;
/// Nothing selected.
pub(crate) const EXIT_NOTHING_SELECTED: u8 = 4;

/// An error as the user sees it.
#[derive(Debug)]
pub(crate) struct Failure {
    /// The exit code.
    pub(crate) code: u8,
    /// A lowercase fragment; further lines are shown as they are.
    pub(crate) message: String,
    /// What to do about it.
    pub(crate) help: Option<String>,
}

impl Failure {
    pub(crate) fn usage(message: impl Into<String>) -> Self {
        Self {
            code: EXIT_USAGE,
            message: message.into(),
            help: None,
        }
    }

    pub(crate) fn broken(message: impl Into<String>) -> Self {
        Self {
            code: EXIT_BROKEN,
            message: message.into(),
            help: None,
        }
    }

    pub(crate) fn help(mut self, help: impl Into<String>) -> Self {
        self.help = Some(help.into());
        self
    }

    /// `help: did you mean 'x'?`, or the list of what there is.
    pub(crate) fn suggest<'a>(
        self,
        word: &str,
        known: impl IntoIterator<Item = &'a str> + Clone,
    ) -> Self {
        if let Some(near) = tcpconf_wire::notation::nearest(word, known.clone()) {
            return self.help(format!("did you mean '{near}'?"));
        }
        let all: Vec<&str> = known.into_iter().collect();
        if all.is_empty() {
            self
        } else {
            self.help(format!("there are: {}", all.join(" ")))
        }
    }

    /// `error: …` and `help: …`, without control characters from outside.
    pub(crate) fn render(&self) -> String {
        let mut out = String::new();
        for (index, line) in self.message.lines().enumerate() {
            let head = if index == 0 { "error: " } else { "" };
            writeln!(out, "{head}{}", tcpconf_report::printable(line))
                .expect("a String takes everything");
        }
        for (index, line) in self.help.iter().flat_map(|help| help.lines().enumerate()) {
            let head = if index == 0 { "help: " } else { "      " };
            writeln!(out, "{head}{}", tcpconf_report::printable(line))
                .expect("a String takes everything");
        }
        out
    }
}

impl From<TargetError> for Failure {
    fn from(error: TargetError) -> Self {
        let message = error.to_string();
        match error {
            TargetError::Usage(_) => Self::usage(message),
            _ => Self::broken(message),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn error_and_help_stand_on_lines_of_their_own() {
        let failure = Failure::usage("no suite 'a\x1b'\n  a\n  ^").suggest("stakc", ["stack"]);
        assert_eq!(
            failure.render(),
            "error: no suite 'a\\u{1b}'\n  a\n  ^\nhelp: did you mean 'stack'?\n"
        );
    }
}
