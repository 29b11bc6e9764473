//! tcpconf.toml: defaults for flags, by their long names.
//!
//! A setting becomes the default of the flag that has its name, so that clap keeps the order
//! flag > environment > file > default, and no flag is declared twice.

use crate::failure::Failure;
use clap::{Arg, Command};
use std::io::ErrorKind;
use std::path::Path;
use toml::Value;

/// In the current folder.
pub(crate) const FILE: &str = "tcpconf.toml";

/// `command` with the file's settings as defaults.
///
/// # Errors
/// When the file cannot be read, or a setting is unknown or has a value that its flag does not take.
pub(crate) fn apply(command: Command, path: &Path) -> Result<Command, Failure> {
    let text = match std::fs::read_to_string(path) {
        Ok(text) => text,
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(command),
        Err(error) => {
            return Err(Failure::usage(format!(
                "{} cannot be read: {error}",
                path.display()
            )));
        }
    };
    let table: toml::Table = toml::from_str(&text)
        .map_err(|error| Failure::usage(format!("{}: {error}", path.display())))?;
    let known = known(&command);
    let mut command = command;
    for (key, value) in &table {
        let name = key.replace('_', "-");
        if !known.contains(&name) {
            let message = format!("{}: unknown setting '{key}'", path.display());
            return Err(Failure::usage(message).suggest(&name, known.iter().map(String::as_str)));
        }
        let values = words(value).ok_or_else(|| {
            let what = "is neither a string, a number, a boolean nor a list of them";
            Failure::usage(format!("{}: {key} {what}", path.display()))
        })?;
        command = set(command, &name, &values, path)?;
    }
    Ok(command)
}

/// Whether the flag says how things are done, not what: it may also stand in the environment, and so in the file.
fn is_setting(arg: &Arg) -> bool {
    arg.get_env().is_some()
}

/// Long names of flags that may stand in the file.
fn known(command: &Command) -> Vec<String> {
    let commands = std::iter::once(command).chain(command.get_subcommands());
    let mut names: Vec<String> = commands
        .flat_map(Command::get_arguments)
        .filter(|arg| is_setting(arg))
        .filter_map(Arg::get_long)
        .map(str::to_owned)
        .collect();
    names.sort();
    names.dedup();
    names
}

fn words(value: &Value) -> Option<Vec<String>> {
    match value {
        Value::String(text) => Some(vec![text.clone()]),
        Value::Integer(number) => Some(vec![number.to_string()]),
        Value::Boolean(flag) => Some(vec![flag.to_string()]),
        Value::Array(values) => {
            let nested: Option<Vec<_>> = values.iter().map(words).collect();
            Some(nested?.into_iter().flatten().collect())
        }
        Value::Float(_) | Value::Datetime(_) | Value::Table(_) => None,
    }
}

/// Gives every setting of this name the default.
fn set(command: Command, name: &str, values: &[String], path: &Path) -> Result<Command, Failure> {
    let mut command = set_here(command, name, values, path)?;
    let below: Vec<String> = command
        .get_subcommands()
        .map(|sub| sub.get_name().to_owned())
        .collect();
    for sub in below {
        let mut error = None;
        command = command.mut_subcommand(sub, |sub| {
            set_here(sub.clone(), name, values, path).unwrap_or_else(|failure| {
                error = Some(failure);
                sub
            })
        });
        if let Some(failure) = error {
            return Err(failure);
        }
    }
    Ok(command)
}

