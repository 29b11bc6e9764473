//! An agent on the other side of a veth pair, driven through the target.

use super::*;
use crate::testing::{Bed, INJECTOR, Prober, TARGET, may_make_networks};
use rstest::rstest;
use std::os::fd::AsFd;
use std::os::unix::net::UnixStream;
use std::time::Duration;
use tcpconf_agent::server::{Agent, AgentOptions};
use tcpconf_engine::{Errno, SocketHandle, Value};
use tcpconf_suite::vocabulary::Setting;
use tcpconf_wire::Flags;

const SOON: Duration = Duration::from_secs(2);
const CONTROL: u16 = 4_000;
const PORT: u16 = 7_000;

/// A network with an agent in it, which ends with this value.
struct Place {
    bed: Bed,
    ip: usize,
    _stop: UnixStream,
}

impl Place {
    fn new(ip: u8) -> Self {
        Self::with_ports(ip, "7000-7999")
    }

    fn with_ports(ip: u8, ports: &str) -> Self {
        let bed = Bed::new().unwrap();
        let ip = usize::from(ip == 6);
        let options = AgentOptions {
            allow: vec![INJECTOR[ip].parse().unwrap()],
            ports: Some(ports.parse().unwrap()),
            connect: Vec::new(),
        };
        let (stop, stopped) = UnixStream::pair().unwrap();
        let address = SocketAddr::new(TARGET[ip].parse().unwrap(), CONTROL);
        bed.target.run(move || {
            let agent = Agent::listen(address, options).unwrap();
            std::thread::spawn(move || {
                agent
                    .run(stopped.as_fd(), &mut || None, &mut |_| {})
                    .unwrap();
            });
        });
        Self {
            bed,
            ip,
            _stop: stop,
        }
    }

    fn open(&self) -> HostTarget {
        let address = SocketAddr::new(TARGET[self.ip].parse().unwrap(), PORT);
        let options = HostOptions::default();
        self.bed.injector.run(move || {
            HostTarget::open(&address.to_string(), address, &options)
                .and_then(|host| host.with_agent(SocketAddr::new(address.ip(), CONTROL)))
                .unwrap()
        })
    }
}

fn driven() -> Needs {
    Needs {
        app: true,
        driven: true,
        ..Needs::default()
    }
}

fn send(socket: SocketHandle, data: &[u8]) -> AppCall {
    AppCall::Send {
        socket,
        data: data.to_vec(),
        urgent: false,
        more: false,
    }
}

#[test]
fn a_case_waits_while_others_hold_the_ports_that_the_agent_may_use() {
    if !may_make_networks() {
        return;
    }
    // 7000 is the target's own: ten are left, and a case takes five.
    let place = Place::with_ports(4, "7000-7010");
    let mut target = place.open();
    let first = target.lease(&driven(), 4, 1).unwrap();
    let second = target.lease(&driven(), 4, 1).unwrap();
    let ports = |lease: &Lease| {
        let mut ports: Vec<u16> = lease.spare_ports.iter().copied().collect();
        ports.push(lease.target.port());
        ports
    };
    let mut all = [ports(&first), ports(&second)].concat();
    all.sort_unstable();
    assert_eq!(all, (7_001..=7_010).collect::<Vec<u16>>());
    assert!(matches!(
        target.lease(&driven(), 4, 1),
        Err(LeaseError::Busy)
    ));
    target.release(first);
    let third = target.lease(&driven(), 4, 1).unwrap();
    assert!(
        !ports(&third)
            .iter()
            .any(|port| ports(&second).contains(port))
    );
}

#[test]
fn an_agent_with_too_few_ports_for_one_case_is_named_with_the_way_out() {
    if !may_make_networks() {
        return;
    }
    let place = Place::with_ports(4, "7000-7003");
    let refused = place.open().lease(&driven(), 4, 1).unwrap_err();
    assert_eq!(
        refused.to_string(),
        "the agent's 4 ports do not suffice: --ports LOW-HIGH gives it more"
    );
}

