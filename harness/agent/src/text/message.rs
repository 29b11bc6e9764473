//! What an agent says: replies and events.

use super::data;
use super::words::{Malformed, Result, Words, number, pair};
use super::{MIN_LINE, PROTOCOL};
use crate::service::Service;
use std::fmt::Write as _;
use tcpconf_engine::{AppEvent, CallId, Errno, FourTuple, SocketHandle, Status, Value};
use tcpconf_suite::vocabulary::{Capability, Setting};

/// A line from an agent.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Message {
    /// The answer to a request.
    Reply {
        /// The request's number; 0 when it could not be read.
        id: u64,
        /// What.
        result: std::result::Result<Answer, Refusal>,
    },
    /// Something happened. Never [`AppEvent::Reply`].
    Event(AppEvent),
    /// The agent ends the conversation, and why.
    Bye(String),
}

/// What a request was answered.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Answer {
    /// That of a call.
    Value(Value),
    /// That of `hello`.
    Hello(Hello),
}

/// An error with words for people.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{errno}{}{text}", if text.is_empty() { "" } else { ": " })]
pub struct Refusal {
    /// Which.
    pub errno: Errno,
    /// Why, if there is more to say.
    pub text: String,
}

impl From<Errno> for Refusal {
    fn from(errno: Errno) -> Self {
        Self {
            errno,
            text: String::new(),
        }
    }
}

/// What an agent is and can do.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Hello {
    /// The protocol's version.
    pub protocol: u32,
    /// A name for people: `tcpconf/0.1.0`.
    pub agent: String,
    /// Octets of a line that it takes.
    pub line: usize,
    /// Calls and settings.
    pub capabilities: Vec<Capability>,
    /// Whether it can tell of any connection ([`super::Request::Connection`]).
    pub connection: bool,
    /// First and last of the ports that it may use, where not all.
    pub ports: Option<(u16, u16)>,
    /// Plain services.
    pub services: Vec<Service>,
}

impl Hello {
    /// An agent that can do nothing yet.
    pub fn new(agent: &str) -> Self {
        Self {
            protocol: PROTOCOL,
            agent: agent.to_owned(),
            line: MIN_LINE,
            capabilities: Vec::new(),
            connection: false,
            ports: None,
            services: Vec::new(),
        }
    }
}

/// What is not `set NAME` is a verb on the wire: `send urgent` is `send-urgent`.
fn verb(capability: Capability) -> String {
    capability.to_string().replace(' ', "-")
}

impl Message {
    /// Reads a line without its end.
    ///
    /// # Errors
    /// [`Malformed`].
    pub fn decode(line: &[u8]) -> Result<Self> {
        let mut words = Words::of(line)?;
        match words.need("the number")? {
            "*" => read_event(words),
            word => {
                let id = number(word, "the number")?;
                read_reply(words)
                    .map(|result| Self::Reply { id, result })
                    .map_err(|error| error.with_id(id))
            }
        }
    }

    /// As a line, its end included.
    pub fn encode(&self) -> String {
        let mut line = String::new();
        let written = match self {
            Self::Reply { id, result } => write_reply(&mut line, *id, result),
            Self::Event(AppEvent::Reply { id, result }) => {
                let result = result.clone().map(Answer::Value).map_err(Refusal::from);
                write_reply(&mut line, id.0, &result)
            }
            Self::Event(event) => write_event(&mut line, event),
            Self::Bye(why) => write!(line, "* bye {}", printable(why)),
        };
        written.expect("a String takes everything");
        line.truncate(line.trim_end_matches(' ').len());
        line.push('\n');
        line
    }
}

/// Texts come from elsewhere: what is not printable ASCII becomes `?`.
fn printable(text: &str) -> String {
    text.trim()
        .chars()
        .map(|c| if (' '..='~').contains(&c) { c } else { '?' })
        .collect()
}

/// The same for a single word.
fn word(text: &str) -> String {
    printable(text).replace(' ', "_")
}

