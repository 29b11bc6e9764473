//! What the binary says: golden texts. After a deliberate change: `TRYCMD=overwrite cargo test -p tcpconf`,
//! then read the difference.

/// What a user's environment may hold and a golden must not depend on.
const UNSET: [&str; 3] = ["CLICOLOR_FORCE", "TCPCONF_TARGET", "TCPCONF_PROFILE"];

#[test]
fn commands_say_what_the_goldens_say() {
    let cases = trycmd::TestCases::new();
    cases
        .env("NO_COLOR", "1")
        .env("RUST_BACKTRACE", "0")
        .env("COLUMNS", "100")
        .case("tests/cmd/*.trycmd");
    for name in UNSET {
        assert!(
            std::env::var_os(name).is_none(),
            "goldens need {name} unset"
        );
    }
}
