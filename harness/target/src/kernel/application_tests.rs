//! The application in the namespace, driven by hand.

use super::*;
use crate::testing::{Prober, may_make_networks};
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use rstest::rstest;
use std::time::{Duration, Instant};
use tcpconf_engine::{Errno, SocketHandle, Value};
use tcpconf_suite::vocabulary::Setting;
use tcpconf_wire::Flags;

const SOON: Duration = Duration::from_secs(2);

fn driven() -> Needs {
    Needs {
        app: true,
        driven: true,
        ..Needs::default()
    }
}

/// The next event for the case, within [`SOON`].
fn next(prober: &mut Prober<'_>) -> AppEvent {
    let until = Instant::now() + SOON;
    loop {
        if let Some((key, event)) = prober.target.poll_app() {
            assert_eq!(key, prober.lease.key);
            return event;
        }
        assert!(Instant::now() < until, "the application is silent");
        let fds = prober.target.app_fds();
        let mut fds: Vec<_> = fds
            .into_iter()
            .map(|fd| PollFd::new(fd, PollFlags::POLLIN))
            .collect();
        poll(&mut fds, PollTimeout::from(100u8)).unwrap();
    }
}

/// The reply to a call; events before it are passed over.
fn call(prober: &mut Prober<'_>, call: AppCall) -> Result<Value, Errno> {
    static LAST: std::sync::atomic::AtomicU64 = std::sync::atomic::AtomicU64::new(0);
    let wanted = CallId(LAST.fetch_add(1, std::sync::atomic::Ordering::Relaxed) + 1);
    let lease = prober.lease.clone();
    prober.target.call(&lease, wanted, call);
    loop {
        if let AppEvent::Reply { id, result } = next(prober)
            && id == wanted
        {
            return result;
        }
    }
}

fn socket(result: Result<Value, Errno>) -> SocketHandle {
    match result {
        Ok(Value::Socket(socket)) => socket,
        other => panic!("no socket: {other:?}"),
    }
}

fn led(target: &mut KernelTarget, ip: u8) -> Prober<'_> {
    let mut prober = Prober::new(target, "closed", ip);
    prober.lease = prober.target.lease(&driven(), ip, 8).unwrap();
    let port = prober.lease.ports.pop_front().unwrap();
    prober.ours = SocketAddr::new(prober.lease.addresses[0], port);
    prober
}

#[rstest]
fn a_case_listens_accepts_and_talks(#[values(4, 6)] ip: u8) {
    if !may_make_networks() {
        return;
    }
    let mut target = KernelTarget::open().unwrap();
    let mut prober = led(&mut target, ip);
    let local = prober.lease.target;
    let with = vec![(Setting::NoDelay, 1), (Setting::Congestion, 1)];
    let listener = socket(call(
        &mut prober,
        AppCall::Listen {
            local,
            backlog: 2,
            with,
        },
    ));
    prober.connect();
    let accepted = socket(call(&mut prober, AppCall::Accept(listener)));
    prober.send(Flags::ACK | Flags::PSH, b"HELLO");
    let heard = call(&mut prober, AppCall::Receive(accepted, 100));
    assert_eq!(heard, Ok(Value::Bytes(b"HELLO".to_vec())));
    let send = AppCall::Send {
        socket: accepted,
        data: b"WORLD".to_vec(),
        urgent: false,
        more: false,
    };
    assert_eq!(call(&mut prober, send), Ok(Value::Count(5)));
    assert_eq!(prober.next_telling(SOON).unwrap().payload, b"WORLD");
    let congestion = AppCall::Get(accepted, Setting::Congestion);
    assert_eq!(call(&mut prober, congestion), Ok(Value::Number(1)));
    prober.finish();
}

#[rstest]
fn an_active_open_is_in_syn_sent_and_nothing_is_left_of_it(#[values(4, 6)] ip: u8) {
    if !may_make_networks() {
        return;
    }
    let mut target = KernelTarget::open().unwrap();
    let mut prober = led(&mut target, ip);
    let local = prober.lease.target;
    let remote = SocketAddr::new(prober.ours.ip(), prober.lease.listen_ports[0]);
    prober.ours = remote;
    socket(call(
        &mut prober,
        AppCall::Connect {
            remote,
            local: Some(local),
            with: Vec::new(),
            data: Vec::new(),
        },
    ));
    let (syn, _) = prober.next(SOON).expect("a SYN");
    assert_eq!((syn.flags, syn.src()), (Flags::SYN, local));
    let lease = prober.lease.clone();
    let status = prober.target.status(&lease, FourTuple { local, remote });
    assert_eq!(status.unwrap().state, "SYN-SENT");
    prober
        .target
        .call(&lease, CallId(u64::MAX >> 3), AppCall::ResetAll);
    let until = Instant::now() + SOON;
    loop {
        assert_eq!(prober.target.poll_app(), None);
        let status = prober.target.status(&lease, FourTuple { local, remote });
        if status.is_some_and(|status| status.state == "CLOSED") {
            break;
        }
        assert!(Instant::now() < until, "the connection is still there");
        std::thread::sleep(Duration::from_millis(1));
    }
    prober.finish();
    assert_eq!(target.socket_table().unwrap(), []);
}

#[test]
fn what_is_left_when_all_cases_have_ended_is_named() {
    if !may_make_networks() {
        return;
    }
    let mut target = KernelTarget::open().unwrap();
    assert_eq!(target.left_behind(), [""; 0]);
    let mut prober = led(&mut target, 4);
    let local = prober.lease.target;
    socket(call(
        &mut prober,
        AppCall::Listen {
            local,
            backlog: 1,
            with: Vec::new(),
        },
    ));
    let left = prober.target.left_behind();
    assert_eq!(left, [format!("LISTEN {local} 0.0.0.0:0")]);
}

#[test]
fn how_long_a_call_lay_is_told_once() {
    if !may_make_networks() {
        return;
    }
    let mut target = KernelTarget::open().unwrap();
    let mut prober = led(&mut target, 4);
    prober.target.application_late();
    let nobody = SocketHandle(u64::MAX);
    let answer = call(&mut prober, AppCall::Status(nobody));
    assert_eq!(answer, Err(Errno::BadSocket));
    assert!(prober.target.application_late() > Duration::ZERO);
    assert_eq!(prober.target.application_late(), Duration::ZERO);
}

#[test]
fn an_application_can_do_all_that_sockets_can() {
    if !may_make_networks() {
        return;
    }
    let target = KernelTarget::open().unwrap();
    let capabilities = target.application().unwrap();
    assert!(capabilities.contains(&Capability::Status));
    assert!(!capabilities.contains(&Capability::Set(Setting::Ecn)));
}
