//! `billet fsck`: whether a store is whole.
//!
//! Must never print anything that the answer does not say.

use std::process::ExitCode;

use clap::Args;
use serde_json::Value;

use super::look::{LookFlags, Print, View, look, text};
use crate::inspect::Request;

/// Which store.
#[derive(Debug, Args)]
pub struct FsckArguments {
    /// Which store.
    #[command(flatten)]
    pub flags: LookFlags,
}

/// Does it.
///
/// # Errors
/// A sentence that says what to do.
pub(super) fn run(arguments: FsckArguments) -> Result<ExitCode, String> {
    let view = View {
        columns: &["finding", "bucket", "key or file", "what"],
        rows: |line| vec![row(line)],
    };
    look(arguments.flags, Request::Fsck, Print::Check(view))
}

fn row(line: &Value) -> Vec<String> {
    if line.get("finding").is_none() {
        let counts = [
            "segments",
            "buckets",
            "keys",
            "leaves",
            "elsewhere",
            "damages",
            "notes",
        ];
        let counts = counts.map(|name| format!("{} {name}", text(line, name)));
        let none = String::new;
        return vec![text(line, "verdict"), none(), none(), counts.join(", ")];
    }
    let place = ["key", "path"].map(|field| text(line, field));
    let place = place.into_iter().find(|place| !place.is_empty());
    let cid = text(line, "cid");
    let what = match cid.is_empty() {
        true => text(line, "what"),
        false => format!("{cid}: {}", text(line, "what")),
    };
    vec![
        text(line, "finding"),
        text(line, "bucket"),
        place.unwrap_or_default(),
        what,
    ]
}
