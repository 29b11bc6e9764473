//! The BPF filter of a packet socket: only the target's packets and neighbours' questions wake us.
//!
//! A coarse sieve that saves wake-ups; [`crate::net::station`] decides for good.

use libc::sock_filter;
use std::net::IpAddr;
use std::ops::RangeInclusive;

/// `linux/filter.h`: offsets from the network header, and the ethertype.
const NETWORK: u32 = 0xfff0_0000;
const ETHERTYPE: u32 = 0xffff_f000;

const LOAD_WORD: u16 = 0x20;
const LOAD_HALF: u16 = 0x28;
const LOAD_BYTE: u16 = 0x30;
const JUMP_EQUAL: u16 = 0x15;
const JUMP_AT_LEAST: u16 = 0x35;
const JUMP_ABOVE: u16 = 0x25;
const JUMP_ANY_BIT: u16 = 0x45;
const RETURN: u16 = 0x06;
const WHOLE: u32 = 0x4_0000;

/// What to let through.
#[derive(Clone, Debug)]
pub(crate) struct Wanted {
    /// Packets from this address.
    pub(crate) target: IpAddr,
    /// Only TCP to these ports (ICMP and fragments pass).
    pub(crate) ports: Option<RangeInclusive<u16>>,
}

/// The program.
pub(crate) fn program(wanted: &Wanted) -> Vec<sock_filter> {
    match wanted.target {
        IpAddr::V4(target) => {
            let mut code = vec![
                load(LOAD_HALF, ETHERTYPE),
                // ARP passes at once.
                jump(JUMP_EQUAL, 0x0806, Go::Pass, Go::Next),
                jump(JUMP_EQUAL, 0x0800, Go::Next, Go::Drop),
                // ICMP may come from any router on the way.
                load(LOAD_BYTE, NETWORK + 9),
                jump(JUMP_EQUAL, 1, Go::Pass, Go::Next),
                jump(JUMP_EQUAL, 6, Go::Next, Go::Drop),
                load(LOAD_WORD, NETWORK + 12),
                jump(JUMP_EQUAL, target.to_bits(), Go::Next, Go::Drop),
            ];
            if let Some(ports) = &wanted.ports {
                // With options or as a later fragment the ports are elsewhere: let it pass.
                code.extend([
                    load(LOAD_BYTE, NETWORK),
                    jump(JUMP_EQUAL, 0x45, Go::Next, Go::Pass),
                    load(LOAD_HALF, NETWORK + 6),
                    jump(JUMP_ANY_BIT, 0x1fff, Go::Pass, Go::Next),
                ]);
                code.extend(port_between(NETWORK + 22, ports));
            }
            finish(code)
        }
        IpAddr::V6(target) => {
            let mut code = vec![
                load(LOAD_HALF, ETHERTYPE),
                jump(JUMP_EQUAL, 0x86dd, Go::Next, Go::Drop),
                load(LOAD_BYTE, NETWORK + 6),
                jump(JUMP_EQUAL, 58, Go::Pass, Go::Next),
            ];
            for (i, word) in target.octets().as_chunks::<4>().0.iter().enumerate() {
                code.push(load(LOAD_WORD, NETWORK + 8 + 4 * i as u32));
                code.push(jump(
                    JUMP_EQUAL,
                    u32::from_be_bytes(*word),
                    Go::Next,
                    Go::Drop,
                ));
            }
            if let Some(ports) = &wanted.ports {
                code.extend([
                    load(LOAD_BYTE, NETWORK + 6),
                    jump(JUMP_EQUAL, 6, Go::Next, Go::Pass),
                ]);
                code.extend(port_between(NETWORK + 42, ports));
            }
            finish(code)
        }
    }
}

/// Drops everything: until the real filter and the interface are set.
pub(crate) fn nothing() -> Vec<sock_filter> {
    vec![plain(RETURN, 0)]
}

/// Lets everything through: for a namespace that nobody else uses.
pub(crate) fn everything() -> Vec<sock_filter> {
    vec![plain(RETURN, WHOLE)]
}

fn port_between(at: u32, ports: &RangeInclusive<u16>) -> [(u16, u32, Go, Go); 3] {
    [
        load(LOAD_HALF, at),
        jump(JUMP_AT_LEAST, u32::from(*ports.start()), Go::Next, Go::Drop),
        jump(JUMP_ABOVE, u32::from(*ports.end()), Go::Drop, Go::Next),
    ]
}

#[derive(Clone, Copy)]
enum Go {
    Next,
    Pass,
    Drop,
}

fn load(code: u16, at: u32) -> (u16, u32, Go, Go) {
    (code, at, Go::Next, Go::Next)
}

fn jump(code: u16, value: u32, yes: Go, no: Go) -> (u16, u32, Go, Go) {
    (code, value, yes, no)
}

fn finish(code: Vec<(u16, u32, Go, Go)>) -> Vec<sock_filter> {
    let pass = code.len();
    let mut program: Vec<sock_filter> = code
        .into_iter()
        .enumerate()
        .map(|(at, (code, k, yes, no))| {
            let distance = |go| match go {
                Go::Next => 0,
                Go::Pass => pass - at - 1,
                Go::Drop => pass - at,
            };
            sock_filter {
                code,
                jt: distance(yes) as u8,
                jf: distance(no) as u8,
                k,
            }
        })
        .collect();
    program.push(plain(RETURN, WHOLE));
    program.push(plain(RETURN, 0));
    program
}

fn plain(code: u16, k: u32) -> sock_filter {
    sock_filter {
        code,
        jt: 0,
        jf: 0,
        k,
    }
}

#[cfg(test)]
mod tests;
