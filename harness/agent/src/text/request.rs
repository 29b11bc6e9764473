//! What tcpconf asks of an agent.

use super::data;
use super::words::{Malformed, Result, Words, address, number, pair, setting};
use crate::service::Service;
use std::fmt::Write as _;
use std::net::SocketAddr;
use tcpconf_engine::{AppCall, FourTuple, SocketHandle};
use tcpconf_suite::vocabulary::Setting;

/// A request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Request {
    /// What the agent is and can do.
    Hello,
    /// A call of the application.
    Call(AppCall),
    /// What the host says of a connection, ours or not.
    Connection(FourTuple),
    /// Puts a plain service behind a port; `closed` takes it away.
    Service {
        /// Which.
        service: Service,
        /// Where; port 0: any.
        local: SocketAddr,
        /// How many connections may wait.
        backlog: Option<u32>,
    },
}

impl From<AppCall> for Request {
    fn from(call: AppCall) -> Self {
        Self::Call(call)
    }
}

impl Request {
    /// Reads a line without its end.
    ///
    /// # Errors
    /// [`Malformed`], with the request's number where it has one.
    pub fn decode(line: &[u8]) -> Result<(u64, Self)> {
        let mut words = Words::of(line)?;
        let id = words.number("the request's number")?;
        let request = read(&mut words).map_err(|error| error.with_id(id))?;
        words.end().map_err(|error| error.with_id(id))?;
        Ok((id, request))
    }

    /// As a line, its end included.
    pub fn encode(&self, id: u64) -> String {
        let mut line = format!("{id} ");
        self.write(&mut line).expect("a String takes everything");
        line.push('\n');
        line
    }

    fn write(&self, out: &mut String) -> std::fmt::Result {
        match self {
            Self::Hello => out.write_str("hello"),
            Self::Connection(FourTuple { local, remote }) => {
                write!(out, "connection {local} {remote}")
            }
            Self::Service {
                service,
                local,
                backlog,
            } => {
                write!(out, "service {service} {local}")?;
                backlog.map_or(Ok(()), |backlog| write!(out, " backlog={backlog}"))
            }
            Self::Call(call) => write_call(out, call),
        }
    }
}

fn write_call(out: &mut String, call: &AppCall) -> std::fmt::Result {
    match call {
        AppCall::Listen {
            local,
            backlog,
            with,
        } => {
            write!(out, "listen {local} backlog={backlog}")?;
            write_settings(out, with)
        }
        AppCall::Connect {
            remote,
            local,
            with,
            data,
        } => {
            write!(out, "connect {remote}")?;
            if let Some(local) = local {
                write!(out, " from={local}")?;
            }
            write_settings(out, with)?;
            if !data.is_empty() {
                out.write_str(" data=")?;
                data::write(out, data);
            }
            Ok(())
        }
        AppCall::Accept(SocketHandle(socket)) => write!(out, "accept {socket}"),
        AppCall::Send {
            socket,
            data,
            urgent,
            more,
        } => {
            write!(out, "send {} ", socket.0)?;
            data::write(out, data);
            out.write_str(if *urgent { " urgent" } else { "" })?;
            out.write_str(if *more { " more" } else { "" })
        }
        AppCall::Receive(SocketHandle(socket), max) => write!(out, "recv {socket} {max}"),
        AppCall::ReceiveUrgent(SocketHandle(socket)) => write!(out, "recv-urgent {socket}"),
        AppCall::Close(SocketHandle(socket)) => write!(out, "close {socket}"),
        AppCall::ShutdownRead(SocketHandle(socket)) => write!(out, "shutdown-read {socket}"),
        AppCall::Release(SocketHandle(socket)) => write!(out, "release {socket}"),
        AppCall::Abort(SocketHandle(socket)) => write!(out, "abort {socket}"),
        AppCall::Set(SocketHandle(socket), setting, value) => {
            write!(out, "set {socket} {} {value}", setting.name())
        }
        AppCall::Get(SocketHandle(socket), setting) => {
            write!(out, "get {socket} {}", setting.name())
        }
        AppCall::Status(SocketHandle(socket)) => write!(out, "status {socket}"),
        AppCall::ResetAll => out.write_str("reset"),
    }
}

