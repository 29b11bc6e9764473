//! What the binary carries: suites/, as it was when it was built.

use crate::failure::Failure;
use include_dir::{Dir, File, include_dir};
use std::path::Path;
use tcpconf_suite::SourceFile;

static SUITES: Dir<'_> = include_dir!("$CARGO_MANIFEST_DIR/../../suites");

/// The name under which the shipped files are shown.
const ROOT: &str = "suites";
/// Folders that hold no suites.
const NO_TOPICS: [&str; 3] = ["fixtures", "snapshots", "targets"];

/// `handshake`, `suites/handshake`, `handshake/open.tcpt` or `suites`.
pub(super) fn find(name: &str) -> Result<Vec<SourceFile>, Failure> {
    let wanted = name.trim_start_matches("./").trim_end_matches('/');
    let wanted = wanted
        .strip_prefix(ROOT)
        .map_or(wanted, |rest| rest.trim_start_matches('/'));
    let mut files = Vec::new();
    if wanted.is_empty() {
        for topic in topics() {
            collect(topic, &mut files);
        }
    } else if NO_TOPICS.contains(&wanted) {
        return Err(Failure::usage(format!("suites/{wanted} holds no suites")));
    } else if let Some(topic) = SUITES.get_dir(wanted) {
        collect(topic, &mut files);
    } else if let Some(file) = SUITES.get_file(wanted).filter(|file| is_suite(file)) {
        files.extend(source(file));
    } else {
        let names: Vec<String> = topics()
            .map(|topic| topic.path().display().to_string())
            .collect();
        let last = wanted.rsplit('/').next().unwrap_or(wanted);
        return Err(Failure::usage(format!(
            "no suite '{name}': it is neither on disk nor shipped"
        ))
        .suggest(last, names.iter().map(String::as_str)));
    }
    Ok(files)
}

/// suites/fixtures.
pub(super) fn fixtures() -> Vec<SourceFile> {
    let mut files = Vec::new();
    if let Some(folder) = SUITES.get_dir("fixtures") {
        collect(folder, &mut files);
    }
    files
}

/// Path and text of a file of suites/ that is no suite: requirements.toml.
pub(super) fn data(name: &str) -> (String, String) {
    let text = SUITES
        .get_file(name)
        .and_then(File::contents_utf8)
        .expect("tests fail without it");
    (format!("{ROOT}/{name}"), text.to_owned())
}

/// The text of a shipped profile.
pub(crate) fn profile_text(name: &str) -> Option<&'static str> {
    SUITES
        .get_file(format!("targets/{name}.toml"))
        .and_then(File::contents_utf8)
}

/// Shipped profiles.
pub(crate) fn profile_names() -> Vec<String> {
    let files = SUITES.get_dir("targets").into_iter().flat_map(Dir::files);
    let mut names: Vec<String> = files
        .filter(|file| {
            file.path()
                .extension()
                .is_some_and(|extension| extension == "toml")
        })
        .filter_map(|file| file.path().file_stem())
        .map(|stem| stem.to_string_lossy().into_owned())
        .collect();
    names.sort();
    names
}

fn topics() -> impl Iterator<Item = &'static Dir<'static>> {
    let mut topics: Vec<_> = SUITES
        .dirs()
        .filter(|folder| {
            NO_TOPICS
                .iter()
                .all(|name| folder.path() != Path::new(name))
        })
        .collect();
    topics.sort_by_key(|folder| folder.path());
    topics.into_iter()
}

fn collect(folder: &Dir<'static>, files: &mut Vec<SourceFile>) {
    let mut here: Vec<_> = folder.files().filter(|file| is_suite(file)).collect();
    here.sort_by_key(|file| file.path());
    files.extend(here.into_iter().filter_map(source));
    let mut below: Vec<_> = folder.dirs().collect();
    below.sort_by_key(|folder| folder.path());
    for folder in below {
        collect(folder, files);
    }
}

fn is_suite(file: &File<'_>) -> bool {
    file.path()
        .extension()
        .is_some_and(|extension| extension == "tcpt")
}

fn source(file: &File<'_>) -> Option<SourceFile> {
    let text = file.contents_utf8()?.to_owned();
    Some(SourceFile {
        path: format!("{ROOT}/{}", file.path().display()),
        text,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::library::{CROSSREFS, KILLS, REQUIREMENTS};

    #[test]
    fn requirements_and_profiles_are_on_board() {
        assert!(data(REQUIREMENTS).1.contains("RFC9293-MUST-2"));
        assert!(data(CROSSREFS).1.contains("TC8:BASICS_01"));
        assert!(data(KILLS).1.contains("[tests]"));
        assert_eq!(
            profile_names(),
            ["generic", "linux", "lwip", "slirp", "smoltcp", "stack"]
        );
        assert!(profile_text("linux").is_some());
    }

    #[test]
    fn unknown_suite_is_named_with_the_nearest() {
        let failure = find("suites/handshaek").unwrap_err();
        assert_eq!(failure.code, 2);
        assert_eq!(failure.help.as_deref(), Some("did you mean 'handshake'?"));
    }

    #[test]
    fn every_spelling_of_a_shipped_suite_finds_it() {
        let paths = |name: &str| -> Vec<String> {
            find(name)
                .unwrap()
                .into_iter()
                .map(|file| file.path)
                .collect()
        };
        let all = paths("handshake");
        assert!(
            all.iter().all(|path| path.starts_with("suites/handshake/")),
            "{all:?}"
        );
        assert_eq!(paths("./suites/handshake/"), all);
        assert!(all.iter().all(|path| paths("suites").contains(path)));
        for path in &all {
            assert_eq!(paths(path), [path.as_str()]);
        }
    }
}
