//! `tcpconf explain`: what an RFC asks and who checks it; what a test does.

use super::{colour_on_stderr, list, print};
use crate::args::ExplainArgs;
use crate::failure::Failure;
use crate::library::Library;
use crate::profile;
use std::fmt::Write as _;
use tcpconf_engine::{Claim, Profile};
use tcpconf_suite::diagnostic::line_column;
use tcpconf_suite::{Instance, Plan, Requirement, Requirements};

/// Instances listed for a test.
const MOST_INSTANCES: usize = 20;

pub(super) fn explain(args: &ExplainArgs) -> Result<u8, Failure> {
    let library = Library::find(&args.paths)?;
    let plan = library.plan(false, colour_on_stderr())?;
    if let Some(known) = library.requirements.find(&args.id) {
        print(&requirement(known, &plan))?;
        return Ok(0);
    }
    let wanted = |i: &&Instance| i.test == args.id || i.id == args.id;
    let instances: Vec<&Instance> = plan.instances.iter().filter(wanted).collect();
    if instances.is_empty() {
        return Err(unknown(&args.id, &plan, &library.requirements));
    }
    let profile = args
        .profile
        .profile
        .as_deref()
        .map(profile::find)
        .transpose()?;
    print(&test(&instances, &library.requirements, profile.as_ref()))?;
    Ok(0)
}

fn unknown(id: &str, plan: &Plan, requirements: &Requirements) -> Failure {
    let failure = Failure::usage(format!("'{id}' is neither a test nor a requirement"));
    let tests = plan.instances.iter().map(|instance| instance.test.as_str());
    let near = tcpconf_wire::notation::nearest(id, tests);
    match if id.contains('/') {
        near
    } else {
        requirements.nearest(id).or(near)
    } {
        Some(near) => failure.help(format!("did you mean '{near}'?")),
        None => failure.help("tests are listed by: tcpconf list suites"),
    }
}

fn requirement(requirement: &Requirement, plan: &Plan) -> String {
    let mut out = String::new();
    line(
        &mut out,
        &format!(
            "{}  RFC {} §{}  {}",
            requirement.id,
            requirement.rfc,
            requirement.section,
            requirement.level.name()
        ),
    );
    line(&mut out, &format!("  {}", requirement.summary));
    let mut pair = |key: &str, value: &Option<String>| {
        if let Some(value) = value {
            line(&mut out, &format!("  {key:11}{value}"));
        }
    };
    pair("probe", &requirement.probe);
    pair("note", &requirement.note);
    pair("applies if", &requirement.applies_if);
    pair("state", &requirement.state);
    pair("event", &requirement.event);
    pair("topic", &Some(requirement.topic.clone()));
    let seen = format!("{:?}", requirement.observable).to_lowercase();
    pair(
        "visible",
        &Some(format!("{seen}, service {}", requirement.service)),
    );
    let mut tests: Vec<(&str, &str)> = plan
        .instances
        .iter()
        .filter(|instance| instance.spec.contains(&requirement.id))
        .map(|instance| (instance.test.as_str(), instance.title.as_str()))
        .collect();
    tests.dedup();
    if tests.is_empty() {
        line(&mut out, "  no test cites it");
    }
    for (test, title) in tests {
        line(&mut out, &format!("  test       {test}: {title}"));
    }
    out
}

fn test(instances: &[&Instance], requirements: &Requirements, profile: Option<&Profile>) -> String {
    let first = instances[0];
    let mut out = String::new();
    line(&mut out, &format!("{}: {}", first.test, first.title));
    let mut cited: Vec<&str> = instances
        .iter()
        .flat_map(|instance| &instance.spec)
        .map(String::as_str)
        .collect();
    let mut seen = std::collections::BTreeSet::new();
    cited.retain(|id| seen.insert(*id));
    for id in cited {
        match requirements.find(id) {
            Some(r) => {
                let head = format!("  {id}  RFC {} §{}  {}", r.rfc, r.section, r.level.name());
                line(&mut out, &head);
                line(&mut out, &format!("      {}", r.summary));
            }
            None => line(&mut out, &format!("  {id}")),
        }
    }
    let also: Vec<&str> = first.also.iter().map(|(id, _)| id.as_str()).collect();
    if !also.is_empty() {
        line(&mut out, &format!("  also       {}", also.join(" ")));
    }
    let needs = list::words(&first.needs);
    let needs = if needs.is_empty() {
        "a listener".to_owned()
    } else {
        needs.join(" ")
    };
    line(&mut out, &format!("  needs      {needs}"));
    if let Some(profile) = profile {
        expectation(&mut out, instances, profile);
    }
    if instances.len() > 1 {
        line(&mut out, &format!("  instances  {}", instances.len()));
        for instance in instances.iter().take(MOST_INSTANCES) {
            line(&mut out, &format!("    {}", instance.id));
        }
        if instances.len() > MOST_INSTANCES {
            line(
                &mut out,
                &format!("    and {} more", instances.len() - MOST_INSTANCES),
            );
        }
    }
    steps(&mut out, first);
    out
}

/// What the profile says of it.
fn expectation(out: &mut String, instances: &[&Instance], profile: &Profile) {
    for feature in &instances[0].needs.features {
        let claim = match profile.claim(feature) {
            Claim::Yes => "claimed",
            Claim::No => "not claimed: the test is unsupported",
            Claim::Unknown => "unknown: a failure is information",
        };
        line(
            out,
            &format!("  {:9}  feature {feature} is {claim}", profile.name),
        );
    }
    let expected: Vec<_> = instances
        .iter()
        .filter_map(|instance| Some((instance, profile.expectation(&instance.id)?)))
        .collect();
    if expected.is_empty() {
        line(out, &format!("  {:9}  a pass is expected", profile.name));
    }
    for (instance, expectation) in expected {
        let head = format!("  {:9}  {} is expected to fail", profile.name, instance.id);
        line(out, &format!("{head}: {}", expectation.reason));
        if let Some(reference) = &expectation.reference {
            line(out, &format!("             {reference}"));
        }
    }
}

/// The test as it stands in its file.
fn steps(out: &mut String, instance: &Instance) {
    let text = &instance.file.text;
    let (number, _) = line_column(text, instance.span.start);
    line(out, &format!("  {}:{number}", instance.file.path));
    let body = text
        .get(instance.span.start..instance.span.end)
        .unwrap_or_default();
    for (offset, source) in body.lines().enumerate() {
        line(out, &format!("{:>6} | {source}", number + offset));
    }
}

fn line(out: &mut String, text: &str) {
    writeln!(out, "{}", tcpconf_report::printable(text).trim_end())
        .expect("a String takes everything");
}
