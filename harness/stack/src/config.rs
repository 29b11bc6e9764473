//! Configuration: every value with its unit, its default and where the default comes from.

use core::time::Duration;
use std::net::IpAddr;

/// Which congestion control a connection uses.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum CongestionAlgorithm {
    /// RFC 5681 and 6582.
    #[default]
    Reno,
    /// RFC 9438.
    Cubic,
}

/// How losses are told when SACK is negotiated.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum LossRecovery {
    /// RFC 6675: by what was SACKed above.
    #[default]
    Sack,
    /// RFC 8985, RACK-TLP: by time, with tail loss probes.
    Rack,
}

/// What becomes of a congestion window that the application does not fill.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum UnusedWindow {
    /// After a pause of one RTO at most the initial window is left (RFC 5681 §4.1).
    #[default]
    Restart,
    /// It is kept for five minutes, and validated by what is acknowledged (RFC 7661, experimental).
    Validate,
}

/// Explicit Congestion Notification (RFC 3168).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Ecn {
    /// Neither asked for nor granted.
    Off,
    /// Granted to peers that ask (RFC 3168 §6.1.1).
    #[default]
    Accept,
    /// Asked for as well.
    Request,
}

/// Keep-alive (RFC 9293 §3.8.4).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct KeepAlive {
    /// Silence before the first probe; at least two hours by default (MUST-28).
    pub idle: Duration,
    /// Time between probes.
    pub interval: Duration,
    /// Unanswered probes after which the connection is aborted; at least 2 (MUST-29).
    pub probes: u32,
}

impl Default for KeepAlive {
    fn default() -> Self {
        Self {
            idle: Duration::from_secs(7200),
            interval: Duration::from_secs(75),
            probes: 9,
        }
    }
}

/// The user timeout option (RFC 5482 §3).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum UserTimeoutOption {
    /// Neither sent nor looked at (ENABLED is false).
    #[default]
    Off,
    /// The own user timeout is sent; what the peer sends is told to the user, no more (CHANGEABLE is
    /// false, as after an explicit choice).
    Fixed,
    /// The own is sent, and the peer's adopted within [`Config::user_timeout_limits`].
    Changeable,
}

/// What a user can choose for each connection. A listener hands its own to what it accepts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SocketOptions {
    /// Nagle's algorithm (SHLD-7); off by choice (MUST-17).
    pub nagle: bool,
    /// Keep-alive; `None`, the default, sends no probes (MUST-25).
    pub keep_alive: Option<KeepAlive>,
    /// R2 for data and the user timeout of OPEN: how long data may stay unacknowledged
    /// (MUST-21). Five minutes (§3.9.1.1); `None` never gives up.
    pub user_timeout: Option<Duration>,
    /// The user timeout option (RFC 5482): sent, and believed. Off.
    pub user_timeout_option: UserTimeoutOption,
    /// The DiffServ code point, 6 bits (MUST-48).
    pub dscp: u8,
    /// TTL or hop limit (MUST-49).
    pub ttl: u8,
    /// Whether soft errors are reported (SHLD-20).
    pub report_soft_errors: bool,
    /// The congestion control algorithm.
    pub congestion: CongestionAlgorithm,
    /// The largest segment that is announced, and the most that is sent, where the link carries more
    /// (§3.7.1). Taken when the connection is opened, as are the next three.
    pub mss: Option<u16>,
    /// Receive buffer in octets, instead of [`Config::receive_buffer`].
    pub receive_buffer: Option<u32>,
    /// Send buffer in octets, instead of [`Config::send_buffer`].
    pub send_buffer: Option<u32>,
    /// Explicit Congestion Notification, instead of [`Config::ecn`].
    pub ecn: Option<Ecn>,
}

impl SocketOptions {
    /// The MSS to announce (MUST-67, SHLD-6).
    pub(crate) fn receive_mss(&self, config: &Config, address: IpAddr) -> u16 {
        let most = config.receive_mss(address);
        self.mss.map_or(most, |mss| mss.min(most))
    }

    pub(crate) fn receive_buffer(&self, config: &Config) -> u32 {
        self.receive_buffer.unwrap_or(config.receive_buffer)
    }

    pub(crate) fn send_buffer(&self, config: &Config) -> usize {
        self.send_buffer.unwrap_or(config.send_buffer) as usize
    }

