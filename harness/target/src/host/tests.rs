use super::*;
use crate::net::linux::link::PacketLink;
use crate::net::linux::packet_socket::Framing;
use crate::net::owned::Owned;
use crate::net::station::{Hop, Path};
use crate::testing::{Bed, INJECTOR, Place, Prober, TARGET, may_make_networks};
use pnet::util::MacAddr;
use rstest::rstest;
use std::io::{Read, Write};
use std::net::TcpListener;
use std::time::Duration;
use tcpconf_wire::{ChecksumState, Flags, Segment, view::IpView};

const SOON: Duration = Duration::from_secs(2);
const QUIET: Duration = Duration::from_millis(300);
const PORT: u16 = 80;

/// An echo server in the target's namespace, one connection after the other.
fn serve(place: &Place, address: &str) {
    serve_at(place, target_of(address));
}

fn serve_at(place: &Place, address: SocketAddr) {
    place.run(move || {
        let listener = TcpListener::bind(address).unwrap();
        std::thread::spawn(move || {
            for stream in listener.incoming() {
                let mut stream = stream.unwrap();
                std::thread::spawn(move || {
                    let mut data = [0; 1_024];
                    while let Ok(count @ 1..) = stream.read(&mut data) {
                        if stream.write_all(&data[..count]).is_err() {
                            return;
                        }
                    }
                });
            }
        });
    });
}

fn target_of(address: &str) -> SocketAddr {
    (address.parse::<IpAddr>().unwrap(), PORT).into()
}

/// Opens the target in the injector's namespace; it can be used from any thread then.
fn open(bed: &Bed, address: &str, options: HostOptions) -> Result<HostTarget, TargetError> {
    open_at(bed, target_of(address), options)
}

fn open_at(
    bed: &Bed,
    address: SocketAddr,
    options: HostOptions,
) -> Result<HostTarget, TargetError> {
    bed.injector
        .run(move || HostTarget::open(&address.to_string(), address, &options))
}

/// All TCP segments that reach the target's interface.
fn capture(bed: &Bed, address: &str) -> PacketLink {
    let address: IpAddr = address.parse().unwrap();
    bed.target.run(move || {
        let clock = RunClock::start();
        let mut link = PacketLink::open(Framing::Ethernet, clock).unwrap();
        let index = pnet::datalink::interfaces()
            .into_iter()
            .find(|interface| interface.name == "eth0")
            .unwrap()
            .index;
        let mac = MacAddr::new(2, 0, 0, 0x78, 0, 2);
        for injector in INJECTOR {
            let injector: IpAddr = injector.parse().unwrap();
            if injector.is_ipv4() == address.is_ipv4() {
                link.station().add(Path {
                    target: injector,
                    interface: index,
                    hop: Hop::Ethernet {
                        ours: mac,
                        next: mac,
                    },
                    owned: Owned::addresses([address]),
                    answers: false,
                    ports: None,
                });
            }
        }
        link.socket().listen(Some(index)).unwrap();
        link.socket()
            .filter(&crate::net::linux::filter::everything())
            .unwrap();
        link
    })
}

fn seen(capture: &mut PacketLink) -> Vec<Segment> {
    let mut packets = Vec::new();
    capture.receive(&mut packets).unwrap();
    packets
        .iter()
        .filter_map(|packet| Segment::parse(&packet.bytes))
        .collect()
}

fn talk(prober: &mut Prober<'_>) {
    prober.connect();
    prober.send(Flags::ACK | Flags::PSH, b"HELLO");
    let back = prober.next_telling(SOON).expect("the echo");
    assert_eq!(back.payload, b"HELLO");
    prober.took(&back);
    prober.send(Flags::ACK, &[]);
}

