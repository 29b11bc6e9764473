//! HOST:PORT in a pair of namespaces: nginx, and Python's http.server with its backlog of 5; IPv4 and
//! IPv6; with the profile `linux` and bare; and eyes on the injector's wire all the while.

use crate::verdict::Played;
use pnet::packet::ip::IpNextHeaderProtocols;
use pnet::packet::tcp::TcpPacket;
use pnet::transport::{TransportChannelType, TransportProtocol, transport_channel};
use rstest::rstest;
use std::net::{IpAddr, SocketAddr};
use std::process::{Command, Stdio};
use std::time::Duration;
use tcpconf_target::testing::{Bed, INJECTOR, TARGET};
use tcpconf_tests::{
    Ended, Privilege, Server, Sniffer, foreign_resets, has, root, spawn_in, spend_real_time,
    tcpconf, tcpconf_path,
};
use tcpconf_wire::{Flags, Segment};

const PORT: u16 = 80;

/// One pair of hosts with a server, for runs one after the other.
struct Place {
    bed: Bed,
    _server: Server,
    address: SocketAddr,
}

impl Place {
    fn new(start: fn(&tcpconf_target::testing::Place, u16) -> Server, ip: usize) -> Self {
        let bed = Bed::new().unwrap();
        let server = start(&bed.target, PORT);
        Self {
            bed,
            _server: server,
            address: SocketAddr::new(TARGET[ip].parse().unwrap(), PORT),
        }
    }

    /// Plays the suite and checks that no RST of the injector's kernel was on the wire.
    fn play(&self, name: &str, more: &[&str]) -> Played {
        let folder = tempfile::tempdir().unwrap();
        let jsonl = folder.path().join("o.jsonl");
        let target = self.address.to_string();
        let mut command = tcpconf(["run", "suites/handshake", "--target", &target, "--pcap-all"]);
        command.arg("--jsonl").arg(&jsonl).args(more);
        command
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped());
        let sniffer = Sniffer::start(&self.bed.injector);
        let played = Played::of(
            &format!("{name} {target} {more:?}"),
            jsonl,
            command,
            |command| {
                spawn_in(&self.bed.injector, command)
                    .wait_with_output()
                    .unwrap()
                    .into()
            },
        );
        // Whoever is still to answer does so now.
        std::thread::sleep(Duration::from_millis(200));
        let wire = sniffer.finish();
        let resets = wire.iter().filter(|seen| seen.flags.contains(Flags::RST));
        // Nearly every case ends in one, so the sniffer is not blind.
        let cases = played.verdicts.with(&["pass"]).len();
        assert!(
            2 * resets.count() > cases,
            "tcpconf's own RSTs are seen on the wire"
        );
        let foreign = foreign_resets(&wire, self.address, played.verdicts.sent());
        assert!(
            foreign.is_empty(),
            "{} RSTs of the injector's kernel, the first: {:?}",
            foreign.len(),
            foreign[0]
        );
        played
    }
}

/// Five runs at once, each in a network of its own, since they wait most of the time.
#[rstest]
#[case::nginx(Server::nginx, "nginx")]
#[case::python(Server::python, "python3")]
fn a_linux_host_does_what_its_profile_says(
    #[case] start: fn(&tcpconf_target::testing::Place, u16) -> Server,
    #[case] program: &'static str,
) {
    if !has(&[Privilege::Networks, Privilege::Program(program)]) {
        return;
    }
    let _alone = spend_real_time();
    let [known, again, bare, known6, bare6] = std::thread::scope(|scope| {
        let plan: [(usize, &[&str]); 5] = [
            (0, &["--profile", "linux"]),
            (0, &["--profile", "linux", "-j", "3"]),
            (0, &["-j", "5"]),
            (1, &["--profile", "linux", "-j", "4"]),
            (1, &[]),
        ];
        plan.map(|(ip, more)| scope.spawn(move || Place::new(start, ip).play(program, more)))
            .map(|run| run.join().expect("a run's own checks hold"))
    });
    for run in [&known, &again, &bare, &known6, &bare6] {
        run.is_complete();
    }
    known.ends_with(0);
    known6.ends_with(0);
    again.ends_with(0);
    again.shows_the_same_as(&known);
    known.is_what_happened_in(&bare);
    known6.is_what_happened_in(&bare6);
    for run in [&bare, &bare6] {
        let failed = !run.verdicts.with(&["fail"]).is_empty();
        run.ends_with(i32::from(failed));
    }
}

