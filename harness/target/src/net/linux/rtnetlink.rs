//! Links, addresses and routes over netlink (`man 7 rtnetlink`).

use super::netlink::{
    Message, NLM_F_ACK, NLM_F_CREATE, NLM_F_EXCL, NLM_F_REQUEST, Netlink, attributes, half, word,
};
use nix::sys::socket::SockProtocol;
use pnet::util::MacAddr;
use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::os::fd::{AsRawFd, BorrowedFd};
use std::time::Duration;

const RTM_NEWLINK: u16 = 16;
const RTM_GETLINK: u16 = 18;
const RTM_NEWADDR: u16 = 20;
const RTM_NEWROUTE: u16 = 24;
const RTM_GETROUTE: u16 = 26;
const RTM_NEWNEIGH: u16 = 28;

const IFLA_ADDRESS: u16 = 1;
const IFLA_IFNAME: u16 = 3;
const IFLA_MTU: u16 = 4;
const IFLA_OPERSTATE: u16 = 16;
const IFLA_LINKINFO: u16 = 18;
const IFLA_NET_NS_FD: u16 = 28;
const IFLA_INFO_KIND: u16 = 1;
const IFLA_INFO_DATA: u16 = 2;
const VETH_INFO_PEER: u16 = 1;

const IFA_ADDRESS: u16 = 1;
const IFA_LOCAL: u16 = 2;
/// No duplicate address detection: the address can be used at once.
const IFA_F_NODAD: u8 = 2;

const RTA_DST: u16 = 1;
const RTA_SRC: u16 = 2;
const RTA_OIF: u16 = 4;
const RTA_GATEWAY: u16 = 5;
const RTA_PREFSRC: u16 = 7;
const RTA_VIA: u16 = 18;

const NDA_DST: u16 = 1;
const NDA_LLADDR: u16 = 2;
const NUD_PERMANENT: u8 = 0x80;

const IFF_UP: u32 = 1;
const IF_OPER_UP: u8 = 6;
/// A carrier is reported within a millisecond, or within a second where the kernel is in no hurry.
const WAIT_STEP: Duration = Duration::from_micros(200);
const WAIT_TRIES: u32 = 20_000;
const AF_INET: u8 = 2;
const AF_INET6: u8 = 10;
const RT_TABLE_MAIN: u8 = 254;
const RTPROT_STATIC: u8 = 4;

/// What kind of place an address is, as the routing table says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum RouteKind {
    /// A host.
    Unicast,
    /// This machine.
    Local,
    /// All hosts of a link, or a group.
    Many,
    /// Nowhere: the table forbids it.
    Refused,
}

/// The way to an address.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Route {
    /// What is there.
    pub(crate) kind: RouteKind,
    /// The interface's index.
    pub(crate) interface: u32,
    /// The router, when the address is not on the link.
    pub(crate) gateway: Option<IpAddr>,
    /// The address that this machine would use.
    pub(crate) source: Option<IpAddr>,
}

/// An interface, as the kernel describes it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct LinkInfo {
    /// Its index.
    pub(crate) index: u32,
    /// Its name.
    pub(crate) name: String,
    /// Its kind: an `ARPHRD_` value.
    pub(crate) hardware: u16,
    /// Its link-layer address, if it has an Ethernet one.
    pub(crate) mac: Option<MacAddr>,
    /// Its MTU in octets.
    pub(crate) mtu: u32,
    /// Whether it is up.
    pub(crate) up: bool,
    /// Whether it is up and has its carrier (RFC 2863: operational).
    pub(crate) running: bool,
}

/// A socket for links, addresses and routes of one namespace.
#[derive(Debug)]
pub(crate) struct Routing(Netlink);

impl Routing {
    /// In the namespace of the calling thread.
    pub(crate) fn open() -> io::Result<Self> {
        Netlink::open(SockProtocol::NetlinkRoute).map(Self)
    }

    /// A veth pair, our end here and up, the other end in another namespace and down.
    ///
    /// `index` becomes our end's. It must be one that the other end cannot get: a kernel that finds
    /// both ends under the same number takes the interface for a physical one and lets up to a second
    /// pass before it reports the link (`linkwatch_urgent_event`), and IPv6 waits for that report.
    pub(crate) fn create_veth(
        &mut self,
        index: u32,
        ours: (&str, MacAddr),
        peer: (&str, MacAddr),
        peer_namespace: BorrowedFd<'_>,
    ) -> io::Result<()> {
        let message = Message::new(
            RTM_NEWLINK,
            NLM_F_REQUEST | NLM_F_ACK | NLM_F_CREATE | NLM_F_EXCL,
        )
        .fixed(&link_header(index, IFF_UP))
        .text(IFLA_IFNAME, ours.0)
        .attribute(IFLA_ADDRESS, &ours.1.octets())
        .nested(IFLA_LINKINFO, |info| {
            info.attribute(IFLA_INFO_KIND, b"veth")
                .nested(IFLA_INFO_DATA, |data| {
                    data.nested(VETH_INFO_PEER, |end| {
                        end.fixed(&link_header(0, 0))
                            .text(IFLA_IFNAME, peer.0)
                            .attribute(IFLA_ADDRESS, &peer.1.octets())
                            .attribute(IFLA_NET_NS_FD, &peer_namespace.as_raw_fd().to_ne_bytes())
                    })
                })
        });
        self.0.request(message)
    }

