//! What a client signs is what we would have it verified over: for any key, query and header, and
//! for nothing else. The client here builds its canonical request by itself.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    missing_docs
)]

mod signing;

use billet_s3::auth::{AuthPolicy, Presented};
use billet_s3::head::RequestHead;
use proptest::prelude::*;
use signing::{
    EMPTY_SHA256, EXAMPLE_MS, HOST, STAMP, authentic, authorization, encode, parse,
    request_signature, verifies,
};

/// Signs as a client does, from decoded parts, and sends what it signed.
fn client(
    key: &str,
    pairs: &[(String, String)],
    host: &str,
    extra: &[(&str, &str, &str)],
) -> RequestHead {
    let path: Vec<_> = key.split('/').map(encode).collect();
    let path = format!("/{}", path.join("/"));
    let sent: Vec<_> = pairs
        .iter()
        .map(|(name, value)| format!("{}={}", encode(name), encode(value)))
        .collect();
    let mut sorted: Vec<_> = pairs
        .iter()
        .map(|(name, value)| (encode(name), encode(value)))
        .collect();
    sorted.sort();
    let sorted: Vec<_> = sorted
        .iter()
        .map(|(name, value)| format!("{name}={value}"))
        .collect();
    let mut lines = vec![
        ("host", host),
        ("x-amz-content-sha256", EMPTY_SHA256),
        ("x-amz-date", STAMP),
    ];
    lines.extend(extra.iter().map(|(name, _, canonical)| (*name, *canonical)));
    lines.sort_unstable();
    let names: Vec<_> = lines.iter().map(|(name, _)| *name).collect();
    let names = names.join(";");
    let headers: String = lines
        .iter()
        .map(|(name, value)| format!("{name}:{value}\n"))
        .collect();
    let query = sorted.join("&");
    let signature = request_signature(&format!(
        "GET\n{path}\n{query}\n{headers}\n{names}\n{EMPTY_SHA256}"
    ));
    let mut head = RequestHead::new("GET", &path, Some(&sent.join("&")))
        .with_header("X-Amz-Date", STAMP)
        .with_header("X-Amz-Content-Sha256", EMPTY_SHA256)
        .with_header("Authorization", authorization(&names, &signature));
    for (name, raw, _) in extra {
        for value in raw.split('|') {
            head.push_header(name, value);
        }
    }
    head
}

proptest! {
    #[test]
    fn any_key_and_query(
        key in "\\PC{0,40}",
        pairs in prop::collection::vec(("[a-wyz]\\PC{0,8}", "\\PC{0,8}"), 0..6),
    ) {
        let head = client(&key, &pairs, HOST, &[]).with_header("host", HOST);
        prop_assert!(authentic(&parse(&head).unwrap()));
        let mut other = head.clone();
        other.raw_path.push('x');
        prop_assert!(!authentic(&parse(&other).unwrap()));
        let mut other = head.clone();
        other.raw_query = Some(format!("{}&x=", head.raw_query.unwrap()));
        prop_assert!(!authentic(&parse(&other).unwrap()));
    }
}

/// Paths are signed as they were sent: (sent, canonical).
const PATHS: &[(&str, &str)] = &[
    ("", "/"),
    ("/", "/"),
    ("//a//b/", "//a//b/"),
    ("/a/../b/./c", "/a/../b/./c"),
    ("/a+b", "/a%2Bb"),
    ("/a%2bb", "/a%2Bb"),
    ("/a%2Fb", "/a%2Fb"),
    ("/%61%7e", "/a~"),
    ("/a b", "/a%20b"),
    ("/a%2520b", "/a%2520b"),
    ("/\u{e9}", "/%C3%A9"),
    ("/(a)*'!", "/%28a%29%2A%27%21"),
];

