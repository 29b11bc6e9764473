//! The addresses for which we answer: prefixes and single addresses, less those of others.

use std::net::IpAddr;

/// A set of addresses that are ours.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Owned {
    prefixes: Vec<(IpAddr, u8)>,
    except: Vec<IpAddr>,
}

impl Owned {
    /// Just these addresses.
    pub(crate) fn addresses(addresses: impl IntoIterator<Item = IpAddr>) -> Self {
        Self {
            prefixes: addresses
                .into_iter()
                .map(|a| (a, if a.is_ipv4() { 32 } else { 128 }))
                .collect(),
            except: Vec::new(),
        }
    }

    #[cfg_attr(
        not(target_os = "linux"),
        expect(dead_code, reason = "for private networks")
    )]
    /// All of a prefix but one address.
    pub(crate) fn prefix_without(network: IpAddr, length: u8, except: IpAddr) -> Self {
        Self {
            prefixes: vec![(network, length)],
            except: vec![except],
        }
    }

    /// Whether `address` is ours.
    pub(crate) fn contains(&self, address: IpAddr) -> bool {
        !self.except.contains(&address)
            && self
                .prefixes
                .iter()
                .any(|(network, length)| matches_prefix(*network, *length, address))
    }
}

fn matches_prefix(network: IpAddr, length: u8, address: IpAddr) -> bool {
    match (network, address) {
        (IpAddr::V4(n), IpAddr::V4(a)) => {
            let host_bits = 32 - u32::from(length.min(32));
            (n.to_bits() ^ a.to_bits())
                .checked_shr(host_bits)
                .unwrap_or(0)
                == 0
        }
        (IpAddr::V6(n), IpAddr::V6(a)) => {
            let host_bits = 128 - u32::from(length.min(128));
            (n.to_bits() ^ a.to_bits())
                .checked_shr(host_bits)
                .unwrap_or(0)
                == 0
        }
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use rstest::rstest;

    fn ip(text: &str) -> IpAddr {
        text.parse().unwrap()
    }

    #[rstest]
    #[case("10.77.0.2", true)]
    #[case("10.77.0.1", false)]
    #[case("10.77.1.2", false)]
    #[case("fd77::2", false)]
    fn a_prefix_is_ours_but_for_the_target(#[case] address: &str, #[case] ours: bool) {
        let owned = Owned::prefix_without(ip("10.77.0.0"), 24, ip("10.77.0.1"));
        assert_eq!(owned.contains(ip(address)), ours);
    }

    #[rstest]
    #[case("fd77::2", true)]
    #[case("fd77::3", false)]
    fn a_single_address_is_ours_alone(#[case] address: &str, #[case] ours: bool) {
        assert_eq!(
            Owned::addresses([ip("fd77::2")]).contains(ip(address)),
            ours
        );
    }
}
