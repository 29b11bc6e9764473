//! The target file as text, with what was seen beside each value.

use super::observe::{CHALLENGES, Observed};
use std::fmt::Write as _;
use std::time::Duration;
use tcpconf_wire::{Flags, TcpOption};
use toml::Value;

/// The longest delay of an acknowledgement that is written down at least: what one segment showed may be
/// the short end of an adaptive timer (Linux: 40 to 200 ms).
const LEAST_DELAYED_ACK_MS: u64 = 200;

/// How the target is reached.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Way {
    pub(super) address: Option<String>,
    pub(super) exec: Vec<String>,
    pub(super) transport: Option<String>,
    pub(super) agent: Option<String>,
    pub(super) ours: Vec<String>,
    pub(super) services: Vec<(String, u16)>,
}

/// The table `[name]` of a targets.toml.
pub(super) fn table(name: &str, way: &Way, observed: &Observed) -> String {
    let mut out = String::new();
    let version = env!("CARGO_PKG_VERSION");
    line(
        &mut out,
        &format!("# By tcpconf {version} init, yours to change: docs/targets.md has every key."),
    );
    line(&mut out, &format!("[{name}]"));
    line(&mut out, "description = \"\"");
    let text = |value: &str| Value::String(value.to_owned()).to_string();
    for (key, value) in [
        ("address", &way.address),
        ("transport", &way.transport),
        ("agent", &way.agent),
    ] {
        if let Some(value) = value {
            line(&mut out, &format!("{key} = {}", text(value)));
        }
    }
    let list = |values: &[String]| {
        let values: Vec<String> = values.iter().map(|v| text(v)).collect();
        format!("[{}]", values.join(", "))
    };
    if !way.exec.is_empty() {
        line(&mut out, &format!("exec = {}", list(&way.exec)));
    }
    line(
        &mut out,
        "# Half-open connections that it is trusted with at once.",
    );
    line(&mut out, "max_half_open = 2");
    if way.services.iter().any(|(service, _)| service == "http") {
        line(
            &mut out,
            "# What its web server is asked for where it stands in for a source: something long.",
        );
        line(&mut out, "http_path = \"/\"");
    }
    line(&mut out, &format!("\n[{name}.link]"));
    if !way.ours.is_empty() {
        line(&mut out, &format!("ours = {}", list(&way.ours)));
    }
    line(
        &mut out,
        "# A worse link for whole runs: how much later packets come each way, and how many are lost.",
    );
    line(&mut out, "# delay_ms = 30");
    line(&mut out, "# loss_percent = 0.5");
    if !way.services.is_empty() {
        line(&mut out, &format!("\n[{name}.services]"));
        for (service, port) in &way.services {
            line(&mut out, &format!("{service} = {port}"));
        }
    }
    features(&mut out, name, observed);
    timing(&mut out, name, observed);
    line(
        &mut out,
        "\n# What it knowingly does otherwise, one entry each; a pass that is not expected is red.",
    );
    for example in [
        &format!("[[{name}.expect]]"),
        "test = \"handshake/some-test[*]\"",
        "outcome = \"fail\"",
        "reason = \"\"",
        "reference = \"\"",
    ] {
        line(&mut out, &format!("# {example}"));
    }
    out
}

fn features(out: &mut String, name: &str, observed: &Observed) {
    line(out, &format!("\n[{name}.features]"));
    match &observed.offer {
        Some(segment) => {
            let text = segment.to_string();
            let options = text.find('<').map_or("no options", |at| &text[at..]);
            line(
                out,
                &format!("# The SYN-ACK to a SYN that offered all: {options}"),
            );
        }
        None => line(out, "# No SYN-ACK came to a SYN that offered all."),
    }
    let ecn = observed
        .offer
        .as_ref()
        .map(|s| s.flags.contains(Flags::ECE) && !s.flags.contains(Flags::CWR));
    for (feature, seen) in [
        (
            "window-scale",
            observed.offers(|o| matches!(o, TcpOption::WindowScale(_))),
        ),
        (
            "sack",
            observed.offers(|o| matches!(o, TcpOption::SackPermitted)),
        ),
        (
            "timestamps",
            observed.offers(|o| matches!(o, TcpOption::Timestamps { .. })),
        ),
        ("ecn", ecn),
    ] {
        claim(out, feature, seen);
    }
    line(
        out,
        match observed.reset_challenged {
            Some(true) => "# A RST inside the window that was not exact drew a challenge ACK.",
            Some(false) => "# A RST inside the window that was not exact drew nothing.",
            None => "# Not seen: what a RST inside the window draws.",
        },
    );
    claim(out, "rfc5961", observed.reset_challenged);
    line(
        out,
        "# Not probed; tests of unknown features run, their failures are information.",
    );
    for feature in [
        "dsack",
        "rfc6191",
        "time-wait-reset",
        "rfc6528",
        "keepalive",
        "urgent",
        "syn-cookies",
        "fastopen",
        "rack",
        "md5",
    ] {
        claim(out, feature, None);
    }
}

