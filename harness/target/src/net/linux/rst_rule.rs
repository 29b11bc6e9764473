//! Keeps this machine's kernel from resetting connections that are not its own.
//!
//! An nftables table with an owner: the kernel removes it when the socket that made it is closed,
//! which a killed process does too. Its one rule drops, on their way into this machine, the target's
//! segments to our range of ports. A segment that the kernel's TCP never sees it cannot answer, by a
//! RST or anything else; packet sockets see it before. Needs Linux 5.12.

use super::netlink::{Message, NLM_F_ACK, NLM_F_APPEND, NLM_F_CREATE, NLM_F_REQUEST, Netlink};
use nix::sys::socket::SockProtocol;
use std::io;
use std::net::IpAddr;
use std::ops::RangeInclusive;

const BATCH_BEGIN: u16 = 0x10;
const BATCH_END: u16 = 0x11;
const NFTABLES: u16 = 10;
const NEW_TABLE: u16 = NFTABLES << 8;
const NEW_CHAIN: u16 = NFTABLES << 8 | 3;
const NEW_RULE: u16 = NFTABLES << 8 | 6;

const FAMILY_IPV4: u8 = 2;
const FAMILY_IPV6: u8 = 10;

const TABLE_NAME: u16 = 1;
const TABLE_FLAGS: u16 = 2;
const TABLE_FLAG_OWNER: u32 = 2;

const CHAIN_TABLE: u16 = 1;
const CHAIN_NAME: u16 = 3;
const CHAIN_HOOK: u16 = 4;
const CHAIN_TYPE: u16 = 7;
const HOOK_NUMBER: u16 = 1;
const HOOK_PRIORITY: u16 = 2;
/// Behind reassembly, before the transport.
const LOCAL_IN: u32 = 1;
/// Before the usual filters (0).
const PRIORITY: i32 = -200;

const RULE_TABLE: u16 = 1;
const RULE_CHAIN: u16 = 2;
const RULE_EXPRESSIONS: u16 = 4;
const LIST_ELEMENT: u16 = 1;
const EXPRESSION_NAME: u16 = 1;
const EXPRESSION_DATA: u16 = 2;
const DATA_VALUE: u16 = 1;
const DATA_VERDICT: u16 = 2;
const VERDICT_CODE: u16 = 1;

const REGISTER: u32 = 1;
const VERDICT_REGISTER: u32 = 0;
const META_L4PROTO: u32 = 16;
const BASE_NETWORK: u32 = 1;
const BASE_TRANSPORT: u32 = 2;
const EQUAL: u32 = 0;
const AT_MOST: u32 = 3;
const AT_LEAST: u32 = 5;
const TCP: u8 = 6;
const DROP: u32 = 0;

/// The rule, for as long as this lives.
#[derive(Debug)]
pub(crate) struct RstRule {
    _owner: Netlink,
}

impl RstRule {
    /// Drops segments from `target` to `ports` of this machine, in the calling thread's namespace.
    pub(crate) fn set(target: IpAddr, ports: &RangeInclusive<u16>) -> io::Result<Self> {
        let mut owner = Netlink::open(SockProtocol::NetlinkNetFilter)?;
        let table = format!("tcpconf-{}-{}", std::process::id(), ports.start());
        let (family, offset, octets) = match target {
            IpAddr::V4(a) => (FAMILY_IPV4, 12, a.octets().to_vec()),
            IpAddr::V6(a) => (FAMILY_IPV6, 8, a.octets().to_vec()),
        };
        let new = |kind, flags| {
            Message::new(kind, NLM_F_REQUEST | NLM_F_ACK | NLM_F_CREATE | flags)
                .fixed(&[family, 0, 0, 0])
        };
        let expressions = |list: Message| {
            let list = payload(list, BASE_NETWORK, offset, octets.len() as u32);
            let list = compare(list, EQUAL, &octets);
            let list = expression(list, "meta", |m| {
                m.attribute(1, &REGISTER.to_be_bytes())
                    .attribute(2, &META_L4PROTO.to_be_bytes())
            });
            let list = compare(list, EQUAL, &[TCP]);
            let list = payload(list, BASE_TRANSPORT, 2, 2);
            let list = compare(list, AT_LEAST, &ports.start().to_be_bytes());
            let list = compare(list, AT_MOST, &ports.end().to_be_bytes());
            expression(list, "immediate", |m| {
                m.attribute(1, &VERDICT_REGISTER.to_be_bytes())
                    .nested(2, |data| {
                        data.nested(DATA_VERDICT, |v| {
                            v.attribute(VERDICT_CODE, &DROP.to_be_bytes())
                        })
                    })
            })
        };
        owner.batch(vec![
            batch_edge(BATCH_BEGIN),
            new(NEW_TABLE, 0)
                .text(TABLE_NAME, &table)
                .attribute(TABLE_FLAGS, &TABLE_FLAG_OWNER.to_be_bytes()),
            new(NEW_CHAIN, 0)
                .text(CHAIN_TABLE, &table)
                .text(CHAIN_NAME, "input")
                .nested(CHAIN_HOOK, |hook| {
                    hook.attribute(HOOK_NUMBER, &LOCAL_IN.to_be_bytes())
                        .attribute(HOOK_PRIORITY, &PRIORITY.to_be_bytes())
                })
                .text(CHAIN_TYPE, "filter"),
            new(NEW_RULE, NLM_F_APPEND)
                .text(RULE_TABLE, &table)
                .text(RULE_CHAIN, "input")
                .nested(RULE_EXPRESSIONS, expressions),
            batch_edge(BATCH_END),
        ])?;
        Ok(Self { _owner: owner })
    }
}

/// `struct nfgenmsg`: family, version, and the subsystem that the batch is for.
fn batch_edge(kind: u16) -> Message {
    let [high, low] = NFTABLES.to_be_bytes();
    Message::new(kind, NLM_F_REQUEST).fixed(&[0, 0, high, low])
}

fn expression(list: Message, name: &str, fill: impl FnOnce(Message) -> Message) -> Message {
    list.nested(LIST_ELEMENT, |element| {
        element
            .text(EXPRESSION_NAME, name)
            .nested(EXPRESSION_DATA, fill)
    })
}

fn payload(list: Message, base: u32, offset: u32, length: u32) -> Message {
    expression(list, "payload", |m| {
        m.attribute(1, &REGISTER.to_be_bytes())
            .attribute(2, &base.to_be_bytes())
            .attribute(3, &offset.to_be_bytes())
            .attribute(4, &length.to_be_bytes())
    })
}

fn compare(list: Message, operation: u32, value: &[u8]) -> Message {
    expression(list, "cmp", |m| {
        m.attribute(1, &REGISTER.to_be_bytes())
            .attribute(2, &operation.to_be_bytes())
            .nested(3, |data| data.attribute(DATA_VALUE, value))
    })
}
