//! SYN cookies (RFC 4987 §3.6) keep what the peer said.

mod common;

use common::{Trace, plain};
use tcpconf_stack::{Config, ListenOptions};

/// A host whose only place in the backlog is taken by a half-open connection from another port.
fn full() -> Trace {
    let mut t = Trace::with(Config {
        syn_cookies: true,
        ..plain()
    });
    let options = ListenOptions {
        backlog: 1,
        ..ListenOptions::default()
    };
    t.host
        .listen(None, common::PORT, options)
        .expect("the port is free");
    let remote = t.tuple.remote;
    t.tuple.remote.set_port(remote.port() + 1);
    let syn = t.build("S 0:0(0) win 1000");
    t.host.handle_packet(t.now, &syn);
    assert!(
        t.host.poll_transmit(t.now).is_some(),
        "the embryo's SYN-ACK"
    );
    t.tuple.remote = remote;
    t
}

#[test]
fn an_mss_that_no_cookie_can_say_gets_none() {
    let mut t = full();
    t.drive("< S 0:0(0) win 1000 <mss 87>\n-");
}

#[test]
fn an_mss_that_a_cookie_can_say_gets_one() {
    for mss in [0, 88, 1460] {
        let mut t = full();
        t.drive(&format!(
            "< S 0:0(0) win 1000 <mss {mss}>\n> S. 0:0(0) ack 1"
        ));
    }
}
