//! `tcpconf agent`: the application side of a target, on the target's host.

use crate::args::AgentArgs;
use crate::failure::Failure;

/// Serves controllers until it is interrupted.
#[cfg(target_os = "linux")]
pub(super) fn agent(args: &AgentArgs) -> Result<u8, Failure> {
    linux::agent(args)
}

#[cfg(not(target_os = "linux"))]
pub(super) fn agent(_: &AgentArgs) -> Result<u8, Failure> {
    Err(Failure::broken("the agent needs Linux").help("docs/agent.md says how to write one"))
}

#[cfg(target_os = "linux")]
mod linux {
    use super::{AgentArgs, Failure};
    use std::fs::File;
    use std::io::Write as _;
    use std::os::fd::{AsFd, BorrowedFd};
    use std::os::unix::net::UnixStream;
    use std::str::FromStr;
    use tcpconf_agent::autosar::Device;
    use tcpconf_agent::autosar::upper_tester::Station;
    use tcpconf_agent::server::{
        Agent, AgentOptions, Application, End, Peers, Policy, PortRange, StatusSource, serve,
    };
    use tcpconf_target::{EXIT_INTERRUPTED, KernelStatus};

    pub(super) fn agent(args: &AgentArgs) -> Result<u8, Failure> {
        let options = AgentOptions {
            allow: networks("--allow", &args.allow)?,
            ports: args
                .ports
                .as_deref()
                .map(|range| range.parse().map_err(|e| wrong("--ports", range, e)))
                .transpose()?,
            connect: networks("--connect", &args.connect)?,
        };
        // The handler's end is written to from another thread, and readable for ever then.
        let (signal, stop) =
            UnixStream::pair().map_err(|e| Failure::broken(format!("making a pipe: {e}")))?;
        ctrlc::set_handler(move || {
            // The pipe is full when it has been asked often enough.
            drop((&signal).write(&[0]));
        })
        .map_err(|e| Failure::broken(format!("listening for signals: {e}")))?;
        if let Some(door) = &args.autosar {
            let device: Device = door
                .parse()
                .map_err(|e: String| wrong("--autosar", door, e))?;
            return upper_tester(&device, options, stop.as_fd());
        }
        match args.listen {
            Some(address) => listen(address, options, stop.as_fd()),
            None => stdio(options.ports, &args.connect, options.connect, stop.as_fd()),
        }
    }

    fn listen(
        address: std::net::SocketAddr,
        options: AgentOptions,
        stop: BorrowedFd<'_>,
    ) -> Result<u8, Failure> {
        let agent = Agent::listen(address, options)
            .map_err(|e| Failure::broken(format!("listening on {address}: {e}")))?;
        let address = agent.address().unwrap_or(address);
        let mut say = |text: &str| {
            // Nobody may be there to read it.
            let _ = writeln!(anstream::stderr(), "tcpconf agent: {text}");
        };
        say(&format!("listening on {address}"));
        agent
            .run(stop, &mut source, &mut say)
            .map_err(|e| Failure::broken(format!("serving on {address}: {e}")))?;
        Ok(EXIT_INTERRUPTED)
    }

    fn upper_tester(
        device: &Device,
        options: AgentOptions,
        stop: BorrowedFd<'_>,
    ) -> Result<u8, Failure> {
        let address = device.address;
        let broken = |e: std::io::Error| Failure::broken(format!("serving on {address}: {e}"));
        let station = Station::open(device.transport, address, device.dialect, options);
        let station = station.map_err(broken)?;
        let mut say = |text: &str| {
            // Nobody may be there to read it.
            let _ = writeln!(anstream::stderr(), "tcpconf agent: {text}");
        };
        let at = station.address().unwrap_or(address);
        say(&format!("upper tester on {at}"));
        station.run(stop, &mut say).map_err(broken)?;
        Ok(EXIT_INTERRUPTED)
    }

    fn stdio(
        ports: Option<PortRange>,
        named: &[String],
        connect: Vec<ipnetwork::IpNetwork>,
        stop: BorrowedFd<'_>,
    ) -> Result<u8, Failure> {
        let policy = Policy {
            ports,
            // Who has our standard input needs no leave of ours; the flag is a limit of his own.
            connect: if named.is_empty() {
                Peers::All
            } else {
                Peers::In(connect)
            },
        };
        let broken = |e: std::io::Error| Failure::broken(format!("serving on stdin: {e}"));
        let copied = |fd: BorrowedFd<'_>| fd.try_clone_to_owned().map(File::from).map_err(broken);
        let input = copied(std::io::stdin().as_fd())?;
        let output = copied(std::io::stdout().as_fd())?;
        let mut application = Application::new(policy).map_err(broken)?;
        if let Some(source) = source() {
            application = application.with_status_source(source);
        }
        match serve(input, output, &mut application, Some(stop)).map_err(broken)? {
            End::Gone => Ok(0),
            End::Stopped => Ok(EXIT_INTERRUPTED),
        }
    }

    /// Without it, connections that have no socket are not told of.
    fn source() -> Option<Box<dyn StatusSource>> {
        let source = KernelStatus::open().ok()?;
        Some(Box::new(source))
    }

    fn networks(flag: &str, texts: &[String]) -> Result<Vec<ipnetwork::IpNetwork>, Failure> {
        let read = |text: &String| ipnetwork::IpNetwork::from_str(text);
        texts
            .iter()
            .map(|text| read(text).map_err(|e| wrong(flag, text, e)))
            .collect()
    }

    fn wrong(flag: &str, text: &str, error: impl std::fmt::Display) -> Failure {
        Failure::usage(format!("{flag} {text}: {error}"))
    }
}
