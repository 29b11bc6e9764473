//! What the protocol can express of the application interface, and by which primitive.

use super::super::primitive::{Request, parameter};
use tcpconf_engine::Errno;
use tcpconf_suite::vocabulary::{Capability, Setting};

/// How a capability is expressed, or what is missing.
///
/// # Errors
/// The missing primitive, in words.
pub const fn express(capability: Capability) -> Result<&'static str, &'static str> {
    Ok(match capability {
        Capability::Listen => "CREATE_AND_BIND, LISTEN_AND_ACCEPT",
        Capability::Connect => "CREATE_AND_BIND, CONNECT",
        Capability::Accept => "the event of LISTEN_AND_ACCEPT",
        Capability::Send => "SEND_DATA",
        Capability::Receive => "RECEIVE_AND_FORWARD",
        Capability::Close => "SHUTDOWN of transmission",
        Capability::ShutdownRead => "SHUTDOWN of reception",
        Capability::Release => "CLOSE_SOCKET",
        Capability::Abort => "CLOSE_SOCKET with abort",
        Capability::Set(Setting::NoDelay) => "CONFIGURE_SOCKET 6 (Nagle)",
        Capability::Set(Setting::Mss) => "CONFIGURE_SOCKET 5 (MSS, 500 to 1460)",
        Capability::Set(Setting::Ttl) => "CONFIGURE_SOCKET 0 (TTL)",
        Capability::Set(Setting::Dscp) => "CONFIGURE_SOCKET 1 (traffic class)",
        Capability::SendUrgent => {
            return Err(
                "AUTOSAR: the flags of SEND_DATA, urgent among them, differ between releases",
            );
        }
        Capability::SendMore => return Err("AUTOSAR: no flag of SEND_DATA holds data back"),
        Capability::ReceiveUrgent => {
            return Err("AUTOSAR: RECEIVE_AND_FORWARD has no flag for urgent data");
        }
        Capability::Get => return Err("AUTOSAR: CONFIGURE_SOCKET sets, no primitive reads back"),
        Capability::Status => return Err("AUTOSAR: no primitive tells the state of a connection"),
        Capability::Set(_) => return Err("AUTOSAR: no parameter of CONFIGURE_SOCKET"),
    })
}

/// Everything that the protocol can express.
pub fn capabilities() -> Vec<Capability> {
    Capability::ALL
        .into_iter()
        .filter(|capability| express(*capability).is_ok())
        .collect()
}

/// CONFIGURE_SOCKET for a setting.
pub(super) fn configure(socket: u16, setting: Setting, value: i64) -> Result<Request, Errno> {
    let octet = |value: i64| u8::try_from(value).map_err(|_| Errno::Invalid);
    let (parameter, value) = match setting {
        Setting::NoDelay => (parameter::NAGLE, vec![u8::from(value == 0)]),
        Setting::Ttl => (parameter::TTL, vec![octet(value)?]),
        // The field has ECN in its two lowest bits.
        Setting::Dscp => (parameter::PRIORITY, vec![octet(value.saturating_mul(4))?]),
        Setting::Mss => {
            let value = u16::try_from(value).map_err(|_| Errno::Unsupported)?;
            if !(500..=1_460).contains(&value) {
                return Err(Errno::Unsupported);
            }
            (parameter::MSS, value.to_be_bytes().to_vec())
        }
        _ => return Err(Errno::Unsupported),
    };
    Ok(Request::ConfigureSocket {
        socket,
        parameter,
        value,
    })
}
