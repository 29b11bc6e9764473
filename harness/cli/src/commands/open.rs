//! From `--target` to something that can be played against.

use crate::args::{IpArg, TargetArgs};
use crate::failure::Failure;
use crate::profile;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;
use tcpconf_engine::Profile;
use tcpconf_target::{Attachment, SmoltcpTarget, StackTarget, Target};
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
    /// A stack behind a transport of its own, perhaps to be started.
    Attached(Box<Attachment>),
}

/// Targets that are words.
pub(super) const NAMES: [&str; 3] = ["stack", "smoltcp", "kernel"];

impl Choice {
    /// The profile when none is named.
    pub(super) fn usual_profile(&self) -> &'static str {
        match self {
            Self::Stack => "stack",
            Self::Smoltcp => "smoltcp",
            Self::Kernel => "linux",
            Self::Host(_) | Self::Attached(_) => "generic",
        }
    }
}

impl std::fmt::Display for Choice {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Stack => f.write_str("stack"),
            Self::Smoltcp => f.write_str("smoltcp"),
            Self::Kernel => f.write_str("kernel"),
            Self::Host(address) => address.fmt(f),
            Self::Attached(attachment) => attachment.address.fmt(f),
        }
    }
}

/// Begins a `--target` that is started by us.
const EXEC: &str = "exec:";

/// Reads `--target`.
pub(super) fn choose(args: &TargetArgs) -> Result<Choice, Failure> {
    resolve(args, None).map(|(choice, _)| choice)
}

/// Reads `--target`, and finds the profile: the one that is asked for, else the target's own, else the usual
/// one of its kind.
pub(super) fn resolve(
    args: &TargetArgs,
    asked: Option<&str>,
) -> Result<(Choice, Profile), Failure> {
    let is_word = NAMES.contains(&args.target.as_str()) || args.target.contains(':');
    let described = if is_word {
        profile::not_described(&args.target)?;
        None
    } else {
        profile::target(&args.target)?
    };
    let asked = asked.map(profile::find).transpose()?;
    let known = described.as_ref().or(asked.as_ref());
    let choice = choose_with(args, described.as_ref(), known)?;
    let profile = match asked.or(described) {
        Some(profile) => profile,
        None => profile::find(choice.usual_profile())?,
    };
    Ok((choice, profile))
}

