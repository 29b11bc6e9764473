//! Against what.

use super::Service;
use clap::{Args, ValueEnum};
use std::net::{IpAddr, SocketAddr};

#[derive(Clone, Debug, Default, Args)]
#[command(next_help_heading = "Target")]
pub(crate) struct TargetArgs {
    /// stack (built in, virtual time), smoltcp (likewise), kernel (this machine's, in a namespace of its
    /// own), HOST:PORT or [V6]:PORT, exec:PROGRAM with --transport, or a name from ./targets.toml
    #[arg(
        long,
        value_name = "TARGET",
        default_value = "stack",
        env = "TCPCONF_TARGET"
    )]
    pub(crate) target: String,
    /// The port behind which a service stands; may be given several times
    #[arg(
        long,
        value_name = "NAME=PORT",
        env = "TCPCONF_SERVICE",
        value_delimiter = ','
    )]
    pub(crate) service: Vec<Service>,
    /// How packets reach it: tap:IF, tun:IF (made for it), packet:IF, unix:PATH, unix-listen:PATH, unixseq:PATH
    #[arg(long, value_name = "KIND:NAME", env = "TCPCONF_TRANSPORT")]
    pub(crate) transport: Option<String>,
    /// Where exec:PROGRAM is [default: 10.79.0.2:7, with --ip 6 [fd79::2]:7]
    #[arg(long, value_name = "ADDR:PORT", env = "TCPCONF_ADDRESS")]
    pub(crate) address: Option<SocketAddr>,
    /// Over which IP versions [default: what the target offers first, or what a test asks for]
    #[arg(long, value_name = "VERSION", env = "TCPCONF_IP")]
    pub(crate) ip: Option<IpArg>,
    /// Inject from this address, which no host may have: ARP and neighbour solicitation are answered
    #[arg(long, value_name = "ADDR", env = "TCPCONF_SOURCE")]
    pub(crate) source: Option<IpAddr>,
    /// Inject through this interface [default: that of the route]
    #[arg(long, value_name = "IF", env = "TCPCONF_INTERFACE")]
    pub(crate) interface: Option<String>,
    /// The agent on a target HOST:PORT, which drives its application: `tcpconf agent`, or an upper tester,
    /// autosar:udp:HOST:PORT (docs/agent.md)
    #[arg(long, value_name = "ADDR:PORT", env = "TCPCONF_AGENT")]
    pub(crate) agent: Option<String>,
}

impl TargetArgs {
    /// `--target` alone.
    pub(crate) fn named(target: &str) -> Self {
        Self {
            target: target.to_owned(),
            ..Self::default()
        }
    }
}

#[derive(Clone, Debug, Args)]
#[command(next_help_heading = "Target")]
pub(crate) struct ProfileArgs {
    /// What is known of the target: a shipped profile's name, or a .toml file [default: stack for stack,
    /// smoltcp for smoltcp, linux for kernel, generic for HOST:PORT]
    #[arg(long, value_name = "NAME", env = "TCPCONF_PROFILE")]
    pub(crate) profile: Option<String>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum IpArg {
    #[value(name = "4")]
    V4,
    #[value(name = "6")]
    V6,
    Both,
}

impl From<IpArg> for tcpconf_target::IpChoice {
    fn from(ip: IpArg) -> Self {
        match ip {
            IpArg::V4 => Self::V4,
            IpArg::V6 => Self::V6,
            IpArg::Both => Self::Both,
        }
    }
}

impl std::fmt::Display for IpArg {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::V4 => "4",
            Self::V6 => "6",
            Self::Both => "both",
        })
    }
}
