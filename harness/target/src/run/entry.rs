//! An instance as a run plays it: over one IP version, with the limits and seeds that follow from it.

use super::options::{IpChoice, RunOptions};
use std::time::Duration;
use tcpconf_engine::{CaseReport, Level, Location, Mark, Outcome, Verdict};
use tcpconf_suite::plan::{Instance, Needs};
use tcpconf_suite::vocabulary::Capability;
use tcpconf_wire::Instant;

/// Cases longer than this are slow on a real target.
pub(crate) const SLOW_OVER: Duration = Duration::from_secs(70);

/// An instance over one IP version.
#[derive(Clone, Debug)]
pub(crate) struct Entry {
    /// The instance; its id says `ip=6` when it is also played over IPv4.
    pub(crate) instance: Instance,
    /// 4 or 6.
    pub(crate) ip: u8,
    /// Why it will not be played, if so.
    pub(crate) set_aside: Option<(Outcome, String)>,
}

impl Entry {
    /// Whether it needs `--slow` on a real target.
    pub(crate) fn is_slow(&self) -> bool {
        self.instance.needs.slow || self.instance.needs.duration > SLOW_OVER
    }

    /// The seed of this case, so that it plays alone as it plays in a run; each attempt has its own.
    pub(crate) fn seed(&self, run: u64, attempt: u32) -> u64 {
        let mut hash = 0xcbf2_9ce4_8422_2325_u64; // FNV-1a
        for byte in self.instance.id.bytes() {
            hash = (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3);
        }
        split_mix(hash ^ split_mix(run.wrapping_add(u64::from(attempt - 1) << 32)))
    }

    /// How long it may take on a real target.
    pub(crate) fn real_limit(&self, options: &RunOptions) -> Duration {
        let needs = &self.instance.needs;
        options
            .timeout
            .or(needs.timeout)
            .unwrap_or(needs.duration * 2 + Duration::from_secs(30))
    }

    /// How long it may take in virtual time, where waiting costs nothing.
    pub(crate) fn virtual_limit(&self, options: &RunOptions) -> Duration {
        let needs = &self.instance.needs;
        options
            .timeout
            .or(needs.timeout)
            .unwrap_or(needs.duration * 4 + Duration::from_secs(3600))
    }

    /// The report of a case that was not played, or whose play says nothing.
    pub(crate) fn blank(&self, seed: u64, outcome: Outcome, reason: &str) -> CaseReport {
        let instance = &self.instance;
        CaseReport {
            id: instance.id.clone(),
            test: instance.test.clone(),
            title: instance.title.clone(),
            spec: instance.spec.clone(),
            verdict: Verdict {
                outcome,
                level: instance.level,
            },
            marks: Vec::new(),
            reason: Some(reason.to_owned()),
            duration: Duration::ZERO,
            started: Instant::ZERO,
            attempts: 0,
            failure: None,
            trace: Vec::new(),
            states: Vec::new(),
            findings: Vec::new(),
            judged: Vec::new(),
            seed,
            location: Location {
                file: instance.file.clone(),
                span: instance.span,
            },
        }
    }
}

/// The instances of a plan over the IP versions that are asked for; `offered` is what the target can
/// be reached over, its usual one first, and `application` what its application interface can do;
/// `why_not` says of what it cannot, why.
pub(crate) fn entries(
    plan: &[Instance],
    choice: Option<IpChoice>,
    offered: &[u8],
    application: Option<&[Capability]>,
    why_not: &dyn Fn(Capability) -> Option<&'static str>,
) -> Vec<Entry> {
    let mut entries = Vec::with_capacity(plan.len());
    for instance in plan {
        let only = instance.needs.ip;
        let versions: &[u8] = match (choice, only) {
            (None, Some(4)) | (Some(IpChoice::V4), _) | (Some(IpChoice::Both), Some(4)) => &[4],
            (None, Some(_)) | (Some(IpChoice::V6), _) | (Some(IpChoice::Both), Some(_)) => &[6],
            (None, None) => offered.get(..1).unwrap_or(&[4]),
            (Some(IpChoice::Both), None) => &[4, 6],
        };
        for &ip in versions {
            let set_aside = if only.is_some_and(|only| only != ip) {
                let only = only.unwrap_or(ip);
                Some((
                    Outcome::Skip,
                    format!("only over IPv{only}, and --ip says {ip}"),
                ))
            } else if !offered.contains(&ip) {
                Some((
                    Outcome::Unsupported,
                    format!("the target cannot be reached over IPv{ip}"),
                ))
            } else {
                missing(&instance.needs, application, why_not)
                    .map(|why| (Outcome::Unsupported, why))
            };
            let mut instance = instance.clone();
            if versions.len() > 1 && ip == 6 {
                instance.id = with_parameter(&instance.id, "ip=6");
            }
            entries.push(Entry {
                instance,
                ip,
                set_aside,
            });
        }
    }
    entries
}

