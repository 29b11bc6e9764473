//! What a run leaves behind.

use super::values::switch;
use clap::{Args, ValueEnum};
use std::path::PathBuf;

#[derive(Clone, Debug, Args)]
#[command(next_help_heading = "Reports")]
pub(crate) struct OutputArgs {
    /// Events as JSON Lines; - is stdout, the text goes to stderr then
    #[arg(long, value_name = "FILE", env = "TCPCONF_JSONL")]
    pub(crate) jsonl: Option<PathBuf>,
    /// JUnit XML
    #[arg(long, value_name = "FILE", env = "TCPCONF_JUNIT")]
    pub(crate) junit: Option<PathBuf>,
    /// TAP 14; - as above
    #[arg(long, value_name = "FILE", env = "TCPCONF_TAP")]
    pub(crate) tap: Option<PathBuf>,
    /// Static HTML: a matrix of the tests and a page for each, with ladder diagrams
    #[arg(long, value_name = "FOLDER", env = "TCPCONF_HTML")]
    pub(crate) html: Option<PathBuf>,
    /// A pcapng file for each case that did not pass
    #[arg(long, value_name = "FOLDER", env = "TCPCONF_PCAP")]
    pub(crate) pcap: Option<PathBuf>,
    /// Packets of cases that passed too, in --pcap, --jsonl and --html
    #[arg(long, env = "TCPCONF_PCAP_ALL", value_parser = switch())]
    pub(crate) pcap_all: bool,
    /// A line for every case, and all that is known of each failure
    #[arg(short, long, env = "TCPCONF_VERBOSE", value_parser = switch())]
    pub(crate) verbose: bool,
}

#[derive(Clone, Copy, Debug, Args)]
pub(crate) struct ColorArgs {
    /// Colours in the text
    #[arg(
        long,
        value_name = "WHEN",
        default_value = "auto",
        global = true,
        env = "TCPCONF_COLOR"
    )]
    pub(crate) color: Colour,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Colour {
    /// On a terminal, unless NO_COLOR is set
    Auto,
    Always,
    Never,
}

impl From<Colour> for anstream::ColorChoice {
    fn from(colour: Colour) -> Self {
        match colour {
            Colour::Auto => Self::Auto,
            Colour::Always => Self::AlwaysAnsi,
            Colour::Never => Self::Never,
        }
    }
}