    pub(crate) fn set_up(&mut self, index: u32) -> io::Result<()> {
        self.0.request(
            Message::new(RTM_NEWLINK, NLM_F_REQUEST | NLM_F_ACK).fixed(&link_header(index, IFF_UP)),
        )
    }

    /// Waits until the interface has its carrier: before, what is sent is dropped, and addresses of
    /// IPv6 cannot be used.
    pub(crate) fn wait_until_running(&mut self, name: &str) -> io::Result<()> {
        self.wait_until(|routing| Ok(routing.link_named(name)?.running))
    }

    fn wait_until(&mut self, holds: impl Fn(&mut Self) -> io::Result<bool>) -> io::Result<()> {
        for _ in 0..WAIT_TRIES {
            if holds(self)? {
                return Ok(());
            }
            std::thread::sleep(WAIT_STEP);
        }
        Err(io::ErrorKind::TimedOut.into())
    }

    /// An interface by name.
    pub(crate) fn link_named(&mut self, name: &str) -> io::Result<LinkInfo> {
        let message = Message::new(RTM_GETLINK, NLM_F_REQUEST)
            .fixed(&link_header(0, 0))
            .text(IFLA_IFNAME, name);
        self.link(message)
    }

    /// An interface by index.
    pub(crate) fn link_at(&mut self, index: u32) -> io::Result<LinkInfo> {
        self.link(Message::new(RTM_GETLINK, NLM_F_REQUEST).fixed(&link_header(index, 0)))
    }

    fn link(&mut self, message: Message) -> io::Result<LinkInfo> {
        let body = self.0.ask(message)?;
        parse_link(&body).ok_or_else(|| io::ErrorKind::InvalidData.into())
    }

    /// Adds an address, and waits until packets to it are taken: for IPv6 the kernel leaves that to a
    /// work queue.
    pub(crate) fn add_address(
        &mut self,
        index: u32,
        address: IpAddr,
        prefix: u8,
    ) -> io::Result<()> {
        let (family, octets) = family_and_octets(address);
        let mut header = vec![family, prefix, IFA_F_NODAD, 0];
        header.extend_from_slice(&index.to_ne_bytes());
        self.0.request(
            Message::new(
                RTM_NEWADDR,
                NLM_F_REQUEST | NLM_F_ACK | NLM_F_CREATE | NLM_F_EXCL,
            )
            .fixed(&header)
            .attribute(IFA_LOCAL, &octets)
            .attribute(IFA_ADDRESS, &octets),
        )?;
        self.wait_until(|routing| {
            // Without any route at all the question is an error.
            Ok(routing
                .route(address, None, None)
                .is_ok_and(|route| route.kind == RouteKind::Local))
        })
    }

    /// Tells the kernel who some neighbours are, so that it never asks.
    pub(crate) fn add_neighbours(
        &mut self,
        index: u32,
        neighbours: impl Iterator<Item = (IpAddr, MacAddr)>,
    ) -> io::Result<()> {
        let mut messages: Vec<Message> = neighbours
            .map(|(address, mac)| {
                let (family, octets) = family_and_octets(address);
                let mut header = vec![family, 0, 0, 0];
                header.extend_from_slice(&index.to_ne_bytes());
                header.extend_from_slice(&[NUD_PERMANENT, 0, 0, 0]);
                // Without acknowledgements, which would overflow the socket; errors come all the same.
                Message::new(RTM_NEWNEIGH, NLM_F_REQUEST | NLM_F_CREATE)
                    .fixed(&header)
                    .attribute(NDA_DST, &octets)
                    .attribute(NDA_LLADDR, &mac.octets())
            })
            .collect();
        // Behind all of them one that is acknowledged.
        messages.push(
            Message::new(RTM_NEWLINK, NLM_F_REQUEST | NLM_F_ACK).fixed(&link_header(index, IFF_UP)),
        );
        self.0.batch(messages)
    }

