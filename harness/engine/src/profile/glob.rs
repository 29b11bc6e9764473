//! Globs of expectations: which instances they are for.
//!
//! Not modelled: braces within braces, and any way to write `*`, `?` or `{` as themselves: ids hold none.

/// Whether an id is meant: `*` stands for any run of characters, `?` for one, `{a,b}` for `a` or `b`.
pub(super) fn matches(glob: &str, id: &str) -> bool {
    let mut parts = glob.chars();
    match parts.next() {
        None => id.is_empty(),
        Some('*') => {
            let rest = parts.as_str();
            let mut from = id.char_indices().map(|(i, _)| i).chain([id.len()]);
            from.any(|from| matches(rest, &id[from..]))
        }
        Some('?') => {
            let mut chars = id.chars();
            chars.next().is_some() && matches(parts.as_str(), chars.as_str())
        }
        Some('{') if let Some((alternatives, rest)) = parts.as_str().split_once('}') => {
            let mut alternatives = alternatives.split(',');
            alternatives.any(|a| id.strip_prefix(a).is_some_and(|id| matches(rest, id)))
        }
        Some(c) => id
            .strip_prefix(c)
            .is_some_and(|id| matches(parts.as_str(), id)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use rstest::rstest;

    #[rstest]
    #[case("a/b", "a/b", true)]
    #[case("a/b", "a/bc", false)]
    #[case("a/b*", "a/b", true)]
    #[case("a/*[x=1,*y=2]", "a/b[x=1,z=3,y=2]", true)]
    #[case("a/*[x=1,*y=2]", "a/b[x=1,z=3,y=22]", false)]
    #[case("a/?", "a/é", true)]
    #[case("a/?", "a/", false)]
    #[case("[x={one,two},*", "[x=two,y=1]", true)]
    #[case("[x={one,two},*", "[x=twofold,y=1]", false)]
    #[case("[x={one,},y=1]", "[x=,y=1]", true)]
    #[case("{a,ab}c", "abc", true)]
    #[case("a{b", "a{b", true)]
    fn stars_marks_and_braces_mean_what_the_page_says(
        #[case] glob: &str,
        #[case] id: &str,
        #[case] meant: bool,
    ) {
        assert_eq!(matches(glob, id), meant);
    }
}