#[rstest]
fn from_this_machines_own_address_our_kernel_sends_no_rst(
    #[values(0, 1)] family: usize,
    #[values(false, true)] portable_link: bool,
) {
    if !may_make_networks() {
        return;
    }
    let bed = Bed::new().unwrap();
    serve(&bed.target, TARGET[family]);
    let mut capture = capture(&bed, TARGET[family]);
    let options = HostOptions {
        portable_link,
        ..HostOptions::default()
    };
    let mut target = open(&bed, TARGET[family], options).unwrap();
    assert!(target.closed_port.is_some());
    let ip = target.ip_versions()[0];
    let mut prober = Prober::new(&mut target, "listen", ip);
    assert_eq!(
        prober.ours.ip(),
        INJECTOR[family].parse::<IpAddr>().unwrap()
    );
    talk(&mut prober);
    std::thread::sleep(QUIET);
    let port = prober.ours.port();
    let ours: Vec<Segment> = seen(&mut capture)
        .into_iter()
        .filter(|segment| segment.src_port == port)
        .collect();
    assert!(ours.len() >= 3, "the capture shows our own segments");
    assert_eq!(resets_sent(&bed), 0, "the kernel's own count");
    assert!(
        ours.iter()
            .all(|segment| !segment.flags.contains(Flags::RST)),
        "{ours:?}"
    );
    // What we ourselves reset is on the wire.
    prober.finish();
    std::thread::sleep(QUIET);
    assert!(
        seen(&mut capture)
            .iter()
            .any(|s| s.flags.contains(Flags::RST))
    );
}

/// RSTs that the kernel of the injector's namespace has sent (RFC 4022 tcpOutRsts).
fn resets_sent(bed: &Bed) -> u64 {
    let text = bed
        .injector
        .run(|| std::fs::read_to_string("/proc/thread-self/net/snmp").unwrap());
    let mut lines = text.lines().filter_map(|line| line.strip_prefix("Tcp: "));
    let (names, values) = (lines.next().unwrap(), lines.next().unwrap());
    let at = names.split(' ').position(|name| name == "OutRsts").unwrap();
    values.split(' ').nth(at).unwrap().parse().unwrap()
}

#[rstest]
fn without_the_rule_our_kernel_does_reset(#[values(0, 1)] family: usize) {
    if !may_make_networks() {
        return;
    }
    let bed = Bed::new().unwrap();
    serve(&bed.target, TARGET[family]);
    let mut capture = capture(&bed, TARGET[family]);
    let mut target = open(&bed, TARGET[family], HostOptions::default()).unwrap();
    target._rule = None;
    let ip = target.ip_versions()[0];
    let mut prober = Prober::new(&mut target, "listen", ip);
    prober.send(Flags::SYN, &[]);
    prober.next(SOON).expect("a SYN-ACK");
    std::thread::sleep(QUIET);
    assert!(
        seen(&mut capture)
            .iter()
            .any(|s| s.flags.contains(Flags::RST))
    );
    assert!(resets_sent(&bed) > 0);
}

#[rstest]
#[case("10.78.0.77", 0, MacChoice::MadeUp, false)]
#[case("fd78::77", 1, MacChoice::MadeUp, false)]
#[case("10.78.0.77", 0, MacChoice::Interface, false)]
#[case("fd78::77", 1, MacChoice::Interface, false)]
#[case("10.78.0.77", 0, MacChoice::MadeUp, true)]
#[case("fd78::77", 1, MacChoice::MadeUp, true)]
fn an_address_of_our_own_is_answered_for(
    #[case] source: &str,
    #[case] family: usize,
    #[case] mac: MacChoice,
    #[case] portable_link: bool,
) {
    if !may_make_networks() {
        return;
    }
    let bed = Bed::new().unwrap();
    serve(&bed.target, TARGET[family]);
    let options = HostOptions {
        sources: vec![source.parse().unwrap()],
        mac,
        portable_link,
        ..HostOptions::default()
    };
    let mut target = open(&bed, TARGET[family], options).unwrap();
    assert!(target._rule.is_none());
    let ip = target.ip_versions()[0];
    let mut prober = Prober::new(&mut target, "", ip);
    assert_eq!(prober.ours.ip(), source.parse::<IpAddr>().unwrap());
    talk(&mut prober);
    prober.finish();
}

#[rstest]
fn a_host_behind_a_router_is_reached(#[values("192.0.2.80", "2001:db8::80")] address: &str) {
    if !may_make_networks() {
        return;
    }
    let bed = Bed::new().unwrap();
    bed.put_behind(address.parse().unwrap()).unwrap();
    serve(&bed.target, address);
    let mut target = open(&bed, address, HostOptions::default()).unwrap();
    let ip = target.ip_versions()[0];
    let mut prober = Prober::new(&mut target, "listen", ip);
    talk(&mut prober);
    prober.finish();
}

