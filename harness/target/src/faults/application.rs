//! Faults at the user's side: calls that are made wrongly, and what the user is told (RFC 9293 §3.9.1, §3.10.1 to §3.10.6).

use super::Change::{Call, Output, Status, Told};
use super::scene::{Then, is_syn};
use super::{Called, Fault, Room};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use tcpconf_engine::{AppCall, AppEvent, Errno, Value};
use tcpconf_suite::vocabulary::Setting;
use tcpconf_wire::{Flags, IpHeader};

/// Another code point than any that is asked for.
const OTHER_CODE_POINT: u8 = 1;

pub(super) const CALLS: Room = Room {
    title: "Calls of the user",
    faults: &[
        Fault::new(
            "open-from-another-port",
            "opens from another port than the caller names",
            "RFC 9293 §3.9.1.1 MUST-43; §3.10.1: connection already exists",
            Call(|call, _| {
                if let AppCall::Connect { local, .. } = call {
                    *local = None;
                }
                Called::Made
            }),
        ),
        Fault::new(
            "open-to-nobody-succeeds",
            "answers an active OPEN to no host's address, or to port 0, by success",
            "RFC 9293 §3.9.1.1 MUST-46; §3.10.1: remote socket unspecified",
            Call(|call, _| {
                Called::unless(matches!(call, AppCall::Connect { remote, .. }
                    if remote.port() == 0 || !is_a_host(remote.ip())))
            }),
        ),
        Fault::new(
            "open-to-itself-hangs",
            "hangs on an active OPEN to the socket that it comes from",
            "RFC 9293 §3.5 MUST-10; bug bank: LAND (CVE-1999-0016) from the inside",
            Call(|call, _| match call {
                AppCall::Connect { remote, local, .. } if Some(*remote) == *local => Called::Hang,
                _ => Called::Made,
            }),
        ),
        Fault::new(
            "listen-does-nothing",
            "answers a passive OPEN by success, and does not listen",
            "RFC 9293 §3.10.1: enter the LISTEN state",
            Call(|call, _| Called::unless(matches!(call, AppCall::Listen { .. }))),
        ),
        Fault::new(
            "listens-at-one-port",
            "answers a passive OPEN at a second port by success, and does not listen there",
            "RFC 9293 §3.9.1.1 MUST-41; §3.10.1: enter the LISTEN state",
            Call(|call, host| {
                Called::unless(matches!(call, AppCall::Listen { local, .. }
                    if host.listened.is_some_and(|first| first != *local)))
            }),
        ),
        Fault::new(
            "receive-is-not-queued",
            "refuses to receive before the connection is open",
            "RFC 9293 §3.10.3: queue for processing after entering ESTABLISHED",
            Call(|call, host| {
                let mut connections = host.connections.values();
                let early = connections.any(|c| c.is_opening() || c.is_half_open());
                match call {
                    AppCall::Receive(..) if early => Called::Answered(Err(Errno::NotConnected)),
                    _ => Called::Made,
                }
            }),
        ),
        Fault::new(
            "segment-size-not-set",
            "does not take the segment size that its user sets",
            "RFC 9293 §3.7.1; TCP_MAXSEG",
            Call(|call, _| without(call, Setting::Mss)),
        ),
        Fault::new(
            "receive-buffer-not-set",
            "does not take the size of the receive buffer that its user sets",
            "RFC 9293 §3.8.6, §3.9.1.3; SO_RCVBUF",
            Call(|call, _| without(call, Setting::ReceiveBuffer)),
        ),
        Fault::new(
            "send-buffer-not-set",
            "does not take the size of the send buffer that its user sets",
            "RFC 9293 §3.9.1.2; SO_SNDBUF",
            Call(|call, _| without(call, Setting::SendBuffer)),
        ),
        Fault::new(
            "ecn-not-asked",
            "does not ask for ECN when its user does",
            "RFC 3168 §6.1.1",
            Call(|call, _| without(call, Setting::Ecn)),
        ),
        Fault::new(
            "user-timeout-not-set",
            "does not take the user timeout that is set on an open connection",
            "RFC 9293 §3.8.3 MUST-21",
            Call(|call, _| {
                Called::unless(matches!(call, AppCall::Set(_, Setting::UserTimeout, _)))
            }),
        ),
        Fault::new(
            "keep-alive-after-a-minute",
            "sends keep-alives after a minute when no time is set",
            "RFC 9293 §3.8.4 MUST-28; RFC 2525 §2.11",
            Call(|call, _| {
                if let AppCall::Set(socket, Setting::KeepAlive, 1) = *call {
                    *call = AppCall::Set(socket, Setting::KeepAliveIdle, 60_000);
                }
                Called::Made
            }),
        ),
        Fault::new(
            "code-point-fixed",
            "does not change the code point of an open connection",
            "RFC 9293 §3.9.1.9 SHLD-21",
            Call(|call, _| Called::unless(matches!(call, AppCall::Set(_, Setting::Dscp, _)))),
        ),
        Fault::new(
            "code-point-of-class-only",
            "hands IP the class of a code point alone",
            "RFC 9293 §3.9.1.9 SHLD-22: unchanged",
            Output(|segment, _| {
                match &mut segment.ip {
                    IpHeader::V4(ip) if ip.dscp != 0 => ip.dscp |= OTHER_CODE_POINT,
                    IpHeader::V6(ip) if ip.dscp != 0 => ip.dscp |= OTHER_CODE_POINT,
                    _ => {}
                }
                Then::Pass
            }),
        ),
        Fault::new(
            "open-without-an-address",
            "sends its SYN from the unspecified address",
            "RFC 9293 §3.9.1.1 MUST-44",
            Output(|segment, _| {
                if is_syn(segment) {
                    match &mut segment.ip {
                        IpHeader::V4(ip) => ip.src = Ipv4Addr::UNSPECIFIED,
                        IpHeader::V6(ip) => ip.src = Ipv6Addr::UNSPECIFIED,
                    }
                }
                Then::Pass
            }),
        ),
        Fault::new(
            "released-connection-goes-on",
            "goes on taking text when the user has let go of the socket",
            "RFC 9293 §3.6.1 MAY-1, SHLD-3",
            Call(|call, _| {
                if let AppCall::Release(socket) = call {
                    *call = AppCall::Close(*socket);
                }
                Called::Made
            }),
        ),
        Fault::new(
            "nagle-for-ever",
            "does not switch Nagle's algorithm off",
            "RFC 9293 §3.7.4 MUST-17",
            Call(|call, _| Called::unless(matches!(call, AppCall::Set(_, Setting::NoDelay, _)))),
        ),
        Fault::new(
            "urgent-is-not-marked",
            "sends urgent text as any other",
            "RFC 9293 §3.8.5, §3.10.2",
            Output(|segment, _| {
                segment.flags = segment.flags & !Flags::URG;
                segment.urgent = 0;
                Then::Pass
            }),
        ),
    ],
};

