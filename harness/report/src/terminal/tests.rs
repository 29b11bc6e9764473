use super::*;
use crate::sample;
use rstest::rstest;
use tcpconf_engine::{Level, Outcome};

fn options() -> TerminalOptions {
    TerminalOptions {
        captures: Some("out".into()),
        requirements: sample::requirements(),
        again: Again {
            options: ["--target", "kernel", "--ip", "6"]
                .map(String::from)
                .to_vec(),
        },
        ..TerminalOptions::default()
    }
}

/// Without ANSI sequences, as a pipe gets it.
fn plain(text: &str) -> String {
    let mut out = String::new();
    let mut escape = false;
    for c in text.chars() {
        match (escape, c) {
            (true, 'm') => escape = false,
            (true, _) => {}
            (false, '\x1b') => escape = true,
            (false, c) => out.push(c),
        }
    }
    out
}

fn shown(options: TerminalOptions, events: &[RunEvent]) -> String {
    let mut out = Vec::new();
    let mut terminal = Terminal::new(&mut out, options);
    for event in events {
        terminal.event(event).unwrap();
    }
    terminal.finish().unwrap();
    String::from_utf8(out).unwrap()
}

#[test]
fn run_with_every_status_by_default() {
    insta::assert_snapshot!(plain(&shown(options(), &sample::run_of_every_kind())));
}

#[test]
fn run_with_every_status_verbose() {
    let options = TerminalOptions {
        verbose: true,
        ..options()
    };
    insta::assert_snapshot!(plain(&shown(options, &sample::run_of_every_kind())));
}

#[test]
fn every_status_has_a_style() {
    let lines: String = sample::cases()
        .iter()
        .map(|case| line::case(case, 3, 120))
        .collect();
    insta::assert_snapshot!(lines.replace('\x1b', "␛"));
}

fn block(case: &CaseReport) -> String {
    plain(&failure_block(
        case,
        &sample::run_info(),
        &options(),
        Detail::Full,
    ))
}

#[test]
fn block_where_nothing_came() {
    insta::assert_snapshot!(block(&sample::failed()));
}

#[test]
fn block_where_fields_differ_inside_a_fixture() {
    insta::assert_snapshot!(block(&sample::mismatch(Level::Should)));
}

#[test]
fn block_where_a_check_does_not_hold() {
    insta::assert_snapshot!(block(&sample::check_failed()));
}

#[test]
fn block_of_an_invariant() {
    let invariant = sample::invariant(Outcome::Fail, Level::Must);
    insta::assert_snapshot!(plain(&invariant_block(
        &invariant,
        &sample::run_info(),
        &options()
    )));
}

#[test]
fn long_trace_shows_its_last_packets_and_says_so() {
    let mut case = sample::failed();
    for _ in 0..3 {
        case.trace.extend(case.trace.clone());
    }
    let text = block(&case);
    assert!(
        text.contains("(last 8 of 40; `<` into the target)"),
        "{text}"
    );
    assert_eq!(
        text.lines()
            .filter(|line| line.starts_with("        +"))
            .count(),
        8
    );
}

#[test]
fn text_of_suites_and_packets_brings_no_control_characters() {
    let mut case = sample::failed();
    case.id = "reset/\x1b[2J".into();
    let failure = case.failure.as_mut().unwrap();
    failure.message = "\x1b]0;title\x07".into();
    failure.expected = Some("a\rb".into());
    case.trace[0].text = "\x1b[31m".into();
    let text = block(&case);
    assert!(
        text.chars().all(|c| c == '\n' || !c.is_control()),
        "{text:?}"
    );
}

/// Takes some bytes, then fails as a closed pipe or a full disk does.
struct Bounded(usize, io::ErrorKind);

impl Write for Bounded {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let taken = bytes.len().min(self.0);
        self.0 -= taken;
        if taken == 0 {
            Err(self.1.into())
        } else {
            Ok(taken)
        }
    }
    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[rstest]
#[case(io::ErrorKind::BrokenPipe, true)]
#[case(io::ErrorKind::StorageFull, false)]
fn closed_pipe_is_no_error_and_a_full_disk_is(#[case] kind: io::ErrorKind, #[case] fine: bool) {
    let mut terminal = Terminal::new(Bounded(100, kind), options());
    let all_fine = sample::run_of_every_kind()
        .iter()
        .all(|event| terminal.event(event).is_ok());
    assert_eq!(all_fine, fine);
}

#[test]
fn only_unsupported_is_said_in_words() {
    let case = sample::with(
        sample::case("a/b", Outcome::Unsupported, Level::Must),
        &[],
        Some("no application interface"),
    );
    let counts = [(Shown::Unsupported, 1)].into_iter().collect();
    let summary = tcpconf_engine::Summary {
        counts,
        ..Default::default()
    };
    let events = [
        RunEvent::Started(sample::run_info()),
        RunEvent::CaseFinished(Box::new(case)),
        RunEvent::Finished(summary),
    ];
    insta::assert_snapshot!(plain(&shown(options(), &events)));
}

#[test]
fn target_that_does_not_answer_is_told_of_once() {
    let sentence = "10.0.0.2:81 does not answer";
    let mut events = vec![RunEvent::Started(sample::run_info())];
    for slug in ["a", "b", "c"] {
        let case = sample::case(&format!("reset/{slug}"), Outcome::Error, Level::Must);
        events.push(RunEvent::CaseFinished(Box::new(sample::with(
            case,
            &[],
            Some(sentence),
        ))));
    }
    events.push(RunEvent::Finished(tcpconf_engine::Summary {
        counts: [(Shown::Error, 3)].into_iter().collect(),
        broken: Some(sentence.into()),
        ..Default::default()
    }));
    let text = plain(&shown(options(), &events));
    assert_eq!(text.matches(sentence).count(), 1, "{text}");
    assert!(
        text.contains("ERROR 3 × 10.0.0.2:81 does not answer"),
        "{text}"
    );
}
