use super::*;
use rstest::rstest;

#[rstest]
#[case::unknown_key(
    "name = \"x\"\nfeaturs = 1\n",
    "featurs",
    "unknown field `featurs`",
    Some("did you mean 'features'?")
)]
#[case::unknown_feature(
    "[features]\nsack = \"yes\"\nsakc = \"no\"\n",
    "sakc",
    "unknown feature `sakc`",
    Some("did you mean 'sack'?")
)]
#[case::unknown_service(
    "[services]\necho = 7\nehco = 8\n",
    "ehco",
    "unknown service `ehco`",
    Some("did you mean 'echo'?")
)]
#[case::unknown_claim(
    "[features]\nsack = \"yep\"\n",
    "\"yep\"",
    "unknown variant `yep`",
    Some("did you mean 'yes'?")
)]
#[case::unknown_time(
    "[timing]\nrto_mn_ms = 5\n",
    "rto_mn_ms",
    "unknown field `rto_mn_ms`",
    Some("did you mean 'rto_min_ms'?")
)]
#[case::unknown_outcome(
    "[[expect]]\ntest = \"a/b\"\noutcome = \"fial\"\nreason = \"r\"\n",
    "\"fial\"",
    "unknown variant `fial`",
    Some("did you mean 'fail'?")
)]
#[case::no_reason(
    "[[expect]]\ntest = \"a/b\"\noutcome = \"fail\"\nreason = \"\"\n",
    "\"\"",
    "nothing stands here",
    None
)]
#[case::wrong_type(
    "max_half_open = \"two\"\n",
    "\"two\"",
    "invalid type: string \"two\", expected u32",
    None
)]
#[case::mtu_below_what_ip_needs(
    "[link]\nmtu = 10\n",
    "10",
    "an MTU of 10, IP needs 68 at least",
    None
)]
#[case::delay_of_an_hour(
    "[link]\ndelay_ms = 3600000\n",
    "3600000",
    "a delay of 3600000 ms, at most 10000 make sense",
    None
)]
#[case::more_than_all(
    "[link]\nloss_percent = 100.5\n",
    "100.5",
    "100.5 percent are not between 0 and 100",
    None
)]
#[case::path_with_a_blank(
    "http_path = \"/a b\"\n",
    "\"/a b\"",
    "a path begins with / and has at most 256 printable ASCII characters, no blanks",
    None
)]
#[case::another_link(
    "[link]\nloss_procent = 1\n",
    "loss_procent",
    "unknown field `loss_procent`",
    Some("did you mean 'loss_percent'?")
)]
fn what_is_wrong_is_named_with_its_place(
    #[case] text: &str,
    #[case] place: &str,
    #[case] message: &str,
    #[case] help: Option<&str>,
) {
    let error = Profile::from_toml(text).unwrap_err();
    assert_eq!(error.message, message);
    assert_eq!(text.get(error.span.clone()), Some(place), "{error:?}");
    assert_eq!(error.help.as_deref(), help);
}

#[test]
fn a_file_of_targets_names_them_by_their_tables() {
    let text = "[a]\naddress = \"10.0.0.1:7\"\n[b]\nexec = [\"./b\"]\n[b.link]\nmtu = 900\n";
    let all = Profile::all_from_toml(text).unwrap();
    assert_eq!(all.keys().collect::<Vec<_>>(), ["a", "b"]);
    assert_eq!(all["b"].name, "b");
    assert_eq!(all["b"].link.mtu, 900);
    assert_eq!(all["b"].link.ready_ms, LinkSettings::default().ready_ms);
}

#[test]
fn losses_are_percent_whole_or_with_decimals() {
    let loss = |text: &str| Profile::from_toml(text).unwrap().link.loss;
    assert_eq!(loss("[link]\nloss_percent = 5\n"), 50_000);
    assert_eq!(loss("[link]\nloss_percent = 0.25\n"), 2_500);
    assert_eq!(loss(""), 0);
}

#[test]
fn what_the_file_says_stands_on_top_of_the_base() {
    let base = "name = \"base\"\naddress = \"x:1\"\nmax_half_open = 9\n[features]\nsack = \"yes\"\necn = \"yes\"\n\
                [timing]\nmsl_ms = 7\n[[expect]]\ntest = \"a/*\"\noutcome = \"fail\"\nreason = \"base\"\n";
    let own = "[mine]\nprofile = \"base\"\n[mine.features]\necn = \"no\"\n\
               [[mine.expect]]\ntest = \"a/b\"\noutcome = \"any\"\nreason = \"mine\"\n";
    let merged = Profile::on_top_of(base, own, Some("mine")).unwrap();
    assert_eq!((merged.name.as_str(), merged.address), ("mine", None));
    assert_eq!((merged.max_half_open, merged.timing.msl_ms), (9, 7));
    assert_eq!(merged.features["sack"], Claim::Yes);
    assert_eq!(merged.features["ecn"], Claim::No);
    let reasons: Vec<&str> = merged
        .expectations
        .iter()
        .map(|e| e.reason.as_str())
        .collect();
    assert_eq!(reasons, ["mine", "base"]);
}

#[rstest]
#[case("t/a", "t/a[ip=6]", true)]
#[case("t/a[x=1]", "t/a[x=1,ip=6]", true)]
#[case("t/a[x=1]", "t/a[x=1]", true)]
#[case("t/a[x=1]", "t/a[x=10,ip=6]", false)]
#[case("t/a[x=1,ip=6]", "t/a[x=1]", false)]
#[case("t/*[*y]", "t/a[x=y,ip=6]", true)]
fn an_expectation_that_names_no_version_holds_for_both(
    #[case] test: &str,
    #[case] id: &str,
    #[case] expected: bool,
) {
    let text = format!("[[expect]]\ntest = \"{test}\"\noutcome = \"fail\"\nreason = \"r\"\n");
    let profile = Profile::from_toml(&text).unwrap();
    assert_eq!(profile.expectation(id).is_some(), expected);
}
