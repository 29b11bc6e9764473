//! Files to plans, and plans to steps.
#![expect(clippy::unwrap_used, reason = "a panic is how a test fails")]

use rstest::rstest;
use std::time::Duration;
use tcpconf_suite::ast::{Step, StepKind};
use tcpconf_suite::{
    Code, Diagnostic, Instance, Level, Plan, Requirements, SourceFile, load, load_exhaustive,
};

fn requirements() -> Requirements {
    Requirements::from_toml(include_str!("../../../suites/requirements.toml")).unwrap()
}

fn file(path: &str, text: &str) -> SourceFile {
    SourceFile {
        path: path.to_owned(),
        text: text.to_owned(),
    }
}

fn load_one(text: &str) -> (Plan, Vec<Diagnostic>) {
    load(
        vec![file("suites/topic/a.tcpt", text)],
        Vec::new(),
        &requirements(),
    )
}

/// The only instance of a test with these steps.
fn instance(lines: &str) -> Instance {
    let text = format!(
        "tcpt 1\nsuite \"x\"\ntest t {{\ntitle \"t\"\nspec RFC9293-MUST-9\n{lines}\nalive\n}}\n"
    );
    let (mut plan, diagnostics) = load_one(&text);
    let rendered: String = diagnostics.iter().map(|d| d.render(false)).collect();
    assert_eq!(rendered, "");
    plan.instances.pop().unwrap()
}

/// Lowered steps as lines, blocks opened.
fn lines(steps: &[Step], lines: &mut Vec<String>) {
    for step in steps {
        match &step.kind {
            StepKind::Setup { state, steps, .. } => {
                lines.push(format!("[{state}"));
                self::lines(steps, lines);
                lines.push("]".to_owned());
            }
            StepKind::Inlined { fixture, steps, .. } => {
                lines.push(format!("({fixture}"));
                self::lines(steps, lines);
                lines.push(")".to_owned());
            }
            _ => lines.extend(step.to_string().lines().map(str::to_owned)),
        }
    }
}

fn lowered(instance: &Instance) -> String {
    let mut text = Vec::new();
    lines(&instance.lower().unwrap(), &mut text);
    text.join("\n")
}

#[test]
fn examples_of_the_design_load_and_lower() {
    let text = include_str!("files/language.tcpt");
    let (plan, diagnostics) = load(
        vec![file("suites/reset/rfc5961.tcpt", text)],
        Vec::new(),
        &requirements(),
    );
    let rendered: String = diagnostics.iter().map(|d| d.render(false)).collect();
    assert_eq!(rendered, "");
    let text: Vec<String> = plan
        .instances
        .iter()
        .map(|i| format!("{}\n{}\n", i.id, lowered(i)))
        .collect();
    insta::assert_snapshot!(text.join("\n"));
}

#[test]
fn parameters_become_what_their_place_asks_for() {
    let instance = instance(
        "matrix {\nf = R.\no = <mss 1,TS val 1+1 ecr 0>\nn = last: RCV.WND-1\nc = bad\n}\n\
         < ${f} ${o} seq 5*${n} checksum ${c}",
    );
    assert_eq!(instance.id, "topic/t[f=R.,n=last,c=bad]");
    assert_eq!(
        lowered(&instance).lines().next(),
        Some("< R.    seq 5*(RCV.WND-1)  checksum bad  <mss 1,TS val 1+1 ecr 0>")
    );
}

#[test]
fn spans_of_lowered_steps_stay_in_their_line() {
    let instance = instance("matrix { n = last: RCV.WND-1 }\nreach ESTABLISHED\n< . seq ${n}");
    for step in instance.lower().unwrap() {
        let mut step = step;
        let own = step.span;
        tcpconf_suite::Spans::each_span(&mut step, &mut |span| {
            assert!(
                own.start <= span.start && span.end <= own.end,
                "{span:?} in {own:?}"
            );
        });
    }
}

#[test]
fn fixtures_are_found_in_the_file_then_among_the_shared_ones() {
    let shared = "tcpt 1\nsuite \"s\"\nfixture here {\n gone\n}\nfixture there(n) {\n< . win ${n}\nuse here\n}\n";
    let own = "tcpt 1\nsuite \"x\"\nfixture here {\n alive\n}\n\
               test t {\ntitle \"t\"\nspec RFC9293-MUST-9\nuse here\nuse there(1+1)\n}\n";
    let (plan, diagnostics) = load(
        vec![file("suites/topic/a.tcpt", own)],
        vec![file("suites/fixtures/s.tcpt", shared)],
        &requirements(),
    );
    assert_eq!(diagnostics, []);
    assert_eq!(
        lowered(&plan.instances[0]),
        "(here\nalive\n)\n(there\n< .     win (1+1)\n(here\ngone\n)\n)"
    );
}