    /// Sends everything that has no better way to a router.
    pub(crate) fn add_default_route(&mut self, index: u32, gateway: IpAddr) -> io::Result<()> {
        let (family, octets) = family_and_octets(gateway);
        let header = [
            family,
            0,
            0,
            0,
            RT_TABLE_MAIN,
            RTPROT_STATIC,
            0,
            1,
            0,
            0,
            0,
            0,
        ];
        self.0.request(
            Message::new(
                RTM_NEWROUTE,
                NLM_F_REQUEST | NLM_F_ACK | NLM_F_CREATE | NLM_F_EXCL,
            )
            .fixed(&header)
            .attribute(RTA_OIF, &index.to_ne_bytes())
            .attribute(RTA_GATEWAY, &octets),
        )
    }

    /// The way to `destination`, from `source` and through `interface` where they are given.
    pub(crate) fn route(
        &mut self,
        destination: IpAddr,
        source: Option<IpAddr>,
        interface: Option<u32>,
    ) -> io::Result<Route> {
        let (family, octets) = family_and_octets(destination);
        let bits = (octets.len() * 8) as u8;
        let source = source.map(|address| family_and_octets(address).1);
        let source_bits = source.as_ref().map_or(0, |octets| (octets.len() * 8) as u8);
        let header = [family, bits, source_bits, 0, 0, 0, 0, 0, 0, 0, 0, 0];
        let mut message = Message::new(RTM_GETROUTE, NLM_F_REQUEST)
            .fixed(&header)
            .attribute(RTA_DST, &octets);
        if let Some(octets) = source {
            message = message.attribute(RTA_SRC, &octets);
        }
        if let Some(index) = interface {
            message = message.attribute(RTA_OIF, &index.to_ne_bytes());
        }
        let body = self.0.ask(message)?;
        parse_route(&body).ok_or_else(|| io::ErrorKind::InvalidData.into())
    }
}

/// `struct ifinfomsg`: family, padding, type, index, flags, mask of changed flags.
fn link_header(index: u32, flags: u32) -> Vec<u8> {
    let mut header = vec![0; 4];
    header.extend_from_slice(&index.to_ne_bytes());
    header.extend_from_slice(&flags.to_ne_bytes());
    header.extend_from_slice(&flags.to_ne_bytes());
    header
}

fn family_and_octets(address: IpAddr) -> (u8, Vec<u8>) {
    match address {
        IpAddr::V4(a) => (AF_INET, a.octets().to_vec()),
        IpAddr::V6(a) => (AF_INET6, a.octets().to_vec()),
    }
}

fn parse_link(body: &[u8]) -> Option<LinkInfo> {
    let mut info = LinkInfo {
        index: word(body, 4)?,
        name: String::new(),
        hardware: half(body, 2)?,
        mac: None,
        mtu: 0,
        up: word(body, 8)? & IFF_UP != 0,
        running: false,
    };
    for (kind, value) in attributes(body.get(16..)?) {
        match kind {
            IFLA_IFNAME => {
                let end = value
                    .iter()
                    .position(|octet| *octet == 0)
                    .unwrap_or(value.len());
                info.name = String::from_utf8_lossy(&value[..end]).into_owned();
            }
            IFLA_ADDRESS => {
                info.mac = <[u8; 6]>::try_from(value).ok().map(MacAddr::from);
            }
            IFLA_MTU => info.mtu = word(value, 0)?,
            IFLA_OPERSTATE => info.running = value.first() == Some(&IF_OPER_UP),
            _ => {}
        }
    }
    Some(info)
}

fn parse_route(body: &[u8]) -> Option<Route> {
    // RTN_UNICAST 1, LOCAL 2, BROADCAST 3, ANYCAST 4, MULTICAST 5, BLACKHOLE 6, UNREACHABLE 7 …
    let kind = match body.get(7)? {
        1 => RouteKind::Unicast,
        2 => RouteKind::Local,
        3..=5 => RouteKind::Many,
        _ => RouteKind::Refused,
    };
    let mut route = Route {
        kind,
        interface: 0,
        gateway: None,
        source: None,
    };
    for (kind, value) in attributes(body.get(12..)?) {
        match kind {
            RTA_OIF => route.interface = word(value, 0)?,
            RTA_GATEWAY => route.gateway = address(value),
            // A router of the other family: two octets of family stand before its address.
            RTA_VIA => route.gateway = address(value.get(2..)?),
            RTA_PREFSRC => route.source = address(value),
            _ => {}
        }
    }
    Some(route)
}

fn address(octets: &[u8]) -> Option<IpAddr> {
    if let Ok(v4) = <[u8; 4]>::try_from(octets) {
        return Some(Ipv4Addr::from(v4).into());
    }
    <[u8; 16]>::try_from(octets)
        .ok()
        .map(|v6| Ipv6Addr::from(v6).into())
}
