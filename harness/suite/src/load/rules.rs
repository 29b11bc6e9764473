//! `rules`: the row of each cell, and whether every cell has one and every row a cell.
//!
//! A cell is an instance before its rules are looked at: a value for each parameter of its test.  The first
//! row that matches a cell decides, so rows may overlap; what must not be is a cell without a row, or a row
//! that decides nothing.

use super::expand::Variant;
use crate::ast::{Binding, Outcome, Rules, SameAs, Span, Suite, Test};
use crate::diagnostic::{Code, Diagnostic};
use crate::plan::SourceFile;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

/// How many cells without a row are named.
const NAMED: usize = 3;

/// What the tests of a file have asked of one `rules`.
pub(super) struct Asked<'a> {
    file: &'a Arc<SourceFile>,
    rules: &'a Rules,
    /// How many cells each row decides.
    decided: Vec<usize>,
    /// For each row that matches a cell which another decides: the first such other.
    shadowed_by: Vec<Option<usize>>,
    /// The short names that each matched parameter has in some test.
    values: Vec<BTreeSet<String>>,
    /// Whether a test goes by them; whether all those could be looked at.
    used: bool,
    whole: bool,
}

impl<'a> Asked<'a> {
    pub(super) fn of(file: &'a Arc<SourceFile>, suite: &'a Suite) -> BTreeMap<&'a str, Self> {
        let mut all = BTreeMap::new();
        for rules in &suite.rules {
            let asked = Self {
                file,
                rules,
                decided: vec![0; rules.rows.len()],
                shadowed_by: vec![None; rules.rows.len()],
                values: vec![BTreeSet::new(); rules.matched.len()],
                used: false,
                whole: true,
            };
            all.entry(rules.name.value.as_str()).or_insert(asked);
        }
        all
    }

    /// The instances of a test: its cells with what their rows bind, but for those that are the same as others.
    /// With `exhaustive` all of them, else a representative part (see [`representatives`]).
    pub(super) fn judged(
        &mut self,
        test: &Test,
        variants: Vec<Variant>,
        exhaustive: bool,
        diagnostics: &mut Vec<Diagnostic>,
    ) -> Vec<Variant> {
        self.used = true;
        if !self.fits(test, diagnostics) {
            self.whole = false;
            return Vec::new();
        }
        let labels: Vec<Vec<String>> = variants.iter().map(|v| self.labels(v)).collect();
        for cell in &labels {
            for (known, label) in self.values.iter_mut().zip(cell) {
                known.insert(label.clone());
            }
        }
        let cells: BTreeSet<&[String]> = labels.iter().map(Vec::as_slice).collect();
        let mut missing = Vec::new();
        let mut judged = Vec::new();
        let mut told = BTreeSet::new();
        for (mut variant, cell) in variants.into_iter().zip(&labels) {
            let Some(row) = self.row_of(cell) else {
                missing.push(self.name(cell));
                continue;
            };
            self.decided[row] += 1;
            for later in row + 1..self.rules.rows.len() {
                if self.shadowed_by[later].is_none() && self.matches(later, cell) {
                    self.shadowed_by[later] = Some(row);
                }
            }
            match &self.rules.rows[row].outcome {
                Outcome::Bind(values) => {
                    let names = self.rules.bound.iter().map(|column| column.value.clone());
                    variant.bind(names.zip(values.iter().cloned()));
                    judged.push((row, cell.first().cloned(), variant));
                }
                Outcome::SameAs(same) => {
                    if let Err(message) = self.same_cell(same, cell, &cells)
                        && told.insert(row)
                    {
                        let span = same.cell.first().map_or(same.reason.span, |(n, _)| n.span);
                        diagnostics.push(Diagnostic::new(
                            Code::RuleSameAs,
                            self.file,
                            span,
                            message,
                        ));
                    }
                }
            }
        }
        if !missing.is_empty() {
            diagnostics.push(self.missing(test, &missing));
        }
        let kept = (!exhaustive).then(|| representatives(&judged));
        judged
            .into_iter()
            .enumerate()
            .filter(|(i, _)| kept.as_ref().is_none_or(|kept| kept.contains(i)))
            .map(|(_, (_, _, variant))| variant)
            .collect()
    }

    /// Whether the test has the parameters that are matched, and none that are bound.
    fn fits(&self, test: &Test, diagnostics: &mut Vec<Diagnostic>) -> bool {
        let before = diagnostics.len();
        let at = test.rules.as_ref().map_or(test.slug.span, |name| name.span);
        let columns = test.table.iter().flat_map(|table| &table.columns);
        let axes = test.matrix.iter().map(|axis| &axis.name);
        let names: Vec<&str> = axes.chain(columns).map(|n| n.value.as_str()).collect();
        for column in &self.rules.matched {
            if !names.contains(&column.value.as_str()) {
                let message = format!("the rules match '{}', which the test lacks", column.value);
                diagnostics.push(
                    Diagnostic::new(Code::UnknownParameter, self.file, at, message)
                        .related(column.span, "matched here"),
                );
            }
        }
        for column in &self.rules.bound {
            if names.contains(&column.value.as_str()) {
                let message = format!("the rules bind '{}', which the test has", column.value);
                diagnostics.push(
                    Diagnostic::new(Code::DuplicateParameter, self.file, at, message)
                        .related(column.span, "bound here"),
                );
            }
        }
        diagnostics.len() == before
    }

    fn labels(&self, variant: &Variant) -> Vec<String> {
        let label = |name: &str| {
            let found = variant.bindings.iter().find(|(known, _)| known == name);
            found.map_or(String::new(), |(_, value): &(String, Binding)| {
                value.label.clone()
            })
        };
        let matched = self.rules.matched.iter();
        matched.map(|column| label(&column.value)).collect()
    }

    fn matches(&self, row: usize, cell: &[String]) -> bool {
        let choices = &self.rules.rows[row].choices;
        choices
            .iter()
            .zip(cell)
            .all(|(choice, label)| choice.takes(label))
    }

    fn row_of(&self, cell: &[String]) -> Option<usize> {
        (0..self.rules.rows.len()).find(|row| self.matches(*row, cell))
    }

    /// `state=CLOSED, flags=S`
    fn name(&self, cell: &[String]) -> String {
        let parts = self.rules.matched.iter().zip(cell);
        let parts: Vec<String> = parts
            .map(|(column, label)| format!("{}={label}", column.value))
            .collect();
        parts.join(", ")
    }

    /// The cell that shows the same is there, and is an instance.
    fn same_cell(
        &self,
        same: &SameAs,
        cell: &[String],
        cells: &BTreeSet<&[String]>,
    ) -> Result<(), String> {
        let mut other = cell.to_vec();
        for (name, label) in &same.cell {
            let column = self
                .rules
                .matched
                .iter()
                .position(|c| c.value == name.value);
            let column = column.ok_or_else(|| format!("'{}' is not matched", name.value))?;
            other[column].clone_from(&label.value);
        }
        if !cells.contains(other.as_slice()) {
            return Err(format!("there is no cell {}", self.name(&other)));
        }
        match self.row_of(&other).map(|row| &self.rules.rows[row].outcome) {
            Some(Outcome::Bind(_)) => Ok(()),
            _ if other == *cell => Err(format!("{} would be the same as itself", self.name(cell))),
            _ => Err(format!("{} is left out itself", self.name(&other))),
        }
    }

    fn missing(&self, test: &Test, missing: &[String]) -> Diagnostic {
        let at = test.rules.as_ref().map_or(test.slug.span, |name| name.span);
        let named = missing[..missing.len().min(NAMED)].join("; ");
        let more = match missing.len().saturating_sub(NAMED) {
            0 => String::new(),
            more => format!("; and {more} more"),
        };
        let message = format!("no rule for {named}{more}");
        Diagnostic::new(Code::RuleMissing, self.file, at, message)
            .help("a row '*' in every column takes the rest")
    }

    /// What shows when all tests of the file were asked: names of no value, rows of no cell.
    pub(super) fn finish(self, diagnostics: &mut Vec<Diagnostic>) {
        if !self.whole {
            return;
        }
        if !self.used {
            let message = format!("no test goes by rules '{}'", self.rules.name.value);
            let span = self.rules.name.span;
            diagnostics.push(Diagnostic::new(
                Code::RuleUnreached,
                self.file,
                span,
                message,
            ));
            return;
        }
        for (row, rule) in self.rules.rows.iter().enumerate() {
            let before = diagnostics.len();
            for (known, choice) in self.values.iter().zip(&rule.choices) {
                for label in &choice.labels {
                    if !known.contains(&label.value) {
                        let message = format!("no test has the value '{}' here", label.value);
                        let known = known.iter().map(String::as_str);
                        diagnostics.push(
                            Diagnostic::new(Code::UnknownValue, self.file, label.span, message)
                                .suggest(&label.value, known),
                        );
                    }
                }
            }
            if self.decided[row] == 0 && diagnostics.len() == before {
                diagnostics.push(self.unreached(row, rule.span));
            }
        }
    }

    fn unreached(&self, row: usize, span: Span) -> Diagnostic {
        let Some(by) = self.shadowed_by[row] else {
            let message = "no instance matches this row";
            return Diagnostic::new(Code::RuleUnreached, self.file, span, message);
        };
        let message = "rows above take every instance that this row matches";
        Diagnostic::new(Code::RuleUnreached, self.file, span, message)
            .related(self.rules.rows[by].span, "this one, for example")
    }
}

/// The instances that stand for all: of each row and each value of the first column, the first, the one in the
/// middle and the last.
fn representatives(judged: &[(usize, Option<String>, Variant)]) -> BTreeSet<usize> {
    let mut groups: BTreeMap<(usize, Option<&str>), Vec<usize>> = BTreeMap::new();
    for (i, (row, first, _)) in judged.iter().enumerate() {
        groups.entry((*row, first.as_deref())).or_default().push(i);
    }
    let of_group = |group: &Vec<usize>| [group[0], group[group.len() / 2], group[group.len() - 1]];
    groups.values().flat_map(of_group).collect()
}