pub(super) const ANSWERS: Room = Room {
    title: "What the user is told",
    faults: &[
        Fault::new(
            "errors-are-not-told",
            "answers calls that are refused by no octets, and no error",
            "RFC 9293 §3.10.1 to §3.10.6: error, connection does not exist",
            Told(|event| {
                if let AppEvent::Reply { result, .. } = event
                    && result.as_ref().is_err_and(|e| *e != Errno::Unsupported)
                {
                    *result = Ok(Value::Bytes(Vec::new()));
                }
            }),
        ),
        Fault::new(
            "refusal-is-a-reset",
            "tells a refused open as a reset connection, whoever opened it",
            "RFC 9293 §3.10.7.4: SYN-RECEIVED that came from SYN-SENT, connection refused; MUST-11",
            Told(|event| {
                if let AppEvent::Error(_, errno @ Errno::ConnectionRefused) = event {
                    *errno = Errno::Other;
                }
            }),
        ),
        Fault::new(
            "end-is-not-told",
            "does not tell its user why a connection ended",
            "RFC 9293 §3.9.1.8",
            Told(|event| {
                if let AppEvent::Error(socket, _) = *event {
                    *event = AppEvent::Readable(socket);
                }
            }),
        ),
        Fault::new(
            "soft-error-is-not-told",
            "keeps soft errors to itself",
            "RFC 9293 §3.9.1.8 MUST-47",
            Told(|event| {
                if let AppEvent::SoftError(socket, _) = *event {
                    *event = AppEvent::Readable(socket);
                }
            }),
        ),
        Fault::new(
            "status-of-listener-closed",
            "says CLOSED of a listener",
            "RFC 9293 §3.10.6",
            Status(|status| say_closed(status, "LISTEN")),
        ),
        Fault::new(
            "status-of-opening-closed",
            "says CLOSED of a connection that is being opened",
            "RFC 9293 §3.10.6",
            Status(|status| {
                say_closed(status, "SYN-SENT");
                say_closed(status, "SYN-RECEIVED");
            }),
        ),
        Fault::new(
            "status-of-time-wait-closed",
            "says CLOSED of a connection in TIME-WAIT",
            "RFC 9293 §3.10.6",
            Status(|status| say_closed(status, "TIME-WAIT")),
        ),
    ],
};

/// The call without that setting.
fn without(call: &mut AppCall, setting: Setting) -> Called {
    match call {
        AppCall::Listen { with, .. } | AppCall::Connect { with, .. } => {
            with.retain(|(set, _)| *set != setting);
            Called::Made
        }
        AppCall::Set(_, set, _) => Called::unless(*set == setting),
        _ => Called::Made,
    }
}

fn say_closed(status: &mut tcpconf_engine::Status, state: &str) {
    if status.state == state {
        "CLOSED".clone_into(&mut status.state);
    }
}

/// Whether an address is that of one host.
fn is_a_host(address: IpAddr) -> bool {
    let broadcast = address == IpAddr::V4(Ipv4Addr::BROADCAST);
    !(address.is_unspecified() || address.is_multicast() || broadcast)
}
