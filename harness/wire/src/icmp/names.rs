//! The one table of ICMP messages: type and code in both versions of IP, and the name that suites use.

/// One row of the table.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct IcmpName {
    /// How a suite writes it.
    pub name: &'static str,
    /// Type and code in ICMPv4 (RFC 792, RFC 1122 §3.2.2.1, RFC 1812 §5.2.7.1).
    pub v4: Option<(u8, u8)>,
    /// Type and code in ICMPv6 (RFC 4443).
    pub v6: Option<(u8, u8)>,
    /// One line for the reader.
    pub doc: &'static str,
}

const fn row(
    name: &'static str,
    v4: Option<(u8, u8)>,
    v6: Option<(u8, u8)>,
    doc: &'static str,
) -> IcmpName {
    IcmpName { name, v4, v6, doc }
}

const NAMES: &[IcmpName] = &[
    row(
        "net-unreachable",
        Some((3, 0)),
        Some((1, 0)),
        "no route to the network",
    ),
    row(
        "host-unreachable",
        Some((3, 1)),
        Some((1, 3)),
        "the host does not answer on its link",
    ),
    row(
        "protocol-unreachable",
        Some((3, 2)),
        Some((4, 1)),
        "the host does not know the protocol",
    ),
    row(
        "port-unreachable",
        Some((3, 3)),
        Some((1, 4)),
        "nobody listens on the port",
    ),
    row(
        "frag-needed",
        Some((3, 4)),
        Some((2, 0)),
        "larger than the next link's MTU, in IPv6 packet too big",
    ),
    row(
        "source-route-failed",
        Some((3, 5)),
        None,
        "the source route cannot be followed",
    ),
    row(
        "net-unknown",
        Some((3, 6)),
        None,
        "destination network unknown",
    ),
    row(
        "host-unknown",
        Some((3, 7)),
        None,
        "destination host unknown",
    ),
    row("host-isolated", Some((3, 8)), None, "source host isolated"),
    row(
        "net-prohibited",
        Some((3, 9)),
        None,
        "communication with the network prohibited",
    ),
    row(
        "host-prohibited",
        Some((3, 10)),
        None,
        "communication with the host prohibited",
    ),
    row(
        "net-tos",
        Some((3, 11)),
        None,
        "network unreachable for this type of service",
    ),
    row(
        "host-tos",
        Some((3, 12)),
        None,
        "host unreachable for this type of service",
    ),
    row(
        "admin-prohibited",
        Some((3, 13)),
        Some((1, 1)),
        "communication prohibited by a filter",
    ),
    row(
        "precedence-violation",
        Some((3, 14)),
        None,
        "precedence not permitted",
    ),
    row(
        "precedence-cutoff",
        Some((3, 15)),
        None,
        "precedence below the network's minimum",
    ),
    row(
        "beyond-scope",
        None,
        Some((1, 2)),
        "beyond the scope of the source address",
    ),
    row(
        "source-policy",
        None,
        Some((1, 5)),
        "source address failed an ingress or egress policy",
    ),
    row("reject-route", None, Some((1, 6)), "the route says reject"),
    row(
        "source-quench",
        Some((4, 0)),
        None,
        "slow down (deprecated by RFC 6633)",
    ),
    row(
        "redirect-net",
        Some((5, 0)),
        None,
        "a better gateway for the network",
    ),
    row(
        "redirect-host",
        Some((5, 1)),
        Some((137, 0)),
        "a better gateway for the host",
    ),
    row(
        "ttl-exceeded",
        Some((11, 0)),
        Some((3, 0)),
        "TTL or hop limit used up on the way",
    ),
    row(
        "reassembly-exceeded",
        Some((11, 1)),
        Some((3, 1)),
        "fragments missing at the end of the time",
    ),
    row(
        "parameter-problem",
        Some((12, 0)),
        Some((4, 0)),
        "a header field is wrong",
    ),
    row(
        "option-missing",
        Some((12, 1)),
        None,
        "a required option is missing",
    ),
    row(
        "bad-option",
        None,
        Some((4, 2)),
        "an IPv6 option is not known",
    ),
    row("echo-request", Some((8, 0)), Some((128, 0)), "ping"),
    row("echo-reply", Some((0, 0)), Some((129, 0)), "its answer"),
];

/// All ICMP messages that have a name.
pub const fn icmp_names() -> &'static [IcmpName] {
    NAMES
}

/// The row of a name.
pub fn icmp_by_name(name: &str) -> Option<&'static IcmpName> {
    NAMES.iter().find(|row| row.name == name)
}

impl IcmpName {
    /// Type and code in a version of IP.
    pub const fn of(&self, six: bool) -> Option<(u8, u8)> {
        if six { self.v6 } else { self.v4 }
    }
}
