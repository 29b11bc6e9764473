//! `HOST:PORT` and `[V6]:PORT` as the user types them.

use crate::TargetError;
use std::net::{IpAddr, Ipv6Addr, SocketAddr, SocketAddrV6, ToSocketAddrs};

/// Reads a target's address. A name is looked up; `ip` chooses between its addresses. A link-local
/// IPv6 address takes its interface behind `%`: `[fe80::1%eth0]:80`.
///
/// # Errors
/// [`TargetError::Usage`] for what is no address and for addresses of many hosts or of none,
/// [`TargetError::Unreachable`] for a name that is not found: the name may be right and the DNS away.
pub fn parse_host(text: &str, ip: Option<u8>) -> Result<SocketAddr, TargetError> {
    let address = read(text, ip)?;
    check(address)?;
    Ok(address)
}

fn read(text: &str, ip: Option<u8>) -> Result<SocketAddr, TargetError> {
    if let Ok(address) = text.parse::<SocketAddr>() {
        return Ok(address);
    }
    let (host, port) = text.rsplit_once(':').ok_or_else(|| {
        usage(format!(
            "'{text}' is no target: 'stack', 'kernel', HOST:PORT or [V6]:PORT is wanted"
        ))
    })?;
    if text.ends_with(']') {
        return Err(usage(format!("'{text}': a port is missing: {text}:80")));
    }
    if host.contains(':') && !host.starts_with('[') {
        let right = match host.parse::<Ipv6Addr>() {
            Err(_) if text.parse::<Ipv6Addr>().is_ok() => format!("[{text}]:80"),
            _ => format!("[{host}]:{port}"),
        };
        return Err(usage(format!(
            "'{text}': an IPv6 address stands in brackets: {right}"
        )));
    }
    let port: u16 = port
        .parse()
        .map_err(|_| usage(format!("'{text}': '{port}' is no port")))?;
    if let Some((address, zone)) = host
        .strip_prefix('[')
        .and_then(|rest| rest.strip_suffix(']'))
        .and_then(|inside| inside.split_once('%'))
    {
        let address = address
            .parse()
            .map_err(|_| usage(format!("'{address}' is no IPv6 address")))?;
        let scope = interface_index(zone)
            .ok_or_else(|| usage(format!("'{text}': no interface '{zone}'")))?;
        return Ok(SocketAddrV6::new(address, port, 0, scope).into());
    }
    let found = (host, port)
        .to_socket_addrs()
        .map_err(|e| TargetError::Unreachable(format!("'{host}' cannot be looked up: {e}")))?;
    found
        .into_iter()
        .find(|address| ip.is_none_or(|ip| address.is_ipv6() == (ip == 6)))
        .ok_or_else(|| usage(format!("'{host}' has no address of the wanted IP version")))
}

fn interface_index(zone: &str) -> Option<u32> {
    pnet::datalink::interfaces()
        .into_iter()
        .find(|interface| interface.name == zone || interface.index.to_string() == zone)
        .map(|interface| interface.index)
}

fn check(address: SocketAddr) -> Result<(), TargetError> {
    let ip = address.ip();
    let wrong = match ip {
        _ if address.port() == 0 => Some("port 0 is nobody's"),
        _ if ip.is_unspecified() => Some("the unspecified address is no host"),
        _ if ip.is_multicast() => Some("a multicast address is many hosts"),
        IpAddr::V4(v4) if v4.is_broadcast() => Some("the broadcast address is all hosts"),
        IpAddr::V6(v6) if v6.to_ipv4_mapped().is_some() => {
            Some("an IPv4-mapped address never is on the wire: write the IPv4 address")
        }
        IpAddr::V6(v6) if v6.is_unicast_link_local() && scope(address) == 0 => {
            Some("a link-local address needs its interface: [fe80::1%eth0]:80")
        }
        _ => None,
    };
    wrong.map_or(Ok(()), |reason| {
        Err(usage(format!("{address} cannot be a target: {reason}")))
    })
}

fn scope(address: SocketAddr) -> u32 {
    match address {
        SocketAddr::V6(v6) => v6.scope_id(),
        SocketAddr::V4(_) => 0,
    }
}

fn usage(text: String) -> TargetError {
    TargetError::Usage(text)
}

#[cfg(test)]
mod tests {
    use super::*;
    use rstest::rstest;

    #[rstest]
    #[case("10.0.0.2:80", "10.0.0.2:80")]
    #[case("[fd00::2]:80", "[fd00::2]:80")]
    #[case("[fe80::1%lo]:80", "[fe80::1%1]:80")]
    #[case("[fe80::1%1]:80", "[fe80::1%1]:80")]
    fn addresses_are_read(#[case] text: &str, #[case] address: &str) {
        assert_eq!(parse_host(text, None).unwrap().to_string(), address);
    }

    #[rstest]
    #[case("10.0.0.2", "HOST:PORT")]
    #[case("10.0.0.2:http", "no port")]
    #[case("10.0.0.2:0", "port 0")]
    #[case("10.0.0.2:70000", "no port")]
    #[case("fd00::2:80", "brackets: [fd00::2]:80")]
    #[case("::1", "brackets: [::1]:80")]
    #[case("[::1]", "missing: [::1]:80")]
    #[case("255.255.255.255:80", "broadcast")]
    #[case("224.0.0.1:80", "multicast")]
    #[case("[ff02::1]:80", "multicast")]
    #[case("0.0.0.0:80", "unspecified")]
    #[case("[::]:80", "unspecified")]
    #[case("[::ffff:10.0.0.2]:80", "IPv4-mapped")]
    #[case("[fe80::1]:80", "needs its interface")]
    #[case("[fe80::1%nowhere]:80", "no interface 'nowhere'")]
    fn what_cannot_be_meant_is_refused_with_words(#[case] text: &str, #[case] words: &str) {
        let error = parse_host(text, None).unwrap_err();
        assert!(matches!(error, TargetError::Usage(_)));
        assert!(error.to_string().contains(words), "{error}");
    }
}
