//! Can this machine inject? Checks that say what is missing and the way out. Prints nothing.

#[cfg(target_os = "linux")]
mod linux;

use crate::host::HostOptions;

/// How a check went.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Health {
    /// As it should be.
    Ok,
    /// Something will be missing, or less exact.
    Warn,
    /// What was asked for cannot work.
    Fail,
}

/// What one check found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Check {
    /// What was looked at: `packet sockets`.
    pub name: &'static str,
    /// How it went.
    pub health: Health,
    /// What was found, and what it means.
    pub found: String,
    /// What to do about it.
    pub way_out: Option<String>,
}

impl Check {
    pub(super) fn ok(name: &'static str, found: impl Into<String>) -> Self {
        Self {
            name,
            health: Health::Ok,
            found: found.into(),
            way_out: None,
        }
    }

    pub(super) fn bad(
        name: &'static str,
        health: Health,
        found: impl Into<String>,
        way_out: impl Into<String>,
    ) -> Self {
        Self {
            name,
            health,
            found: found.into(),
            way_out: Some(way_out.into()),
        }
    }
}

/// Looks at this machine and, when one is given, at the way to a target as the user names it.
pub fn doctor(target: Option<&str>, options: &HostOptions) -> Vec<Check> {
    #[cfg(target_os = "linux")]
    return linux::checks(target, options);
    #[cfg(not(target_os = "linux"))]
    return elsewhere(target, options);
}

/// Only what every system has: the way to a target. Whether a packet channel may be opened shows when
/// one is.
#[cfg(not(target_os = "linux"))]
fn elsewhere(target: Option<&str>, options: &HostOptions) -> Vec<Check> {
    use crate::host::{parse_host, way};
    let mut checks = vec![Check::bad(
        "kernel target",
        Health::Warn,
        "needs Linux",
        "use the target `stack`, or a host on this machine's link with --source ADDR",
    )];
    if let Some(target) = target.filter(|name| !matches!(*name, "stack" | "kernel")) {
        let found = parse_host(target, None).and_then(|address| way::find(address, options));
        checks.push(match found {
            Ok(way) => Check::ok("route", format!("on the link of {}", way.interface.name)),
            Err(error) => Check::bad(
                "route",
                Health::Fail,
                error.to_string(),
                "choose the interface by --interface",
            ),
        });
    }
    checks
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    #[cfg(target_os = "linux")]
    fn every_check_that_is_not_ok_names_a_way_out() {
        let checks = doctor(Some("127.0.0.1:80"), &HostOptions::default());
        assert!(checks.len() >= 9);
        for check in checks {
            assert_eq!(
                check.health == Health::Ok,
                check.way_out.is_none(),
                "{check:?}"
            );
        }
    }

    #[test]
    fn a_target_that_cannot_be_meant_fails() {
        let checks = doctor(Some("255.255.255.255:80"), &HostOptions::default());
        let route = checks.iter().find(|check| check.name == "route").unwrap();
        assert_eq!(route.health, Health::Fail);
    }

    #[test]
    fn targets_without_a_network_need_no_route() {
        let checks = doctor(Some("stack"), &HostOptions::default());
        assert!(checks.iter().all(|check| check.name != "route"));
    }
}