fn claim(out: &mut String, feature: &str, seen: Option<bool>) {
    let claim = match seen {
        Some(true) => "yes",
        Some(false) => "no",
        None => "unknown",
    };
    line(out, &format!("{feature} = \"{claim}\""));
}

fn timing(out: &mut String, name: &str, observed: &Observed) {
    line(out, &format!("\n[{name}.timing]"));
    match observed.again.first() {
        Some(first) => {
            let seen: Vec<String> = observed.again.iter().map(|d| seconds(*d)).collect();
            line(
                out,
                &format!("# The SYN-ACK was sent again after {} s.", seen.join(", ")),
            );
            let rounded = (first.as_millis() as u64 + 50) / 100 * 100;
            line(out, &format!("rto_initial_ms = {}", rounded.max(100)));
        }
        None => {
            line(
                out,
                "# The SYN-ACK was not sent again within 8 s; this is RFC 6298's value.",
            );
            line(out, "rto_initial_ms = 1000");
        }
    }
    match observed.acknowledgement {
        Some(delay) => {
            let by = if observed.speaks {
                "with an answer "
            } else {
                ""
            };
            let ms = delay.as_millis() as u64;
            line(
                out,
                &format!("# One octet was acknowledged {by}after {ms} ms."),
            );
            let rounded = ms.div_ceil(50) * 50;
            line(
                out,
                &format!("delayed_ack_ms = {}", rounded.max(LEAST_DELAYED_ACK_MS)),
            );
        }
        None => {
            line(
                out,
                "# One octet was not acknowledged within 1 s; this is the limit of RFC 9293 MUST-40.",
            );
            line(out, "delayed_ack_ms = 500");
        }
    }
    let answered = observed.challenges;
    line(
        out,
        &format!(
            "# Of {CHALLENGES} unacceptable segments, one each 100 ms, {answered} were answered."
        ),
    );
    match observed.probe_spacing_ms() {
        Some(spacing) => line(out, &format!("probe_spacing_ms = {spacing}")),
        None => line(out, "probe_spacing_ms = 1000"),
    }
    line(
        out,
        "# Not probed: these are RFC 6298's and RFC 9293's values.",
    );
    for assumed in ["rto_min_ms = 1000", "rto_max_ms = 60000", "msl_ms = 120000"] {
        line(out, assumed);
    }
}

fn seconds(duration: Duration) -> String {
    format!("{:.2}", duration.as_secs_f64())
}

fn line(out: &mut String, text: &str) {
    writeln!(out, "{text}").expect("a String takes everything");
}

#[cfg(test)]
mod tests {
    use super::*;
    use tcpconf_engine::{Claim, Profile};

    #[test]
    fn what_is_written_reads_back() {
        let way = Way {
            exec: vec!["./my \"stack\"".into(), "-v".into()],
            transport: Some("tap:t0".into()),
            ours: vec!["10.0.0.9".into()],
            services: vec![("echo".into(), 7)],
            ..Way::default()
        };
        let observed = Observed {
            again: vec![Duration::from_millis(2_980)],
            reset_challenged: Some(false),
            ..Observed::default()
        };
        let text = table("mine", &way, &observed);
        let all = Profile::all_from_toml(&text).unwrap();
        let mine = &all["mine"];
        assert_eq!(mine.exec, way.exec);
        assert_eq!(mine.transport, way.transport);
        assert_eq!(mine.services["echo"], 7);
        assert_eq!(mine.timing.rto_initial_ms, 3_000);
        assert_eq!(mine.features["rfc5961"], Claim::No);
        assert_eq!(mine.features["sack"], Claim::Unknown);
    }
}