#[rstest]
fn a_case_listens_accepts_talks_and_leaves_nothing(#[values(4, 6)] ip: u8) {
    if !may_make_networks() {
        return;
    }
    let place = Place::new(ip);
    let mut target = place.open();
    let capabilities = target.application().unwrap().to_vec();
    assert!(capabilities.contains(&Capability::Status));
    let mut prober = Prober::with(&mut target, &driven(), ip);
    let local = prober.lease.target;
    assert!(
        (7_000..8_000).contains(&local.port()),
        "the agent said which"
    );
    let listener = prober.socket(AppCall::Listen {
        local,
        backlog: 2,
        with: vec![(Setting::NoDelay, 1)],
    });
    prober.connect();
    let lease = prober.lease.clone();
    let accept = CallId(1_000);
    prober
        .target
        .call(&lease, accept, AppCall::Accept(listener));
    let AppEvent::Accepted {
        socket, connection, ..
    } = prober.event()
    else {
        panic!("no connection");
    };
    let remote = prober.ours;
    assert_eq!(connection, FourTuple { local, remote });
    prober.send(Flags::ACK | Flags::PSH, b"HELLO");
    let heard = prober.call(AppCall::Receive(socket, 100));
    assert_eq!(heard, Ok(Value::Bytes(b"HELLO".to_vec())));
    assert_eq!(prober.call(send(socket, b"WORLD")), Ok(Value::Count(5)));
    assert_eq!(prober.next_telling(SOON).unwrap().payload, b"WORLD");
    // The case ends: the connection is reset, the listener gone.
    prober.target.call(&lease, CallId(2_000), AppCall::ResetAll);
    let reset = prober.next_telling(SOON).expect("a reset");
    assert!(reset.flags.contains(Flags::RST), "{reset:?}");
    prober.finish();
    let mut again = Prober::with(&mut target, &driven(), ip);
    let status = again.call(AppCall::Status(listener));
    assert_eq!(status, Err(Errno::BadSocket));
    let listens = AppCall::Listen {
        local,
        backlog: 2,
        with: Vec::new(),
    };
    again.socket(listens);
    again.finish();
}

#[rstest]
fn an_active_open_comes_to_the_ports_of_the_lease(#[values(4, 6)] ip: u8) {
    if !may_make_networks() {
        return;
    }
    let place = Place::new(ip);
    let mut target = place.open();
    let mut prober = Prober::with(&mut target, &driven(), ip);
    let local = prober.lease.target;
    let remote = SocketAddr::new(prober.ours.ip(), prober.lease.listen_ports[0]);
    prober.ours = remote;
    let socket = prober.socket(AppCall::Connect {
        remote,
        local: Some(local),
        with: Vec::new(),
        data: Vec::new(),
    });
    let (syn, _) = prober.next(SOON).expect("a SYN");
    assert_eq!((syn.flags, syn.src()), (Flags::SYN, local));
    prober.ack = tcpconf_wire::SeqNumber(syn.seq.0.wrapping_add(1));
    prober.send(Flags::SYN | Flags::ACK, b"");
    assert_eq!(prober.event(), AppEvent::Connected(socket));
    let Ok(Value::Status(status)) = prober.call(AppCall::Status(socket)) else {
        panic!("no status");
    };
    assert_eq!(status.state, "ESTABLISHED");
    prober.finish();
}

#[test]
fn what_nobody_else_offers_the_agent_puts_behind_a_port() {
    if !may_make_networks() {
        return;
    }
    let place = Place::new(4);
    let mut target = place.open();
    // Nobody listened on the target's port: now the agent does.
    let mut prober = Prober::new(&mut target, "listen", 4);
    assert_eq!(prober.lease.target.port(), PORT);
    prober.connect();
    prober.finish();
    let mut prober = Prober::new(&mut target, "echo", 4);
    let port = prober.lease.target.port();
    assert!((7_000..8_000).contains(&port), "{port}");
    prober.connect();
    prober.send(Flags::ACK | Flags::PSH, b"AGAIN");
    assert_eq!(prober.next_telling(SOON).unwrap().payload, b"AGAIN");
    prober.finish();
    let prober = Prober::new(&mut target, "echo", 4);
    assert_eq!(prober.lease.target.port(), port, "one for all cases");
    prober.finish();
    // A backlog makes it the case's own, and it goes with the case.
    let needs = Needs {
        service: "noread".into(),
        backlog: Some(1),
        ..Needs::default()
    };
    let mut own = Prober::with(&mut target, &needs, 4);
    let address = own.lease.target;
    own.connect();
    own.finish();
    let mut prober = Prober::new(&mut target, "listen", 4);
    prober.lease.target = address;
    prober.send(Flags::SYN, b"");
    let (answer, _) = prober.next(SOON).expect("an answer");
    assert!(answer.flags.contains(Flags::RST), "{answer:?}");
    prober.finish();
}

#[test]
fn an_agent_that_is_not_there_is_said() {
    if !may_make_networks() {
        return;
    }
    let place = Place::new(4);
    let address = SocketAddr::new(TARGET[0].parse().unwrap(), PORT);
    let error = place.bed.injector.run(move || {
        HostTarget::open("x", address, &HostOptions::default())
            .and_then(|host| host.with_agent(SocketAddr::new(address.ip(), 9)))
            .err()
            .expect("nobody is there")
    });
    assert!(
        error
            .to_string()
            .starts_with("the agent at 10.78.0.2:9 cannot be reached: "),
        "{error}"
    );
}