/// What the target's application interface lacks for these needs.
fn missing(
    needs: &Needs,
    application: Option<&[Capability]>,
    why_not: &dyn Fn(Capability) -> Option<&'static str>,
) -> Option<String> {
    if !needs.app {
        return None;
    }
    let Some(offered) = application else {
        return Some("the target has no application interface".to_owned());
    };
    let lacking: Vec<String> = needs
        .calls
        .iter()
        .filter(|call| !offered.contains(call))
        .map(|call| match why_not(*call) {
            Some(why) => format!("app {call} ({why})"),
            None => format!("app {call}"),
        })
        .collect();
    (!lacking.is_empty()).then(|| {
        let lacking = lacking.join(", ");
        format!("the target's application interface has no {lacking}")
    })
}

/// `a/b` → `a/b[p]`, `a/b[x=1]` → `a/b[x=1,p]`.
fn with_parameter(id: &str, parameter: &str) -> String {
    match id.strip_suffix(']') {
        Some(open) => format!("{open},{parameter}]"),
        None => format!("{id}[{parameter}]"),
    }
}

/// A failure of the case that the run found, not the engine.
pub(crate) fn fail(report: &mut CaseReport, message: String) {
    report.verdict.outcome = Outcome::Fail;
    report.verdict.level = Level::Must;
    report.reason = None;
    report.marks.retain(|mark| *mark == Mark::Slow);
    report.failure = Some(tcpconf_engine::Failure {
        message,
        spec: report.spec.first().cloned(),
        location: vec![report.location.clone()],
        expected: None,
        actual: None,
        differences: Vec::new(),
    });
}

/// Spreads a counter over 64 bits (SplitMix64).
pub(crate) const fn split_mix(seed: u64) -> u64 {
    let mut z = seed.wrapping_add(0x9e37_79b9_7f4a_7c15);
    z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ (z >> 31)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::run::testing::instance;
    use rstest::rstest;
    use tcpconf_suite::vocabulary::Setting;

    #[rstest]
    #[case(None, None, &[4, 6], &["t/a:4"])]
    #[case(None, None, &[6], &["t/a:6"])]
    #[case(None, Some(6), &[4, 6], &["t/a:6"])]
    #[case(Some(IpChoice::Both), None, &[4, 6], &["t/a:4", "t/a[ip=6]:6"])]
    #[case(Some(IpChoice::Both), Some(6), &[4, 6], &["t/a:6"])]
    #[case(Some(IpChoice::V6), None, &[4, 6], &["t/a:6"])]
    #[case(Some(IpChoice::V4), Some(6), &[4, 6], &["t/a:4 Skip"])]
    #[case(Some(IpChoice::V6), None, &[4], &["t/a:6 Unsupported"])]
    fn ip_versions_follow_option_test_and_target(
        #[case] choice: Option<IpChoice>,
        #[case] only: Option<u8>,
        #[case] offered: &[u8],
        #[case] expected: &[&str],
    ) {
        let mut instance = instance("t/a");
        instance.needs.ip = only;
        let got: Vec<String> = entries(&[instance], choice, offered, None, &|_| None)
            .iter()
            .map(|e| match &e.set_aside {
                None => format!("{}:{}", e.instance.id, e.ip),
                Some((outcome, _)) => format!("{}:{} {outcome:?}", e.instance.id, e.ip),
            })
            .collect();
        assert_eq!(got, expected);
    }

    #[rstest]
    #[case(None, Some("the target has no application interface"))]
    #[case(
        Some(&[Capability::Send][..]),
        Some("the target's application interface has no app connect (no CONNECT), app set mss")
    )]
    #[case(Some(&Capability::ALL[..]), None)]
    fn what_the_application_interface_lacks_is_named(
        #[case] offered: Option<&[Capability]>,
        #[case] reason: Option<&str>,
    ) {
        let mut instance = instance("t/a");
        instance.needs.app = true;
        instance.needs.calls = [
            Capability::Send,
            Capability::Connect,
            Capability::Set(Setting::Mss),
        ]
        .into();
        let why_not = |call| (call == Capability::Connect).then_some("no CONNECT");
        let entries = entries(&[instance], None, &[4], offered, &why_not);
        let got = entries[0].set_aside.as_ref().map(|(_, why)| why.as_str());
        assert_eq!(got, reason);
    }

    #[test]
    fn a_parameter_is_added_to_ids_with_and_without_parameters() {
        assert_eq!(with_parameter("a/b", "ip=6"), "a/b[ip=6]");
        assert_eq!(with_parameter("a/b[x=1]", "ip=6"), "a/b[x=1,ip=6]");
    }

    #[test]
    fn seeds_differ_by_case_run_and_attempt() {
        let make = |id: &str| Entry {
            instance: instance(id),
            ip: 4,
            set_aside: None,
        };
        let seeds = [
            make("t/a").seed(1, 1),
            make("t/b").seed(1, 1),
            make("t/a").seed(2, 1),
            make("t/a").seed(1, 2),
        ];
        for (i, a) in seeds.iter().enumerate() {
            assert!(!seeds[..i].contains(a));
        }
        assert_eq!(seeds[0], make("t/a").seed(1, 1));
    }
}