/// An address that no host has: nothing needs to be suppressed.
#[test]
fn an_address_of_its_own_gives_the_same_verdicts() {
    if !has(&[Privilege::Networks, Privilege::Program("nginx")]) {
        return;
    }
    let _alone = spend_real_time();
    for (ip, source) in ["10.78.0.50", "fd78::50"].into_iter().enumerate() {
        let place = Place::new(Server::nginx, ip);
        let filter = ["--profile", "linux", "-E", "third-ack"];
        let mut more = filter.to_vec();
        more.extend(["--source", source]);
        let own = place.play("nginx", &more);
        let borrowed = place.play("nginx", &filter);
        own.ends_with(0);
        assert_eq!(own.verdicts.shown, borrowed.verdicts.shown);
        assert!(!own.verdicts.shown.is_empty());
    }
}

/// What the check of the wire is worth: a SYN of somebody else draws the kernel's RST, and it is found.
#[rstest]
#[case::ipv4(0)]
#[case::ipv6(1)]
fn a_reset_of_the_injectors_kernel_would_be_found(#[case] ip: usize) {
    if !has(&[Privilege::Networks, Privilege::Program("nginx")]) {
        return;
    }
    let place = Place::new(Server::nginx, ip);
    let sniffer = Sniffer::start(&place.bed.injector);
    let ours: IpAddr = INJECTOR[ip].parse().unwrap();
    let target = place.address;
    place.bed.injector.run(move || {
        let protocol = match ip {
            0 => TransportProtocol::Ipv4(IpNextHeaderProtocols::Tcp),
            _ => TransportProtocol::Ipv6(IpNextHeaderProtocols::Tcp),
        };
        let kind = TransportChannelType::Layer4(protocol);
        let (mut sender, _receiver) = transport_channel(4096, kind).unwrap();
        let mut syn = Segment::new(SocketAddr::new(ours, 40_000), target);
        syn.flags = Flags::SYN;
        let packet = syn.build();
        let header = if ip == 0 { 20 } else { 40 };
        let tcp = TcpPacket::new(&packet[header..]).unwrap();
        sender.send_to(tcp, target.ip()).unwrap();
    });
    std::thread::sleep(Duration::from_millis(500));
    let wire = sniffer.finish();
    let foreign = foreign_resets(&wire, target, []);
    assert_eq!(foreign.len(), 1, "{wire:?}");
    assert_eq!(foreign[0].from, SocketAddr::new(ours, 40_000));
    // The same RST is not foreign when the records have it.
    let told = foreign[0].packet.clone();
    assert!(foreign_resets(&wire, target, [told]).is_empty());
}

/// Without CAP_NET_ADMIN the kernel's RSTs cannot be suppressed: no run may begin from its own address.
#[rstest]
#[case::ipv4(0, "10.78.0.50")]
#[case::ipv6(1, "fd78::50")]
fn without_the_right_to_suppress_resets_only_an_own_address_will_do(
    #[case] ip: usize,
    #[case] source: &str,
) {
    if !has(&[Privilege::Networks, Privilege::Program("nginx")]) {
        return;
    }
    let _alone = spend_real_time();
    let place = Place::new(Server::nginx, ip);
    let run = |more: &[&str]| -> Ended {
        let mut command = Command::new("setpriv");
        command
            .args(["--bounding-set=-net_admin", "--inh-caps=-net_admin", "--"])
            .arg(tcpconf_path())
            .args([
                "run",
                "suites/handshake",
                "-E",
                "syn-draws-syn-ack",
                "--target",
            ])
            .arg(place.address.to_string())
            .args(more)
            .current_dir(root())
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped());
        let child = spawn_in(&place.bed.injector, command);
        child.wait_with_output().unwrap().into()
    };
    let refused = run(&[]);
    assert_eq!(refused.code, Some(3), "{}", refused.all());
    assert!(refused.stderr.contains("--source"), "{}", refused.stderr);
    let played = run(&["--source", source]);
    assert_eq!(played.code, Some(0), "{}", played.all());
}
