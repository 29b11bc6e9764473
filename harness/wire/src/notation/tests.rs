//! The notation over constants.

use super::*;
use crate::Flags;
use rstest::rstest;

fn template(text: &str) -> Result<Template<u64>, NotationError> {
    let mut c = Cursor::new(text);
    let template = parse_template(&mut c, &mut ConstantValues)?;
    c.skip_blanks();
    if c.at_line_end() {
        return Ok(template);
    }
    Err(unknown_word(&c, ["within", "as"]))
}

/// Canonical text prints as it stands, and parses to the same value.
#[rstest]
#[case("S")]
#[case("-")]
#[case("SFRP.UEWA seq 1")]
#[case("S. seq 1000 ack 1 win 65535 <mss 1460,sackOK,nop,wscale 7>")]
#[case("P. 1:11(10) ack 1 win 512 checksum bad")]
#[case("P. 4294967295:9(10)")]
#[case(". len <= 560 len > 1 ack 1 | 11")]
#[case("- checksum good ack != 0 ack > 3")]
#[case("- checksum 0 offset 4 reserved 7 truncate 12 iplen 30")]
#[case("S <>")]
#[case("S <...>")]
#[case("S <mss *,!wscale,!kind 30,...>")]
#[case("S <TS val * ecr 0,eol,sack,sack *,sack 1:2 3:4>")]
#[case(
    "S <md5 hex(000102030405060708090a0b0c0d0e0f),md5 *,uto 30,uto 5 min,tfo,tfo hex(00ff),tfo *>"
)]
#[case("S <exp 254 0xf989 hex(aa),kind 30 hex(0102),kind 30,raw(0200)>")]
#[case("S from 224.0.0.1")]
#[case("S from 10.0.0.1:80 to 10.0.0.2:99")]
#[case("S from [fe80::1]:80 to ::2 ttl 7")]
#[case("S from != 10.0.0.1 | 10.0.0.2 sport 1 | 2")]
#[case("S from addr fresh from port fresh to port same")]
#[case("S ttl 1 dscp 63 ecn 3 ipid 7 df mf 0 evil fragoff 9 ihl 6 proto 7")]
#[case("S df = 0 | 1 mf != 1")]
#[case("S ipchecksum bad ipoptions hex(07030400) flowlabel 99 ext 0 hex(01040000)")]
#[case(r#"P. data "a\"\\\r\n\tb""#)]
#[case("P. data hex(00ff)")]
#[case("P. urg 3 wnd 9 isn 7 tsval 1 tsecr 2")]
fn canonical_text_prints_as_it_stands(#[case] text: &str) {
    let parsed = template(text).unwrap();
    assert_eq!(parsed.to_string(), text);
    assert_eq!(template(&parsed.to_string()).unwrap(), parsed);
    assert_eq!(
        parsed.span,
        Span {
            start: 0,
            end: text.len()
        }
    );
}

/// Other spellings mean the canonical one.
#[rstest]
#[case("S   seq  0x10  ack = 1_000", "S seq 16 ack 1000")]
#[case("S <mss 1460 , nop>", "S <mss 1460,nop>")]
#[case("S <mss 1> seq 1", "S seq 1 <mss 1>")]
#[case("S<mss 1>", "S <mss 1>")]
#[case("FS", "SF")]
#[case("S port 5 from port 6", "!field 'sport' stands twice")]
#[case("S port 5", "S sport 5")]
#[case("S from [::1]", "S from ::1")]
#[case("S <TS *>", "S <TS val * ecr *>")]
#[case("S <uto 30 s,raw(0x02 00)>", "S <uto 30,raw(0200)>")]
#[case("S df 1 <mss 1>", "S df <mss 1>")]
#[case("S df <mss 1>", "S df <mss 1>")]
#[case(r#"P data "\x41\0""#, "P data hex(4100)")]
#[case("S len == 1 # words", "S len 1")]
fn other_spellings_mean_the_canonical_one(#[case] text: &str, #[case] canonical: &str) {
    match canonical.strip_prefix('!') {
        None => assert_eq!(template(text).unwrap().to_string(), canonical),
        Some(message) => assert_eq!(template(text).unwrap_err().message, message),
    }
}

