//! Static HTML: one set of templates and one style sheet, nothing from outside, readable without scripts.
//!
//! The pages of runs are made from the records of JSON Lines, so a run writes its own, and `tcpconf
//! report` lays several beside one another.

mod ladder;
mod run;
mod site;
#[cfg(test)]
mod tests;

pub use run::{Run, RunError};
pub use site::{SiteOptions, site};

use crate::jsonl::record::Record;
use crate::{Report, pcapng};
use minijinja::syntax::SyntaxConfig;
use minijinja::{AutoEscape, Environment, UndefinedBehavior};
use std::collections::BTreeMap;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use tcpconf_engine::RunEvent;
use tcpconf_suite::Requirements;

/// Writes the pages of a run into a folder when the run has ended.
#[derive(Debug)]
pub struct Html {
    folder: PathBuf,
    requirements: Arc<Requirements>,
    options: SiteOptions,
    run: Option<Run>,
}

impl Html {
    /// Makes the folder at once, so that a run does not end with nowhere to write to.
    ///
    /// # Errors
    /// When it cannot be made.
    pub fn new(
        folder: PathBuf,
        requirements: Arc<Requirements>,
        options: SiteOptions,
    ) -> io::Result<Self> {
        std::fs::create_dir_all(&folder)?;
        Ok(Self {
            folder,
            requirements,
            options,
            run: None,
        })
    }
}

impl Report for Html {
    fn event(&mut self, event: &RunEvent) -> io::Result<()> {
        let with_packets = match event {
            RunEvent::CaseFinished(case) => pcapng::wanted(case, self.options.all_captures),
            _ => false,
        };
        match (Record::of(event, with_packets), &mut self.run) {
            (Record::Started(started), _) => self.run = Some(Run::new(started)),
            (record, Some(run)) => run.record(record),
            (_, None) => return Err(io::Error::other("the run has not started")),
        }
        Ok(())
    }

    fn finish(&mut self) -> io::Result<()> {
        let Some(run) = self.run.take() else {
            return Ok(());
        };
        let pages = site(&[run], &self.requirements, &self.options).map_err(io::Error::other)?;
        write_pages(&self.folder, &pages)
    }
}

/// Writes pages into a folder, which is made.
///
/// # Errors
/// What the system says.
pub fn write_pages(folder: &Path, pages: &BTreeMap<String, String>) -> io::Result<()> {
    std::fs::create_dir_all(folder)?;
    for (name, text) in pages {
        std::fs::write(folder.join(name), text)?;
    }
    Ok(())
}

/// The templates of all pages; they escape what they are given.
pub(crate) fn templates() -> Environment<'static> {
    let mut environment = Environment::new();
    environment.set_auto_escape_callback(|_| AutoEscape::Html);
    environment.set_undefined_behavior(UndefinedBehavior::Strict);
    let syntax = SyntaxConfig::builder()
        .trim_blocks(true)
        .lstrip_blocks(true)
        .build()
        .expect("the usual delimiters are no conflict");
    environment.set_syntax(syntax);
    for (name, source) in TEMPLATES {
        environment
            .add_template(name, source)
            .expect("templates are compiled by a test");
    }
    environment
}

const TEMPLATES: [(&str, &str); 6] = [
    ("base.html", include_str!("templates/base.html")),
    ("coverage.html", include_str!("templates/coverage.html")),
    ("diff.html", include_str!("templates/diff.html")),
    ("index.html", include_str!("templates/index.html")),
    ("ladder.svg", include_str!("templates/ladder.svg")),
    ("test.html", include_str!("templates/test.html")),
];
