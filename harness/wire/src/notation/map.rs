//! Templates with other values: expressions evaluated, spans taken off.

use super::{Field, FieldValue, FlagsSpec, OptionItem, OptionsSpec, Slot, Span, Template};

impl<V> Template<V> {
    /// The same with each value replaced, for instance an expression by its number.
    ///
    /// # Errors
    /// The first error of `f`.
    pub fn try_map<W, E>(&self, mut f: impl FnMut(&V) -> Result<W, E>) -> Result<Template<W>, E> {
        let f = &mut f;
        Ok(Template {
            flags: match &self.flags {
                FlagsSpec::Literal(flags) => FlagsSpec::Literal(*flags),
                FlagsSpec::Value(value) => FlagsSpec::Value(f(value)?),
            },
            fields: collect(&self.fields, |field| field.try_map(&mut *f))?,
            options: match &self.options {
                None => None,
                Some(options) => Some(options.try_map(&mut *f)?),
            },
            span: self.span,
        })
    }

    /// The same without places: what [`PartialEq`] should compare after printing and parsing.
    #[must_use]
    pub fn without_spans(mut self) -> Self {
        self.span = Span::default();
        for field in &mut self.fields {
            field.span = Span::default();
        }
        self
    }
}

impl<V> Field<V> {
    /// The same with each value replaced.
    ///
    /// # Errors
    /// The first error of `f`.
    pub fn try_map<W, E>(&self, mut f: impl FnMut(&V) -> Result<W, E>) -> Result<Field<W>, E> {
        Ok(Field {
            name: self.name,
            relation: self.relation,
            values: collect(&self.values, |value| {
                Ok(match value {
                    FieldValue::Number(value) => FieldValue::Number(f(value)?),
                    FieldValue::Good => FieldValue::Good,
                    FieldValue::Bad => FieldValue::Bad,
                    FieldValue::Fresh => FieldValue::Fresh,
                    FieldValue::Same => FieldValue::Same,
                    FieldValue::Address(address) => FieldValue::Address(*address),
                    FieldValue::Bytes(bytes) => FieldValue::Bytes(bytes.clone()),
                    FieldValue::Typed(kind, body) => FieldValue::Typed(*kind, body.clone()),
                })
            })?,
            span: self.span,
        })
    }
}

impl<V> OptionsSpec<V> {
    /// The same with each value replaced.
    ///
    /// # Errors
    /// The first error of `f`.
    pub fn try_map<W, E>(
        &self,
        mut f: impl FnMut(&V) -> Result<W, E>,
    ) -> Result<OptionsSpec<W>, E> {
        match self {
            Self::Items(items) => {
                collect(items, |item| item.try_map(&mut f)).map(OptionsSpec::Items)
            }
            Self::Value(value) => f(value).map(OptionsSpec::Value),
        }
    }
}

impl<V> OptionItem<V> {
    /// The same with each value replaced.
    ///
    /// # Errors
    /// The first error of `f`.
    pub fn try_map<W, E>(&self, mut f: impl FnMut(&V) -> Result<W, E>) -> Result<OptionItem<W>, E> {
        Ok(match self {
            Self::Eol => OptionItem::Eol,
            Self::Nop => OptionItem::Nop,
            Self::SackPermitted => OptionItem::SackPermitted,
            Self::Mss(value) => OptionItem::Mss(value.try_map(f)?),
            Self::WindowScale(value) => OptionItem::WindowScale(value.try_map(f)?),
            Self::Sack { blocks, any } => OptionItem::Sack {
                blocks: collect(blocks, |(left, right)| Ok((f(left)?, f(right)?)))?,
                any: *any,
            },
            Self::Timestamps { val, ecr } => OptionItem::Timestamps {
                val: val.try_map(&mut f)?,
                ecr: ecr.try_map(&mut f)?,
            },
            Self::Md5(digest) => OptionItem::Md5(digest.clone()),
            Self::UserTimeout { minutes, value } => OptionItem::UserTimeout {
                minutes: *minutes,
                value: value.try_map(f)?,
            },
            Self::FastOpen(cookie) => OptionItem::FastOpen(cookie.clone()),
            Self::Experimental { kind, exid, data } => OptionItem::Experimental {
                kind: *kind,
                exid: *exid,
                data: data.clone(),
            },
            Self::Unknown { kind, data } => OptionItem::Unknown {
                kind: *kind,
                data: data.clone(),
            },
            Self::Raw(bytes) => OptionItem::Raw(bytes.clone()),
            Self::Absent(name) => OptionItem::Absent(*name),
            Self::Rest => OptionItem::Rest,
        })
    }
}

impl<V> Slot<V> {
    fn try_map<W, E>(&self, mut f: impl FnMut(&V) -> Result<W, E>) -> Result<Slot<W>, E> {
        match self {
            Self::Any => Ok(Slot::Any),
            Self::Is(value) => f(value).map(Slot::Is),
        }
    }
}

fn collect<A, B, E>(from: &[A], f: impl FnMut(&A) -> Result<B, E>) -> Result<Vec<B>, E> {
    from.iter().map(f).collect()
}
