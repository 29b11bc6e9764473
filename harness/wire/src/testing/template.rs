//! Templates out of random bytes: patterns with relations, alternatives and wildcards.

use super::{addresses, bytes};
use crate::Flags;
use crate::notation::{
    Field, FieldInfo, FieldValue, FlagsSpec, OptionItem, OptionName, OptionsSpec, Relation, Shape,
    Slot, Span, Template, add_fields, field_names,
};
use arbitrary::{Result, Unstructured};

/// Any template over constants.
///
/// # Errors
/// When the bytes are used up where some are needed.
pub fn template(u: &mut Unstructured<'_>) -> Result<Template<u64>> {
    let mut fields = Vec::new();
    for _ in 0..u.int_in_range(0..=6)? {
        let info = u.choose(field_names())?;
        let field = field(u, info)?;
        // One that stands there already is left out.
        let _ = add_fields(&mut fields, vec![field]);
    }
    let options = if u.arbitrary()? {
        let count = u.int_in_range(0..=5)?;
        let items = (0..count).map(|_| item(u)).collect::<Result<_>>()?;
        Some(OptionsSpec::Items(items))
    } else {
        None
    };
    Ok(Template {
        flags: FlagsSpec::Literal(Flags::from_bits(u.arbitrary()?)),
        fields,
        options,
        span: Span::default(),
    })
}

fn field(u: &mut Unstructured<'_>, info: &FieldInfo) -> Result<Field<u64>> {
    let relations = [Relation::Lt, Relation::Le, Relation::Gt, Relation::Ge];
    let relation = match u.int_in_range(0..=5)? {
        0 => Relation::Ne,
        1 if matches!(info.shape, Shape::Number(_)) => *u.choose(&relations)?,
        _ => Relation::Eq,
    };
    let count = u.int_in_range(1..=3)?;
    let mut values = Vec::new();
    for _ in 0..count {
        values.push(value(u, info.shape)?);
    }
    // `from addr fresh` is a form of its own, without alternatives and relation.
    let special = matches!(info.shape, Shape::Address | Shape::Port) && u.ratio(1, 4)?;
    if special && relation == Relation::Eq {
        values = vec![if u.arbitrary()? {
            FieldValue::Fresh
        } else {
            FieldValue::Same
        }];
    }
    Ok(Field {
        name: info.name,
        relation,
        values,
        span: Span::default(),
    })
}

fn value(u: &mut Unstructured<'_>, shape: Shape) -> Result<FieldValue<u64>> {
    Ok(match shape {
        Shape::Bit => FieldValue::Number(u.int_in_range(0..=1)?),
        Shape::Number(_) | Shape::Port => FieldValue::Number(u.arbitrary()?),
        Shape::Checksum => match u.int_in_range(0..=2)? {
            0 => FieldValue::Good,
            1 => FieldValue::Bad,
            _ => FieldValue::Number(u.arbitrary()?),
        },
        Shape::Address => FieldValue::Address(addresses(u)?.0),
        Shape::Bytes => FieldValue::Bytes(bytes(u, 20)?),
        Shape::Typed => FieldValue::Typed(u.arbitrary()?, bytes(u, 20)?),
    })
}

fn slot(u: &mut Unstructured<'_>) -> Result<Slot<u64>> {
    Ok(if u.ratio(1, 4)? {
        Slot::Any
    } else {
        Slot::Is(u.arbitrary()?)
    })
}

fn item(u: &mut Unstructured<'_>) -> Result<OptionItem<u64>> {
    let names = [
        OptionName::Nop,
        OptionName::Mss,
        OptionName::WindowScale,
        OptionName::SackPermitted,
        OptionName::Sack,
        OptionName::Timestamps,
        OptionName::Md5,
        OptionName::UserTimeout,
        OptionName::FastOpen,
        OptionName::Kind(77),
    ];
    Ok(match u.int_in_range(0..=9)? {
        0 => OptionItem::Rest,
        1 => OptionItem::Absent(*u.choose(&names)?),
        2 => OptionItem::Mss(slot(u)?),
        3 => OptionItem::WindowScale(slot(u)?),
        4 => OptionItem::Timestamps {
            val: slot(u)?,
            ecr: slot(u)?,
        },
        5 => OptionItem::UserTimeout {
            minutes: u.arbitrary()?,
            value: slot(u)?,
        },
        6 => OptionItem::Sack {
            blocks: Vec::new(),
            any: true,
        },
        7 => OptionItem::Md5(Slot::Any),
        8 => OptionItem::FastOpen(Slot::Any),
        _ => OptionItem::from(&super::option(u)?),
    })
}
