//! Tags: grammar, counts, the header.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    missing_docs
)]

use billet_s3::Code;
use billet_s3::tag::{Tag, TagOwner, check_set, parse_header};

fn tag(key: &str, value: &str) -> Tag {
    Tag {
        key: key.to_owned(),
        value: value.to_owned(),
    }
}

#[test]
fn grammar_of_tags() {
    let (long_key, long_value) = ("é".repeat(128), "é".repeat(256));
    for (key, value) in [
        ("key", "value"),
        ("key", ""),
        ("key-key_key.key/key", "value-value_value.value/value"),
        ("key@", "val@"),
        ("with space", "a=b+c:d"),
        ("ключ", "значение"),
        (&long_key, &long_value),
    ] {
        check_set(&[tag(key, value)], TagOwner::Object).unwrap();
    }
    let (too_long_key, too_long_value) = ("é".repeat(129), "é".repeat(257));
    for key in [
        "",
        "user!name",
        "foo#bar",
        "a?",
        "a(",
        "a*",
        "a$",
        "a\n",
        &too_long_key,
    ] {
        let error = check_set(&[tag(key, "v")], TagOwner::Bucket).unwrap_err();
        assert_eq!(error.code, Code::InvalidTag, "{key}");
        assert_eq!(error.message, "The TagKey you have provided is invalid");
        assert_eq!(error.fields, [("TagKey", key.to_owned())]);
    }
    for value in [
        "comma,separated",
        "semicolon;test",
        "(parentheses)",
        "v?",
        &too_long_value,
    ] {
        let error = check_set(&[tag("k", value)], TagOwner::Bucket).unwrap_err();
        assert_eq!(error.code, Code::InvalidTag, "{value}");
        assert_eq!(error.message, "The TagValue you have provided is invalid");
        assert_eq!(
            error.fields,
            [("TagKey", "k".to_owned()), ("TagValue", value.to_owned())]
        );
    }
}

#[test]
fn counts_and_duplicates() {
    let tags = |count: usize| {
        (0..count)
            .map(|n| tag(&n.to_string(), ""))
            .collect::<Vec<_>>()
    };
    check_set(&tags(10), TagOwner::Object).unwrap();
    check_set(&tags(50), TagOwner::Bucket).unwrap();
    let error = check_set(&tags(11), TagOwner::Object).unwrap_err();
    assert_eq!(error.code, Code::BadRequest);
    assert_eq!(error.message, "Object tags cannot be greater than 10");
    let error = check_set(&tags(51), TagOwner::Bucket).unwrap_err();
    assert_eq!(error.message, "Bucket tag count cannot be greater than 50");
    let error = check_set(&[tag("k", "1"), tag("k", "2")], TagOwner::Bucket).unwrap_err();
    assert_eq!(error.code, Code::InvalidTag);
    assert_eq!(
        error.message,
        "Cannot provide multiple Tags with the same key"
    );
}

#[test]
fn the_header_is_a_query() {
    let cases = [
        ("", vec![]),
        ("&", vec![]),
        ("key=&", vec![tag("key", "")]),
        ("key=val&", vec![tag("key", "val")]),
        ("key1&key2", vec![tag("key1", ""), tag("key2", "")]),
        ("a=1&b=2", vec![tag("a", "1"), tag("b", "2")]),
        ("key%2E=value%2F", vec![tag("key.", "value/")]),
        ("a+b=c%20d", vec![tag("a b", "c d")]),
        ("k=a=b", vec![tag("k", "a=b")]),
    ];
    for (header, tags) in cases {
        assert_eq!(parse_header(header).unwrap(), tags, "{header}");
    }
    for header in ["=", "=v", "key%", "key=%zz", "key=val&key=val"] {
        let error = parse_header(header).unwrap_err();
        assert_eq!(error.code, Code::InvalidArgument, "{header}");
        assert_eq!(error.fields[0].1, "x-amz-tagging");
    }
    for header in ["key?=val", "key(=val", "key=val*", "key=val%23"] {
        assert_eq!(
            parse_header(header).unwrap_err().code,
            Code::InvalidTag,
            "{header}"
        );
    }
    let eleven: Vec<_> = (0..11).map(|n| format!("k{n}=v")).collect();
    assert_eq!(
        parse_header(&eleven.join("&")).unwrap_err().code,
        Code::BadRequest
    );
}
