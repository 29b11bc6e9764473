//! Diagnostics as text, with the line and a caret.

use super::{Diagnostic, Severity};
use annotate_snippets::{AnnotationKind, Level, Renderer, Snippet};
use std::ops::Range;

/// Wide enough that no line of a suite is cut; the terminal wraps what is longer.
const WIDTH: usize = 200;

impl Diagnostic {
    /// The diagnostic with its line and caret, ending in a newline.
    pub fn render(&self, colour: bool) -> String {
        let renderer = if colour {
            Renderer::styled()
        } else {
            Renderer::plain()
        };
        let level = match self.severity() {
            Severity::Error => Level::ERROR,
            Severity::Warning => Level::WARNING,
        };
        let source = &self.file.text;
        let mut snippet = Snippet::source(source.as_str())
            .path(self.file.path.as_str())
            .annotation(
                AnnotationKind::Primary
                    .span(clamp(source, self.span.start, self.span.end))
                    .label(self.label.as_str()),
            );
        if let Some((span, label)) = &self.related {
            snippet = snippet.annotation(
                AnnotationKind::Context
                    .span(clamp(source, span.start, span.end))
                    .label(label.as_str()),
            );
        }
        let mut group = level
            .primary_title(self.message.as_str())
            .id(self.code.name())
            .element(snippet);
        if let Some(help) = &self.help {
            group = group.element(Level::HELP.message(help.as_str()));
        }
        let mut text = renderer.term_width(WIDTH).render(&[group]);
        text.push('\n');
        text
    }
}

/// A range on character boundaries within the text, whatever the span says.
fn clamp(text: &str, start: usize, end: usize) -> Range<usize> {
    let boundary = |mut at: usize| {
        at = at.min(text.len());
        while !text.is_char_boundary(at) {
            at -= 1;
        }
        at
    };
    let start = boundary(start);
    start..boundary(end).max(start)
}

/// A place in a file that is no suite, with its line and a caret; the message is the first line. No
/// newline at the end.
pub fn caret(path: &str, text: &str, span: Range<usize>, message: &str) -> String {
    let snippet = Snippet::source(text)
        .path(path)
        .annotation(AnnotationKind::Primary.span(clamp(text, span.start, span.end)));
    let group = Level::ERROR.primary_title(message).element(snippet);
    let rendered = Renderer::plain().term_width(WIDTH).render(&[group]);
    let rendered = rendered.strip_prefix("error: ").unwrap_or(&rendered);
    rendered.trim_end().to_owned()
}
