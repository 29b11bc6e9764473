//! Every state that segments alone can bring about, as the kernel's socket table shows it.

use super::*;
use crate::testing::{Prober, may_make_networks};
use rstest::rstest;
use std::time::{Duration, Instant};
use tcpconf_wire::Flags;

const SOON: Duration = Duration::from_secs(2);

/// The state of the prober's connection, as soon as it is `wanted`, or the last that was seen.
fn state(prober: &mut Prober<'_>, wanted: &str) -> Option<Status> {
    let connection = FourTuple {
        local: prober.lease.target,
        remote: prober.ours,
    };
    let lease = prober.lease.clone();
    let until = Instant::now() + SOON;
    loop {
        let status = prober.target.status(&lease, connection);
        if name(status.as_ref()) == wanted || Instant::now() > until {
            return status;
        }
        std::thread::sleep(Duration::from_millis(1));
    }
}

fn name(status: Option<&Status>) -> &str {
    status.map_or("none", |status| &status.state)
}

#[rstest]
#[case::established("listen", &[], "ESTABLISHED")]
#[case::close_wait("hold", &["fin"], "CLOSE-WAIT")]
#[case::last_ack("listen", &["fin"], "LAST-ACK")]
#[case::closed_via_last_ack("listen", &["fin", "theirs", "ack"], "none")]
#[case::fin_wait_1("closer", &[], "FIN-WAIT-1")]
#[case::fin_wait_2("closer", &["theirs", "ack"], "FIN-WAIT-2")]
#[case::closing("closer", &["theirs late", "fin"], "CLOSING")]
#[case::time_wait("closer", &["theirs", "ack", "fin"], "TIME-WAIT")]
#[case::time_wait_via_closing("closer", &["theirs late", "fin", "ack all"], "TIME-WAIT")]
#[case::reset("listen", &["rst"], "none")]
fn a_state_is_told(
    #[case] service: &str,
    #[case] steps: &[&str],
    #[case] wanted: &str,
    #[values(4, 6)] ip: u8,
) {
    if !may_make_networks() {
        return;
    }
    let mut target = KernelTarget::open().unwrap();
    let mut prober = Prober::new(&mut target, service, ip);
    prober.connect();
    for step in steps {
        match *step {
            "fin" => _ = prober.send(Flags::ACK | Flags::FIN, &[]),
            "ack" => _ = prober.send(Flags::ACK, &[]),
            "rst" => _ = prober.send(Flags::RST | Flags::ACK, &[]),
            "ack all" => {
                prober.ack.0 = prober.ack.0.wrapping_add(1);
                prober.send(Flags::ACK, &[]);
            }
            "theirs" | "theirs late" => {
                let fin = prober.next_telling(SOON).expect("a FIN");
                assert!(fin.flags.contains(Flags::FIN));
                if *step == "theirs" {
                    prober.took(&fin);
                }
            }
            other => panic!("no step {other}"),
        }
    }
    let status = state(&mut prober, wanted);
    assert_eq!(name(status.as_ref()), wanted);
    prober.finish();
}

#[rstest]
fn a_half_open_connection_is_in_syn_received(#[values(4, 6)] ip: u8) {
    if !may_make_networks() {
        return;
    }
    let mut target = KernelTarget::open().unwrap();
    let mut prober = Prober::new(&mut target, "listen", ip);
    prober.send(Flags::SYN, &[]);
    prober.next(SOON).expect("a SYN-ACK");
    assert_eq!(
        name(state(&mut prober, "SYN-RECEIVED").as_ref()),
        "SYN-RECEIVED"
    );
    prober.finish();
}

#[rstest]
fn behind_a_port_without_a_listener_is_closed(#[values(4, 6)] ip: u8) {
    if !may_make_networks() {
        return;
    }
    let mut target = KernelTarget::open().unwrap();
    let mut prober = Prober::new(&mut target, "closed", ip);
    assert_eq!(name(state(&mut prober, "CLOSED").as_ref()), "CLOSED");
    prober.finish();
}

#[test]
fn queues_count_text_alone() {
    if !may_make_networks() {
        return;
    }
    let mut target = KernelTarget::open().unwrap();
    let mut prober = Prober::new(&mut target, "noread", 4);
    prober.connect();
    prober.send(Flags::ACK | Flags::PSH, b"HELLO");
    let status = state(&mut prober, "ESTABLISHED").unwrap();
    assert_eq!((status.unread, status.unacked), (Some(5), Some(0)));
    assert!(status.memory.unwrap() >= 5);
    prober.send(Flags::ACK | Flags::FIN, b"!");
    let status = state(&mut prober, "CLOSE-WAIT").unwrap();
    assert_eq!((&*status.state, status.unread), ("CLOSE-WAIT", Some(6)));
    prober.finish();

    let mut target = KernelTarget::open().unwrap();
    let mut prober = Prober::new(&mut target, "http", 4);
    prober.connect();
    prober.send(Flags::ACK | Flags::PSH, crate::service::HTTP_REQUEST_END);
    let answer = prober.next_telling(SOON).expect("a response");
    let status = state(&mut prober, "FIN-WAIT-1").unwrap();
    assert_eq!(&*status.state, "FIN-WAIT-1");
    assert_eq!(status.unacked, Some(answer.payload.len() as u64));
    prober.finish();
}

#[test]
fn nothing_but_the_listener_is_left_after_a_reset() {
    if !may_make_networks() {
        return;
    }
    let mut target = KernelTarget::open().unwrap();
    let mut prober = Prober::new(&mut target, "echo", 4);
    prober.connect();
    prober.send(Flags::RST | Flags::ACK, &[]);
    let local = prober.lease.target;
    assert_eq!(name(state(&mut prober, "none").as_ref()), "none");
    let listed = target.socket_table().unwrap();
    let ports: Vec<_> = listed
        .iter()
        .map(|(tuple, status)| (&*status.state, tuple.local.port()))
        .collect();
    assert_eq!(ports, [("LISTEN", local.port())]);
}
