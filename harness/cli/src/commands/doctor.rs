//! `tcpconf doctor`: can this machine inject?

use super::print;
use crate::args::DoctorArgs;
use crate::failure::Failure;

/// Looks, says what was found and what to do about it. What the target needs and cannot have is a
/// failure of the harness's surroundings.
#[cfg(target_os = "linux")]
pub(super) fn doctor(args: &DoctorArgs) -> Result<u8, Failure> {
    use super::open;
    use crate::failure::EXIT_BROKEN;
    use crate::profile;
    use tcpconf_target::Health;

    let choice = open::choose(&args.target)?;
    let profile =
        profile::with_services(profile::find(choice.usual_profile())?, &args.target.service);
    let options = open::host_options(&args.target, &profile);
    let checks = tcpconf_target::doctor(Some(&args.target.target), &options);
    print(&text(&checks))?;
    let failed = checks.iter().any(|check| check.health == Health::Fail);
    Ok(if failed { EXIT_BROKEN } else { 0 })
}

#[cfg(not(target_os = "linux"))]
pub(super) fn doctor(_: &DoctorArgs) -> Result<u8, Failure> {
    print("here only the target stack can be played against: injection needs Linux\n")?;
    Ok(0)
}

#[cfg(target_os = "linux")]
fn text(checks: &[tcpconf_target::Check]) -> String {
    use std::fmt::Write as _;
    use tcpconf_target::Health;

    let width = checks
        .iter()
        .map(|check| check.name.len())
        .max()
        .unwrap_or_default();
    let mut out = String::new();
    for check in checks {
        let word = match check.health {
            Health::Ok => "ok",
            Health::Warn => "WARN",
            Health::Fail => "FAIL",
        };
        let found = tcpconf_report::printable(&check.found);
        writeln!(out, "{word:>8}  {:width$}  {found}", check.name)
            .expect("a String takes everything");
        if let Some(way_out) = &check.way_out {
            let way_out = tcpconf_report::printable(way_out);
            writeln!(out, "{:>8}  {:width$}  help: {way_out}", "", "")
                .expect("a String takes everything");
        }
    }
    out
}

#[cfg(all(test, target_os = "linux"))]
mod tests {
    use super::*;
    use tcpconf_target::{Check, Health};

    #[test]
    fn every_health_has_its_line_and_the_way_out_below() {
        let check = |name, health, way_out: Option<&str>| Check {
            name,
            health,
            found: "what was found".into(),
            way_out: way_out.map(str::to_owned),
        };
        let checks = [
            check("route", Health::Ok, None),
            check("RST suppression", Health::Warn, Some("use --source ADDR")),
            check("offload", Health::Fail, Some("ethtool -K eth0 gro off")),
        ];
        insta::assert_snapshot!(text(&checks));
    }
}
