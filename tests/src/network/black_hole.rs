//! An address behind which a host is found, and nothing else.

use super::tool;
use tcpconf_target::testing::Bed;

/// Two addresses on the link for which the target's host answers ARP and neighbour solicitation; what
/// is sent there it forwards to an interface behind which nobody is.
#[derive(Debug)]
pub struct BlackHole;

impl BlackHole {
    /// IPv4 and IPv6, beside the target's own.
    pub const ADDRESSES: [&str; 2] = ["10.78.0.99", "fd78::99"];

    /// Makes it; it lasts as long as the bed.
    ///
    /// # Panics
    /// When a tool fails.
    pub fn dig(bed: &Bed) {
        let place = &bed.target;
        let [v4, v6] = Self::ADDRESSES;
        // Without ARP frames have an address that the other end does not take.
        tool(place, "ip link add hole type veth peer name bottom");
        tool(place, "ip link set hole arp off up");
        tool(place, "ip link set bottom arp off up");
        tool(place, &format!("ip route add {v4}/32 dev hole"));
        tool(place, &format!("ip -6 route add {v6}/128 dev hole"));
        tool(place, &format!("ip -6 neigh add proxy {v6} dev eth0"));
        place.run(|| {
            for (name, value) in [
                ("ipv4/ip_forward", "1"),
                ("ipv4/conf/eth0/proxy_arp", "1"),
                ("ipv4/conf/eth0/send_redirects", "0"),
                ("ipv4/neigh/eth0/proxy_delay", "0"),
                ("ipv6/conf/all/forwarding", "1"),
                ("ipv6/conf/eth0/proxy_ndp", "1"),
                ("ipv6/neigh/eth0/proxy_delay", "0"),
            ] {
                std::fs::write(format!("/proc/sys/net/{name}"), value)
                    .unwrap_or_else(|error| panic!("{name}: {error}"));
            }
        });
    }
}