    pub(crate) fn ecn(&self, config: &Config) -> Ecn {
        self.ecn.unwrap_or(config.ecn)
    }

    /// The shift that announces the whole receive buffer (RFC 7323 §2.3), at most 14.
    pub(crate) fn receive_shift(&self, config: &Config) -> u8 {
        let buffer = self.receive_buffer(config);
        let mut shift = 0;
        while shift < 14 && (buffer >> shift) > u32::from(u16::MAX) {
            shift += 1;
        }
        shift
    }
}

impl Default for SocketOptions {
    fn default() -> Self {
        Self {
            nagle: true,
            keep_alive: None,
            user_timeout: Some(Duration::from_secs(300)),
            user_timeout_option: UserTimeoutOption::default(),
            dscp: 0,
            ttl: 64,
            report_soft_errors: true,
            congestion: CongestionAlgorithm::default(),
            mss: None,
            receive_buffer: None,
            send_buffer: None,
            ecn: None,
        }
    }
}

/// What a passive open can choose.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ListenOptions {
    /// Connections in SYN-RECEIVED and in the accept queue together; at the limit SYNs are dropped
    /// without an answer, or answered by cookies ([`Config::syn_cookies`]).
    pub backlog: usize,
    /// TCP Fast Open (RFC 7413 §4.2): how many connections that were handed to the user before their
    /// handshake was done may be in SYN-RECEIVED at once. `None`, the default, ignores the option.
    pub fast_open: Option<usize>,
    /// Options of the accepted connections.
    pub socket: SocketOptions,
}

impl Default for ListenOptions {
    fn default() -> Self {
        Self {
            backlog: 128,
            fast_open: None,
            socket: SocketOptions::default(),
        }
    }
}

/// The configuration of a [`Host`](crate::Host).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Config {
    /// The addresses of the host; the first of a family is its default source address.
    pub addresses: Vec<IpAddr>,
    /// MTU of the link in octets.
    pub mtu: u16,
    /// Maximum segment lifetime: two minutes (RFC 9293 §3.4.2). TIME-WAIT lasts twice as long.
    pub msl: Duration,
    /// RTO before the first sample: 1 s (RFC 6298 §2.1).
    pub rto_initial: Duration,
    /// Lower bound of the RTO: 1 s (RFC 6298 §2.4).
    pub rto_min: Duration,
    /// Upper bound of the RTO: 60 s (RFC 6298 §2.5 asks for at least that).
    pub rto_max: Duration,
    /// R1 in retransmissions: 3 (SHLD-10).
    pub r1: u32,
    /// R2 of a SYN: three minutes (MUST-23).
    pub r2_syn: Duration,
    /// Retransmissions of a SYN-ACK: 7, which with a first RTO of 1 s and at most 60 s between two
    /// takes 183 s (MUST-23).
    pub synack_retries: u32,
    /// How long an ACK may be delayed: 200 ms (MUST-40: below 500 ms). Zero delays none.
    pub delayed_ack: Duration,
    /// Override of the sender's silly window avoidance: 200 ms (RFC 9293 §3.8.6.2.1: 0.1 to 1 s).
    pub sws_override: Duration,
    /// Receive buffer of a connection in octets: 256 KiB.
    pub receive_buffer: u32,
    /// Send buffer of a connection in octets: 256 KiB.
    pub send_buffer: u32,
    /// Whether window scale is offered and accepted (RFC 7323 §2).
    pub window_scale: bool,
    /// Whether timestamps are offered and accepted (RFC 7323 §3).
    pub timestamps: bool,
    /// Whether SACK is offered and accepted (RFC 2018).
    pub sack: bool,
    /// Explicit Congestion Notification: granted, not asked for (SHLD-8).
    pub ecn: Ecn,
    /// How losses are told when SACK is negotiated.
    pub loss_recovery: LossRecovery,
    /// What becomes of a congestion window that the application does not fill.
    pub unused_window: UnusedWindow,
    /// RFC 6937: the window shrinks gradually during fast recovery, with SACK.
    pub prr: bool,
    /// RFC 5682: whether a timeout was needless is found out, and undone.
    pub f_rto: bool,
    /// How long a path MTU that a router reported is believed: 10 minutes (RFC 1191 §6.3).
    pub path_mtu_lifetime: Duration,
    /// Destinations whose path MTU or Fast Open cookie is remembered: 1024.
    pub max_paths: usize,
    /// Timeouts in a row after which full-sized segments are taken to fall into a black hole, and
    /// the segment size is halved (RFC 4821 §7.7): 5. `None` never.
    pub black_hole_after: Option<u32>,
    /// RFC 5961: challenge ACKs for RST and SYN in the window, and the ACK range.
    pub rfc5961: bool,
    /// ACKs a second and connection for segments that are not acceptable and carry no text, and
    /// challenge ACKs: 10 (RFC 5961 §7).
    pub challenge_acks_per_second: u32,
    /// SYN cookies while embryos fill a backlog (RFC 4987 §3.6). Without them SYNs are dropped then, as
    /// they are in any case while connections that nobody accepts fill it.
    pub syn_cookies: bool,
    /// RFC 6191: a SYN may end TIME-WAIT.
    pub time_wait_reuse: bool,
    /// L_LIMIT and U_LIMIT of adopted user timeouts: 100 s (RFC 5482 §3.1) to one hour.
    pub user_timeout_limits: (Duration, Duration),
    /// How long a connection that its user has released stays in FIN-WAIT-2: 60 s.
    pub fin_wait_2_timeout: Duration,
    /// How long such a connection waits for any acknowledgement of what is left to be delivered, also while its
    /// peer keeps the window shut and answers the probes: five minutes, as the default user timeout. The
    /// connections of users that wait are kept as long as the peer answers (MUST-37).
    pub orphan_timeout: Duration,
    /// Defaults for active opens.
    pub socket: SocketOptions,
    /// Sockets of the host, listeners and TIME-WAIT included: 262144.
    pub max_sockets: usize,
    /// Gaps kept in the reassembly queue of a connection: 64; further out-of-order text is dropped.
    pub max_reassembly_ranges: usize,
    /// Segments in flight of a connection: 4096.
    pub max_segments_in_flight: usize,
    /// Replies without a connection (RST) that wait for transmission: 1024.
    pub max_replies: usize,
    /// Ephemeral ports, first and last: 49152 to 65535 (RFC 6335 §6).
    pub ephemeral_ports: (u16, u16),
}