fn write_reply(
    out: &mut String,
    id: u64,
    result: &std::result::Result<Answer, Refusal>,
) -> std::fmt::Result {
    match result {
        Err(Refusal { errno, text }) => {
            write!(out, "{id} error {} {}", errno.name(), printable(text))
        }
        Ok(Answer::Hello(hello)) => write_hello(out, id, hello),
        Ok(Answer::Value(value)) => {
            write!(out, "{id} ok")?;
            match value {
                Value::Done => Ok(()),
                Value::Socket(SocketHandle(socket)) => write!(out, " socket {socket}"),
                Value::Count(count) => write!(out, " count {count}"),
                Value::Number(number) => write!(out, " number {number}"),
                Value::Status(status) => write_status(out, status),
                Value::Bytes(octets) => {
                    out.push_str(" data ");
                    data::write_hex(out, octets);
                    Ok(())
                }
            }
        }
    }
}

fn write_status(out: &mut String, status: &Status) -> std::fmt::Result {
    let Status {
        state,
        unread,
        unacked,
        error,
        memory,
    } = status;
    let state = word(state);
    let state = if state.is_empty() { "?" } else { &state };
    write!(out, " status {state}")?;
    let numbers = [("unread", unread), ("unacked", unacked), ("memory", memory)];
    for (name, value) in numbers {
        if let Some(value) = value {
            write!(out, " {name}={value}")?;
        }
    }
    error.map_or(Ok(()), |errno| write!(out, " error={}", errno.name()))
}

fn write_hello(out: &mut String, id: u64, hello: &Hello) -> std::fmt::Result {
    let Hello {
        protocol,
        agent,
        line,
        capabilities,
        connection,
        ports,
        services,
    } = hello;
    let (mut verbs, mut settings) = (Vec::new(), Vec::new());
    for capability in capabilities {
        match capability {
            Capability::Set(setting) => settings.push(setting.name()),
            other => verbs.push(verb(*other)),
        }
    }
    if *connection {
        verbs.push("connection".into());
    }
    let services: Vec<&str> = services.iter().map(|service| service.name()).collect();
    write!(out, "{id} ok hello protocol={protocol} line={line}")?;
    write!(out, " agent={}", word(agent))?;
    if let Some((low, high)) = ports {
        write!(out, " ports={low}-{high}")?;
    }
    write!(out, " verbs={}", verbs.join(","))?;
    write!(out, " settings={}", settings.join(","))?;
    write!(out, " services={}", services.join(","))
}

fn write_event(out: &mut String, event: &AppEvent) -> std::fmt::Result {
    match event {
        AppEvent::Reply { id, .. } => write!(out, "{} error EIO", id.0),
        AppEvent::Accepted {
            listener,
            socket,
            connection,
        } => write!(
            out,
            "* accepted {} {} {} {}",
            listener.0, socket.0, connection.local, connection.remote
        ),
        AppEvent::Connected(socket) => write!(out, "* connected {}", socket.0),
        AppEvent::Readable(socket) => write!(out, "* readable {}", socket.0),
        AppEvent::Eof(socket) => write!(out, "* eof {}", socket.0),
        AppEvent::Error(socket, errno) => write!(out, "* error {} {}", socket.0, errno.name()),
        AppEvent::Oob(socket) => write!(out, "* oob {}", socket.0),
        AppEvent::SoftError(socket, errno) => write!(out, "* soft {} {}", socket.0, errno.name()),
    }
}

fn read_event(mut words: Words<'_>) -> Result<Message> {
    let event = match words.need("the event")? {
        "bye" => return Ok(Message::Bye(words.rest().to_owned())),
        "accepted" => AppEvent::Accepted {
            listener: words.socket()?,
            socket: words.socket()?,
            connection: FourTuple {
                local: words.address("the local address")?,
                remote: words.address("the remote address")?,
            },
        },
        "connected" => AppEvent::Connected(words.socket()?),
        "readable" => AppEvent::Readable(words.socket()?),
        "eof" => AppEvent::Eof(words.socket()?),
        "error" => AppEvent::Error(words.socket()?, errno(words.need("the error")?)),
        "oob" => AppEvent::Oob(words.socket()?),
        "soft" => AppEvent::SoftError(words.socket()?, errno(words.need("the error")?)),
        event => return Err(Malformed::unknown("event", event)),
    };
    words.end()?;
    Ok(Message::Event(event))
}

/// A name that the engine has no word for is an error all the same.
fn errno(name: &str) -> Errno {
    Errno::from_name(name).unwrap_or(Errno::Other)
}

