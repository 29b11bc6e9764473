//! The configuration of a host out of an input: small buffers and short times, so that limits are reached.

use super::application::Manner;
use super::input::Input;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::time::Duration;
use tcpconf_stack::{
    Config, CongestionAlgorithm, Ecn, KeepAlive, ListenOptions, LossRecovery, SocketOptions,
    UserTimeoutOption,
};

/// The longest user timeout that an input can choose or a peer can impose: the RTO reaches its maximum of a minute before.
pub(super) const LONGEST_USER_TIMEOUT: Duration = Duration::from_secs(130);

/// Segments of a connection that may be in flight: as few as tell what grows with their number, since each costs time.
pub(super) const MAX_IN_FLIGHT: u32 = 64;

/// What an input chooses before its first operation.
#[derive(Debug)]
pub(super) struct Settings {
    pub(super) config: Config,
    pub(super) listen: ListenOptions,
    pub(super) manner: Manner,
    pub(super) v6: bool,
    /// What the peer offers on its SYN: bit 0 MSS, 1 SACK, 2 timestamps, 3 window scale.
    pub(super) offers: u8,
    pub(super) peer_mss: u16,
    pub(super) peer_shift: u8,
    pub(super) seed: u64,
}

/// The address of host `n` (RFC 5737, RFC 3849: documentation).
pub(super) const fn address(v6: bool, n: u8) -> IpAddr {
    if v6 {
        IpAddr::V6(Ipv6Addr::new(0x2001, 0xdb8, 0, 0, 0, 0, 0, n as u16))
    } else {
        IpAddr::V4(Ipv4Addr::new(192, 0, 2, n))
    }
}

impl Settings {
    pub(super) fn read(input: &mut Input<'_>) -> Self {
        let first = input.byte();
        let second = input.byte();
        let third = input.byte();
        let v6 = first & 1 != 0;
        let bit = |byte: u8, n: u8| byte >> n & 1 != 0;
        let mut config = Config {
            // What is zero in an input is the default of the stack.
            timestamps: !bit(first, 1),
            sack: !bit(first, 2),
            window_scale: !bit(first, 3),
            rfc5961: !bit(first, 4),
            syn_cookies: !bit(first, 5),
            time_wait_reuse: !bit(first, 6),
            prr: !bit(first, 7),
            f_rto: !bit(second, 0),
            loss_recovery: if bit(second, 1) {
                LossRecovery::Rack
            } else {
                LossRecovery::Sack
            },
            ecn: [Ecn::Accept, Ecn::Request, Ecn::Off, Ecn::Accept][usize::from(second >> 2 & 3)],
            mtu: input.choose(&[1500, 1500, 576, 1280, 88, 100, 300, 9000]),
            receive_buffer: input.choose(&[4096, 65535, 1000, 100, 1, 16384, 200_000, 20_000]),
            send_buffer: input.choose(&[4096, 16384, 1000, 100, 1, 65535]),
            max_sockets: 24,
            max_reassembly_ranges: input.choose(&[16, 1, 4, 64]),
            max_segments_in_flight: MAX_IN_FLIGHT as usize,
            max_replies: 16,
            max_paths: 4,
            msl: Duration::from_secs(30),
            r2_syn: Duration::from_secs(20),
            synack_retries: 3,
            user_timeout_limits: (Duration::from_secs(20), LONGEST_USER_TIMEOUT),
            delayed_ack: Duration::from_millis(input.choose(&[200, 0, 40, 499])),
            rto_min: Duration::from_millis(input.choose(&[1000, 200, 20])),
            black_hole_after: Some(3),
            ..Config::with_addresses([address(v6, 1)])
        };
        if v6 {
            // RFC 8200 §5: no link of IPv6 has a smaller MTU.
            config.mtu = config.mtu.max(1280);
        }
        config.socket = socket_options(input);
        let listen = ListenOptions {
            backlog: input.choose(&[8, 1, 2, 0]),
            fast_open: bit(second, 4).then_some(2),
            socket: config.socket,
        };
        Self {
            config,
            listen,
            manner: input.choose(&Manner::ALL),
            v6,
            offers: !third & 0xf,
            peer_mss: input.choose(&[1460, 536, 48, 1, 0, 9000, 65535, 88]),
            peer_shift: third >> 4,
            seed: u64::from(second),
        }
    }
}

/// What a user can change at any time.
pub(super) fn socket_options(input: &mut Input<'_>) -> SocketOptions {
    let bits = input.byte();
    SocketOptions {
        nagle: bits & 1 == 0,
        keep_alive: (bits & 2 != 0).then_some(KeepAlive {
            idle: Duration::from_secs(60),
            interval: Duration::from_secs(30),
            probes: 3,
        }),
        user_timeout: Some(
            [
                Duration::from_secs(10),
                Duration::from_secs(30),
                Duration::from_secs(1),
                LONGEST_USER_TIMEOUT,
            ][usize::from(bits >> 2 & 3)],
        ),
        user_timeout_option: [
            UserTimeoutOption::Off,
            UserTimeoutOption::Fixed,
            UserTimeoutOption::Changeable,
            UserTimeoutOption::Off,
        ][usize::from(bits >> 4 & 3)],
        congestion: if bits & 64 == 0 {
            CongestionAlgorithm::Reno
        } else {
            CongestionAlgorithm::Cubic
        },
        ..SocketOptions::default()
    }
}
