//! Another key of the space is only made when that is asked for, and not before it is said what
//! stays where; afterwards what was shipped is read from the space before, and nothing false is
//! told.
//!
//! Passed over unless `BILLET_DAEMON` names the daemon's program.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    missing_docs
)]

mod common;

use common::site::{Site, metric, put, reads, until};
use serde_json::Value;

/// The lines of a command that comes off.
fn lines(site: &Site, words: &[&str]) -> Vec<Value> {
    let output = site.billet(&[words, &["--json"]].concat());
    assert!(output.status.success(), "{output:?}");
    let text = String::from_utf8(output.stdout).unwrap();
    let lines = text.lines();
    lines
        .map(|line| serde_json::from_str(line).unwrap())
        .collect()
}

fn text<'a>(line: &'a Value, field: &str) -> &'a str {
    line[field].as_str().unwrap()
}

#[test]
fn what_was_shipped_stays_in_its_space() {
    // A cache without room, so that each GET asks the network.
    let Some((site, daemon, mut client)) = Site::started(&["ship.cache_bytes=1"]) else {
        return;
    };
    let body = common::bytes(3_000);
    put(&mut client, "/bucket/object", &body, "network");
    until("all is done and the segment goes", || {
        let (status, _) = site.told(&["ship", "status"]);
        status["after"] == 0 && metric(&daemon, "billet_segments_retired_total") > 0
    });
    let before = lines(&site, &["ship", "status"]).remove(0);
    let old = lines(&site, &["space", "info"]).remove(0)["did"].clone();

    let kept = lines(&site, &["space", "generate"]);
    assert_eq!((kept.len(), text(&kept[0], "verdict")), (1, "kept"));
    assert_eq!(kept[0]["space"], old);
    assert!(text(&kept[0], "what").contains("--force"));

    let told = lines(&site, &["space", "generate", "--force"]);
    let verdicts: Vec<_> = told.iter().map(|line| text(line, "verdict")).collect();
    assert_eq!(verdicts, ["leaving", "replaced"]);
    assert_eq!(told[0]["space"], old);
    assert_eq!(told[0]["shards"], before["figures"]["shards"]);
    let said = text(&told[0], "what");
    for word in [
        "stay in this space",
        "not shipped again",
        "keep the account and the key",
        "billet export",
    ] {
        assert!(said.contains(word), "{word}: {said}");
    }
    assert_ne!(told[1]["space"], old);

    reads(&mut client, "/bucket/object", &body);
    let after = lines(&site, &["ship", "status"]).remove(0);
    for field in ["logs", "windows", "figures", "after", "troubles"] {
        assert_eq!(after[field], before[field], "{field}");
    }
    let hint = after["hints"][0].as_str().unwrap();
    assert!(hint.contains("no account has the space"), "{hint}");
    let spaces = lines(&site, &["space", "ls"]);
    let is_usable = |space: &Value| space["did"] == old && space["usable"] == true;
    assert!(spaces.iter().any(is_usable), "{spaces:?}");
}