fn read_reply(mut words: Words<'_>) -> Result<std::result::Result<Answer, Refusal>> {
    match words.need("'ok' or 'error'")? {
        "ok" => {}
        "error" => {
            let name = words.need("the error")?;
            let text = words.rest();
            let errno = errno(name);
            let text = if errno.name() == name {
                text.to_owned()
            } else {
                format!("{name} {text}").trim_end().to_owned()
            };
            return Ok(Err(Refusal { errno, text }));
        }
        word => return Err(Malformed::unknown("kind of reply", word)),
    }
    let value = match words.next() {
        None => Value::Done,
        Some("hello") => return read_hello(words).map(|hello| Ok(Answer::Hello(hello))),
        Some("socket") => Value::Socket(words.socket()?),
        Some("count") => Value::Count(words.number("the count")?),
        Some("number") => Value::Number(words.number("the number")?),
        Some("data") => Value::Bytes(data::read(words.need("the data")?)?),
        Some("status") => Value::Status(read_status(&mut words)?),
        Some(kind) => return Err(Malformed::unknown("kind of value", kind)),
    };
    words.end()?;
    Ok(Ok(Answer::Value(value)))
}

/// What later versions may say besides is passed over.
fn read_status(words: &mut Words<'_>) -> Result<Status> {
    let mut status = Status {
        state: words.need("the state")?.to_owned(),
        ..Status::default()
    };
    while let Some(word) = words.next() {
        let (name, value) = pair(word)?;
        match name {
            "unread" => status.unread = Some(number(value, name)?),
            "unacked" => status.unacked = Some(number(value, name)?),
            "memory" => status.memory = Some(number(value, name)?),
            "error" => status.error = Some(errno(value)),
            _ => {}
        }
    }
    Ok(status)
}

/// Likewise: an agent may have verbs, settings and services of its own.
fn read_hello(mut words: Words<'_>) -> Result<Hello> {
    let mut hello = Hello::new("");
    hello.protocol = 0;
    while let Some(word) = words.next() {
        let (name, value) = pair(word)?;
        let names = || value.split(',').filter(|name| !name.is_empty());
        match name {
            "protocol" => hello.protocol = number(value, name)?,
            "line" => hello.line = number(value, name)?,
            "agent" => hello.agent = value.to_owned(),
            "ports" => {
                let (low, high) = value
                    .split_once('-')
                    .ok_or_else(|| Malformed::invalid("ports is LOW-HIGH"))?;
                hello.ports = Some((number(low, name)?, number(high, name)?));
            }
            "verbs" => {
                hello.connection |= names().any(|name| name == "connection");
                let known = Capability::ALL
                    .into_iter()
                    .filter(|capability| !matches!(capability, Capability::Set(_)));
                let known: Vec<_> = known
                    .map(|capability| (verb(capability), capability))
                    .collect();
                for name in names() {
                    hello.capabilities.extend(
                        known
                            .iter()
                            .filter(|(known, _)| known == name)
                            .map(|(_, capability)| *capability),
                    );
                }
            }
            "settings" => hello
                .capabilities
                .extend(names().filter_map(Setting::from_name).map(Capability::Set)),
            "services" => hello
                .services
                .extend(names().filter_map(|name| name.parse::<Service>().ok())),
            _ => {}
        }
    }
    hello.capabilities.sort_unstable();
    hello.capabilities.dedup();
    hello.services.sort_unstable();
    hello.services.dedup();
    Ok(hello)
}

impl Message {
    /// The reply to a call.
    pub fn reply(id: u64, result: std::result::Result<Value, Errno>) -> Self {
        Self::Reply {
            id,
            result: result.map(Answer::Value).map_err(Refusal::from),
        }
    }

    /// As an event of the seam, for whoever called with the same number. `None` for what no call asked for.
    pub fn into_event(self) -> Option<AppEvent> {
        match self {
            Self::Event(event) => Some(event),
            Self::Reply { id, result } => {
                let result = match result {
                    Ok(Answer::Value(value)) => Ok(value),
                    Ok(Answer::Hello(_)) => return None,
                    Err(refusal) => Err(refusal.errno),
                };
                Some(AppEvent::Reply {
                    id: CallId(id),
                    result,
                })
            }
            Self::Bye(_) => None,
        }
    }
}
