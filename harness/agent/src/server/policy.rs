//! Who may do what: the agent stands on somebody's host.

use ipnetwork::IpNetwork;
use std::net::IpAddr;
use std::ops::RangeInclusive;
use std::str::FromStr;

/// What controllers may ask for.
#[derive(Clone, Debug)]
pub struct Policy {
    /// Where the application may listen and connect from; all ports when there is none.
    pub ports: Option<PortRange>,
    /// Whereto it may connect.
    pub connect: Peers,
}

impl Policy {
    /// No limits: for a helper in a private namespace.
    pub const fn unlimited() -> Self {
        Self {
            ports: None,
            connect: Peers::All,
        }
    }

    /// Whether the application may have the port; 0 is any, for which see [`Policy::candidates`].
    pub fn may_use(&self, port: u16) -> bool {
        port == 0
            || self
                .ports
                .as_ref()
                .is_none_or(|range| range.0.contains(&port))
    }

    /// The ports to try for a port, any of which will do.
    pub fn candidates(&self, port: u16) -> RangeInclusive<u16> {
        match &self.ports {
            Some(range) if port == 0 => range.0.clone(),
            _ => port..=port,
        }
    }
}

/// Addresses.
#[derive(Clone, Debug)]
pub enum Peers {
    /// Every one.
    All,
    /// Those in one of the networks.
    In(Vec<IpNetwork>),
}

impl Peers {
    /// Whether it is one of them. IPv4 in IPv6 (`::ffff:1.2.3.4`) is IPv4.
    pub fn include(&self, address: IpAddr) -> bool {
        let address = address.to_canonical();
        match self {
            Self::All => true,
            Self::In(networks) => networks.iter().any(|network| network.contains(address)),
        }
    }
}

/// `LOW-HIGH`, both included.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PortRange(pub RangeInclusive<u16>);

impl PortRange {
    /// Its first and its last port.
    pub fn ends(&self) -> (u16, u16) {
        (*self.0.start(), *self.0.end())
    }
}

impl FromStr for PortRange {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let wrong = || format!("'{text}' is not of the form LOW-HIGH");
        let (low, high) = text.split_once('-').ok_or_else(wrong)?;
        let low: u16 = low.parse().map_err(|_| wrong())?;
        let high: u16 = high.parse().map_err(|_| wrong())?;
        if low == 0 || low > high {
            return Err(format!("'{text}' names no port"));
        }
        Ok(Self(low..=high))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use rstest::rstest;

    #[test]
    fn ports_are_those_of_the_range() {
        let policy = Policy {
            ports: Some("7000-7009".parse().unwrap()),
            connect: Peers::All,
        };
        assert!(policy.may_use(7_000) && policy.may_use(7_009) && policy.may_use(0));
        assert!(!policy.may_use(6_999) && !policy.may_use(7_010));
        assert_eq!(policy.candidates(0), 7_000..=7_009);
        assert_eq!(policy.candidates(7_003), 7_003..=7_003);
        assert_eq!(Policy::unlimited().candidates(0), 0..=0);
    }

    #[rstest]
    #[case("7000")]
    #[case("9-8")]
    #[case("0-8")]
    #[case("1-65536")]
    fn what_is_no_range_is_refused(#[case] text: &str) {
        assert!(text.parse::<PortRange>().is_err());
    }

    #[test]
    fn peers_are_those_of_the_networks() {
        let peers = Peers::In(vec![
            "10.0.0.0/8".parse().unwrap(),
            "fd00::1".parse().unwrap(),
        ]);
        assert!(peers.include("10.1.2.3".parse().unwrap()));
        assert!(peers.include("::ffff:10.1.2.3".parse().unwrap()));
        assert!(peers.include("fd00::1".parse().unwrap()));
        assert!(!peers.include("11.0.0.1".parse().unwrap()));
        assert!(!peers.include("fd00::2".parse().unwrap()));
        assert!(!Peers::In(Vec::new()).include("127.0.0.1".parse().unwrap()));
    }
}
