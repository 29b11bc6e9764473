//! From `--target` to something that can be played against.

use crate::args::{IpArg, TargetArgs};
use crate::failure::Failure;
use std::net::SocketAddr;
use std::sync::Arc;
use tcpconf_engine::Profile;
use tcpconf_target::{SmoltcpTarget, StackTarget, Target};
use tcpconf_wire::notation::nearest;

/// What `--target` means.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Choice {
    /// The built-in stack.
    Stack,
    /// The TCP of the smoltcp crate.
    Smoltcp,
    /// This machine's kernel.
    Kernel,
    /// A host across a network.
    Host(SocketAddr),
}

/// Targets that are words.
const NAMES: [&str; 3] = ["stack", "smoltcp", "kernel"];

impl Choice {
    /// The profile when none is named.
    pub(super) fn usual_profile(&self) -> &'static str {
        match self {
            Self::Stack => "stack",
            Self::Smoltcp => "smoltcp",
            Self::Kernel => "linux",
            Self::Host(_) => "generic",
        }
    }
}

/// Reads `--target`.
pub(super) fn choose(args: &TargetArgs) -> Result<Choice, Failure> {
    let choice = match args.target.as_str() {
        "stack" => Choice::Stack,
        "smoltcp" => Choice::Smoltcp,
        "kernel" => Choice::Kernel,
        name => Choice::Host(address(name, args.ip)?),
    };
    let injects = matches!(choice, Choice::Host(_));
    if !injects && args.source.is_some() {
        return Err(Failure::usage("--source is only for a target HOST:PORT"));
    }
    if !injects && args.interface.is_some() {
        return Err(Failure::usage("--interface is only for a target HOST:PORT"));
    }
    Ok(choice)
}

/// The socket that `HOST:PORT` means; a host's name is looked up.
#[cfg(unix)]
fn address(name: &str, ip: Option<IpArg>) -> Result<SocketAddr, Failure> {
    if !name.contains(':') {
        let failure = Failure::usage(format!("no target '{name}'"));
        return Err(match nearest(name, NAMES) {
            Some(near) => failure.help(format!("did you mean '{near}'?")),
            None => failure.help("there are: stack, smoltcp, kernel, HOST:PORT, [V6]:PORT"),
        });
    }
    let ip = match ip {
        Some(IpArg::V4) => Some(4),
        Some(IpArg::V6) => Some(6),
        Some(IpArg::Both) | None => None,
    };
    Ok(tcpconf_target::parse_host(name, ip)?)
}

#[cfg(not(unix))]
fn address(name: &str, _: Option<IpArg>) -> Result<SocketAddr, Failure> {
    Err(Failure::usage(format!("no target '{name}'")).help("there are: stack, smoltcp"))
}

/// Opens it. Must come before the first thread: an ordinary user's kernel target needs a user
/// namespace, which only a process with a single thread may enter.
pub(super) fn open(
    choice: &Choice,
    args: &TargetArgs,
    profile: &Profile,
) -> Result<Target, Failure> {
    Ok(match choice {
        Choice::Stack => Target::InProcess(Arc::new(StackTarget::default())),
        Choice::Smoltcp => Target::InProcess(Arc::new(SmoltcpTarget)),
        Choice::Kernel => kernel()?,
        Choice::Host(address) => host(*address, args, profile)?,
    })
}

#[cfg(target_os = "linux")]
fn kernel() -> Result<Target, Failure> {
    use tcpconf_target::{KernelTarget, enter_user_namespace, needs_user_namespace};
    if needs_user_namespace() {
        enter_user_namespace()?;
    }
    Ok(Target::Real(Box::new(KernelTarget::open()?)))
}

#[cfg(not(target_os = "linux"))]
fn kernel() -> Result<Target, Failure> {
    Err(Failure::broken("the kernel target needs Linux").help("there is: --target stack"))
}

#[cfg(unix)]
fn host(address: SocketAddr, args: &TargetArgs, profile: &Profile) -> Result<Target, Failure> {
    let options = host_options(args, profile);
    let target = tcpconf_target::HostTarget::open(&args.target, address, &options)?;
    Ok(Target::Real(Box::new(target)))
}

/// How to reach a host, from flags and profile.
#[cfg(unix)]
pub(super) fn host_options(args: &TargetArgs, profile: &Profile) -> tcpconf_target::HostOptions {
    tcpconf_target::HostOptions {
        sources: args.source.into_iter().collect(),
        interface: args.interface.clone(),
        services: profile.services.clone(),
        max_half_open: profile.max_half_open,
        ..Default::default()
    }
}

#[cfg(not(unix))]
fn host(_: SocketAddr, _: &TargetArgs, _: &Profile) -> Result<Target, Failure> {
    Err(Failure::broken("injection over the network needs Unix").help("there is: --target stack"))
}
