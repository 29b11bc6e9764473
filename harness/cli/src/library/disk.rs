//! Suites on disk.

use super::{CROSSREFS, Data, KILLS, REQUIREMENTS};
use crate::failure::Failure;
use std::fs;
use std::path::{Component, Path, PathBuf};
use tcpconf_suite::SourceFile;

/// Folders below the one named; deeper ones are a loop of links or a mistake.
const MAX_DEPTH: usize = 16;
const SUFFIX: &str = "tcpt";
const FIXTURES: &str = "fixtures";

/// What a path on disk holds.
pub(super) struct Found {
    pub(super) files: Vec<SourceFile>,
    /// From the nearest folder `fixtures`: in the path or beside it.
    pub(super) fixtures: Vec<SourceFile>,
    /// The nearest of each: path and text.
    pub(super) data: Data,
}

/// Reads a suite, or all suites below a folder, in the order of their names.
pub(super) fn find(path: &Path) -> Result<Found, Failure> {
    let path = &nameable(path)?;
    let mut files = Vec::new();
    let is_folder = path.is_dir();
    if is_folder {
        collect(path, MAX_DEPTH, &mut files)?;
        if files.is_empty() {
            return Err(no_suite_in(path));
        }
    } else if path
        .extension()
        .is_some_and(|extension| extension == SUFFIX)
    {
        files.push(read(path)?);
    } else {
        return Err(Failure::usage(format!(
            "{} is no .tcpt file",
            path.display()
        )));
    }
    let near: Vec<&Path> = path
        .ancestors()
        .skip(usize::from(!is_folder))
        .take(2)
        .collect();
    let mut fixtures = Vec::new();
    for folder in near.iter().map(|folder| folder.join(FIXTURES)) {
        if fixtures.is_empty() && folder.is_dir() {
            collect_flat(&folder, &mut fixtures)?;
        }
    }
    let nearest = |name: &str| {
        near.iter()
            .map(|folder| folder.join(name))
            .find(|file| file.is_file())
            .map(|file| read(&file).map(|file| (file.path, file.text)))
            .transpose()
    };
    let data = Data {
        requirements: nearest(REQUIREMENTS)?,
        crossrefs: nearest(CROSSREFS)?,
        kills: nearest(KILLS)?,
    };
    Ok(Found {
        files,
        fixtures,
        data,
    })
}

/// The path with a folder in it that has a name, since tests are called after their folder.
fn nameable(path: &Path) -> Result<PathBuf, Failure> {
    let folder = if path.is_dir() {
        Some(path)
    } else {
        path.parent()
    };
    let named = folder
        .and_then(|folder| folder.components().next_back())
        .is_some_and(|last| matches!(last, Component::Normal(_)));
    if named {
        return Ok(path.to_owned());
    }
    fs::canonicalize(path).map_err(|error| unreadable(path, &error))
}

fn collect(folder: &Path, depth: usize, files: &mut Vec<SourceFile>) -> Result<(), Failure> {
    for path in entries_at(folder, depth)? {
        if path.is_dir() {
            if path.file_name().is_some_and(|name| name != FIXTURES) {
                collect(&path, depth - 1, files)?;
            }
        } else if path
            .extension()
            .is_some_and(|extension| extension == SUFFIX)
        {
            files.push(read(&path)?);
        }
    }
    Ok(())
}

fn collect_flat(folder: &Path, files: &mut Vec<SourceFile>) -> Result<(), Failure> {
    for path in entries(folder)? {
        if path.is_file()
            && path
                .extension()
                .is_some_and(|extension| extension == SUFFIX)
        {
            files.push(read(&path)?);
        }
    }
    Ok(())
}

/// Suites below the paths, for `fmt`, which takes fixtures too.
pub(crate) fn suite_paths(path: &Path) -> Result<Vec<PathBuf>, Failure> {
    if !path.exists() {
        let message = format!("there is no file or folder {}", path.display());
        return Err(Failure::usage(message).help("shipped suites are in the binary, not on disk"));
    }
    if !path.is_dir() {
        return Ok(vec![path.to_owned()]);
    }
    let mut found = Vec::new();
    collect_paths(path, MAX_DEPTH, &mut found)?;
    if found.is_empty() {
        return Err(no_suite_in(path));
    }
    Ok(found)
}

fn collect_paths(folder: &Path, depth: usize, found: &mut Vec<PathBuf>) -> Result<(), Failure> {
    for path in entries_at(folder, depth)? {
        if path.is_dir() {
            collect_paths(&path, depth - 1, found)?;
        } else if path
            .extension()
            .is_some_and(|extension| extension == SUFFIX)
        {
            found.push(path);
        }
    }
    Ok(())
}