/// `described` says which target a name means, `known` how targets of this profile are reached.
fn choose_with(
    args: &TargetArgs,
    described: Option<&Profile>,
    known: Option<&Profile>,
) -> Result<Choice, Failure> {
    let exec: Vec<String> = match args.target.strip_prefix(EXEC) {
        Some(words) => words.split_whitespace().map(str::to_owned).collect(),
        None => described.map_or_else(Vec::new, |d| d.exec.clone()),
    };
    if args.target.starts_with(EXEC) && exec.is_empty() {
        return Err(Failure::usage("--target exec: names no program"));
    }
    let of_profile = known.filter(|_| !exec.is_empty() || described.is_some());
    let transport = args
        .transport
        .as_ref()
        .or_else(|| of_profile.and_then(|p| p.transport.as_ref()));
    if let Some(transport) = transport {
        return attached(args, known, exec, transport);
    }
    if !exec.is_empty() {
        return Err(
            Failure::usage(format!("how do packets reach {}?", args.target)).help(
                "--transport tap:IF, tun:IF, packet:IF, unix:PATH, unix-listen:PATH or unixseq:PATH",
            ),
        );
    }
    let name = match described {
        Some(described) => match described.address.as_deref() {
            Some(address) if NAMES.contains(&address) || address.contains(':') => address,
            address => return Err(unreachable(&args.target, address)),
        },
        None => &args.target,
    };
    let choice = match name {
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
    if !injects && args.agent.is_some() {
        return Err(Failure::usage("--agent is only for a target HOST:PORT"));
    }
    if args.address.is_some() {
        return Err(Failure::usage(
            "--address is only for a target with --transport",
        ));
    }
    Ok(choice)
}

/// A target that is described, but not where it is.
fn unreachable(target: &str, address: Option<&str>) -> Failure {
    let message = match address {
        Some(address) => format!("target '{target}': '{address}' is no address"),
        None => format!("target '{target}' has no address"),
    };
    Failure::usage(message)
        .help("address = \"HOST:PORT\", or \"stack\", \"smoltcp\", \"kernel\" (docs/targets.md)")
}

/// A target behind a transport.
#[cfg(target_os = "linux")]
fn attached(
    args: &TargetArgs,
    known: Option<&Profile>,
    exec: Vec<String>,
    transport: &str,
) -> Result<Choice, Failure> {
    if NAMES.contains(&args.target.as_str()) {
        return Err(Failure::usage(format!(
            "--transport is not for the target {}",
            args.target
        )));
    }
    let transport = transport
        .parse::<tcpconf_target::Transport>()
        .map_err(|error| Failure::usage(error.to_string()))?;
    let named = known.and_then(|profile| profile.address.as_deref());
    let address = match (args.address, named) {
        (Some(address), _) => address,
        (None, _) if args.target.contains(':') && !args.target.starts_with(EXEC) => {
            address(&args.target, args.ip)?
        }
        (None, Some(named)) => address(named, args.ip)?,
        (None, None) => Attachment::usual_address(match args.ip {
            Some(IpArg::V6) => 6,
            _ => 4,
        }),
    };
    let link = known
        .map(|profile| profile.link.clone())
        .unwrap_or_default();
    Ok(Choice::Attached(Box::new(Attachment {
        exec,
        transport,
        address,
        sources: args.source.map_or(link.ours, |source| vec![source]),
        mtu: link.mtu,
        ready_within: Duration::from_millis(link.ready_ms),
    })))
}

#[cfg(not(target_os = "linux"))]
fn attached(
    _: &TargetArgs,
    _: Option<&Profile>,
    _: Vec<String>,
    _: &str,
) -> Result<Choice, Failure> {
    Err(Failure::broken("--transport needs Linux"))
}

/// The socket that `HOST:PORT` means; a host's name is looked up.
#[cfg(unix)]
fn address(name: &str, ip: Option<IpArg>) -> Result<SocketAddr, Failure> {
    if !name.contains(':') {
        let failure = Failure::usage(format!("no target '{name}'"));
        if name.contains('.') {
            return Err(failure.help(format!("a host has a port: {name}:80")));
        }
        let users = profile::user_targets();
        let names = NAMES.into_iter().chain(users.iter().map(String::as_str));
        return Err(match nearest(name, names) {
            Some(near) => failure.help(format!("did you mean '{near}'?")),
            None => failure.help(
                "there are: stack, smoltcp, kernel, HOST:PORT, [V6]:PORT, exec:PROGRAM, and the names in targets.toml",
            ),
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
        Choice::Attached(attachment) => attach(attachment, args, profile)?,
    })
}

/// Starts the target and waits for it.
#[cfg(target_os = "linux")]
fn attach(
    attachment: &Attachment,
    args: &TargetArgs,
    profile: &Profile,
) -> Result<Target, Failure> {
    use tcpconf_target::{enter_user_namespace, needs_user_namespace};
    if attachment.transport.makes_a_device() && needs_user_namespace() {
        enter_user_namespace()?;
    }
    let options = host_options(args, profile);
    let target = tcpconf_target::HostTarget::attach(&args.target, attachment, &options)?;
    Ok(Target::Real(Box::new(with_agent(target, args, profile)?)))
}

#[cfg(not(target_os = "linux"))]
fn attach(_: &Attachment, _: &TargetArgs, _: &Profile) -> Result<Target, Failure> {
    Err(Failure::broken("--transport needs Linux"))
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
    Ok(Target::Real(Box::new(with_agent(target, args, profile)?)))
}

/// With the agent that is named, if one is.
#[cfg(unix)]
fn with_agent(
    target: tcpconf_target::HostTarget,
    args: &TargetArgs,
    profile: &Profile,
) -> Result<tcpconf_target::HostTarget, Failure> {
    Ok(match args.agent.as_ref().or(profile.agent.as_ref()) {
        Some(agent) => match agent.strip_prefix("autosar:") {
            Some(device) => {
                let read = device
                    .parse()
                    .map_err(|why: String| Failure::usage(format!("agent '{agent}': {why}")))?;
                target.with_upper_tester(&read)?
            }
            None => target.with_agent(tcpconf_target::parse_host(agent, None)?)?,
        },
        None => target,
    })
}

/// Where an agent is; `None` for what is no address, which [`with_agent`] complains about.
#[cfg(unix)]
fn agent_address(agent: &str) -> Option<SocketAddr> {
    match agent.strip_prefix("autosar:") {
        Some(device) => device
            .parse()
            .ok()
            .map(|device: tcpconf_agent::autosar::Device| device.address),
        None => tcpconf_target::parse_host(agent, None).ok(),
    }
}

/// How to reach a host, from flags and profile.
#[cfg(unix)]
pub(super) fn host_options(args: &TargetArgs, profile: &Profile) -> tcpconf_target::HostOptions {
    tcpconf_target::HostOptions {
        sources: match args.source {
            Some(source) => vec![source],
            None => profile.link.ours.clone(),
        },
        interface: args.interface.clone(),
        services: profile.services.clone(),
        http_path: profile.http_path.clone(),
        max_half_open: profile.max_half_open,
        agent: args
            .agent
            .as_ref()
            .or(profile.agent.as_ref())
            .and_then(|agent| agent_address(agent)),
        ..Default::default()
    }
}

#[cfg(not(unix))]
fn host(_: SocketAddr, _: &TargetArgs, _: &Profile) -> Result<Target, Failure> {
    Err(Failure::broken("injection over the network needs Unix").help("there is: --target stack"))
}
