//! Settings as Linux has them. On the seam times are milliseconds; where the kernel counts seconds they
//! are rounded up.

use super::sys;
use socket2::Socket;
use std::io;
use std::time::Duration;
use tcpconf_suite::vocabulary::{Capability, Setting};

/// In the order of their numbers on the seam.
const CONGESTION: [&[u8]; 2] = [b"reno", b"cubic"];

/// What Linux can do: ECN belongs to the host, not to a socket.
pub(super) fn capabilities() -> Vec<Capability> {
    Capability::ALL
        .into_iter()
        .filter(|capability| *capability != Capability::Set(Setting::Ecn))
        .collect()
}

/// Where the kernel keeps a setting: level, name, and how many milliseconds its unit has, where it is one
/// of time.
fn place(socket: &Socket, setting: Setting) -> io::Result<(i32, i32, Option<i64>)> {
    use libc::{IPPROTO_IP, IPPROTO_IPV6, IPPROTO_TCP, SOL_SOCKET};
    let v6 = socket.domain()? == socket2::Domain::IPV6;
    Ok(match setting {
        Setting::NoDelay => (IPPROTO_TCP, libc::TCP_NODELAY, None),
        Setting::Cork => (IPPROTO_TCP, libc::TCP_CORK, None),
        Setting::KeepAlive => (SOL_SOCKET, libc::SO_KEEPALIVE, None),
        Setting::KeepAliveIdle => (IPPROTO_TCP, libc::TCP_KEEPIDLE, Some(1_000)),
        Setting::KeepAliveInterval => (IPPROTO_TCP, libc::TCP_KEEPINTVL, Some(1_000)),
        Setting::KeepAliveCount => (IPPROTO_TCP, libc::TCP_KEEPCNT, None),
        Setting::UserTimeout => (IPPROTO_TCP, libc::TCP_USER_TIMEOUT, Some(1)),
        Setting::ReceiveBuffer => (SOL_SOCKET, libc::SO_RCVBUF, None),
        Setting::SendBuffer => (SOL_SOCKET, libc::SO_SNDBUF, None),
        Setting::OobInline => (SOL_SOCKET, libc::SO_OOBINLINE, None),
        Setting::Mss => (IPPROTO_TCP, libc::TCP_MAXSEG, None),
        Setting::FastOpen => (IPPROTO_TCP, libc::TCP_FASTOPEN, None),
        Setting::Ttl if v6 => (IPPROTO_IPV6, libc::IPV6_UNICAST_HOPS, None),
        Setting::Ttl => (IPPROTO_IP, libc::IP_TTL, None),
        Setting::SoftErrors if v6 => (IPPROTO_IPV6, libc::IPV6_RECVERR, None),
        Setting::SoftErrors => (IPPROTO_IP, libc::IP_RECVERR, None),
        Setting::Dscp if v6 => (IPPROTO_IPV6, libc::IPV6_TCLASS, None),
        Setting::Dscp => (IPPROTO_IP, libc::IP_TOS, None),
        Setting::Ecn | Setting::Linger | Setting::Congestion => {
            return Err(io::ErrorKind::Unsupported.into());
        }
    })
}

/// Sets it.
pub(super) fn set(socket: &Socket, setting: Setting, value: i64) -> io::Result<()> {
    let invalid = || io::Error::from_raw_os_error(libc::EINVAL);
    match setting {
        Setting::Linger => {
            let linger = u64::try_from(value).ok().map(Duration::from_millis);
            let whole =
                linger.map(|time| Duration::from_secs(time.as_millis().div_ceil(1_000) as u64));
            return socket.set_linger(whole);
        }
        Setting::Congestion => {
            let name = usize::try_from(value)
                .ok()
                .and_then(|number| CONGESTION.get(number))
                .ok_or_else(invalid)?;
            return socket.set_tcp_congestion(name);
        }
        _ => {}
    }
    let (level, name, unit) = place(socket, setting)?;
    let mut value = i32::try_from(match unit {
        // Rounded up: less than a unit is still some time.
        Some(unit) => value.div_euclid(unit) + i64::from(value.rem_euclid(unit) != 0),
        None => value,
    })
    .map_err(|_| invalid())?;
    if setting == Setting::Dscp {
        value = u8::try_from(value)
            .ok()
            .filter(|code| *code < 64)
            .map(|code| i32::from(code) << 2)
            .ok_or_else(invalid)?;
    }
    sys::set(socket, level, name, value)
}

/// Reads it.
pub(super) fn get(socket: &Socket, setting: Setting) -> io::Result<i64> {
    match setting {
        Setting::Linger => {
            let linger = socket.linger()?;
            return Ok(linger.map_or(-1, |time| {
                i64::try_from(time.as_millis()).unwrap_or(i64::MAX)
            }));
        }
        Setting::Congestion => {
            let name = socket.tcp_congestion()?;
            let name = name.split(|octet| *octet == 0).next().unwrap_or_default();
            let number = CONGESTION.iter().position(|known| *known == name);
            // A third one is neither.
            return Ok(number.map_or(-1, |number| number as i64));
        }
        _ => {}
    }
    let (level, name, unit) = place(socket, setting)?;
    let value = i64::from(sys::get(socket, level, name)?);
    Ok(match (setting, unit) {
        (Setting::Dscp, _) => value >> 2,
        (_, Some(unit)) => value * unit,
        (_, None) => value,
    })
}
