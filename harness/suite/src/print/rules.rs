//! `rules` as lines: rows like those of a table, what is matched and what is bound parted by `->`.

use super::layout::Shape;
use super::{Printer, joined_by, quoted, value};
use crate::ast::{Choice, Outcome, Rule, Rules, SameAs};

impl Printer<'_> {
    pub(super) fn rules(&mut self, rules: &Rules) {
        let Rules {
            name,
            matched,
            bound,
            rows,
            span,
        } = rules;
        self.line(Some(span.start), format!("rules {} {{", name.value));
        self.indent += 1;
        let arrow = Some(matched.len());
        let head = matched.iter().chain(bound).map(|c| c.value.clone());
        let place = matched.first().map(|column| column.span.start);
        let cells = head.collect();
        self.push(place, Shape::Row { cells, arrow });
        for row in rows {
            let cells = cells_of(row);
            self.push(Some(row.span.start), Shape::Row { cells, arrow });
        }
        self.indent -= 1;
        self.line(Some(span.end), "}");
    }
}

fn cells_of(row: &Rule) -> Vec<String> {
    let mut cells: Vec<String> = row.choices.iter().map(choice).collect();
    match &row.outcome {
        Outcome::Bind(values) => cells.extend(values.iter().map(value)),
        Outcome::SameAs(SameAs { cell, reason }) => {
            let cell: Vec<String> = cell
                .iter()
                .map(|(name, label)| format!("{}={}", name.value, label.value))
                .collect();
            cells.push(format!(
                "same-as {} {}",
                cell.join(" "),
                quoted(&reason.value)
            ));
        }
    }
    cells
}

fn choice(choice: &Choice) -> String {
    if choice.labels.is_empty() {
        return "*".to_owned();
    }
    let not = if choice.negated { "not " } else { "" };
    format!("{not}{}", joined_by(&choice.labels, ", "))
}
