use super::*;
use tcpconf_suite::plan::Needs;
use tcpconf_target::StackTarget;

/// The built-in stack as somebody's own.
fn stack(case: &Case<'_>) -> Result<Box<dyn Endpoint>, String> {
    let ip = if case.lease.target.is_ipv4() { 4 } else { 6 };
    let opened = StackTarget::default().open(case.seed, case.needs, ip);
    let (endpoint, lease) = opened.map_err(|error| error.to_string())?;
    assert_eq!(lease.target, case.lease.target, "one for every stack");
    Ok(endpoint)
}

fn suites() -> Suites {
    Suites::shipped().unwrap().only("handshake/rst")
}

#[test]
fn a_sound_stack_is_as_expected_and_the_report_says_how_many_cases_there_were() {
    let suites = suites();
    let profile = suites.profile("stack").unwrap();
    let outcome = run_in_process("mine", &suites, profile, stack);
    assert!(outcome.ok(), "{outcome}");
    assert!(
        outcome.to_string().contains("against mine (profile stack)"),
        "{outcome}"
    );
}

#[test]
fn a_stack_that_is_refused_everywhere_is_not_ok() {
    let refuse = |_: &Case<'_>| Err("not today".to_owned());
    let outcome = run_in_process("none", &suites(), Profile::generic(), refuse);
    assert!(!outcome.ok(), "{outcome}");
    assert!(outcome.report().contains("not today"), "{outcome}");
}

#[test]
fn a_stack_that_does_not_listen_breaks_the_run() {
    let deaf = |case: &Case<'_>| {
        let needs = &Needs {
            service: "closed".to_owned(),
            ..Needs::default()
        };
        stack(&Case { needs, ..*case })
    };
    let outcome = run_in_process("deaf", &suites(), Profile::generic(), deaf);
    assert!(!outcome.ok(), "{outcome}");
    assert!(outcome.summary.broken.is_some(), "{:?}", outcome.summary);
    assert!(outcome.report().contains("deaf"), "{outcome}");
}
