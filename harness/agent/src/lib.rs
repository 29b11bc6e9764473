//! The application side of a target that is not in this process: a program on its host that opens, sends,
//! closes and aborts when it is told to.
//!
//! - [`text`]: the newline text protocol, octets to values (docs/agent.md);
//! - [`server`]: the sockets of an operating system behind it, which is `tcpconf agent`;
//! - [`client`]: tcpconf's end of the line;
//! - [`autosar`]: the AUTOSAR Testability Protocol, for devices that have an upper tester already;
//! - [`service`]: what stands behind a port when nobody drives the application.

pub mod autosar;
#[cfg(unix)]
pub mod client;
#[cfg(feature = "fuzzing")]
pub mod fuzzing;
#[cfg(target_os = "linux")]
pub mod server;
pub mod service;
pub mod text;
