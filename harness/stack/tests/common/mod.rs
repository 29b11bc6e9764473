//! A driver whose tests read like a trace.
//!
//! One host, one peer that is played by the script.  Sequence numbers are relative to the ISN of
//! whoever sends them, acknowledgement numbers to the ISN of the other.  Lines:
//!
//! ```text
//! < S 0:0(0) win 1000 <mss 1000>     the peer sends
//! > S. 0:0(0) ack 1                  the host sends exactly this, now
//! +1.5 > ...                         the host sends it 1.5 s later, and nothing before
//! +0.2                               0.2 s pass, and nothing is sent
//! -                                  nothing is sent now
//! = ESTABLISHED                      the state of the connection
//! # text                             a comment
//! ```
//!
//! A `>` line compares flags, sequence range and acknowledgement; window, urgent pointer, the ECN bits
//! of IP (`ecn 2`) and options only where the line names them.

#![allow(
    dead_code,
    clippy::allow_attributes,
    reason = "each test binary uses another part of the driver, so an expectation cannot hold"
)]

use core::time::Duration;
use std::net::SocketAddr;
use tcpconf_stack::{Config, Event, FourTuple, Host, ListenOptions, Received, SocketId, Status};
use tcpconf_wire::checksum::{self, Sum};
use tcpconf_wire::view::{IpView, OptionView};
use tcpconf_wire::{Flags, Instant, SeqNumber};

pub(crate) const PEER_ISN: u32 = 0xffff_ff00;
pub(crate) const PEER_PORT: u16 = 40_000;
pub(crate) const PORT: u16 = 80;

/// Options off, so that traces are short; tests that are about options switch them on.
pub(crate) fn plain() -> Config {
    Config {
        window_scale: false,
        timestamps: false,
        sack: false,
        syn_cookies: false,
        delayed_ack: Duration::from_millis(200),
        receive_buffer: 65535,
        ..Config::with_addresses([[10, 0, 0, 1].into()])
    }
}

/// The octet of a stream at a relative sequence number.
pub(crate) fn octet(at: u32) -> u8 {
    (at % 251) as u8
}

/// Octets `from..from + len` of a stream.
pub(crate) fn stream(from: u32, len: usize) -> Vec<u8> {
    (0..len as u32).map(|i| octet(from + i)).collect()
}

pub(crate) struct Trace {
    pub(crate) host: Host,
    pub(crate) now: Instant,
    pub(crate) tuple: FourTuple,
    pub(crate) listener: Option<SocketId>,
    pub(crate) id: Option<SocketId>,
    /// The host's ISN, once it was seen.
    pub(crate) iss: Option<u32>,
    pub(crate) peer_isn: u32,
}

impl Trace {
    pub(crate) fn with(config: Config) -> Self {
        let local = config.addresses[0];
        let remote = if local.is_ipv4() {
            "10.0.0.2"
        } else {
            "fd00::2"
        };
        Self {
            host: Host::new(config, 7),
            now: Instant::from_secs(1),
            tuple: FourTuple {
                local: SocketAddr::new(local, PORT),
                remote: SocketAddr::new(remote.parse().expect("an address"), PEER_PORT),
            },
            listener: None,
            id: None,
            iss: None,
            peer_isn: PEER_ISN,
        }
    }

    pub(crate) fn listening(config: Config) -> Self {
        let mut trace = Self::with(config);
        let listener = trace.host.listen(None, PORT, ListenOptions::default());
        trace.listener = Some(listener.expect("the port is free"));
        trace
    }

    /// Active open, the SYN not yet fetched.
    pub(crate) fn connecting(config: Config) -> Self {
        let mut trace = Self::with(config);
        let local = (trace.tuple.local.ip(), PORT);
        let id = trace
            .host
            .connect(trace.now, Some(local), trace.tuple.remote, None);
        trace.id = Some(id.expect("the tuple is free"));
        trace
    }

    /// ESTABLISHED by a passive open, accepted; the peer's window is 10000, its MSS 1000.
    pub(crate) fn established(config: Config) -> Self {
        let mut trace = Self::listening(config);
        trace.drive(
            "
            < S 0:0(0) win 10000 <mss 1000>
            > S. 0:0(0) ack 1
            < . 1:1(0) ack 1 win 10000
            = ESTABLISHED",
        );
        trace.accept();
        trace
    }

    pub(crate) fn accept(&mut self) -> SocketId {
        let listener = self.listener.expect("a passive test");
        let id = self.host.accept(listener).expect("a connection waits");
        self.id = Some(id);
        id
    }

    pub(crate) fn id(&self) -> SocketId {
        self.id.expect("the connection was opened or accepted")
    }

    pub(crate) fn status(&self) -> Option<Status> {
        self.host.status_of(self.tuple)
    }

