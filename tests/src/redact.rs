//! Takes out of tcpconf's text what differs from run to run.

use regex::{Captures, Regex};
use std::path::Path;
use std::sync::LazyLock;

/// The words that begin a block.
static HEAD: LazyLock<Regex> = LazyLock::new(|| {
    Regex::new(r"^ *(?:FAIL|WARN|INFO|ERROR|INCONC|XPASS)  (?<id>\S+)   (?:MUST|SHOULD|MAY)")
        .expect("a fixed pattern")
});
/// Wall-clock time at the very end.
static ELAPSED: LazyLock<Regex> =
    LazyLock::new(|| Regex::new(r"(?m)(; )[0-9.]+m?s$").expect("a fixed pattern"));
static SEED: LazyLock<Regex> =
    LazyLock::new(|| Regex::new(r"(seed )\d+").expect("a fixed pattern"));

/// `text` with the run's elapsed time, its seed and the path of `folder` replaced.
pub fn redacted(text: &str, folder: &Path) -> String {
    let text = ELAPSED.replace_all(text, |c: &Captures| format!("{}[elapsed]", &c[1]));
    let text = SEED.replace_all(&text, |c: &Captures| format!("{}[seed]", &c[1]));
    text.replace(&folder.display().to_string(), "[folder]")
}

/// The blocks of what did not pass, each with the id of its case.
pub fn blocks(stdout: &str) -> Vec<(String, String)> {
    let mut found: Vec<(String, String)> = Vec::new();
    let mut open = false;
    for line in stdout.lines() {
        if let Some(head) = HEAD.captures(line) {
            found.push((head["id"].to_owned(), String::new()));
            open = true;
        } else if line.is_empty() {
            open = false;
        }
        if let (true, Some((_, block))) = (open, found.last_mut()) {
            block.push_str(line);
            block.push('\n');
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_block_ends_at_the_empty_line() {
        let text = "head\n    FAIL  a/b[c=d]   MUST   0.00s\n      why\n\n    WARN  a/c   SHOULD   1s\n      x\n\n   FAIL  a/b: why\n";
        let found = blocks(text);
        assert_eq!(found.len(), 2);
        assert_eq!(found[0].0, "a/b[c=d]");
        assert_eq!(found[0].1, "    FAIL  a/b[c=d]   MUST   0.00s\n      why\n");
        assert_eq!(found[1].0, "a/c");
    }

    #[test]
    fn elapsed_time_seed_and_folder_go() {
        let text = "against x, seed 7\n TOTAL 1 passed; 0.04s\n/tmp/q/a.xml";
        assert_eq!(
            redacted(text, Path::new("/tmp/q")),
            "against x, seed [seed]\n TOTAL 1 passed; [elapsed]\n[folder]/a.xml"
        );
    }
}
