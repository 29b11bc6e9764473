//! The agent itself: sockets of the operating system, driven by the text protocol.
//!
//! [`Application`] is the sockets: it takes requests and tells what became of them, whoever asks.
//! [`serve`] ties it to one controller over any stream; [`Agent`] waits for controllers on a TCP port.
//! One thread, never blocked and never spinning: everything sleeps in one `poll`.
//!
//! Not modelled: ECN of a single socket, which Linux cannot switch; what the network does below TCP.

mod agent;
mod application;
mod conversation;
mod policy;
mod progress;
mod serve;
mod services;
mod settings;
mod socket;
mod status;
mod sys;
#[cfg(test)]
mod tests;

pub use agent::{Agent, AgentOptions, MakeStatusSource};
pub use application::{Application, MAX_CALLS, MAX_RECEIVE, MAX_SOCKETS, MAX_WAITING, hello};
pub use policy::{Peers, Policy, PortRange};
pub use serve::{End, serve};
pub use services::Services;
pub use status::{StatusSource, state_name};