impl Default for Config {
    fn default() -> Self {
        Self {
            addresses: Vec::new(),
            mtu: 1500,
            msl: Duration::from_secs(120),
            rto_initial: Duration::from_secs(1),
            rto_min: Duration::from_secs(1),
            rto_max: Duration::from_secs(60),
            r1: 3,
            r2_syn: Duration::from_secs(180),
            synack_retries: 7,
            delayed_ack: Duration::from_millis(200),
            sws_override: Duration::from_millis(200),
            receive_buffer: 256 * 1024,
            send_buffer: 256 * 1024,
            window_scale: true,
            timestamps: true,
            sack: true,
            ecn: Ecn::default(),
            loss_recovery: LossRecovery::default(),
            unused_window: UnusedWindow::default(),
            prr: true,
            f_rto: true,
            path_mtu_lifetime: Duration::from_secs(600),
            max_paths: 1024,
            black_hole_after: Some(5),
            rfc5961: true,
            challenge_acks_per_second: 10,
            syn_cookies: true,
            time_wait_reuse: true,
            user_timeout_limits: (Duration::from_secs(100), Duration::from_secs(3600)),
            fin_wait_2_timeout: Duration::from_secs(60),
            orphan_timeout: Duration::from_secs(300),
            socket: SocketOptions::default(),
            max_sockets: 262_144,
            max_reassembly_ranges: 64,
            max_segments_in_flight: 4096,
            max_replies: 1024,
            ephemeral_ports: (49152, 65535),
        }
    }
}

impl Config {
    /// The defaults with these addresses.
    pub fn with_addresses(addresses: impl IntoIterator<Item = IpAddr>) -> Self {
        Self {
            addresses: addresses.into_iter().collect(),
            ..Self::default()
        }
    }

    /// The largest segment this host can take (MUST-67, SHLD-6): MTU less fixed headers.
    pub(crate) fn receive_mss(&self, address: IpAddr) -> u16 {
        self.mtu.saturating_sub(fixed_headers(address)).max(1)
    }
}

/// Octets of the IP and TCP headers without options (RFC 9293 §3.7.1).
pub(crate) fn fixed_headers(address: IpAddr) -> u16 {
    match address {
        IpAddr::V4(_) => 40,
        IpAddr::V6(_) => 60,
    }
}
