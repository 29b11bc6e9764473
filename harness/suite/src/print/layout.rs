//! Lines to text: columns of neighbouring lines are aligned.

/// Indentation of a block.
const INDENT: usize = 2;
/// Between columns.
const GAP: usize = 2;
/// Where what follows the flags begins: `> S.    ack IRS+1`.
const HEAD: usize = 8;

/// A line before it is aligned; an empty plain one is a blank line.
#[derive(Clone, Debug, Default)]
pub(super) struct Line {
    pub(super) indent: usize,
    pub(super) shape: Shape,
    /// Where it stands in the source.
    pub(super) at: Option<usize>,
    /// `# …` behind it.
    pub(super) comment: Option<String>,
}

/// What a line is aligned with.
#[derive(Clone, Debug)]
pub(super) enum Shape {
    /// Nothing.
    Plain(String),
    /// `<` and `>`: direction and flags, then fields, timing, label, spec; with lines above and below.
    Segment {
        /// Direction and flags.
        head: String,
        /// The columns; empty where there is nothing.
        columns: Vec<String>,
    },
    /// The row of a table, or of rules.
    Row {
        /// The cells.
        cells: Vec<String>,
        /// Before which of them `->` stands in place of `|`.
        arrow: Option<usize>,
    },
}

impl Default for Shape {
    fn default() -> Self {
        Self::Plain(String::new())
    }
}

impl Line {
    pub(super) fn is_blank(&self) -> bool {
        matches!(&self.shape, Shape::Plain(text) if text.is_empty()) && self.comment.is_none()
    }

    /// Whether two lines share their columns.
    fn goes_with(&self, other: &Self) -> bool {
        self.indent == other.indent
            && matches!(
                (&self.shape, &other.shape),
                (Shape::Segment { .. }, Shape::Segment { .. })
                    | (Shape::Row { .. }, Shape::Row { .. })
            )
    }
}

/// All lines as text.
pub(super) fn text(lines: &[Line]) -> String {
    let mut texts = Vec::with_capacity(lines.len());
    for run in lines.chunk_by(|a, b| a.goes_with(b)) {
        texts.extend(aligned(run));
    }
    with_comments(lines, &mut texts);
    let mut all = String::new();
    for text in texts {
        all.push_str(text.trim_end());
        all.push('\n');
    }
    all
}

fn width(text: &str) -> usize {
    text.chars().count()
}

fn padded(text: &str, to: usize) -> String {
    format!("{text}{}", " ".repeat(to.saturating_sub(width(text))))
}

fn aligned(run: &[Line]) -> Vec<String> {
    let head = run
        .iter()
        .filter_map(|line| match &line.shape {
            Shape::Segment { head, columns } if columns.iter().any(|c| !c.is_empty()) => {
                Some(width(head) + GAP)
            }
            _ => None,
        })
        .fold(HEAD, usize::max);
    let widths = column_widths(run);
    run.iter()
        .map(|line| {
            let text = match &line.shape {
                Shape::Plain(text) => text.clone(),
                Shape::Segment {
                    head: flags,
                    columns,
                } => {
                    let mut text = padded(flags, head);
                    for (column, width) in columns.iter().zip(&widths) {
                        if *width > 0 {
                            text.push_str(&padded(column, width + GAP));
                        } else {
                            text.push_str(column);
                        }
                    }
                    text
                }
                Shape::Row { cells, arrow } => {
                    let mut text = String::new();
                    for (i, (cell, width)) in cells.iter().zip(&widths).enumerate() {
                        text.push_str(match i {
                            0 => "",
                            _ if Some(i) == *arrow => " -> ",
                            _ => " | ",
                        });
                        text.push_str(&padded(cell, *width));
                    }
                    text
                }
            };
            if text.trim_end().is_empty() {
                return String::new();
            }
            format!("{}{}", " ".repeat(line.indent * INDENT), text.trim_end())
        })
        .collect()
}

/// How wide each column must be for what stands behind it to begin at one place.
fn column_widths(run: &[Line]) -> Vec<usize> {
    let mut widths = Vec::new();
    for line in run {
        let (columns, all) = match &line.shape {
            Shape::Plain(_) => continue,
            Shape::Segment { columns, .. } => (columns, false),
            Shape::Row { cells, .. } => (cells, true),
        };
        widths.resize(widths.len().max(columns.len()), 0);
        for (i, column) in columns.iter().enumerate() {
            let mut behind = columns[i + 1..].iter();
            if behind.any(|c| all || !c.is_empty()) {
                widths[i] = widths[i].max(width(column));
            }
        }
    }
    widths
}

/// Adds trailing comments, those of neighbouring lines below each other.
fn with_comments(lines: &[Line], texts: &mut [String]) {
    let mut i = 0;
    while i < lines.len() {
        let run = lines[i..]
            .iter()
            .take_while(|line| line.comment.is_some() && line.indent == lines[i].indent)
            .count();
        let column = texts[i..i + run]
            .iter()
            .map(|t| width(t))
            .max()
            .unwrap_or(0)
            + GAP;
        for k in i..i + run {
            let Some(comment) = &lines[k].comment else {
                continue;
            };
            texts[k] = if texts[k].is_empty() {
                format!("{}{comment}", " ".repeat(lines[k].indent * INDENT))
            } else {
                format!("{}{comment}", padded(&texts[k], column))
            };
        }
        i += run.max(1);
    }
}
