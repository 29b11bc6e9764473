//! Parameters as data: `matrix`, `table`, and the `rules` that bind further ones by the values of those.

use super::{Name, Span};

/// One line of `matrix`: a name and its values, bound late.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Axis {
    /// The parameter.
    pub name: Name,
    /// Its values.
    pub values: Vec<Binding>,
}

/// A value of a parameter: its text is parsed where it is used (as expression, flags, options, words).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Binding {
    /// The short name for the instance's id: what stands before `:`, else the text itself.
    pub label: String,
    /// The text.
    pub text: String,
    /// Where the text stands.
    pub span: Span,
}

/// `table { … }`: a header line and rows, cells parted by `|` with blanks around it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Table {
    /// Parameters; a column named `spec` adds ids to the test's.
    pub columns: Vec<Name>,
    /// Rows of as many cells.
    pub rows: Vec<Vec<Binding>>,
}

/// `rules NAME { … }`: what an instance expects follows from its parameters, by the first row that matches.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rules {
    /// Its name.
    pub name: Name,
    /// The parameters that the rows match, left of `->`.
    pub matched: Vec<Name>,
    /// The parameters that the rows bind, right of `->`.
    pub bound: Vec<Name>,
    /// The rows, in order: the first that matches decides.
    pub rows: Vec<Rule>,
    /// All of it.
    pub span: Span,
}

/// A row of `rules`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rule {
    /// One for each column that is matched.
    pub choices: Vec<Choice>,
    /// What follows.
    pub outcome: Outcome,
    /// All of it.
    pub span: Span,
}

/// `*`, `a, b` or `not a, b`: which values of a parameter a row is for, by their short names.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Choice {
    /// All but these.
    pub negated: bool,
    /// The short names; none for `*`.
    pub labels: Vec<Name>,
    /// All of it.
    pub span: Span,
}

impl Choice {
    /// Whether the row is for a value.
    pub fn takes(&self, label: &str) -> bool {
        self.labels.is_empty() || self.labels.iter().any(|l| l.value == label) != self.negated
    }
}

/// What follows from a row.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// Values of the parameters that are bound.
    Bind(Vec<Binding>),
    /// The cell is no instance of its own.
    SameAs(SameAs),
}

/// `same-as NAME=VALUE … "reason"`: which cell shows the same.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SameAs {
    /// The parameters by which the other cell differs, with its values.
    pub cell: Vec<(Name, Name)>,
    /// Why it shows the same.
    pub reason: Name,
}