/// Queries: (sent, canonical).
const QUERIES: &[(&str, &str)] = &[
    ("acl", "acl="),
    ("b=2&a=1", "a=1&b=2"),
    ("a=2&a=1&a", "a=&a=1&a=2"),
    ("a=b=c", "a=b%3Dc"),
    ("a=b+c", "a=b%20c"),
    ("a=b%2Bc/d", "a=b%2Bc%2Fd"),
    ("&&a=1&", "a=1"),
    ("prefix=%e9%80%a0", "prefix=%E9%80%A0"),
    ("A=1&a=1&-=1", "-=1&A=1&a=1"),
    ("a-b=1&a=1", "a=1&a-b=1"),
];

#[test]
fn canonical_targets() {
    let names = "host;x-amz-content-sha256;x-amz-date";
    let lines = format!("host:{HOST}\nx-amz-content-sha256:{EMPTY_SHA256}\nx-amz-date:{STAMP}\n");
    let paths = PATHS
        .iter()
        .map(|(sent, canonical)| (*sent, *canonical, "", ""));
    let queries = QUERIES
        .iter()
        .map(|(sent, canonical)| ("/", "/", *sent, *canonical));
    for (path, canonical_path, query, canonical_query) in paths.chain(queries) {
        let signature = request_signature(&format!(
            "GET\n{canonical_path}\n{canonical_query}\n{lines}\n{names}\n{EMPTY_SHA256}"
        ));
        let head = RequestHead::new("GET", path, Some(query))
            .with_header("host", HOST)
            .with_header("x-amz-content-sha256", EMPTY_SHA256)
            .with_header("x-amz-date", STAMP)
            .with_header("authorization", authorization(names, &signature));
        assert!(authentic(&parse(&head).unwrap()), "{path:?} {query:?}");
    }
}

#[test]
fn header_values_are_trimmed_collapsed_and_joined() {
    for (raw, canonical) in [
        ("  a   b  c ", "a b c"),
        ("\ta\t", "a"),
        ("one|  two |three", "one,two,three"),
        ("b|a", "b,a"),
        ("", ""),
        ("\u{e9}", "\u{e9}"),
    ] {
        let head =
            client("key", &[], HOST, &[("x-amz-meta-a", raw, canonical)]).with_header("host", HOST);
        assert!(authentic(&parse(&head).unwrap()), "{raw:?}");
    }
    let head = client("key", &[], HOST, &[("x-amz-meta-a", "a", "b")]).with_header("host", HOST);
    assert!(!authentic(&parse(&head).unwrap()));
}

#[test]
fn a_missing_host_is_tried_from_configuration() {
    let hosts = ["localhost:9000", "s3.example.org", "127.0.0.1"];
    let policy = AuthPolicy {
        hosts: hosts.iter().map(|host| (*host).to_owned()).collect(),
        ..signing::policy()
    };
    let find = |head: &RequestHead| {
        let presented = billet_s3::auth::parse(head, EXAMPLE_MS, &policy).unwrap();
        assert!(matches!(presented, Presented::Header(_)));
        let signed = presented.signed().unwrap().clone();
        let found: Vec<_> = signed.hosts().to_vec();
        found.into_iter().find(|host| verifies(&signed.claim(host)))
    };
    for host in hosts {
        let head = client("key", &[], host, &[]);
        assert_eq!(find(&head), Some(host.as_bytes().to_vec()));
    }
    assert_eq!(find(&client("key", &[], "elsewhere", &[])), None);
    // A host that did come is the only candidate.
    let head = client("key", &[], "127.0.0.1", &[]).with_header("host", "elsewhere");
    assert_eq!(find(&head), None);
}

#[test]
fn nothing_secret_is_printed() {
    let head = client("key", &[], HOST, &[]).with_header("host", HOST);
    let presented = parse(&head).unwrap();
    let claim = presented.signed().unwrap().claims().next().unwrap();
    let signature = signing::seed(&head);
    let printed = format!("{head:?} {presented:?} {claim:?}");
    assert!(printed.contains(signing::ACCESS_KEY));
    assert!(!printed.contains(&signature));
}