    pub(crate) fn state(&self) -> String {
        self.status()
            .map_or("CLOSED".into(), |s| s.state.to_string())
    }

    pub(crate) fn send(&mut self, len: usize) -> usize {
        let status = self.status().expect("a connection");
        let from = status.snd_una.0.wrapping_sub(status.iss.0) + status.unacked as u32;
        let from = from.max(1);
        let id = self.id();
        self.host
            .send(self.now, id, &stream(from, len))
            .expect("the state takes data")
    }

    /// Everything there is to read.
    pub(crate) fn read(&mut self) -> Vec<u8> {
        let mut all = Vec::new();
        let id = self.id();
        while let Ok(Received::Data(data)) = self.host.receive(self.now, id, 1 << 20) {
            all.extend(data);
        }
        all
    }

    pub(crate) fn close(&mut self) {
        let id = self.id();
        self.host.close(self.now, id).expect("it can be closed");
    }

    pub(crate) fn events(&mut self) -> Vec<Event> {
        core::iter::from_fn(|| self.host.poll_event())
            .map(|(_, event)| event)
            .collect()
    }

    pub(crate) fn drive(&mut self, script: &str) {
        for line in script.lines().map(str::trim).filter(|l| !l.is_empty()) {
            self.line(line);
        }
    }

    fn line(&mut self, line: &str) {
        if let Some(rest) = line.strip_prefix('<') {
            let packet = self.build(rest.trim());
            self.host.handle_packet(self.now, &packet);
        } else if let Some(rest) = line.strip_prefix('>') {
            self.expect(rest.trim(), line);
        } else if let Some(state) = line.strip_prefix('=') {
            assert_eq!(self.state(), state.trim(), "state at {line}");
        } else if line == "-" {
            assert_eq!(self.poll(), None, "nothing should be sent at {}", self.now);
        } else if let Some(rest) = line.strip_prefix('+') {
            let (secs, then) = rest.split_once(' ').unwrap_or((rest, ""));
            let secs: f64 = secs.parse().expect("seconds behind +");
            self.pass(Duration::from_nanos((secs * 1e9).round() as u64), then);
        } else {
            assert!(line.starts_with('#'), "unknown line {line}");
        }
    }

    fn pass(&mut self, time: Duration, then: &str) {
        let until = self.now + time;
        loop {
            let early = self.poll();
            assert_eq!(early, None, "at {}, before {until}: {then}", self.now);
            match self.host.poll_timeout().filter(|&at| at < until) {
                Some(at) => {
                    self.now = self.now.max(at);
                    self.host.handle_timeout(self.now);
                }
                None => break,
            }
        }
        self.now = until;
        if then.is_empty() {
            assert_eq!(self.poll(), None, "nothing should be sent at {until}");
        } else {
            self.line(then);
        }
    }

    fn expect(&mut self, wanted: &str, line: &str) {
        let got = self
            .poll()
            .unwrap_or_else(|| panic!("at {}: nothing was sent for `{line}`", self.now));
        let (head, options) = split_options(wanted);
        let (got_head, got_options) = split_options(&got);
        let got_words: Vec<&str> = got_head.split(' ').collect();
        let words: Vec<&str> = head.split(' ').filter(|w| !w.is_empty()).collect();
        let mut same = got_words[..2] == words[..2];
        same &= head.contains(" ack ") == got_head.contains(" ack ");
        for pair in words[2..].chunks(2) {
            same &= got_words[2..].chunks(2).any(|p| p == pair);
        }
        if let Some(options) = options {
            same &= got_options == Some(options);
        }
        assert!(
            same,
            "at {}\n  wanted > {wanted}\n  got    > {got}",
            self.now
        );
    }

    /// The next packet, printed.
    pub(crate) fn poll(&mut self) -> Option<String> {
        let packet = self.host.poll_transmit(self.now)?;
        let ip = IpView::parse(&packet.bytes).expect("a well-formed packet");
        assert!(ip.header_checksum_ok() && ip.tcp_checksum_ok(), "checksums");
        let tcp = ip.tcp().expect("a well-formed segment");
        assert_eq!((tcp.src_port, tcp.dst_port), (PORT, PEER_PORT));
        let has = |flag| tcp.flags.contains(flag);
        if has(Flags::SYN) {
            self.iss = Some(tcp.seq.0);
        }
        let iss = if has(Flags::RST) && !has(Flags::ACK) && self.iss.is_none() {
            0
        } else {
            self.iss.unwrap_or(0)
        };
        let seq = if has(Flags::RST | Flags::ACK) && tcp.seq == SeqNumber(0) {
            0
        } else {
            tcp.seq.0.wrapping_sub(iss)
        };
        let len = tcp.payload.len() as u32;
        if len > 0 {
            assert_eq!(tcp.payload, stream(seq, len as usize), "text at {seq}");
        }
        let end = seq.wrapping_add(len);
        let mut text = format!("{} {seq}:{end}({len})", tcp.flags);
        if has(Flags::ACK) {
            text += &format!(" ack {}", tcp.ack.0.wrapping_sub(self.peer_isn));
        }
        text += &format!(" win {} ecn {}", tcp.window, ip.ecn);
        if has(Flags::URG) {
            text += &format!(" urg {}", tcp.urgent);
        }
        let options: Vec<String> = tcp
            .options()
            .filter_map(|option| self.print_option(option))
            .collect();
        Some(text + &format!(" <{}>", options.join(",")))
    }

