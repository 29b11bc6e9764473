//! `matrix` × `table`: the bindings of each instance, and its id.

use super::{GIVEN_COLUMN, SPEC_COLUMN};
use crate::ast::{Axis, Binding, Name, Span, Spanned, Table, Test};
use crate::diagnostic::{Code, Diagnostic};
use crate::limits::INSTANCES;
use crate::plan::SourceFile;
use std::sync::Arc;

/// The parameters of one instance.
pub(super) struct Variant {
    pub(super) bindings: Vec<(String, Binding)>,
    /// How many of them make its id; rules bind the others.
    named: usize,
}

impl Variant {
    /// `folder/slug[param=value,…]`; long values without a short name are left out, and the columns that say what an
    /// instance cites and needs.
    pub(super) fn id(&self, test: &str) -> String {
        let parts: Vec<String> = self.bindings[..self.named]
            .iter()
            .filter(|(name, value)| {
                ![SPEC_COLUMN, GIVEN_COLUMN].contains(&name.as_str()) && is_short(&value.label)
            })
            .map(|(name, value)| format!("{name}={}", value.label))
            .collect();
        if parts.is_empty() {
            test.to_owned()
        } else {
            format!("{test}[{}]", parts.join(","))
        }
    }

    /// Adds what rules bind.
    pub(super) fn bind(&mut self, values: impl Iterator<Item = (String, Binding)>) {
        self.bindings.extend(values);
    }

    /// Where the last of its values stands.
    pub(super) fn span(&self, fallback: Span) -> Span {
        self.bindings
            .last()
            .map_or(fallback, |(_, value)| value.span)
    }
}

/// Whether a value can stand in an id as it is: no blank, bracket, comma or glob.
fn is_short(label: &str) -> bool {
    label
        .chars()
        .all(|c| c.is_ascii_alphanumeric() || "_.+-/:".contains(c))
}

pub(super) fn variants(
    test: &Test,
    file: &Arc<SourceFile>,
) -> Result<Vec<Variant>, Box<Diagnostic>> {
    let rows = test.table.as_ref().map_or(1, |table| table.rows.len());
    let total = test
        .matrix
        .iter()
        .try_fold(rows, |product, axis| product.checked_mul(axis.values.len()))
        .filter(|total| *total <= INSTANCES);
    if total.is_none() {
        let message = format!("the test has more than {INSTANCES} instances");
        return Err(Diagnostic::new(Code::Limit, file, test.slug.span, message).into());
    }
    let mut all = vec![Vec::new()];
    for axis in &test.matrix {
        all = times_axis(&all, axis);
    }
    if let Some(table) = &test.table {
        all = times_table(&all, table);
    }
    Ok(all
        .into_iter()
        .map(|bindings| Variant {
            named: bindings.len(),
            bindings,
        })
        .collect())
}

type Bindings = Vec<(String, Binding)>;

fn times_axis(all: &[Bindings], axis: &Axis) -> Vec<Bindings> {
    let one = |bindings: &Bindings, value: &Binding| {
        let mut bindings = bindings.clone();
        bindings.push((axis.name.value.clone(), value.clone()));
        bindings
    };
    all.iter()
        .flat_map(|b| axis.values.iter().map(move |value| one(b, value)))
        .collect()
}

fn times_table(all: &[Bindings], table: &Table) -> Vec<Bindings> {
    let one = |bindings: &Bindings, row: &Vec<Binding>| {
        let mut bindings = bindings.clone();
        let names = table.columns.iter().map(|column| column.value.clone());
        bindings.extend(names.zip(row.iter().cloned()));
        bindings
    };
    all.iter()
        .flat_map(|b| table.rows.iter().map(move |row| one(b, row)))
        .collect()
}

/// The words of a cell, each with its place.
pub(super) fn words(cell: &Binding) -> Vec<Name> {
    let base = cell.span.start;
    cell.text
        .split_whitespace()
        .map(|word| {
            let offset = word.as_ptr() as usize - cell.text.as_ptr() as usize;
            let span = Span {
                start: base + offset,
                end: base + offset + word.len(),
            };
            Spanned {
                value: word.to_owned(),
                span,
            }
        })
        .collect()
}
