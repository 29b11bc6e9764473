use super::*;
use crate::parse_expr;
use rstest::rstest;

#[rstest]
#[case("1+2*3", "1+2*3")]
#[case("( 1 + 2 ) * 3", "(1+2)*3")]
#[case("a.seq - b.seq >= 1.8 * 0x10", "a.seq-b.seq >= 1.8*16")]
#[case("not a == b and c or d", "not a == b and c or d")]
#[case("abs 5+1", "abs 5+1")]
#[case("-x*-y", "-x*-y")]
#[case("500ms", "500ms")]
#[case("1.5s", "1.5s")]
#[case("2min", "120s")]
#[case("0.5us", "0.5us")]
#[case("1h", "3600s")]
#[case("distinct(diff(isn))", "distinct(diff(isn))")]
#[case("max(1, 2 ,3)", "max(1, 2, 3)")]
#[case("d[i+1].seq", "d[i+1].seq")]
#[case("TS.Recent-${off}", "TS.Recent-${off}")]
#[case("b.Last.ACK.sent", "b.Last.ACK.sent")]
#[case("0.007", "0.007")]
fn expression_prints_canonically(#[case] text: &str, #[case] printed: &str) {
    let expr = parse_expr(text).unwrap();
    assert_eq!(expr.to_string(), printed);
    assert_eq!(parse_expr(printed).unwrap().to_string(), printed);
}

#[test]
fn precedence_is_that_of_the_operators() {
    let expr = parse_expr("1 + 2 * 3 == 7 or x").unwrap();
    let ExprKind::Binary(BinaryOp::Or, left, _) = expr.kind else {
        panic!("not 'or' at the top")
    };
    let ExprKind::Binary(BinaryOp::Eq, left, _) = left.kind else {
        panic!("not '==' below")
    };
    let ExprKind::Binary(BinaryOp::Add, _, product) = left.kind else {
        panic!("not '+' below")
    };
    assert!(matches!(product.kind, ExprKind::Binary(BinaryOp::Mul, ..)));
}

#[test]
fn subtraction_is_left_associative() {
    let expr = parse_expr("9-3-2").unwrap();
    let ExprKind::Binary(BinaryOp::Sub, left, right) = expr.kind else {
        panic!("not '-'")
    };
    assert_eq!(
        (left.to_string(), right.to_string()),
        ("9-3".to_owned(), "2".to_owned())
    );
}

#[rstest]
#[case("1 +", "expected a value, found the end of the line")]
#[case("5 sec", "unexpected 'sec'")]
#[case("5sec", "unknown unit 'sec', expected one of us ms s min h d")]
#[case("(1", "expected ')', found the end of the line")]
#[case("f(1", "expected ')', found the end of the line")]
#[case("${a", "expected a parameter such as ${off}")]
#[case(
    "0xfffffffffffffffff",
    "'0xfffffffffffffffff' is no hexadecimal number of at most 64 bits"
)]
#[case(
    "99999999999999999999",
    "'99999999999999999999' is too large or too fine"
)]
fn wrong_expression_says_what_is_wrong(#[case] text: &str, #[case] message: &str) {
    assert_eq!(parse_expr(text).unwrap_err().message, message);
}

#[test]
fn deep_nesting_is_an_error_and_no_overflow() {
    let text = "(".repeat(100_000);
    assert_eq!(
        parse_expr(&text).unwrap_err().message,
        "expression is nested too deeply"
    );
    let text = "-".repeat(100_000);
    assert_eq!(
        parse_expr(&text).unwrap_err().message,
        "expression is nested too deeply"
    );
}

#[test]
fn long_chains_are_an_error_and_no_overflow() {
    for text in ["1+".repeat(100_000), format!("d{}", "[1]".repeat(100_000))] {
        assert_eq!(
            parse_expr(&text).unwrap_err().message,
            "expression has too many operators"
        );
    }
}

#[test]
fn a_field_value_ends_before_a_comparison() {
    let mut cursor = Cursor::new("RCV.NXT+1 < 5");
    let value = ExprParser::default().value(&mut cursor).unwrap();
    assert_eq!(value.to_string(), "RCV.NXT+1");
    assert_eq!(cursor.rest(), " < 5");
}

#[test]
fn a_tree_that_code_built_prints_with_the_brackets_that_it_needs() {
    let number = |n| Expr {
        kind: ExprKind::Number(n),
        span: Span::default(),
    };
    let binary = |op, a, b| Expr {
        kind: ExprKind::Binary(op, Box::new(a), Box::new(b)),
        span: Span::default(),
    };
    let sum = || binary(BinaryOp::Add, number(1), number(2));
    assert_eq!(
        binary(BinaryOp::Mul, sum(), number(3)).to_string(),
        "(1+2)*3"
    );
    assert_eq!(
        binary(BinaryOp::Sub, number(3), sum()).to_string(),
        "3-(1+2)"
    );
    assert_eq!(binary(BinaryOp::Sub, sum(), number(3)).to_string(), "1+2-3");
}