    fn print_option(&self, option: OptionView<'_>) -> Option<String> {
        let long = |b: &[u8]| u32::from_be_bytes([b[0], b[1], b[2], b[3]]);
        Some(match option {
            OptionView::Nop => return None,
            OptionView::Kind(2, d) => format!("mss {}", u16::from_be_bytes([d[0], d[1]])),
            OptionView::Kind(3, d) => format!("wscale {}", d[0]),
            OptionView::Kind(4, []) => "sackOK".into(),
            OptionView::Kind(5, d) => {
                let edges: Vec<String> = d
                    .chunks(8)
                    .map(|b| {
                        let rel = |b: &[u8]| long(b).wrapping_sub(self.peer_isn);
                        format!("{}:{}", rel(b), rel(&b[4..]))
                    })
                    .collect();
                format!("sack {}", edges.join(" "))
            }
            // TSval only where it means something: zero on a RST (RFC 7323 §5.2).
            OptionView::Kind(8, d) if long(d) == 0 => format!("ts 0 ecr {}", long(&d[4..])),
            OptionView::Kind(8, d) => format!("ts ecr {}", long(&d[4..])),
            other => format!("{other:?}"),
        })
    }

    /// A packet of the peer.
    pub(crate) fn build(&self, text: &str) -> Vec<u8> {
        let (head, options) = split_options(text);
        let words: Vec<&str> = head.split(' ').filter(|w| !w.is_empty()).collect();
        let flags = Flags::parse(words[0]).expect("flags");
        let (range, len) = words[1].split_once('(').expect("seq:end(len)");
        let seq: i64 = range
            .split(':')
            .next()
            .expect("a first")
            .parse()
            .expect("a number");
        let len: usize = len.trim_end_matches(')').parse().expect("a length");
        let (mut ack, mut window, mut urgent, mut ecn) = (0, 0u16, 0u16, 0u8);
        for pair in words[2..].chunks(2) {
            let value: i64 = pair[1].parse().expect("a number");
            match pair[0] {
                "ack" => ack = (self.iss.unwrap_or(0)).wrapping_add(value as u32),
                "win" => window = value as u16,
                "urg" => urgent = value as u16,
                "ecn" => ecn = value as u8,
                word => panic!("unknown word {word}"),
            }
        }
        let mut body = Vec::new();
        for option in options.into_iter().flat_map(|o| o.split(',')) {
            self.write_option(&mut body, option.trim());
        }
        while body.len() % 4 != 0 {
            body.push(0);
        }
        let seq = self.peer_isn.wrapping_add(seq as u32);
        let payload = stream(seq.wrapping_sub(self.peer_isn), len);
        let mut tcp = Vec::new();
        tcp.extend(self.tuple.remote.port().to_be_bytes());
        tcp.extend(self.tuple.local.port().to_be_bytes());
        tcp.extend(seq.to_be_bytes());
        tcp.extend(ack.to_be_bytes());
        let offset = ((20 + body.len()) / 4) as u16;
        tcp.extend((offset << 12 | flags.bits()).to_be_bytes());
        tcp.extend(window.to_be_bytes());
        tcp.extend([0, 0]);
        tcp.extend(urgent.to_be_bytes());
        tcp.extend(body);
        tcp.extend(payload);
        let mut packet = ip_packet(self.tuple.remote, self.tuple.local, tcp);
        if ecn != 0 {
            packet[1] |= ecn;
            packet[10..12].fill(0);
            let sum = checksum::of(&packet[..20]);
            packet[10..12].copy_from_slice(&sum.to_be_bytes());
        }
        packet
    }

