use super::*;
use rstest::rstest;
use tcpconf_wire::checksum::Sum;

const OURS: MacAddr = MacAddr(2, 0, 0, 0, 0, 1);
const THEIRS: MacAddr = MacAddr(2, 0, 0, 0, 0, 9);

fn ip(text: &str) -> IpAddr {
    text.parse().unwrap()
}

#[rstest]
#[case("10.77.0.2", "10.77.0.1")]
#[case("fd77::2", "fd77::1")]
fn a_question_for_our_address_is_answered_and_the_answer_tells_our_mac(
    #[case] wanted: &str,
    #[case] asker: &str,
) {
    let (wanted, asker) = (ip(wanted), ip(asker));
    let question = question(wanted, asker, THEIRS).unwrap();
    let owned = Owned::addresses([wanted]);
    let reply = answer(question.ethertype, &question.payload, &owned, OURS).unwrap();
    assert_eq!(reply.to, THEIRS);
    assert_eq!(told(reply.ethertype, &reply.payload, wanted), Some(OURS));
}

#[rstest]
#[case("10.77.0.3", "10.77.0.1")]
#[case("fd77::3", "fd77::1")]
fn a_question_for_another_address_is_not_answered(#[case] wanted: &str, #[case] asker: &str) {
    let question = question(ip(wanted), ip(asker), THEIRS).unwrap();
    let owned = Owned::addresses([ip("10.77.0.2"), ip("fd77::2")]);
    assert_eq!(
        answer(question.ethertype, &question.payload, &owned, OURS),
        None
    );
}

#[test]
fn an_answer_for_another_address_tells_nothing() {
    let question = question(ip("fd77::2"), ip("fd77::1"), THEIRS).unwrap();
    let owned = Owned::addresses([ip("fd77::2")]);
    let reply = answer(question.ethertype, &question.payload, &owned, OURS).unwrap();
    assert_eq!(told(reply.ethertype, &reply.payload, ip("fd77::4")), None);
}

#[test]
fn discovery_goes_to_the_solicited_node_group_with_a_right_checksum() {
    let question = question(ip("fd77::12:3456"), ip("fd77::1"), THEIRS).unwrap();
    assert_eq!(
        question.to,
        MacAddr::new(0x33, 0x33, 0xff, 0x12, 0x34, 0x56)
    );
    let sum = Sum::pseudo_header(ip("fd77::1"), ip("ff02::1:ff12:3456"), 58, ND_LENGTH)
        .add_bytes(&question.payload[IPV6_HEADER..]);
    assert_eq!(sum.fold(), 0xffff);
}

#[test]
fn forwarded_discovery_is_not_believed() {
    let mut question = question(ip("fd77::2"), ip("fd77::1"), THEIRS).unwrap();
    question.payload[7] = 254;
    let owned = Owned::addresses([ip("fd77::2")]);
    assert_eq!(
        answer(question.ethertype, &question.payload, &owned, OURS),
        None
    );
}

#[rstest]
#[case(0x0806)]
#[case(0x86dd)]
fn truncated_payloads_are_ignored(#[case] ethertype: u16) {
    let whole = question(
        if ethertype == 0x0806 {
            ip("10.77.0.2")
        } else {
            ip("fd77::2")
        },
        if ethertype == 0x0806 {
            ip("10.77.0.1")
        } else {
            ip("fd77::1")
        },
        THEIRS,
    )
    .unwrap();
    let owned = Owned::addresses([ip("10.77.0.2"), ip("fd77::2")]);
    for length in 0..whole.payload.len() {
        assert_eq!(
            answer(ethertype, &whole.payload[..length], &owned, OURS),
            None,
            "{length} octets"
        );
    }
}