#[rstest]
fn the_closed_port_answers_by_rst(#[values(0, 1)] family: usize) {
    if !may_make_networks() {
        return;
    }
    let bed = Bed::new().unwrap();
    serve(&bed.target, TARGET[family]);
    let mut target = open(&bed, TARGET[family], HostOptions::default()).unwrap();
    let ip = target.ip_versions()[0];
    let mut prober = Prober::new(&mut target, "closed", ip);
    prober.send(Flags::SYN, &[]);
    let (answer, packet) = prober.next(SOON).expect("a RST");
    assert_eq!(answer.flags, Flags::RST | Flags::ACK);
    assert_eq!(packet.checksum, ChecksumState::Judged);
    assert!(IpView::parse(&packet.bytes).unwrap().tcp_checksum_ok());
}

#[rstest]
fn the_loopback_address_works_like_any_other(
    #[values("127.0.0.1", "::1", "10.78.0.1")] address: &str,
    #[values(PORT, 8_080)] port: u16,
) {
    if !may_make_networks() {
        return;
    }
    let bed = Bed::new().unwrap();
    let address = SocketAddr::new(address.parse().unwrap(), port);
    serve_at(&bed.injector, address);
    let mut target = open_at(&bed, address, HostOptions::default()).unwrap();
    let caveat = target.caveat().expect("loopback changes packets");
    assert!(caveat.contains("merges segments"), "{caveat}");
    let ip = target.ip_versions()[0];
    let mut prober = Prober::new(&mut target, "listen", ip);
    talk(&mut prober);
    std::thread::sleep(QUIET);
    // Still there: nobody has reset it.
    prober.send(Flags::ACK | Flags::PSH, b"AGAIN");
    let back = prober.next_telling(SOON).expect("the echo");
    assert_eq!(back.payload, b"AGAIN");
    prober.finish();
}

#[rstest]
#[case(
    "10.78.0.99",
    "nothing answers at 10.78.0.99 on eth0: ARP was asked 4 times in 3 s"
)]
#[case("fd78::99", "nothing answers at fd78::99 on eth0: neighbour discovery")]
#[case("198.51.100.1", "no route to 198.51.100.1")]
#[case("2001:db8::1", "no route to 2001:db8::1")]
fn a_host_that_is_not_there_is_unreachable(#[case] address: &str, #[case] words: &str) {
    if !may_make_networks() {
        return;
    }
    let bed = Bed::new().unwrap();
    let error = open(&bed, address, HostOptions::default())
        .map(drop)
        .unwrap_err();
    assert!(matches!(error, TargetError::Unreachable(_)), "{error}");
    assert!(error.to_string().contains(words), "{error}");
}

#[rstest]
#[case::broadcast("10.78.0.255", None, "broadcast")]
#[case::version("10.78.0.2", Some("fd78::77"), "different IP versions")]
#[case::taken("10.78.0.2", Some("10.78.0.2"), "cannot be our address")]
#[case::loopback("127.0.0.1", Some("10.78.0.77"), "this machine")]
#[case::somebodys("10.78.0.9", Some("10.78.0.2"), "belongs to 02:00:00:78:00:02")]
fn what_makes_no_sense_is_refused(
    #[case] address: &str,
    #[case] source: Option<&str>,
    #[case] words: &str,
) {
    if !may_make_networks() {
        return;
    }
    let bed = Bed::new().unwrap();
    let options = HostOptions {
        sources: source.iter().map(|s| s.parse().unwrap()).collect(),
        ..HostOptions::default()
    };
    let error = open(&bed, address, options).map(drop).unwrap_err();
    assert!(matches!(error, TargetError::Usage(_)), "{error}");
    assert!(error.to_string().contains(words), "{error}");
}

#[test]
fn what_a_foreign_host_cannot_offer_is_unsupported() {
    if !may_make_networks() {
        return;
    }
    let bed = Bed::new().unwrap();
    serve(&bed.target, TARGET[0]);
    let options = HostOptions {
        services: BTreeMap::from([("echo".to_owned(), 7)]),
        ..HostOptions::default()
    };
    let mut target = open(&bed, TARGET[0], options).unwrap();
    let needs = |service: &str| Needs {
        service: service.into(),
        ..Needs::default()
    };
    assert_eq!(target.lease(&needs("echo"), 4, 1).unwrap().target.port(), 7);
    let backlog = Needs {
        backlog: Some(5),
        ..Needs::default()
    };
    for (needs, ip) in [(needs("sink"), 4), (backlog, 4), (needs("listen"), 6)] {
        assert!(matches!(
            target.lease(&needs, ip, 1),
            Err(LeaseError::Unsupported(_))
        ));
    }
}