fn no_suite_in(folder: &Path) -> Failure {
    Failure::usage(format!("no .tcpt file in {}", folder.display()))
}

/// The entries of a folder that may have `depth` levels.
fn entries_at(folder: &Path, depth: usize) -> Result<Vec<PathBuf>, Failure> {
    if depth == 0 {
        let message = format!("{}: folders are nested too deeply", folder.display());
        return Err(Failure::usage(message));
    }
    entries(folder)
}

fn entries(folder: &Path) -> Result<Vec<PathBuf>, Failure> {
    let entries = fs::read_dir(folder).map_err(|error| unreadable(folder, &error))?;
    let mut paths = entries
        .map(|entry| entry.map(|entry| entry.path()))
        .collect::<Result<Vec<_>, _>>()
        .map_err(|error| unreadable(folder, &error))?;
    paths.sort();
    Ok(paths)
}

/// The suite in a file. Pipes and devices are none: reading one may never end.
pub(crate) fn read(path: &Path) -> Result<SourceFile, Failure> {
    let known = fs::metadata(path).map_err(|error| unreadable(path, &error))?;
    if !known.is_file() {
        let what = if known.is_dir() {
            "a folder"
        } else {
            "no plain file"
        };
        return Err(Failure::usage(format!(
            "{} cannot be read: it is {what}",
            path.display()
        )));
    }
    let text = fs::read_to_string(path).map_err(|error| unreadable(path, &error))?;
    Ok(SourceFile {
        path: path.display().to_string(),
        text,
    })
}

fn unreadable(path: &Path, error: &std::io::Error) -> Failure {
    Failure::usage(format!("{} cannot be read: {error}", path.display()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tree(files: &[&str]) -> tempfile::TempDir {
        let root = tempfile::tempdir().unwrap();
        for file in files {
            let path = root.path().join(file);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, file).unwrap();
        }
        root
    }

    fn names(root: &Path, files: &[SourceFile]) -> Vec<String> {
        let relative =
            |file: &SourceFile| Path::new(&file.path).strip_prefix(root).unwrap().to_owned();
        files
            .iter()
            .map(|file| relative(file).display().to_string())
            .collect()
    }

    #[test]
    fn folder_is_read_whole_but_for_its_fixtures() {
        let root = tree(&[
            "s/b/2.tcpt",
            "s/a/1.tcpt",
            "s/fixtures/f.tcpt",
            "s/a/readme.md",
        ]);
        let found = find(&root.path().join("s")).unwrap();
        assert_eq!(
            names(root.path(), &found.files),
            ["s/a/1.tcpt", "s/b/2.tcpt"]
        );
        assert_eq!(names(root.path(), &found.fixtures), ["s/fixtures/f.tcpt"]);
        assert!(found.data.requirements.is_none());
    }

    #[test]
    fn fixtures_and_requirements_stand_beside_the_folder_of_a_file() {
        let root = tree(&["s/a/1.tcpt", "s/fixtures/f.tcpt", "s/requirements.toml"]);
        let found = find(&root.path().join("s/a/1.tcpt")).unwrap();
        assert_eq!(names(root.path(), &found.fixtures), ["s/fixtures/f.tcpt"]);
        assert_eq!(found.data.requirements.unwrap().1, "s/requirements.toml");
    }

    #[test]
    fn folder_without_suites_and_other_files_are_errors() {
        let root = tree(&["a/readme.md"]);
        assert_eq!(find(&root.path().join("a")).err().unwrap().code, 2);
        assert_eq!(
            find(&root.path().join("a/readme.md")).err().unwrap().code,
            2
        );
        assert_eq!(suite_paths(&root.path().join("a")).unwrap_err().code, 2);
    }

    /// Reading a pipe would wait for a writer for ever; a socket is made more easily.
    #[cfg(unix)]
    #[test]
    fn what_is_no_plain_file_is_no_suite() {
        let root = tree(&["s/a/1.tcpt"]);
        let _socket =
            std::os::unix::net::UnixListener::bind(root.path().join("s/a/2.tcpt")).unwrap();
        let failure = find(&root.path().join("s")).err().unwrap();
        assert_eq!(failure.code, 2);
        assert!(
            failure
                .message
                .ends_with("2.tcpt cannot be read: it is no plain file")
        );
    }

    #[cfg(unix)]
    #[test]
    fn a_loop_of_links_is_an_error() {
        let root = tree(&["s/a/1.tcpt"]);
        std::os::unix::fs::symlink("..", root.path().join("s/a/up")).unwrap();
        let found = [
            find(&root.path().join("s")).err(),
            suite_paths(&root.path().join("s")).err(),
        ];
        for failure in found {
            assert!(failure.unwrap().message.ends_with("nested too deeply"));
        }
    }
}
