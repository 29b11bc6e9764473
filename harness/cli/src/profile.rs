//! Which profile a run uses.

use crate::args::Service;
use crate::failure::Failure;
use crate::library;
use std::io::ErrorKind;
use std::path::Path;
use tcpconf_engine::{Profile, ProfileError};

/// Names a file of targets instead of [`FILE`].
const TARGETS: &str = "TCPCONF_TARGETS";
/// The user's targets, in the current folder.
pub(crate) const FILE: &str = "targets.toml";

/// The profile of that name: a shipped one, one of the user's targets, or a .toml file.
pub(crate) fn find(name: &str) -> Result<Profile, Failure> {
    if let Some(text) = library::profile_text(name) {
        return read(&format!("suites/targets/{name}.toml"), text, None);
    }
    if let Some(profile) = user_target(name)? {
        return Ok(profile);
    }
    let path = Path::new(name);
    if path
        .extension()
        .is_some_and(|extension| extension == "toml")
    {
        let text = std::fs::read_to_string(path)
            .map_err(|error| Failure::usage(format!("profile {name} cannot be read: {error}")))?;
        let mut profile = read(name, &text, None)?;
        if profile.name.is_empty() {
            let stem = path.file_stem().unwrap_or_default();
            profile.name = stem.to_string_lossy().into_owned();
        }
        return Ok(profile);
    }
    let mut names = library::profile_names();
    names.extend(user_targets());
    Err(Failure::usage(format!("no profile '{name}'"))
        .suggest(name, names.iter().map(String::as_str)))
}

/// The target of that name, if it says where it is or how it is started: one of the user's, else a
/// shipped one.
pub(crate) fn target(name: &str) -> Result<Option<Profile>, Failure> {
    if let Some(profile) = user_target(name)? {
        return Ok(Some(profile));
    }
    let Some(text) = library::profile_text(name) else {
        return Ok(None);
    };
    let profile = read(&format!("suites/targets/{name}.toml"), text, None)?;
    let can_be_reached =
        profile.address.is_some() || !profile.exec.is_empty() || profile.transport.is_some();
    Ok(can_be_reached.then_some(profile))
}

/// Names of the user's targets; none when their file cannot be read.
pub(crate) fn user_targets() -> Vec<String> {
    let text = user_file().ok().flatten().map(|(_, text)| text);
    let all = text.and_then(|text| Profile::all_from_toml(&text).ok());
    all.into_iter().flatten().map(|(name, _)| name).collect()
}

/// Built-in targets and addresses are not looked up in the user's file: a table of that name would change nothing.
///
/// # Errors
/// There is such a table.
pub(crate) fn not_described(name: &str) -> Result<(), Failure> {
    if user_targets().iter().any(|target| target == name) {
        let path = std::env::var(TARGETS).unwrap_or_else(|_| FILE.to_owned());
        let message =
            format!("{path}: [{name}] is never used: --target {name} is not looked up there");
        return Err(Failure::usage(message).help("give the table another name"));
    }
    Ok(())
}

fn user_target(name: &str) -> Result<Option<Profile>, Failure> {
    let Some((path, text)) = user_file()? else {
        return Ok(None);
    };
    let all = Profile::all_from_toml(&text).map_err(|e| explained(&path, &text, &e))?;
    if !all.contains_key(name) {
        return Ok(None);
    }
    read(&path, &text, Some(name)).map(Some)
}

/// Path and text of the user's targets.
fn user_file() -> Result<Option<(String, String)>, Failure> {
    let named = std::env::var(TARGETS).ok();
    let path = named.clone().unwrap_or_else(|| FILE.to_owned());
    match std::fs::read_to_string(&path) {
        Ok(text) => Ok(Some((path, text))),
        Err(error) if error.kind() == ErrorKind::NotFound && named.is_none() => Ok(None),
        Err(error) => Err(Failure::usage(format!("{path} cannot be read: {error}"))),
    }
}

/// Adds what the command line says of services.
pub(crate) fn with_services(mut profile: Profile, services: &[Service]) -> Profile {
    for service in services {
        profile.services.insert(service.name.clone(), service.port);
    }
    profile
}

/// Reads a profile, or the `table` of a file of targets, on top of the one that it names as its base.
fn read(path: &str, text: &str, table: Option<&str>) -> Result<Profile, Failure> {
    let explain = |error: ProfileError| explained(path, text, &error);
    let profile = match table {
        None => Profile::from_toml(text).map_err(explain)?,
        Some(name) => {
            let mut all = Profile::all_from_toml(text).map_err(explain)?;
            all.remove(name).unwrap_or_else(Profile::generic)
        }
    };
    let Some(base) = &profile.profile else {
        return Ok(profile);
    };
    let names = library::profile_names();
    let below = library::profile_text(base).ok_or_else(|| {
        Failure::usage(format!("{path}: no shipped profile '{base}'"))
            .suggest(base, names.iter().map(String::as_str))
    })?;
    Profile::on_top_of(below, text, table).map_err(explain)
}

/// The error with its line and a caret.
fn explained(path: &str, text: &str, error: &ProfileError) -> Failure {
    let caret = tcpconf_suite::diagnostic::caret(path, text, error.span.clone(), &error.message);
    Failure {
        help: error.help.clone(),
        ..Failure::usage(caret)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use tcpconf_suite::vocabulary::{FEATURES, SERVICES, has};

    #[test]
    fn shipped_profiles_are_read_and_name_only_what_there_is() {
        for name in library::profile_names() {
            let profile = find(&name).unwrap();
            assert_eq!(profile.name, name);
            for feature in profile.features.keys() {
                assert!(has(FEATURES, feature), "{name}: {feature}");
            }
            for service in profile.services.keys() {
                assert!(has(SERVICES, service), "{name}: {service}");
            }
        }
    }

    #[test]
    fn generic_profile_is_the_engines() {
        assert_eq!(find("generic").unwrap(), Profile::generic());
    }

    #[test]
    fn an_error_shows_its_line_and_what_would_be_right() {
        let text = "name = \"x\"\n[features]\nsakc = \"yes\"\n";
        let failure = read("x.toml", text, None).unwrap_err();
        assert_eq!(
            failure.message,
            "unknown feature `sakc`\n --> x.toml:3:1\n  |\n3 | sakc = \"yes\"\n  | ^^^^"
        );
        assert_eq!(failure.help.as_deref(), Some("did you mean 'sack'?"));
    }

    #[test]
    fn a_profile_on_top_of_a_shipped_one_has_its_features() {
        let text = "[mine]\nprofile = \"linux\"\n[mine.features]\necn = \"no\"\n";
        let profile = read("targets.toml", text, Some("mine")).unwrap();
        let linux = find("linux").unwrap();
        assert_eq!(profile.name, "mine");
        assert_eq!(profile.features["sack"], linux.features["sack"]);
        assert_ne!(profile.features["ecn"], linux.features["ecn"]);
        let unknown = read("t", "[a]\nprofile = \"linx\"\n", Some("a")).unwrap_err();
        assert_eq!(unknown.help.as_deref(), Some("did you mean 'linux'?"));
    }

    #[test]
    fn a_file_without_a_name_is_called_after_itself() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("router.toml");
        std::fs::write(&file, "[features]\nsack = \"yes\"\n").unwrap();
        assert_eq!(find(file.to_str().unwrap()).unwrap().name, "router");
    }

    #[test]
    fn unknown_profile_is_suggested() {
        let failure = find("linx").unwrap_err();
        assert_eq!(failure.help.as_deref(), Some("did you mean 'linux'?"));
    }
}