/// Errors say where, what, and what is near.
#[rstest]
#[case("", 0..0, "expected flags (letters of SFRP.UEWA, or '-'), found the end", None)]
#[case("seq 1", 0..3, "expected flags (letters of SFRP.UEWA, or '-'), found 'seq'", None)]
#[case("SS", 0..2, "flag 'S' stands twice in 'SS'", None)]
#[case("S wim 3", 2..5, "unknown field 'wim'", Some("win"))]
#[case("S withn 3", 2..7, "unknown field 'withn'", Some("within"))]
#[case("S %", 2..3, "expected a field, found '%'", None)]
#[case("S seq", 5..5, "expected number, found the end", None)]
#[case("S seq x", 6..7, "expected number, found 'x'", None)]
#[case("S seq 1x", 6..8, "malformed number", None)]
#[case("S seq 99999999999999999999", 6..26, "number needs more than 64 bits", None)]
#[case("S seq 1 seq 2", 8..13, "field 'seq' stands twice", None)]
#[case("S 1:11(9)", 2..9, "the range's length is not its end less its start", None)]
#[case("S 1", 3..3, "expected ':' of a range start:end(len), found the end", None)]
#[case("S <msss 1>", 3..7, "unknown option 'msss'", Some("mss"))]
#[case("S <sackok>", 3..9, "unknown option 'sackok'", Some("sackOK"))]
#[case("S <ts val 1 ecr 1>", 3..5, "unknown option 'ts'", Some("TS"))]
#[case("S <*>", 3..4, "expected an option, found '*'", Some("..."))]
#[case("S <mss 1", 8..8, "expected ',' or '>', found the end", None)]
#[case("S <mss 1\n>", 8..8, "expected ',' or '>', found the end", None)]
#[case("S <mss 1> <mss 2>", 10..11, "options stand twice", None)]
#[case("S <TS val 1>", 11..12, "expected 'ecr', found '>'", None)]
#[case("S <md5 hex(00)>", 7..14, "an MD5 digest has 16 bytes, this has 1", None)]
#[case("S <exp 1 2>", 7..8, "experimental options are of kind 253 or 254", None)]
#[case("S <kind 256>", 8..11, "an option's kind is at most 255", None)]
#[case("S <!raw>", 4..7, "'!' takes the name of one kind", None)]
#[case("S <raw(0g)>", 7..9, "expected two hexadecimal digits or ')', found '0g'", None)]
#[case("S checksum < bad", 13..16, "'<' compares numbers alone", None)]
#[case("S sport != fresh", 11..16, "'!=' does not go with this", None)]
#[case("S from 10.0.0.1.2", 7..17, "malformed address '10.0.0.1.2'", None)]
#[case("S from x", 7..8, "expected an address, found 'x'", None)]
#[case("S from 1::2::3", 7..14, "malformed IPv6 address '1::2::3'", None)]
#[case("S from [::1", 7..11, "malformed IPv6 address in brackets", None)]
#[case("S from addr 7", 12..13, "expected 'fresh' or 'same', found '7'", None)]
#[case("S data 7", 7..8, "expected \"text\" or hex(…), found '7'", None)]
#[case("S data \"x", 7..9, "string is not closed on its line", None)]
#[case("S data \"\\q\"", 8..10, "unknown escape, expected \\n \\r \\t \\0 \\\\ \\\" or \\xNN", None)]
fn errors_say_where_what_and_what_is_near(
    #[case] text: &str,
    #[case] span: core::ops::Range<usize>,
    #[case] message: &str,
    #[case] suggestion: Option<&str>,
) {
    let error = template(text).unwrap_err();
    assert_eq!(error.message, message);
    assert_eq!(error.span.start..error.span.end, span);
    assert_eq!(error.suggestion.as_deref(), suggestion);
}

#[test]
fn a_word_that_is_no_field_leaves_the_cursor_where_it_was() {
    let mut c = Cursor::at("S  within 1s", 1);
    assert_eq!(parse_field(&mut c, &mut ConstantValues), Ok(None));
    assert_eq!(c.pos(), 1);
    let mut c = Cursor::new(" < . seq 1");
    assert_eq!(parse_options(&mut c, &mut ConstantValues), Ok(None));
    assert_eq!(c.pos(), 0);
}

#[test]
fn one_text_can_give_several_fields() {
    let mut c = Cursor::new("from 10.0.0.1:80 7:9(2)");
    let names = |fields: Vec<Field<u64>>| fields.iter().map(|f| f.name).collect::<Vec<_>>();
    let first = parse_field(&mut c, &mut ConstantValues).unwrap().unwrap();
    let second = parse_field(&mut c, &mut ConstantValues).unwrap().unwrap();
    assert_eq!(names(first), [FieldName::Src, FieldName::SrcPort]);
    assert_eq!(names(second), [FieldName::Seq, FieldName::Len]);
}

#[test]
fn every_field_has_a_row_and_every_word_is_its_own() {
    let rows = field_names();
    for (index, row) in rows.iter().enumerate() {
        assert!(rows[..index].iter().all(|other| other.word != row.word));
        assert_eq!(field_by_word(row.word), Some(row));
    }
    let mut names: Vec<FieldName> = rows.iter().map(|row| row.name).collect();
    assert!(names.is_sorted(), "the table is in the order of printing");
    names.dedup();
    let all = FieldName::Extension as usize + 1;
    assert_eq!(names.len(), all, "the last variant counts the fields");
}

/// Parameters stand for flags, options and numbers alike.
#[test]
fn parameters_stand_for_flags_and_options() {
    struct Words;
    impl ValueParser for Words {
        type Value = String;
        fn value(&mut self, c: &mut Cursor<'_>) -> Result<String, NotationError> {
            c.skip_blanks();
            let word = c.word(|c| is_ident_char(c) || "${}.+".contains(c));
            Ok(word.to_owned())
        }
        fn parameter(&mut self, c: &mut Cursor<'_>) -> Option<String> {
            c.rest()
                .starts_with("${")
                .then(|| c.word(|c| is_ident_char(c) || "${}".contains(c)).to_owned())
        }
        fn constant(&mut self, number: u64, _: Span) -> String {
            number.to_string()
        }
    }
    let text = "${flags} seq RCV.NXT+${off} df = ${df} from ${src} <mss ${m}>";
    let parsed = parse_template(&mut Cursor::new(text), &mut Words).unwrap();
    assert_eq!(parsed.to_string(), text);
    assert_eq!(parsed.flags, FlagsSpec::Value("${flags}".to_owned()));
    let text = "S df ${options}";
    let parsed = parse_template(&mut Cursor::new(text), &mut Words).unwrap();
    assert_eq!(parsed.to_string(), text);
    assert_eq!(
        parsed.options,
        Some(OptionsSpec::Value("${options}".to_owned()))
    );
    let evaluated = parsed
        .try_map(|value| value.len().try_into().map(|n: u64| n))
        .unwrap();
    assert_eq!(evaluated.options, Some(OptionsSpec::Value(10)));
    assert_eq!(evaluated.flags, FlagsSpec::Literal(Flags::SYN));
}
