//! `tcpconf explain`: what an RFC asks and who checks it; what a test does.

use super::{colour_on_stderr, coverage, list, print};
use crate::args::ExplainArgs;
use crate::failure::Failure;
use crate::library::{self, Library};
use crate::profile;
use std::fmt::Write as _;
use tcpconf_engine::{Claim, Expectation, Expected, Invariant, Profile};
use tcpconf_report::coverage::Coverage;
use tcpconf_suite::diagnostic::line_column;
use tcpconf_suite::{Instance, Plan, Requirement, Requirements};

/// Instances listed for a test.
const MOST_INSTANCES: usize = 20;

pub(super) fn explain(args: &ExplainArgs) -> Result<u8, Failure> {
    // Only an instance that is named is looked for among those that are not played by default.
    let library = Library::find(&args.paths)?.exhaustive(args.id.ends_with(']'));
    let plan = library.plan(false, colour_on_stderr())?;
    if let Some(known) = library.requirements.find(&args.id) {
        let coverage = coverage::of(&library, &plan, None);
        print(&requirement(known, &plan, &coverage))?;
        return Ok(0);
    }
    let named = |i: &&Invariant| args.id == format!("invariant/{}", i.name);
    if let Some(known) = tcpconf_engine::invariants().iter().find(named) {
        print(&invariant(known, &library.requirements))?;
        return Ok(0);
    }
    let wanted = |i: &&Instance| i.test == args.id || i.id == args.id;
    let instances: Vec<&Instance> = plan.instances.iter().filter(wanted).collect();
    if instances.is_empty() {
        return Err(unknown(&args.id, &plan, &library.requirements));
    }
    let profiles = profiles(args)?;
    print(&test(&instances, &library.requirements, &profiles))?;
    Ok(0)
}

/// The profile that was named, else all that are shipped.
fn profiles(args: &ExplainArgs) -> Result<Vec<Profile>, Failure> {
    match &args.profile.profile {
        Some(name) => Ok(vec![profile::find(name)?]),
        None => library::profile_names()
            .iter()
            .map(|name| profile::find(name))
            .collect(),
    }
}

fn unknown(id: &str, plan: &Plan, requirements: &Requirements) -> Failure {
    let failure = Failure::usage(format!("'{id}' is neither a test nor a requirement"));
    let tests = plan.instances.iter().map(|instance| instance.test.as_str());
    // Without its folder, or nearly so.
    let of_a_folder = tests
        .clone()
        .find(|test| test.split('/').nth(1) == Some(id));
    let near = of_a_folder.or(tcpconf_wire::notation::nearest(id, tests));
    match if id.contains('/') || of_a_folder.is_some() {
        near
    } else {
        requirements.nearest(id).or(near)
    } {
        Some(near) => failure.help(format!("did you mean '{near}'?")),
        None => failure.help("tests are listed by: tcpconf list suites"),
    }
}

fn requirement(requirement: &Requirement, plan: &Plan, coverage: &Coverage) -> String {
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
    if let Some(known) = coverage
        .requirements
        .iter()
        .find(|r| r.id == requirement.id)
    {
        let why = known.why.iter().map(|why| format!(": {why}"));
        let status = std::iter::once(known.status.name().to_owned()).chain(why);
        pair("coverage", &Some(status.collect()));
    }
    let mut tests: Vec<(&str, &str)> = plan
        .instances
        .iter()
        .filter(|instance| instance.spec.contains(&requirement.id))
        .map(|instance| (instance.test.as_str(), instance.title.as_str()))
        .collect();
    tests.dedup();
    let invariants: Vec<&Invariant> = tcpconf_engine::invariants()
        .iter()
        .filter(|invariant| invariant.spec.contains(&requirement.id.as_str()))
        .collect();
    if tests.is_empty() && invariants.is_empty() {
        line(&mut out, "  no test cites it");
    }
    for invariant in invariants {
        let text = format!(
            "  invariant  invariant/{}: {}",
            invariant.name, invariant.title
        );
        line(&mut out, &text);
    }
    for (test, title) in tests {
        line(&mut out, &format!("  test       {test}: {title}"));
    }
    out
}

fn test(instances: &[&Instance], requirements: &Requirements, profiles: &[Profile]) -> String {
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
        citation(&mut out, id, requirements);
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
    for profile in profiles {
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

fn invariant(invariant: &Invariant, requirements: &Requirements) -> String {
    let mut out = String::new();
    line(
        &mut out,
        &format!("invariant/{}: {}", invariant.name, invariant.title),
    );
    for id in invariant.spec {
        citation(&mut out, id, requirements);
    }
    line(
        &mut out,
        "  judged on every segment of the target, in every case",
    );
    out
}

/// A requirement's id with what it asks.
fn citation(out: &mut String, id: &str, requirements: &Requirements) {
    let Some(known) = requirements.find(id) else {
        return line(out, &format!("  {id}"));
    };
    let level = known.level.name();
    line(
        out,
        &format!("  {id}  RFC {} §{}  {level}", known.rfc, known.section),
    );
    line(out, &format!("      {}", known.summary));
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
    let mut expected: Vec<(&Expectation, Vec<&str>)> = Vec::new();
    for instance in instances {
        let Some(entry) = profile.expectation(&instance.id) else {
            continue;
        };
        match expected.iter_mut().find(|(known, _)| *known == entry) {
            Some((_, ids)) => ids.push(&instance.id),
            None => expected.push((entry, vec![&instance.id])),
        }
    }
    if expected.is_empty() {
        line(out, &format!("  {:9}  a pass is expected", profile.name));
    }
    for (entry, ids) in expected {
        let which = match ids[..] {
            _ if ids.len() == instances.len() => "it".to_owned(),
            [id] => id.to_owned(),
            _ => format!("{} instances, {} the first,", ids.len(), ids[0]),
        };
        let verb = if which.ends_with(',') { "are" } else { "is" };
        let what = match entry.outcome {
            Expected::Fail => "expected to fail",
            Expected::Any => "expected to pass or to fail",
        };
        let head = format!("  {:9}  {which} {verb} {what}", profile.name);
        line(out, &format!("{head}: {}", entry.reason));
        if let Some(reference) = &entry.reference {
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
