//! Fields and options: what may stand in which direction, and what fits.

use super::steps::Checker;
use crate::ast::*;
use crate::diagnostic::Code;
use crate::vocabulary::Type;
use tcpconf_wire::notation::Shape;

impl Checker<'_> {
    pub(super) fn stimulus_fields(&mut self, fields: &[Field<Expr>]) {
        for field in fields {
            let word = self.written(field);
            if !field.name.info().stimulus {
                self.not_here(field.span, format!("'{word}' has no meaning in '<'"));
            }
            if field.relation != Relation::Eq || field.values.len() != 1 {
                let message = format!("'{word}' needs one value in '<'");
                self.not_here(field.span, message);
            }
            self.values(field);
        }
    }

    pub(super) fn pattern_fields(&mut self, fields: &[Field<Expr>]) {
        for field in fields {
            let word = self.written(field);
            if !field.name.info().pattern {
                self.not_here(field.span, format!("'{word}' has no meaning in '>'"));
            }
            let chosen = |v: &FieldValue<Expr>| matches!(v, FieldValue::Fresh | FieldValue::Same);
            if field.values.iter().any(chosen) {
                let message = format!("'{word}' is chosen by the target in '>'");
                self.not_here(field.span, message);
            }
            self.values(field);
        }
    }

    /// The field's name as the file spells it.
    fn written(&self, field: &Field<Expr>) -> String {
        let text = self.text_at(field.span);
        let word: String = text
            .chars()
            .take_while(char::is_ascii_alphanumeric)
            .collect();
        if word.is_empty() {
            field.name.word().to_owned()
        } else {
            word
        }
    }

    fn not_here(&mut self, span: Span, message: String) {
        self.report(self.error(Code::FieldNotHere, span, message));
    }

    fn values(&mut self, field: &Field<Expr>) {
        let is_sequence = matches!(field.name, FieldName::Seq | FieldName::Ack | FieldName::Isn);
        let bits = match field.name.info().shape {
            Shape::Number(bits) => Some(bits),
            Shape::Checksum | Shape::Port => Some(16),
            Shape::Bit => Some(1),
            Shape::Address | Shape::Bytes | Shape::Typed => None,
        };
        for value in &field.values {
            let FieldValue::Number(expr) = value else {
                continue;
            };
            if is_sequence {
                self.must_be(expr, &[Type::Number, Type::Seq]);
                continue;
            }
            self.must_be(expr, &[Type::Number]);
            if let Some(bits) = bits {
                self.fits(expr, bits, field.name.word());
            }
        }
    }

    /// A literal must be whole and fit into the field.
    fn fits(&mut self, expr: &Expr, bits: u32, what: &str) {
        if let ExprKind::Decimal { .. } = expr.kind {
            let message = format!("'{what}' takes whole numbers");
            self.report(self.error(Code::Type, expr.span, message));
        }
        if let ExprKind::Number(n) = expr.kind
            && n >= 1 << bits
        {
            let message = format!("{n} does not fit into the {bits} bits of '{what}'");
            self.report(self.error(Code::Limit, expr.span, message));
        }
    }

    pub(super) fn options(
        &mut self,
        options: Option<&OptionsSpec<Expr>>,
        stimulus: bool,
        span: Span,
    ) {
        let Some(OptionsSpec::Items(items)) = options else {
            return;
        };
        for item in items {
            if stimulus && !can_be_sent(item) {
                let message = format!("'{item}' has no meaning in '<'");
                self.not_here(span, message);
            }
            self.option(item);
        }
    }

    fn option(&mut self, item: &OptionItem<Expr>) {
        match item {
            OptionItem::Mss(Slot::Is(value)) => self.number(value, 16, "mss"),
            OptionItem::WindowScale(Slot::Is(value)) => self.number(value, 8, "wscale"),
            OptionItem::UserTimeout {
                value: Slot::Is(value),
                ..
            } => {
                self.must_be(value, &[Type::Number, Type::Duration]);
            }
            OptionItem::Timestamps { val, ecr } => {
                for (slot, name) in [(val, "TS val"), (ecr, "TS ecr")] {
                    if let Slot::Is(value) = slot {
                        self.number(value, 32, name);
                    }
                }
            }
            OptionItem::Sack { blocks, .. } => {
                for edge in blocks.iter().flat_map(|(left, right)| [left, right]) {
                    self.must_be(edge, &[Type::Number, Type::Seq]);
                }
            }
            OptionItem::Mss(Slot::Any)
            | OptionItem::WindowScale(Slot::Any)
            | OptionItem::UserTimeout {
                value: Slot::Any, ..
            }
            | OptionItem::Eol
            | OptionItem::Nop
            | OptionItem::SackPermitted
            | OptionItem::Md5(_)
            | OptionItem::FastOpen(_)
            | OptionItem::Experimental { .. }
            | OptionItem::Unknown { .. }
            | OptionItem::Raw(_)
            | OptionItem::Absent(_)
            | OptionItem::Rest => {}
        }
    }

    fn number(&mut self, expr: &Expr, bits: u32, what: &str) {
        self.must_be(expr, &[Type::Number]);
        self.fits(expr, bits, what);
    }
}

/// Whether an option says what its octets are.
fn can_be_sent(item: &OptionItem<Expr>) -> bool {
    !matches!(
        item,
        OptionItem::Mss(Slot::Any)
            | OptionItem::WindowScale(Slot::Any)
            | OptionItem::UserTimeout {
                value: Slot::Any,
                ..
            }
            | OptionItem::Timestamps { val: Slot::Any, .. }
            | OptionItem::Timestamps { ecr: Slot::Any, .. }
            | OptionItem::Sack { any: true, .. }
            | OptionItem::Md5(Slot::Any)
            | OptionItem::FastOpen(Slot::Any)
            | OptionItem::Absent(_)
            | OptionItem::Rest
    )
}
