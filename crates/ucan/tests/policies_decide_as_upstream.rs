//! Policies and selectors: the cases of the network's own library, and what they leave open.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    missing_docs
)]

mod common;

use billet_ucan::{Ipld, Policy, Selector};
use common::dag_json;
use serde_json::{Value, json};

fn is_met(policy: &Value, arguments: &Value) -> bool {
    let written = dag_json(policy);
    let policy = Policy::from_ipld(&written).unwrap();
    assert_eq!(policy.to_ipld(), written);
    policy.is_met_by_value(&dag_json(arguments)).unwrap()
}

#[test]
fn upstream_policies() {
    let Some(vectors) = billet_vectors::json("ucan/ucantone-policy.json") else {
        return;
    };
    let mut policies = 0;
    for (kind, expected) in [("valid", true), ("invalid", false)] {
        for case in vectors[kind].as_array().unwrap() {
            for policy in case["policies"].as_array().unwrap() {
                assert_eq!(is_met(policy, &case["args"]), expected, "{policy}");
                policies += 1;
            }
        }
    }
    assert_eq!(policies, 25);
}

fn select(selector: &str, value: &Value) -> Option<Ipld> {
    let selector: Selector = selector.parse().unwrap();
    selector.select(&dag_json(value)).unwrap()
}

#[test]
fn upstream_selectors() {
    let Some(vectors) = billet_vectors::json("ucan/ucantone-selectors.json") else {
        return;
    };
    let mut counts = Vec::new();
    for kind in ["pass", "null", "fail"] {
        let cases = vectors[kind].as_array().unwrap();
        for case in cases {
            let expected = match kind {
                "pass" => Some(dag_json(&case["output"])),
                "null" => Some(Ipld::Null),
                _ => None,
            };
            let found = select(case["selector"].as_str().unwrap(), &case["input"]);
            assert_eq!(found, expected, "{case}");
        }
        counts.push(cases.len());
    }
    assert_eq!(counts, [15, 6, 7]);
}

#[test]
fn selectors_that_upstream_does_not_try() {
    let value = json!({"a": [{"b": 1}, {"b": [2, 3]}, {"b": null}], "t": "aé", "": 7});
    assert_eq!(select(".a[].b", &value), Some(dag_json(&json!([1, 2, 3]))));
    assert_eq!(select(".a[1].b[-1]", &value), Some(Ipld::Integer(3)));
    assert_eq!(select(".a[-2:]", &value), select(".a[1:3]", &value));
    assert_eq!(select(".a[1:9]", &value), None);
    assert_eq!(select(".a[1:9]?", &value), Some(Ipld::Null));
    assert_eq!(select(".a[2:1]?", &value), Some(Ipld::Null));
    assert_eq!(select(".a[0:][0].b", &value), Some(Ipld::Integer(1)));
    assert_eq!(select(".[\"\"]", &value), Some(Ipld::Integer(7)));
    assert_eq!(select(".t[0]", &value), Some(Ipld::String("a".to_owned())));
    // A position inside a letter leads nowhere.
    assert_eq!(select(".t[1]", &value), None);
    assert_eq!(select(".t[0:2]", &value), None);
    assert_eq!(select(".a[-4]", &value), None);
    assert_eq!(select(".a[-9223372036854775808]", &value), None);
}

#[test]
fn texts_that_are_no_selectors() {
    for text in [
        "",
        "a",
        "..",
        "..a",
        ".a..b",
        ".a.",
        ".1",
        ".a b",
        ".[",
        ".[x]",
        ".[:]",
        ".[1",
        ".[+1]",
        ".[\"a]",
        ".[\"a\\\"]",
        ".[\"a\"",
        ".[1:2:3]",
        ".[99999999999999999999]",
        ".a??",
        "[0]",
        ".-a",
        ".a/b",
    ] {
        assert!(text.parse::<Selector>().is_err(), "{text}");
    }
}

#[test]
fn values_that_are_no_policies() {
    for policy in [
        json!({}),
        json!(["==", ".a", 1]),
        json!([["==", ".a"]]),
        json!([["==", "a", 1]]),
        json!([["=", ".a", 1]]),
        json!([["not", [["==", ".a", 1]]]]),
        json!([["and", ["==", ".a", 1]]]),
        json!([["like", ".a", 1]]),
        json!([["any", ".a", []]]),
        json!([["==", ".a", 1, 2]]),
        json!([[1, ".a", 1]]),
        json!([[]]),
    ] {
        assert!(Policy::from_ipld(&dag_json(&policy)).is_err(), "{policy}");
    }
    let text = |text: &str| Ipld::String(text.to_owned());
    let float = Ipld::List(vec![Ipld::Float(1.5)]);
    let float = Ipld::List(vec![text("=="), text(".a"), float]);
    assert!(Policy::from_ipld(&Ipld::List(vec![float])).is_err());
}

#[test]
fn comparisons_that_upstream_does_not_try() {
    let value = json!({"n": 5, "t": "a*b", "l": [], "m": {"x": 1, "y": 2}});
    for (statement, expected) in [
        (json!([">", ".n", 5]), false),
        (json!([">=", ".n", 5]), true),
        (json!(["<", ".n", "6"]), false),
        (json!(["<", ".t", 6]), false),
        (json!(["!=", ".none", 6]), false),
        (json!(["==", ".none?", null]), true),
        (json!(["not", ["==", ".none", 6]]), true),
        (json!(["like", ".t", "a\\*b"]), true),
        (json!(["like", ".t", "a\\*c"]), false),
        (json!(["like", ".t", "*"]), true),
        (json!(["like", ".t", "**a**b**"]), true),
        (json!(["like", ".t", "a*b*b"]), false),
        (json!(["like", ".t", ""]), false),
        (json!(["like", ".n", "*"]), false),
        (json!(["all", ".l", ["==", ".", 1]]), true),
        (json!(["any", ".l", ["==", ".", 1]]), false),
        (json!(["all", ".n", ["==", ".", 5]]), false),
        (json!(["any", ".n", ["==", ".", 5]]), false),
        (json!(["all", ".m", [">", ".", 0]]), true),
        (json!(["any", ".m", ["==", ".", 2]]), true),
        (json!(["or", [["==", ".n", 1], ["==", ".n", 2]]]), false),
    ] {
        assert_eq!(is_met(&json!([statement]), &value), expected, "{statement}");
    }
}

#[test]
fn work_past_the_budget_is_an_error_that_nothing_negates() {
    let items: Vec<u64> = (0..4000).collect();
    let inner = json!(["any", ".", ["==", ".", -1]]);
    let many = vec![json!(["any", ".l", ["==", ".", -1]]); 1000];
    for statement in [json!(["or", many]), json!(["not", ["or", many]])] {
        let policy = Policy::from_ipld(&dag_json(&json!([statement]))).unwrap();
        let arguments = dag_json(&json!({"l": items}));
        assert!(policy.is_met_by_value(&arguments).is_err());
    }
    assert!(!is_met(&json!([inner]), &json!({"l": items})));
}
