//! Coverage as static HTML.

use super::{Coverage, percent};
use crate::html::templates;
use minijinja::value::Serde;
use minijinja::{Error, context};
use std::collections::BTreeMap;

/// One page; requirements are grouped by RFC.
pub(super) fn html(coverage: &Coverage) -> Result<BTreeMap<String, String>, Error> {
    let rows: Vec<_> = coverage
        .rfcs
        .iter()
        .map(|rfc| (rfc.rfc.to_string(), rfc.counts))
        .chain([("all".to_owned(), coverage.all)])
        .map(|(name, counts)| {
            context! {
                name,
                counts => Serde(counts),
                visible => percent(counts.covered, counts.visible()),
                prompt => percent(counts.prompt_covered, counts.prompt),
            }
        })
        .collect();
    let text = templates()
        .get_template("coverage.html")?
        .render(context! { coverage => Serde(coverage), rows })?;
    Ok(BTreeMap::from([("index.html".to_owned(), text)]))
}
