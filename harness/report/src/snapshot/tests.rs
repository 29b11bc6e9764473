use super::*;
use crate::sample;
use rstest::rstest;
use std::time::Duration;
use tcpconf_engine::{Level, Outcome};
use tcpconf_suite::Requirements;

#[rstest]
#[case(
    "> S. 0:0(0) ack 1 win 64240 <mss 1460>",
    0,
    "> S. 0:0(0) ack 1 win large <mss 1460>"
)]
#[case(
    "< S   0:0(0) win 65535 <mss 1460>",
    30,
    "< S 0:0(0) win 65535 <mss 1460>"
)]
#[case(
    "< . 1:1(0) ack 1 win 1 checksum 7687",
    0,
    "< . 1:1(0) ack 1 win 1 checksum n"
)]
#[case(
    "< . 1:1(0) ack 1 win 1 checksum 0",
    0,
    "< . 1:1(0) ack 1 win 1 checksum 0"
)]
#[case("> R. 1:1(0) ack 1 win 0", 1_012, "> R. 1:1(0) ack 1 win 0 after ~1s")]
#[case(
    "b > . 1:1(0) ack 1 win 500",
    200,
    "b > . 1:1(0) ack 1 win tiny after <0.5s"
)]
#[case(
    "> S. 0:0(0) ack 1 win 1 <TS val 77 ecr 0,nop,wscale 7>",
    3_100,
    "> S. 0:0(0) ack 1 win tiny <TS val n ecr 0,nop,wscale 7> after ~4s"
)]
#[case(
    "> . 1:1(0) ack 1 win 5000 <nop,nop,TS val 0 ecr 4105>",
    2_047,
    "> . 1:1(0) ack 1 win medium <nop,nop,TS val 0 ecr n> after ~2s"
)]
#[case(
    "< icmp port-unreachable quote 10.77.0.1:80 > 10.77.0.98:4000 seq 77",
    0,
    "< icmp port-unreachable quote seq 77"
)]
fn what_differs_in_every_play_is_taken_out(
    #[case] line: &str,
    #[case] millis: u64,
    #[case] expected: &str,
) {
    assert_eq!(packet_line(line, Duration::from_millis(millis)), expected);
}

fn behaviour(verdict: &str, packets: &[&str]) -> Behaviour {
    Behaviour {
        verdict: verdict.into(),
        packets: Some(packets.iter().map(|p| (*p).to_owned()).collect()),
    }
}

fn snapshot(cases: &[(&str, Behaviour)]) -> Snapshot {
    Snapshot {
        about: vec!["target x".into()],
        cases: cases
            .iter()
            .map(|(id, case)| ((*id).to_owned(), case.clone()))
            .collect(),
    }
}

#[test]
fn snapshot_reads_back_as_it_was_written() {
    let mut snapshot = snapshot(&[
        ("a/b[c=d: e]", behaviour("fail must", &["< S", "> R."])),
        ("a/c", behaviour("unsupported", &[])),
    ]);
    snapshot.cases.insert(
        "a/d".into(),
        Behaviour {
            verdict: "pass".into(),
            packets: None,
        },
    );
    let text = snapshot.render();
    assert_eq!(Snapshot::parse(&text).unwrap(), snapshot);
    insta::assert_snapshot!(text);
}

#[rstest]
#[case("", SnapshotError::Head)]
#[case("# tcpconf snapshot 1\n  > S", SnapshotError::Line(2))]
#[case("# tcpconf snapshot 1\nword", SnapshotError::Line(2))]
#[case("# tcpconf snapshot 1\na: pass\na: pass", SnapshotError::Twice { line: 3, id: "a".into() })]
#[case(
    "# tcpconf snapshot 1\na: pass unstable\n  > S",
    SnapshotError::Line(3)
)]
fn what_is_no_snapshot_is_refused(#[case] text: &str, #[case] error: SnapshotError) {
    assert_eq!(Snapshot::parse(text), Err(error));
}

#[test]
fn plays_that_differ_make_a_case_unstable() {
    let played = sample::failed();
    let mut other = played.clone();
    let judged = [played.clone()];
    let same = Snapshot::of(
        Vec::new(),
        &judged,
        &[vec![played.clone()], vec![played.clone()]],
    );
    assert_eq!(same.unstable(), 0);
    let case = &same.cases[&played.id];
    assert_eq!(case.verdict, "fail must");
    let packets = case.packets.as_ref().unwrap();
    assert_eq!(packets.len(), 5, "cleaning up is left out");
    other.trace.pop();
    other.trace.pop();
    let differs = Snapshot::of(Vec::new(), &judged, &[vec![played], vec![other]]);
    assert_eq!(differs.unstable(), 1);
}

