//! A web server in place of a source: each connection begins with a request, which symbols count.

use super::*;

const REQUEST: &[u8] = b"GET / HTTP/1.0\r\n\r\n";

fn setup_with_request(steps: &str) -> CaseSetup {
    let mut setup = setup(steps, Profile::generic(), Mode::Judge);
    setup.lease.request = Some(REQUEST.into());
    setup
}

/// A web server whose answer has this many segments of 100 octets, and then ends or does not. It is sent
/// when our window opens behind the request.
fn server(segments: u32, ends: bool) -> impl FnMut(&Segment) -> Answer {
    let mut asked = false;
    move |to| {
        if to.flags == Flags::SYN {
            return vec![(ms(1), syn_ack(to))];
        }
        let ack = (to.seq + to.seq_len()).0;
        if to.payload == REQUEST {
            assert_eq!(to.window, 0);
            asked = true;
            return vec![(ms(1), reply(to, Flags::ACK, ISS + 1, ack))];
        }
        if !std::mem::take(&mut asked) {
            return Vec::new();
        }
        let mut answers = Vec::new();
        for n in 0..segments {
            let mut text = reply(to, Flags::ACK, ISS + 1 + 100 * n, ack);
            text.payload = vec![b'x'; 100];
            answers.push((ms(5), text));
        }
        if ends {
            let fin = reply(to, Flags::FIN | Flags::ACK, ISS + 1 + 100 * segments, ack);
            answers.push((ms(6), fin));
        }
        answers
    }
}

const STEPS: &str = "  service source\n  < S  <mss 100>\n  > S.\n  < .\n  > .  seq ISS+1  len 100  ack RCV.NXT\n\
                     check RCV.NXT == IRS+19\n  > .  len 100  as last\n  < .  ack last.end  as ours\n  check ours.seq == RCV.NXT";

#[test]
fn the_request_follows_the_handshake_and_symbols_count_it() {
    let report = drive(setup_with_request(STEPS), server(2, false));
    assert_passes(&report);
    let shown: Vec<_> = report
        .trace
        .iter()
        .map(|e| (e.line(), e.note.as_deref()))
        .collect();
    assert_eq!(
        shown[3],
        (
            "< P. 1:19(18) ack 1 win 0".into(),
            Some("the service's request")
        )
    );
    assert_eq!(
        shown[4],
        (
            "> . 1:1(0) ack 19 win 10000".into(),
            Some("about the service's request")
        )
    );
}

#[test]
fn without_a_request_in_the_lease_none_is_sent() {
    let steps = "  service source\n  < S\n  > S.\n  < .\n  wait 1s\n  check RCV.NXT == IRS+1";
    let report = play(steps, server(2, false));
    assert_passes(&report);
}

#[test]
fn an_acknowledgement_behind_the_answer_is_a_segment_like_others() {
    let mut sound = server(1, false);
    let report = drive(setup_with_request(STEPS), |to| {
        let mut answers = sound(to);
        if let Some((_, text)) = answers.last().cloned()
            && !text.payload.is_empty()
        {
            let mut ack = text;
            ack.payload.clear();
            ack.seq += 100;
            answers.push((ms(7), ack));
        }
        answers
    });
    assert_eq!(message(&report), "len is 0 instead of 100");
}

#[test]
fn an_answer_that_is_over_before_the_test_is_no_failure() {
    let report = drive(setup_with_request(STEPS), server(1, true));
    assert_eq!(report.verdict.outcome, Outcome::Inconclusive);
    assert_eq!(
        report.reason.as_deref(),
        Some("the web server's answer was over after 100 octets: http_path names a longer one")
    );
}

#[test]
fn a_bad_link_does_not_lose_the_request() {
    let steps = STEPS.replace("  < S", "  impair in drop every data\n  < S");
    assert_passes(&drive(setup_with_request(&steps), server(2, false)));
}
