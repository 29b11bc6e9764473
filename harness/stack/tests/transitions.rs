//! The transition table, derived by putting a host into each state and letting each event happen.
//! The snapshot is for reviewers; docs/stack-states.md holds it with the graph, and is held against it.

mod common;

use common::{SYNCHRONIZED, Trace, in_state, plain};
use std::collections::BTreeSet;
use std::fmt::Write;
use std::path::Path;

const EVENTS: [&str; 17] = [
    "SYN",
    "SYN again",
    "SYN,ACK",
    "ACK",
    "ACK of FIN",
    "bad ACK",
    "text",
    "FIN",
    "FIN with ACK of FIN",
    "no ACK",
    "old sequence number",
    "RST",
    "RST in window",
    "CLOSE",
    "ABORT",
    "SEND",
    "all timers",
];

/// The state, with SND.NXT and RCV.NXT; `by_user` when a user is to do something in it.
fn enter(state: &str, by_user: bool) -> (Trace, i64, i64) {
    match state {
        "CLOSED" => {
            let mut t = Trace::with(plain());
            t.iss = Some(0);
            (t, 1, 1)
        }
        "LISTEN" => {
            let mut t = Trace::listening(plain());
            t.iss = Some(0);
            (t, 1, 1)
        }
        "SYN-SENT" => {
            let mut t = Trace::connecting(plain());
            t.drive("> S 0:0(0)");
            (t, 1, 0)
        }
        // A user has such a connection when two SYNs have crossed.
        "SYN-RECEIVED" if by_user => {
            let mut t = Trace::connecting(plain());
            t.drive("> S 0:0(0)\n< S 0:0(0) win 10000\n> S. 0:0(0) ack 1");
            (t, 1, 1)
        }
        "SYN-RECEIVED" => {
            let mut t = Trace::listening(plain());
            t.drive("< S 0:0(0) win 10000\n> S. 0:0(0) ack 1");
            (t, 1, 1)
        }
        _ => {
            let (t, snd, rcv) = in_state(state);
            (t, i64::from(snd), i64::from(rcv))
        }
    }
}

/// What the event does: the state after it and what was sent, or `None` where it cannot happen.
fn outcome(state: &str, event: &str) -> Option<(String, String)> {
    let by_user = matches!(event, "CLOSE" | "ABORT" | "SEND");
    let (mut t, snd, rcv) = enter(state, by_user);
    let una = if matches!(state, "FIN-WAIT-1" | "CLOSING" | "LAST-ACK") {
        snd - 1
    } else {
        snd
    };
    let isn = rcv == 0;
    let seq = if isn { 0 } else { rcv };
    let unacked_fin = una < snd;
    let line = match event {
        "SYN" => format!("S {}:{}(0) win 10000", seq + 9, seq + 9),
        "SYN again" => "S 0:0(0) win 10000".into(),
        "SYN,ACK" => format!("S. {seq}:{seq}(0) ack {una} win 10000"),
        "ACK" => format!(". {seq}:{seq}(0) ack {una} win 10000"),
        "ACK of FIN" if unacked_fin => format!(". {seq}:{seq}(0) ack {snd} win 10000"),
        "bad ACK" => format!(". {seq}:{seq}(0) ack {} win 10000", snd + 5),
        "text" => format!("P. {seq}:{}(5) ack {una} win 10000", seq + 5),
        "FIN" => format!("F. {seq}:{seq}(0) ack {una} win 10000"),
        "FIN with ACK of FIN" if unacked_fin => {
            format!("F. {seq}:{seq}(0) ack {snd} win 10000")
        }
        "no ACK" => format!("P {seq}:{}(5) win 10000", seq + 5),
        "old sequence number" => format!("P. {}:{}(5) ack {una} win 10000", seq - 9, seq - 4),
        "RST" if isn => format!("R. {seq}:{seq}(0) ack {una}"),
        "RST" => format!("R {seq}:{seq}(0)"),
        "RST in window" => format!("R {}:{}(0)", seq + 1, seq + 1),
        "CLOSE" | "ABORT" | "SEND" | "all timers" => String::new(),
        _ => return None,
    };
    if !line.is_empty() {
        t.drive(&format!("< {line}"));
    }
    let id = t.id.or(t.listener);
    match (event, id) {
        ("CLOSE", Some(id)) => {
            t.host.close(t.now, id).is_ok().then_some(())?;
        }
        ("ABORT", Some(id)) => {
            t.host.abort(t.now, id).is_ok().then_some(())?;
        }
        ("SEND", Some(id)) => {
            let data = common::stream(1, 5);
            t.host.send(t.now, id, &data).is_ok().then_some(())?;
        }
        ("CLOSE" | "ABORT" | "SEND", _) => return None,
        _ => {}
    }
    if event == "all timers" {
        while let Some(at) = t.host.poll_timeout() {
            t.now = t.now.max(at);
            while t.host.poll_transmit(t.now).is_some() {}
        }
    }
    let mut sent = Vec::new();
    while let Some(packet) = t.poll() {
        let flags = packet.split(' ').next().unwrap_or_default().to_owned();
        sent.push(flags);
    }
    let after = match t.state() {
        closed if closed == "CLOSED" => {
            let listens = t.listener.is_some_and(|l| t.host.status(l).is_some());
            if listens && matches!(state, "LISTEN" | "SYN-RECEIVED") {
                "LISTEN".into()
            } else {
                closed
            }
        }
        state => state,
    };
    Some((after, sent.join(" ")))
}