fn comparison() -> Comparison {
    let left = snapshot(&[
        ("reset/same", behaviour("pass", &["> S."])),
        (
            "reset/window",
            behaviour("pass", &["< S", "> S. 0:0(0) win large"]),
        ),
        (
            "reset/more",
            behaviour("pass", &["< S", "> S.", "> S. after ~1s"]),
        ),
        ("reset/wrong", behaviour("pass", &["< R", "> ."])),
        ("reset/may", behaviour("pass", &["> ."])),
        ("reset/neither", behaviour("fail must", &["> ."])),
        ("reset/left", behaviour("pass", &[])),
    ]);
    let right = snapshot(&[
        ("reset/same", behaviour("pass", &["> S."])),
        (
            "reset/window",
            behaviour("pass", &["< S", "> S. 0:0(0) win small"]),
        ),
        ("reset/more", behaviour("pass", &["< S", "> S."])),
        ("reset/wrong", behaviour("fail must", &["< R", "> R"])),
        ("reset/may", behaviour("fail may", &[])),
        ("reset/neither", behaviour("inconclusive", &["> R"])),
        ("reset/right", behaviour("pass", &[])),
    ]);
    let names = ["one".to_owned(), "other".to_owned()];
    Comparison::of(names, &left, &right, &[], &Requirements::default())
}

#[test]
fn differences_are_judged_by_what_both_passed() {
    let comparison = comparison();
    let kinds: Vec<(&str, Kind)> = comparison
        .differences()
        .map(|d| (d.id.as_str(), d.kind))
        .collect();
    assert_eq!(
        kinds,
        [
            ("reset/left", Kind::OneSided),
            ("reset/may", Kind::May),
            ("reset/more", Kind::Allowed),
            ("reset/neither", Kind::Open),
            ("reset/right", Kind::OneSided),
            ("reset/window", Kind::Allowed),
            ("reset/wrong", Kind::NotAllowed),
        ]
    );
    assert_eq!(comparison.same, 1);
    let window = &comparison.tests["reset/window"][0];
    assert!(window.why.contains("only windows differ"), "{}", window.why);
}

#[test]
fn traces_stand_side_by_side() {
    insta::assert_snapshot!(comparison().text(80));
}

#[test]
fn a_terminal_may_say_any_width() {
    let words = |width| -> Vec<String> {
        let text = comparison().text(width);
        text.split_whitespace().map(str::to_owned).collect()
    };
    assert_eq!(words(usize::MAX), words(200));
}

#[test]
fn html_shows_every_difference() {
    let comparison = comparison();
    let page = &comparison.html().unwrap()["index.html"].replace("&#x2f;", "/");
    for difference in comparison.differences() {
        assert!(page.contains(&difference.id), "{}", difference.id);
    }
    assert!(
        page.contains("<details open>"),
        "what is not allowed is open"
    );
}

#[test]
fn level_of_a_failure_is_part_of_the_verdict() {
    let case = sample::case("a/b", Outcome::Fail, Level::Should);
    let snapshot = Snapshot::of(Vec::new(), &[case], &[]);
    assert_eq!(snapshot.cases["a/b"].verdict, "fail should");
}

#[test]
fn numbers_drawn_anew_are_named_and_their_neighbours_too() {
    let play = |isn: u32| {
        vec![
            format!("< . {isn}:{isn}(0) ack 16909060 win 65535"),
            format!(
                "> R. 16909060:16909060(0) ack {} win 0",
                isn.wrapping_add(1)
            ),
            format!("> R {}:5(0)", i64::from(isn) - (1 << 32)),
        ]
    };
    let merged = normal::merged(&[play(3_004_136_428), play(378_623_808)]).unwrap();
    assert_eq!(
        merged,
        [
            "< . n1:n1(0) ack 16909060 win 65535",
            "> R. 16909060:16909060(0) ack n1+1 win 0",
            "> R n1:5(0)",
        ]
    );
    let other = vec!["> nothing of the kind".to_owned()];
    assert_eq!(normal::merged(&[play(1), other]), None);
    let one_number_twice = vec!["> R 7:7(0)".to_owned()];
    let two_numbers = vec!["> R 900000:1800000(0)".to_owned()];
    assert_eq!(normal::merged(&[one_number_twice, two_numbers]), None);
}
