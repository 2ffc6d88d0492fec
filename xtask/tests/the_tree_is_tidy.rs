//! The tree keeps its rules: heads, lengths, arrows, no effects in pure crates.

#![allow(clippy::unwrap_used, missing_docs)]

use std::path::Path;

#[test]
fn nothing_in_the_tree_breaks_a_rule() {
    let problems = xtask::problems().unwrap();
    assert!(problems.is_empty(), "{}", problems.join("\n"));
}

#[test]
fn each_rule_sees_its_breach() {
    let long = format!("//! x\nfn f() {{\n{}}}\n", "    g();\n".repeat(70));
    let wide = format!("//! x\n// {}\n", "x".repeat(100));
    let breaches = [
        ("a.rs", "fn f() {}\n".to_owned(), "does not open"),
        ("a.rs", long, "has 72 lines"),
        ("a.rs", wide, "columns"),
        ("a.rs", "//! x \n".to_owned(), "blanks"),
        (
            "crates/a/src/b.rs",
            "//! x\nuse std::fs;\n".to_owned(),
            "pure",
        ),
        ("a.md", "# a\n# b\n".to_owned(), "titles"),
        ("a.toml", ["# TO", "DO\n"].concat(), "note"),
    ];
    for (name, text, expected) in breaches {
        let mut problems = Vec::new();
        xtask::text::check(Path::new(name), &text, &mut problems);
        assert!(
            problems.iter().any(|problem| problem.contains(expected)),
            "{name} {expected}: {problems:?}"
        );
    }
}

#[test]
fn an_arrow_that_was_not_drawn_is_seen() {
    let metadata = serde_json::json!({"packages": [{
        "name": "billet-host", "manifest_path": "/x/host/Cargo.toml",
        "dependencies": [
            {"name": "billet-tree", "kind": null},
            {"name": "billet-s3", "kind": "dev"},
        ],
    }]});
    let mut problems = Vec::new();
    xtask::arrows::check(&metadata, &mut problems).unwrap();
    assert_eq!(problems, ["billet-host must not depend on billet-tree"]);
}