#[test]
fn one_slug_in_two_files_of_a_folder_is_an_error_and_in_two_folders_is_none() {
    let text = "tcpt 1\nsuite \"x\"\ntest t {\ntitle \"t\"\nspec RFC9293-MUST-9\nalive\n}\n";
    let codes = |other: &str| -> Vec<Code> {
        let files = vec![file("suites/topic/a.tcpt", text), file(other, text)];
        load(files, Vec::new(), &requirements())
            .1
            .iter()
            .map(|d| d.code)
            .collect()
    };
    assert_eq!(codes("suites/topic/b.tcpt"), [Code::DuplicateTest]);
    assert_eq!(codes("suites/other/b.tcpt"), []);
}

#[rstest]
#[case("RFC9293-MUST-9", Level::Must)]
#[case("RFC6298-1-1 RFC9293-MUST-9", Level::Must)]
#[case("RFC9293-SHLD-10 RFC9293-MUST-9", Level::Should)]
#[case("RFC9293-MAY-1", Level::May)]
fn the_first_requirement_gives_the_level(#[case] spec: &str, #[case] level: Level) {
    let text = format!("tcpt 1\nsuite \"x\"\ntest t {{\ntitle \"t\"\nspec {spec}\nalive\n}}\n");
    let (plan, diagnostics) = load_one(&text);
    assert_eq!(diagnostics, []);
    assert_eq!(plan.instances[0].level, level);
}

#[rstest]
#[case::plain("reach ESTABLISHED", "listen")]
#[case::closed("reach CLOSED", "closed")]
#[case::half_closed("reach CLOSE-WAIT", "hold")]
#[case::said("service echo\nreach CLOSE-WAIT", "echo")]
fn service_follows_from_the_state(#[case] steps: &str, #[case] service: &str) {
    assert_eq!(instance(steps).needs.service, service);
}

#[rstest]
#[case::answered_at_once("< S\n> S. within 1s\n< .\nwait 2s", 0)]
#[case::nothing_came("< S checksum bad\n> nothing for 1s", 0)]
#[case::left_over_a_wait("< S\n> S.\nwait 1s\n< .", 1)]
#[case::left_over_a_silence("< S\n> S.\n> nothing for 600ms", 1)]
#[case::short_wait("< S\n> S.\nwait 400ms\n< .", 0)]
#[case::second_syn_ack("< S\n> S. as x\n> S. same as x within 3s", 1)]
#[case::reached("reach SYN-RECEIVED\nwait 1s", 1)]
#[case::two("< S\n> S.\nb < S\nb > S.\nwait 1s", 2)]
#[case::reset("< S\n> S.\n< R\nwait 1s", 0)]
#[case::sampled("sample 12 as isn = ISS {\n< S from port fresh\n> S.\n}", 12)]
#[case::sampled_and_reset("sample 12 as isn = ISS {\n< S from port fresh\n> S.\n< R\n}", 0)]
#[case::one_of_two_ways(
    "< S\n> S.\neither {\n> S. within 3s\n} pass or {\n> nothing for 3s\n} pass",
    1
)]
fn half_open_connections_are_counted(#[case] steps: &str, #[case] half_open: u32) {
    assert_eq!(instance(steps).needs.half_open, half_open);
}

#[rstest]
#[case::none("reach ESTABLISHED\n> . within 1s", 0.0, false)]
#[case::nothing("> nothing for 1.5s", 1.5, false)]
#[case::sum("wait 1s\n< . after 2s\n> nothing for 500ms", 3.5, false)]
#[case::retransmission("> S. as x\n> S. same as x within 3s", 3.0, false)]
#[case::not_before("> . at 1s..4s", 4.0, false)]
#[case::of_a_label("< . as x\nwait 1s\n> . at 1s..4s of x", 4.0, false)]
#[case::longest_way(
    "either {\n> nothing for 2s\n} pass or {\n> R.\nwait 5s\n} pass",
    5.0,
    false
)]
#[case::rounds("repeat 10 {\nwait 2*profile.rto_initial\n}", 20.0, false)]
#[case::silence("silence", 0.5, false)]
#[case::long("wait 71s", 71.0, true)]
#[case::said("slow\nwait 1s", 1.0, true)]
fn duration_is_the_sum_of_the_waits(#[case] steps: &str, #[case] seconds: f64, #[case] slow: bool) {
    let needs = instance(steps).needs;
    assert_eq!(
        (needs.duration, needs.slow),
        (Duration::from_secs_f64(seconds), slow)
    );
}

