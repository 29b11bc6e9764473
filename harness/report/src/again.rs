//! The command line that plays a case again.

use tcpconf_engine::RunInfo;

/// What a command line needs besides paths, id and seed to play a case as it was played.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Again {
    /// `--target kernel --ip 6 --profile linux`, word by word.
    pub options: Vec<String>,
}

impl Again {
    /// `tcpconf run suites/reset -E 'id(reset/x[off=one])' --seed 7`, fit for a POSIX shell.
    pub fn line(&self, run: &RunInfo, case: &str, seed: u64) -> String {
        let mut words = vec!["tcpconf".to_owned(), "run".to_owned()];
        words.extend(run.paths.iter().cloned());
        words.extend(self.options.iter().cloned());
        words.extend(["-E".to_owned(), id_filter(case)]);
        words.extend(["--seed".to_owned(), seed.to_string()]);
        let quoted: Vec<String> = words.iter().map(|word| quote(word)).collect();
        quoted.join(" ")
    }
}

/// The filter expression that selects this id alone.
fn id_filter(id: &str) -> String {
    if id.contains(['(', ')', '"', '\\']) {
        let escaped = id.replace('\\', "\\\\").replace('"', "\\\"");
        format!("id(\"{escaped}\")")
    } else {
        format!("id({id})")
    }
}

/// A word as a POSIX shell reads it back.
fn quote(word: &str) -> String {
    let plain = |c: char| c.is_ascii_alphanumeric() || "-_./:=,@%+".contains(c);
    if !word.is_empty() && word.chars().all(plain) {
        word.to_owned()
    } else {
        format!("'{}'", word.replace('\'', r"'\''"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use rstest::rstest;

    #[rstest]
    #[case("suites/reset", "suites/reset")]
    #[case("[fd00::1]:80", "'[fd00::1]:80'")]
    #[case("it's", r"'it'\''s'")]
    #[case("", "''")]
    fn words_survive_the_shell(#[case] word: &str, #[case] quoted: &str) {
        assert_eq!(quote(word), quoted);
    }

    #[rstest]
    #[case("a/b[c=d]", "id(a/b[c=d])")]
    #[case("a/b[c=max(1,2)]", "id(\"a/b[c=max(1,2)]\")")]
    fn ids_with_parentheses_are_quoted(#[case] id: &str, #[case] filter: &str) {
        assert_eq!(id_filter(id), filter);
    }
}
