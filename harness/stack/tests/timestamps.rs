//! Timestamps at the edges: on RSTs, at Last.ACK.sent, and across incarnations (RFC 7323, RFC 6191).

mod common;

use common::{Trace, plain};
use tcpconf_stack::{Config, ListenOptions};

fn config() -> Config {
    Config {
        timestamps: true,
        ..plain()
    }
}

/// ESTABLISHED with timestamps; TS.Recent is 101.
fn stamped() -> Trace {
    let mut t = Trace::listening(config());
    t.drive(
        "
        < S 0:0(0) win 10000 <mss 1000,ts 100 0>
        > S. 0:0(0) ack 1 <mss 1460,ts ecr 100>
        < . 1:1(0) ack 1 win 10000 <ts 101 0>",
    );
    t.accept();
    t
}

// RFC 7323 §3.2, §5.2: which RSTs carry timestamps, and which

#[test]
fn rfc7323_5_2_a_rst_in_closed_answers_timestamps_with_timestamps() {
    let mut t = Trace::with(config());
    t.drive(
        "
        < S 0:0(0) win 1000 <ts 4000000000 0>
        > R. 0:0(0) ack 1 <ts 0 ecr 4000000000>
        < . 1:1(0) ack 77 win 1000 <ts 5 9>
        > R 77:77(0) <ts 0 ecr 5>
        < . 1:1(0) ack 77 win 1000
        > R 77:77(0) <>",
    );
}

#[test]
fn rfc7323_5_2_a_rst_in_listen_answers_timestamps_with_timestamps() {
    let mut t = Trace::listening(config());
    t.drive("< . 1:1(0) ack 77 win 1000 <ts 5 9>\n> R 77:77(0) <ts 0 ecr 5>");
}

#[test]
fn rfc7323_5_2_a_rst_in_syn_sent_and_syn_received_answers_timestamps_with_timestamps() {
    let mut t = Trace::connecting(config());
    t.drive(
        "
        > S 0:0(0) <mss 1460,ts ecr 0>
        < S. 0:0(0) ack 77 win 1000 <ts 5 9>
        > R 77:77(0) <ts 0 ecr 5>
        < . 0:0(0) ack 77 win 1000
        > R 77:77(0) <>
        = SYN-SENT",
    );
    let mut t = Trace::listening(config());
    t.drive(
        "
        < S 0:0(0) win 1000 <ts 100 0>
        > S. 0:0(0) ack 1 <mss 1460,ts ecr 100>
        < . 1:1(0) ack 77 win 1000 <ts 101 0>
        > R 77:77(0) <ts 0 ecr 101>
        = SYN-RECEIVED",
    );
}

#[test]
fn rfc7323_5_2_a_rst_for_data_that_nobody_reads_answers_its_timestamp() {
    let mut t = stamped();
    let id = t.id();
    t.host.release(t.now, id);
    t.drive(
        "
        > F. 1:1(0) ack 1 <ts ecr 101>
        < P. 1:11(10) ack 1 win 10000 <ts 102 0>
        > R 2:2(0) <ts 0 ecr 102>",
    );
}

#[test]
fn rfc7323_5_2_a_rst_of_the_user_timeout_carries_the_clock() {
    let mut t = stamped();
    let id = t.id();
    let mut options = t.host.options(id).unwrap();
    options.user_timeout = Some(core::time::Duration::from_millis(500));
    t.host.set_options(id, options).unwrap();
    t.send(10);
    t.drive("> P. 1:11(10) ack 1\n+0.5 > R 11:11(0) <ts ecr 101>");
}

#[test]
fn rfc7323_3_2_without_agreement_no_rst_of_a_connection_carries_timestamps() {
    let mut t = Trace::listening(config());
    t.drive(
        "
        < S 0:0(0) win 1000
        > S. 0:0(0) ack 1 <mss 1460>
        < . 1:1(0) ack 77 win 1000 <ts 101 0>
        > R 77:77(0) <>",
    );
    let mut t = Trace::with(plain());
    t.drive("< . 1:1(0) ack 77 win 1000 <ts 5 9>\n> R 77:77(0) <>");
}

// RFC 7323 §4.3, §5.3 R3

#[test]
fn rfc7323_5_3_r3_the_sequence_number_counts_as_it_came() {
    let mut t = stamped();
    t.drive(
        "
        < P. 1:11(10) ack 1 win 10000 <ts 102 0>
        # the ACK is still delayed: Last.ACK.sent is 1, and this segment begins there
        < P. 1:21(20) ack 1 win 10000 <ts 103 0>
        > . 1:1(0) ack 21 <ts ecr 103>",
    );
}

#[test]
fn rfc7323_4_3_text_before_the_first_ack_of_an_active_open_is_no_news() {
    let mut t = Trace::connecting(config());
    t.drive(
        "
        > S 0:0(0) <mss 1460,ts ecr 0>
        < S. 0:0(0) ack 1 win 1000 <mss 1000,ts 100 0>
        < P. 1:11(10) ack 1 win 1000 <ts 105 0>
        > . 1:1(0) ack 11 <ts ecr 100>",
    );
}

// RFC 6191

#[test]
fn rfc6191_2_a_syn_with_timestamps_ends_time_wait_of_a_connection_without() {
    for stamp in [5, 4_000_000_000_u32] {
        let mut t = Trace::listening(config());
        t.drive(
            "
            < S 0:0(0) win 10000
            > S. 0:0(0) ack 1
            < . 1:1(0) ack 1 win 10000",
        );
        t.accept();
        t.close();
        t.drive(&format!(
            "
            > F. 1:1(0) ack 1
            < F. 1:1(0) ack 2 win 10000
            > . 2:2(0) ack 2
            = TIME-WAIT
            < S -9000:-9000(0) win 1000
            > . 2:2(0) ack 2
            = TIME-WAIT
            < S -9000:-9000(0) win 1000 <ts {stamp} 0>
            > S. 0:0(0) ack 4294958297 <mss 1460,ts ecr {stamp}>
            = SYN-RECEIVED"
        ));
    }
}

#[test]
fn rfc6191_2_time_wait_stays_when_the_backlog_is_full() {
    let mut t = Trace::with(plain());
    let options = ListenOptions {
        backlog: 1,
        ..ListenOptions::default()
    };
    t.listener = Some(t.host.listen(None, common::PORT, options).unwrap());
    t.drive(
        "
        < S 0:0(0) win 10000
        > S. 0:0(0) ack 1
        < . 1:1(0) ack 1 win 10000",
    );
    t.accept();
    t.close();
    t.drive("> F. 1:1(0) ack 1\n< F. 1:1(0) ack 2 win 10000\n> . 2:2(0) ack 2\n= TIME-WAIT");
    // Another peer takes the only place.
    let remote = t.tuple.remote;
    t.tuple.remote.set_port(remote.port() + 1);
    let other = t.build("S 0:0(0) win 10000");
    t.tuple.remote = remote;
    t.host.handle_packet(t.now, &other);
    t.host.poll_transmit(t.now).expect("its SYN-ACK");
    t.drive("< S 5000:5000(0) win 1000\n> . 2:2(0) ack 2\n= TIME-WAIT");
}
