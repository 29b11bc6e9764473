//! Files to plans, and plans to steps.
#![expect(clippy::unwrap_used, reason = "a panic is how a test fails")]

use tcpconf_suite::{Requirements, SourceFile, load};

fn requirements() -> Requirements {
    Requirements::from_toml(include_str!("../../../suites/requirements.toml")).unwrap()
}

fn file(path: &str, text: &str) -> SourceFile {
    SourceFile {
        path: path.to_owned(),
        text: text.to_owned(),
    }
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
    let ids: Vec<&str> = plan.instances.iter().map(|i| i.id.as_str()).collect();
    insta::assert_snapshot!(ids.join("\n"));
    for instance in &plan.instances {
        assert!(instance.lower().is_ok(), "{}", instance.id);
    }
}
