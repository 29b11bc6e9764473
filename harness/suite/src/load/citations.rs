//! Ids that suites cite, looked up; near ones for those that are wrong.

use crate::ast::Name;
use crate::diagnostic::{Code, Diagnostic};
use crate::plan::SourceFile;
use crate::requirements::{Requirement, Requirements};
use std::cell::RefCell;
use std::collections::BTreeMap;
use std::sync::Arc;

/// For so many wrong ids a near one is looked for: that compares with every id there is.
const SEARCHES: usize = 200;

/// The requirements, and what was suggested so far.
pub(crate) struct Citations<'a> {
    requirements: &'a Requirements,
    near: RefCell<BTreeMap<String, Option<String>>>,
}

impl<'a> Citations<'a> {
    pub(crate) fn new(requirements: &'a Requirements) -> Self {
        Self {
            requirements,
            near: RefCell::default(),
        }
    }

    pub(crate) fn find(&self, id: &str) -> Option<&'a Requirement> {
        self.requirements.find(id)
    }

    /// What is said of an id that is not there.
    pub(crate) fn unknown(&self, id: &Name, file: &Arc<SourceFile>) -> Diagnostic {
        let message = format!("unknown requirement '{}'", id.value);
        let diagnostic = Diagnostic::new(Code::UnknownRequirement, file, id.span, message);
        match self.nearest(&id.value) {
            Some(near) => diagnostic.help(format!("did you mean '{near}'?")),
            None => diagnostic,
        }
    }

    /// What is said of an `also` that names nothing; `None` when it may stand.
    pub(crate) fn unknown_crossref(&self, id: &Name, file: &Arc<SourceFile>) -> Option<Diagnostic> {
        let known = self.requirements.crossrefs()?;
        if known.may_be_cited(&id.value) {
            return None;
        }
        let message = format!("unknown cross-reference '{}'", id.value);
        let diagnostic = Diagnostic::new(Code::UnknownCrossref, file, id.span, message);
        Some(match known.nearest(&id.value) {
            Some(near) => diagnostic.help(format!("did you mean '{near}'?")),
            None => diagnostic,
        })
    }

    fn nearest(&self, id: &str) -> Option<String> {
        let mut near = self.near.borrow_mut();
        if let Some(known) = near.get(id) {
            return known.clone();
        }
        if near.len() >= SEARCHES {
            return None;
        }
        let found = self.requirements.nearest(id).map(str::to_owned);
        near.insert(id.to_owned(), found.clone());
        found
    }
}
