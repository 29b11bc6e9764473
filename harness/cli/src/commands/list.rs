//! `tcpconf list`: tests, what they cite and need.

use super::{colour_on_stderr, plural, print};
use crate::args::ListArgs;
use crate::failure::{EXIT_NOTHING_SELECTED, Failure};
use crate::library::Library;
use crate::selection::select;
use serde_json::{Value, json};
use std::fmt::Write as _;
use std::time::Duration;
use tcpconf_suite::{Instance, Needs};

/// A test that takes longer on a real target is worth a word.
const LONG: Duration = Duration::from_secs(10);

pub(super) fn list(args: &ListArgs) -> Result<u8, Failure> {
    let plan = Library::find(&args.selection.paths)?
        .exhaustive(args.selection.exhaustive)
        .plan(false, colour_on_stderr())?;
    let instances = select(plan, &args.selection)?;
    if args.json {
        let objects: Vec<Value> = instances.iter().map(object).collect();
        let text = serde_json::to_string_pretty(&objects).expect("strings and numbers serialize");
        print(&(text + "\n"))?;
    } else {
        print(&table(&instances))?;
    }
    Ok(if instances.is_empty() {
        EXIT_NOTHING_SELECTED
    } else {
        0
    })
}

fn object(instance: &Instance) -> Value {
    let needs = &instance.needs;
    json!({
        "id": instance.id,
        "test": instance.test,
        "title": instance.title,
        "level": level(instance).to_lowercase(),
        "requirements": instance.spec,
        "also": instance.also.iter().map(|(id, _)| id).collect::<Vec<_>>(),
        "file": instance.file.path,
        "needs": {
            "service": needs.service,
            "app": needs.app,
            "features": needs.features,
            "exclusive": needs.exclusive,
            "slow": needs.slow,
            "ip": needs.ip,
            "half_open": needs.half_open,
            "backlog": needs.backlog,
            "duration_ms": u64::try_from(needs.duration.as_millis()).unwrap_or(u64::MAX),
        },
    })
}

/// Test, level, instances, needs; a line a test.
fn table(instances: &[Instance]) -> String {
    let mut rows = vec![["TEST", "LEVEL", "INSTANCES", "NEEDS"].map(str::to_owned)];
    let tests = instances.chunk_by(|a, b| a.test == b.test);
    for test in tests {
        let mut all: Vec<String> = Vec::new();
        for need in test.iter().flat_map(|instance| words(&instance.needs)) {
            if !all.contains(&need) {
                all.push(need);
            }
        }
        let mut levels: Vec<String> = test.iter().map(level).collect();
        levels.sort();
        levels.dedup();
        let count = test.len().to_string();
        rows.push([test[0].test.clone(), levels.join("/"), count, all.join(" ")]);
    }
    let tests = rows.len() - 1;
    let width = |column: usize| {
        rows.iter()
            .map(|row| row[column].len())
            .max()
            .unwrap_or_default()
    };
    let (first, second, third) = (width(0), width(1), width(2));
    let mut out = String::new();
    for [test, level, count, needs] in &rows {
        let line = format!("{test:first$}  {level:second$}  {count:>third$}  {needs}");
        writeln!(out, "{}", line.trim_end()).expect("a String takes everything");
    }
    let (tests, instances) = (plural(tests, "test"), plural(instances.len(), "instance"));
    writeln!(out, "{tests}, {instances}").expect("a String takes everything");
    out
}

/// What a test needs besides a listener, a word each.
pub(super) fn words(needs: &Needs) -> Vec<String> {
    let mut words = Vec::new();
    if needs.app {
        words.push("app".to_owned());
    } else if needs.service != "listen" {
        words.push(format!("service:{}", needs.service));
    }
    words.extend(needs.features.iter().cloned());
    words.extend(needs.ip.map(|ip| format!("ip{ip}")));
    words.extend(needs.backlog.map(|backlog| format!("backlog:{backlog}")));
    if needs.exclusive {
        words.push("exclusive".into());
    }
    if needs.slow {
        words.push("slow".into());
    }
    if needs.duration > LONG {
        words.push(format!("{}s", needs.duration.as_secs()));
    }
    words
}

fn level(instance: &Instance) -> String {
    format!("{:?}", instance.level).to_uppercase()
}