#[test]
fn columns_of_what_a_row_cites_and_needs_do_not_stand_in_its_id() {
    let row = "table {\nstate | spec | given\nCLOSED | RFC9293-MUST-8 | sack ecn\n}";
    let instance = instance(row);
    assert_eq!(instance.id, "topic/t[state=CLOSED]");
    assert_eq!(instance.needs.features, ["sack", "ecn"]);
}

#[test]
fn other_needs_follow_from_directives_and_steps() {
    let needs = instance("given sack ecn\nip 6\ntimeout 30s\nbacklog 4\napp close").needs;
    assert_eq!(needs.features, ["sack", "ecn"]);
    assert_eq!(needs.ip, Some(6));
    assert_eq!(needs.timeout, Some(Duration::from_secs(30)));
    assert_eq!(needs.backlog, Some(4));
    assert!(needs.exclusive && needs.app);
}

#[rstest]
#[case("reach ESTABLISHED\nalive", "listen", "")]
#[case("reach CLOSE-WAIT\nalive", "hold", "")]
#[case("reach CLOSE-WAIT\napp close", "listen", "driven: listen accept close")]
#[case("reach CLOSED\nalive", "closed", "")]
#[case("reach CLOSING via service\nalive", "closer", "")]
#[case("reach LAST-ACK via service\nalive", "sink", "")]
#[case("reach FIN-WAIT-2\nalive", "listen", "driven: listen accept close")]
#[case("reach SYN-SENT\nalive", "listen", "driven: listen connect accept")]
#[case("service source\nreach SYN-SENT\nalive", "source", "beside: connect")]
#[case(
    "app listen backlog 2 with ttl 9\nalive",
    "listen",
    "driven: listen set ttl"
)]
#[case(
    "app connect\napp send 5 urgent\n> S",
    "listen",
    "driven: listen connect accept send send urgent"
)]
fn what_stands_behind_the_port_and_what_the_application_must_do(
    #[case] steps: &str,
    #[case] service: &str,
    #[case] application: &str,
) {
    let needs = instance(steps).needs;
    let calls: Vec<String> = needs.calls.iter().map(ToString::to_string).collect();
    let said = match (needs.app, needs.driven) {
        (false, _) => String::new(),
        (true, true) => format!("driven: {}", calls.join(" ")),
        (true, false) => format!("beside: {}", calls.join(" ")),
    };
    assert_eq!(
        (needs.service.as_str(), said.as_str()),
        (service, application)
    );
}

/// Files of a stranger, as large as may be, that would be slow to read if anything in it were quadratic.
#[rstest]
#[case::comments("#\n".repeat(400_000))]
#[case::open_blocks("conn b {\n".repeat(100_000))]
#[case::unknown_steps("exepct\n".repeat(100_000))]
#[case::unknown_ids("spec RFC9293-MUTS-9\n".repeat(40_000))]
#[case::steps("< . seq 1\n".repeat(90_000))]
#[case::labels((0..40_000).map(|i| format!("> . as l{i}\n")).collect())]
#[case::tests((0..8_000).map(|i| format!("alive\n}}\ntest t{i} {{\ntitle \"t\"\nspec A\n")).collect())]
#[case::fixtures((0..8_000).map(|i| format!("alive\n}}\nfixture f{i} {{\nuse f{}\n", i + 1)).collect())]
#[case::instances(format!("matrix {{\na = {v}\nb = {v}\n}}\n< . seq ${{a}} ack ${{c}}\n", v = "1,".repeat(100) + "2"))]
fn a_large_file_is_read(#[case] body: String) {
    let text =
        format!("tcpt 1\nsuite \"x\"\ntest t {{\ntitle \"t\"\nspec RFC9293-MUST-9\n{body}\n}}\n");
    // Milliseconds where reading is linear; a quadratic step would take minutes here and be noticed.
    let (_, diagnostics) = load_one(&text);
    let _ = tcpconf_suite::format(&file("a.tcpt", &text));
    assert!(diagnostics.len() < 300_000);
}

#[test]
fn a_fixture_may_leave_everything_to_its_parameters() {
    let text = "tcpt 1\nsuite \"x\"\n\
        fixture f(state, flags, options, n, after, how) {\n\
        reach ${state} with ${options}\nrepeat ${n} {\n< ${flags} ${options} seq ${n}\n}\n\
        > ${flags} within ${after}\nuse ${how}\n}\n\
        test t {\ntitle \"t\"\nspec RFC9293-MUST-9\n\
        use f(ESTABLISHED, F., <nop,nop>, 3, 2*profile.answer, alive)\n}\n";
    let (plan, diagnostics) = load_one(text);
    let rendered: String = diagnostics.iter().map(|d| d.render(false)).collect();
    assert_eq!(rendered, "");
    let lowered = lowered(&plan.instances[0]);
    assert!(lowered.contains("< F.    seq 3  <nop,nop>"), "{lowered}");
    assert!(
        lowered.contains("> F.    within (2*profile.answer)"),
        "{lowered}"
    );
}