fn write_settings(out: &mut String, with: &[(Setting, i64)]) -> std::fmt::Result {
    with.iter()
        .try_for_each(|(setting, value)| write!(out, " {}={value}", setting.name()))
}

fn read(words: &mut Words<'_>) -> Result<Request> {
    let call = match words.need("the verb")? {
        "hello" => return Ok(Request::Hello),
        "connection" => {
            let local = words.address("the local address")?;
            let remote = words.address("the remote address")?;
            return Ok(Request::Connection(FourTuple { local, remote }));
        }
        "service" => return read_service(words),
        "listen" => read_listen(words)?,
        "connect" => read_connect(words)?,
        "accept" => AppCall::Accept(words.socket()?),
        "send" => read_send(words)?,
        "recv" => AppCall::Receive(words.socket()?, words.number("how much")?),
        "recv-urgent" => AppCall::ReceiveUrgent(words.socket()?),
        "close" => AppCall::Close(words.socket()?),
        "shutdown-read" => AppCall::ShutdownRead(words.socket()?),
        "release" => AppCall::Release(words.socket()?),
        "abort" => AppCall::Abort(words.socket()?),
        "set" => {
            let socket = words.socket()?;
            AppCall::Set(socket, words.setting()?, words.number("the value")?)
        }
        "get" => AppCall::Get(words.socket()?, words.setting()?),
        "status" => AppCall::Status(words.socket()?),
        "reset" => AppCall::ResetAll,
        verb => return Err(Malformed::unknown("verb", verb)),
    };
    Ok(Request::Call(call))
}

fn read_service(words: &mut Words<'_>) -> Result<Request> {
    let name = words.need("the service")?;
    let service = name
        .parse()
        .map_err(|_| Malformed::unknown("service", name))?;
    let local = words.address("the address")?;
    let mut backlog = None;
    while let Some(word) = words.next() {
        match pair(word)? {
            ("backlog", value) => backlog = Some(number(value, "backlog")?),
            (name, _) => return Err(Malformed::unknown("setting", name)),
        }
    }
    Ok(Request::Service {
        service,
        local,
        backlog,
    })
}

fn read_listen(words: &mut Words<'_>) -> Result<AppCall> {
    let local = words.address("the address")?;
    let mut backlog = 1;
    let mut with = Vec::new();
    while let Some(word) = words.next() {
        match pair(word)? {
            ("backlog", value) => backlog = number(value, "backlog")?,
            (name, value) => with.push((setting(name)?, number(value, name)?)),
        }
    }
    Ok(AppCall::Listen {
        local,
        backlog,
        with,
    })
}

fn read_connect(words: &mut Words<'_>) -> Result<AppCall> {
    let remote = words.address("the address")?;
    let mut local = None;
    let mut with = Vec::new();
    let mut octets = Vec::new();
    while let Some(word) = words.next() {
        match pair(word)? {
            ("from", value) => local = Some(address(value)?),
            ("data", value) => octets = data::read(value)?,
            (name, value) => with.push((setting(name)?, number(value, name)?)),
        }
    }
    Ok(AppCall::Connect {
        remote,
        local,
        with,
        data: octets,
    })
}

fn read_send(words: &mut Words<'_>) -> Result<AppCall> {
    let socket = words.socket()?;
    let octets = data::read(words.need("the data")?)?;
    let (mut urgent, mut more) = (false, false);
    while let Some(word) = words.next() {
        match word {
            "urgent" => urgent = true,
            "more" => more = true,
            _ => return Err(Malformed::unknown("flag", word)),
        }
    }
    Ok(AppCall::Send {
        socket,
        data: octets,
        urgent,
        more,
    })
}