fn states() -> impl Iterator<Item = &'static str> {
    ["CLOSED", "LISTEN", "SYN-SENT", "SYN-RECEIVED"]
        .into_iter()
        .chain(SYNCHRONIZED)
}

fn table() -> String {
    let mut text = String::from("| state | event | state after | sent |\n|---|---|---|---|\n");
    for state in states() {
        for event in EVENTS {
            if let Some((after, sent)) = outcome(state, event) {
                let after = if after == state { "" } else { after.as_str() };
                let sent = if sent.is_empty() {
                    String::new()
                } else {
                    format!("`{sent}`")
                };
                writeln!(text, "| {state} | {event} | {after} | {sent} |").expect("a string");
            }
        }
    }
    text
}

fn graph() -> String {
    let mut edges = BTreeSet::new();
    for state in states() {
        for event in EVENTS {
            if let Some((after, _)) = outcome(state, event)
                && after != state
            {
                edges.insert((state.to_owned(), after, event));
            }
        }
    }
    let mut text = String::from("```mermaid\nstateDiagram-v2\n");
    for state in states() {
        writeln!(text, "    {} : {state}", state.replace('-', "_")).expect("a string");
    }
    for (from, to, event) in edges {
        let (from, to) = (from.replace('-', "_"), to.replace('-', "_"));
        writeln!(text, "    {from} --> {to} : {event}").expect("a string");
    }
    text + "```\n"
}

#[test]
fn rfc9293_3_3_2_the_transition_table() {
    insta::assert_snapshot!(table());
}

#[test]
fn the_page_shows_the_table_and_the_graph() {
    let page = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/stack-states.md");
    let wanted = format!(
        "# States of the reference stack\n\n\
         Written by `harness/stack/tests/transitions.rs` (`TCPCONF_WRITE_DOCS=1 cargo test -p \
         tcpconf-stack --test transitions`), which puts a host into each state and lets each event \
         happen. An empty cell means that the state stays, or that nothing is sent; flags as in the \
         notation. OPEN is the way into the first row of LISTEN and SYN-SENT; \"SYN again\" is the one \
         with the peer's ISN; the user's calls in SYN-RECEIVED are those after SYNs have crossed.\n\n{}\n{}",
        graph(),
        table()
    );
    if std::env::var_os("TCPCONF_WRITE_DOCS").is_some() {
        std::fs::write(&page, &wanted).expect("docs is there");
    }
    let there = std::fs::read_to_string(&page).expect("docs/stack-states.md");
    assert_eq!(there, wanted);
}