#[test]
fn errors_in_a_shared_fixture_are_reported_in_its_file() {
    let shared = "tcpt 1\nsuite \"s\"\nfixture f {\n< . seq RCV.NTX\n}\n";
    let own = "tcpt 1\nsuite \"x\"\ntest t {\ntitle \"t\"\nspec RFC9293-MUST-9\nuse f\nalive\n}\n";
    let (plan, diagnostics) = load(
        vec![file("suites/topic/a.tcpt", own)],
        vec![file("suites/fixtures/s.tcpt", shared)],
        &requirements(),
    );
    let places: Vec<(Code, &str, (usize, usize))> = diagnostics
        .iter()
        .map(|d| (d.code, d.file.path.as_str(), d.line_column()))
        .collect();
    assert_eq!(
        places,
        [(Code::UnknownSymbol, "suites/fixtures/s.tcpt", (4, 9))]
    );
    assert!(plan.instances.is_empty());
}

#[test]
fn a_test_that_was_read_whole_is_checked_beside_one_that_was_not() {
    let text = "tcpt 1\nsuite \"s\"\n\ntest broken {\n  title \"t\"\n  spec RFC9293-MUST-2\n  < S  wim 3\n  \
                > S.  as got\n  check gott.win == 1\n}\n\ntest sound {\n  title \"t\"\n  spec RFC9293-MUST-2\n  < S\n  \
                > S.  as got\n  check gott.win == 1\n}\n";
    let file = SourceFile {
        path: "suites/s/s.tcpt".into(),
        text: text.into(),
    };
    let (plan, diagnostics) = load(vec![file], Vec::new(), &requirements());
    assert!(plan.instances.is_empty());
    let lines: Vec<usize> = diagnostics.iter().map(|d| d.line_column().0).collect();
    assert_eq!(lines, [7, 17], "{diagnostics:#?}");
}

const RULED: &str = r#"tcpt 1
suite "x"
rules r {
  state       | off  -> reaction | spec
  *           | zero -> alive    | RFC9293-MUST-9
  TIME-WAIT   | *    -> same-as off=zero "nothing else is looked at"
  *           | *    -> gone     | RFC9293-3.10.7.4-RST-${state}
}
test t {
  title "t"
  matrix {
    state = ESTABLISHED, TIME-WAIT
    off   = zero: 0, 1, 2, 3, 4, 5, 6
  }
  rules r
  reach ${state}
  < R seq RCV.NXT+${off}
  use ${reaction}
}
"#;

#[test]
fn the_first_row_of_rules_that_matches_binds_what_an_instance_expects() {
    let file = file("suites/topic/a.tcpt", RULED);
    let (plan, diagnostics) = load_exhaustive(vec![file], Vec::new(), &requirements());
    assert_eq!(diagnostics, []);
    let told: Vec<String> = plan
        .instances
        .iter()
        .map(|i| format!("{} {} {}", i.id, i.spec[0], i.bindings[2].1.text))
        .collect();
    let exact = "topic/t[state=ESTABLISHED,off=zero] RFC9293-MUST-9 alive";
    assert_eq!(told[0], exact);
    let other = "topic/t[state=ESTABLISHED,off=1] RFC9293-3.10.7.4-RST-ESTABLISHED gone";
    assert_eq!(told[1], other);
    assert_eq!(
        told[7],
        "topic/t[state=TIME-WAIT,off=zero] RFC9293-MUST-9 alive"
    );
    assert_eq!(told.len(), 8, "{told:#?}");
}

#[test]
fn of_each_row_and_state_the_first_the_middle_and_the_last_instance_stand_for_all() {
    let (plan, diagnostics) = load_one(RULED);
    assert_eq!(diagnostics, []);
    let ids: Vec<&str> = plan.instances.iter().map(|i| i.id.as_str()).collect();
    let offsets: Vec<&str> = ids
        .iter()
        .filter_map(|id| {
            id.strip_prefix("topic/t[state=ESTABLISHED,off=")?
                .strip_suffix(']')
        })
        .collect();
    assert_eq!(offsets, ["zero", "1", "4", "6"]);
    assert_eq!(ids.last(), Some(&"topic/t[state=TIME-WAIT,off=zero]"));
}
