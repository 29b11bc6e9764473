//! Which profile a run uses.

use crate::args::Service;
use crate::failure::Failure;
use crate::library;
use std::path::Path;
use tcpconf_engine::Profile;

/// The profile of that name: a shipped one, or a .toml file.
pub(crate) fn find(name: &str) -> Result<Profile, Failure> {
    if let Some(text) = library::profile_text(name) {
        return read(&format!("suites/targets/{name}.toml"), text);
    }
    let path = Path::new(name);
    if path
        .extension()
        .is_some_and(|extension| extension == "toml")
    {
        let text = std::fs::read_to_string(path)
            .map_err(|error| Failure::usage(format!("profile {name} cannot be read: {error}")))?;
        return read(name, &text);
    }
    let names = library::profile_names();
    Err(Failure::usage(format!("no profile '{name}'"))
        .suggest(name, names.iter().map(String::as_str)))
}

/// Adds what the command line says of services.
pub(crate) fn with_services(mut profile: Profile, services: &[Service]) -> Profile {
    for service in services {
        profile.services.insert(service.name.clone(), service.port);
    }
    profile
}

fn read(path: &str, text: &str) -> Result<Profile, Failure> {
    Profile::from_toml(text).map_err(|error| Failure::usage(format!("{path}: {error}")))
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
    fn unknown_profile_is_suggested() {
        let failure = find("linx").unwrap_err();
        assert_eq!(failure.help.as_deref(), Some("did you mean 'linux'?"));
    }
}
