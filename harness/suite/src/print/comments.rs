//! Comments and blank lines of the source, put back between the printed lines.

use super::layout::{Line, Shape};
use crate::parser::Quotes;
use std::collections::BTreeMap;

/// A comment of the source.
struct Comment<'a> {
    at: usize,
    text: &'a str,
    /// Nothing stands before it on its line.
    alone: bool,
}

/// Puts comments and single blank lines where they stood.
pub(super) fn add(source: &str, lines: &mut Vec<Line>) {
    let mut before: BTreeMap<usize, Vec<Comment<'_>>> = BTreeMap::new();
    let mut last = Vec::new();
    let mut places: Vec<(usize, usize)> = lines
        .iter()
        .enumerate()
        .filter_map(|(i, line)| Some((line.at?, i)))
        .collect();
    places.sort_unstable();
    for comment in comments(source) {
        if comment.alone {
            let following = places.partition_point(|(at, _)| *at < comment.at);
            match places.get(following) {
                Some((_, i)) => before.entry(*i).or_default().push(comment),
                None => last.push(comment),
            }
        } else {
            let following = places.partition_point(|(at, _)| *at <= comment.at);
            match following.checked_sub(1).and_then(|i| places.get(i)) {
                Some((_, i)) => append(&mut lines[*i], comment.text),
                None => before.entry(0).or_default().push(comment),
            }
        }
    }
    let mut with = Vec::with_capacity(lines.len());
    let mut source_line = None;
    for (i, line) in lines.drain(..).enumerate() {
        for comment in before.remove(&i).unwrap_or_default() {
            if blank_before(source, comment.at) {
                blank(&mut with);
            }
            with.push(alone(line.indent_for_comment(), &comment));
        }
        if let Some(at) = line.at {
            let start = line_start(source, at);
            if source_line != Some(start) && blank_before(source, at) && !line.closes() {
                blank(&mut with);
            }
            source_line = Some(start);
        }
        with.push(line);
    }
    for comment in last {
        if blank_before(source, comment.at) {
            blank(&mut with);
        }
        with.push(alone(0, &comment));
    }
    with.dedup_by(|b, a| a.is_blank() && b.is_blank());
    *lines = with;
}

impl Line {
    fn closes(&self) -> bool {
        matches!(&self.shape, Shape::Plain(text) if text.starts_with('}'))
    }

    fn opens(&self) -> bool {
        matches!(&self.shape, Shape::Plain(text) if text.ends_with('{'))
    }

    /// Comments before a closing brace belong to what is inside.
    fn indent_for_comment(&self) -> usize {
        self.indent + usize::from(self.closes())
    }
}

/// A blank line, unless one stands there or a block begins.
fn blank(lines: &mut Vec<Line>) {
    if lines
        .last()
        .is_some_and(|line| !line.is_blank() && !line.opens())
    {
        lines.push(Line::default());
    }
}

fn alone(indent: usize, comment: &Comment<'_>) -> Line {
    Line {
        indent,
        comment: Some(comment.text.to_owned()),
        ..Line::default()
    }
}

/// A second comment on a line that was joined from two.
fn append(line: &mut Line, text: &str) {
    match &mut line.comment {
        Some(comment) => {
            comment.push(' ');
            comment.push_str(text);
        }
        None => line.comment = Some(text.to_owned()),
    }
}

fn line_start(source: &str, at: usize) -> usize {
    source[..at.min(source.len())]
        .rfind('\n')
        .map_or(0, |newline| newline + 1)
}

fn blank_before(source: &str, at: usize) -> bool {
    let start = line_start(source, at);
    let Some(above) = source[..start].strip_suffix('\n') else {
        return false;
    };
    above[above.rfind('\n').map_or(0, |newline| newline + 1)..]
        .trim()
        .is_empty()
}

fn comments(source: &str) -> Vec<Comment<'_>> {
    let mut all = Vec::new();
    let mut start = 0;
    for line in source.split_inclusive('\n') {
        let mut quotes = Quotes::default();
        let mark = line
            .char_indices()
            .find(|(_, c)| !quotes.inside(*c) && *c == '#');
        if let Some((i, _)) = mark {
            all.push(Comment {
                at: start + i,
                text: line[i..].trim_end(),
                alone: line[..i].trim().is_empty(),
            });
        }
        start += line.len();
    }
    all
}