    fn write_option(&self, body: &mut Vec<u8>, option: &str) {
        let words: Vec<&str> = option.split(' ').collect();
        let number = |i: usize| words[i].parse::<u32>().expect("a number");
        match words[0] {
            "" => {}
            "nop" => body.push(1),
            "eol" => body.push(0),
            "mss" => {
                body.extend([2, 4]);
                body.extend((number(1) as u16).to_be_bytes());
            }
            "wscale" => body.extend([3, 3, number(1) as u8]),
            "sackOK" => body.extend([4, 2]),
            "ts" => {
                body.extend([8, 10]);
                body.extend(number(1).to_be_bytes());
                body.extend(number(2).to_be_bytes());
            }
            "sack" => {
                body.extend([5, (2 + 8 * (words.len() - 1)) as u8]);
                for block in &words[1..] {
                    for edge in block.split(':') {
                        let edge: u32 = edge.parse().expect("an edge");
                        body.extend(self.iss.unwrap_or(0).wrapping_add(edge).to_be_bytes());
                    }
                }
            }
            "raw" => body.extend(
                words[1..]
                    .iter()
                    .map(|w| u8::from_str_radix(w, 16).expect("a hex octet")),
            ),
            word => panic!("unknown option {word}"),
        }
    }
}

/// The synchronized states, each with the script that leads there from ESTABLISHED. `close` is the
/// user's CLOSE. SND.NXT and RCV.NXT are then as given.
pub(crate) fn in_state(state: &str) -> (Trace, u32, u32) {
    let mut t = Trace::established(plain());
    let (snd, rcv) = match state {
        "ESTABLISHED" => (1, 1),
        "FIN-WAIT-1" => {
            t.close();
            t.drive("> F. 1:1(0) ack 1");
            (2, 1)
        }
        "FIN-WAIT-2" => {
            t.close();
            t.drive("> F. 1:1(0) ack 1\n< . 1:1(0) ack 2 win 10000");
            (2, 1)
        }
        "CLOSE-WAIT" => {
            t.drive("< F. 1:1(0) ack 1 win 10000\n> . 1:1(0) ack 2");
            (1, 2)
        }
        "CLOSING" => {
            t.close();
            t.drive("> F. 1:1(0) ack 1\n< F. 1:1(0) ack 1 win 10000\n> . 2:2(0) ack 2");
            (2, 2)
        }
        "LAST-ACK" => {
            t.drive("< F. 1:1(0) ack 1 win 10000\n> . 1:1(0) ack 2");
            t.close();
            t.drive("> F. 1:1(0) ack 2");
            (2, 2)
        }
        "TIME-WAIT" => {
            t.close();
            t.drive("> F. 1:1(0) ack 1\n< F. 1:1(0) ack 2 win 10000\n> . 2:2(0) ack 2");
            (2, 2)
        }
        other => panic!("{other}"),
    };
    t.drive(&format!("-\n= {state}"));
    (t, snd, rcv)
}

pub(crate) const SYNCHRONIZED: [&str; 7] = [
    "ESTABLISHED",
    "FIN-WAIT-1",
    "FIN-WAIT-2",
    "CLOSE-WAIT",
    "CLOSING",
    "LAST-ACK",
    "TIME-WAIT",
];

fn split_options(text: &str) -> (&str, Option<&str>) {
    match text.split_once('<') {
        Some((head, options)) => (head.trim(), Some(options.trim_end_matches('>'))),
        None => (text, None),
    }
}

/// An IP packet around a segment, whose checksum is filled in.
pub(crate) fn ip_packet(src: SocketAddr, dst: SocketAddr, mut tcp: Vec<u8>) -> Vec<u8> {
    let sum = Sum::pseudo_header(src.ip(), dst.ip(), 6, tcp.len())
        .add_bytes(&tcp)
        .finish();
    tcp[16..18].copy_from_slice(&sum.to_be_bytes());
    ip_datagram(src, dst, 6, tcp)
}

/// An IP packet with any payload.
pub(crate) fn ip_datagram(
    src: SocketAddr,
    dst: SocketAddr,
    protocol: u8,
    payload: Vec<u8>,
) -> Vec<u8> {
    let mut ip = Vec::new();
    match (src, dst) {
        (SocketAddr::V4(src), SocketAddr::V4(dst)) => {
            ip.extend([0x45, 0]);
            ip.extend((20 + payload.len() as u16).to_be_bytes());
            ip.extend([0, 1, 0x40, 0, 64, protocol, 0, 0]);
            ip.extend(src.ip().octets());
            ip.extend(dst.ip().octets());
            let sum = checksum::of(&ip);
            ip[10..12].copy_from_slice(&sum.to_be_bytes());
        }
        (SocketAddr::V6(src), SocketAddr::V6(dst)) => {
            ip.extend([0x60, 0, 0, 0]);
            ip.extend((payload.len() as u16).to_be_bytes());
            ip.extend([protocol, 64]);
            ip.extend(src.ip().octets());
            ip.extend(dst.ip().octets());
        }
        _ => panic!("one family"),
    }
    ip.extend(payload);
    ip
}