fn set_here(
    command: Command,
    name: &str,
    values: &[String],
    path: &Path,
) -> Result<Command, Failure> {
    let Some(arg) = command
        .get_arguments()
        .find(|arg| arg.get_long() == Some(name) && is_setting(arg))
    else {
        return Ok(command);
    };
    let id = arg.get_id().clone();
    // clap checks a default only when it is used, and would not name the file.
    let probe = Command::new("tcpconf").no_binary_name(true).arg(
        arg.clone()
            .env(None::<&str>)
            .default_values(values.to_vec())
            .global(false),
    );
    if let Err(error) = probe.try_get_matches_from(std::iter::empty::<&str>()) {
        let text = error.to_string();
        let line = text.lines().next().unwrap_or_default();
        let message = line.strip_prefix("error: ").unwrap_or(line);
        return Err(Failure::usage(format!("{}: {message}", path.display())));
    }
    let values = values.to_vec();
    Ok(command.mut_arg(id, |arg| arg.default_values(values)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::args::{Cli, Command as Asked, RunArgs, command};
    use clap::FromArgMatches;
    use rstest::rstest;

    fn parse(toml: &str, args: &[&str]) -> Result<RunArgs, Failure> {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join(FILE);
        std::fs::write(&file, toml).unwrap();
        let mut command = apply(command(), &file)?;
        let words = ["tcpconf", "run", "suites"].iter().chain(args);
        let matches = command.try_get_matches_from_mut(words).unwrap();
        match Cli::from_arg_matches(&matches).unwrap().command {
            Asked::Run(run) => Ok(*run),
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn setting_is_a_default_that_a_flag_beats() {
        let toml = "target = 'kernel'\nstrict = true\njobs = 3\nservice = ['echo=7', 'sink=9']";
        let run = parse(toml, &[]).unwrap();
        assert_eq!(run.target.target, "kernel");
        assert!(run.pace.strict);
        assert_eq!(run.pace.jobs, Some(3));
        assert_eq!(run.target.service.len(), 2);
        assert_eq!(
            parse(toml, &["--target", "stack"]).unwrap().target.target,
            "stack"
        );
    }

    #[rstest]
    #[case(
        "tarhet = 'kernel'",
        "unknown setting 'tarhet'",
        Some("did you mean 'target'?")
    )]
    #[case(
        "jobs = 'many'",
        "invalid value 'many' for '--jobs <N>': not a number of cases",
        None
    )]
    #[case(
        "jobs = 1.5",
        "jobs is neither a string, a number, a boolean nor a list of them",
        None
    )]
    #[case("filter = 'x'", "unknown setting 'filter'", None)]
    #[case("listen = '127.0.0.1:1'", "unknown setting 'listen'", None)]
    fn wrong_settings_are_named(
        #[case] toml: &str,
        #[case] message: &str,
        #[case] help: Option<&str>,
    ) {
        let failure = parse(toml, &[]).unwrap_err();
        assert_eq!(failure.code, 2);
        assert!(failure.message.ends_with(message), "{}", failure.message);
        if help.is_some() {
            assert_eq!(failure.help.as_deref(), help);
        }
    }

    /// `--html` of a run may stand in the file; that of `report` must be given, and `coverage` writes none.
    #[test]
    fn a_setting_is_none_of_commands_whose_flag_only_has_its_name() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join(FILE);
        std::fs::write(&file, "html = 'out'\ntarget = 'kernel'").unwrap();
        let mut command = apply(command(), &file).unwrap();
        let coverage = command
            .try_get_matches_from_mut(["tcpconf", "coverage"])
            .unwrap();
        match Cli::from_arg_matches(&coverage).unwrap().command {
            Asked::Coverage(args) => assert_eq!((args.html, args.target), (None, None)),
            other => panic!("{other:?}"),
        }
        let report = command.try_get_matches_from_mut(["tcpconf", "report", "a.jsonl"]);
        assert!(report.is_err());
    }

    #[rstest]
    #[case("strict = 1")]
    #[case("strict = 'yes'")]
    #[case("strict = true")]
    fn switches_are_on_by_every_usual_word(#[case] toml: &str) {
        assert!(parse(toml, &[]).unwrap().pace.strict);
    }

    #[test]
    fn broken_toml_shows_its_place() {
        let failure = parse("target = ", &[]).unwrap_err();
        assert!(failure.message.contains("line 1"), "{}", failure.message);
    }
}
