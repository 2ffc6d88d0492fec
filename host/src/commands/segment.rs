//! `billet segment`: the journal's files.
//!
//! Must never print anything that the answer does not say.

use std::process::ExitCode;

use clap::Subcommand;
use serde_json::Value;

use super::look::{LookFlags, Print, View, look, text};
use crate::inspect::Request;

/// What can be asked about segments.
#[derive(Debug, Subcommand)]
pub enum SegmentCommand {
    /// List the segments.
    Ls {
        /// Which store.
        #[command(flatten)]
        flags: LookFlags,
    },
    /// List the blocks in a segment; each is hashed.
    Show {
        /// The segment's number.
        number: u64,
        /// Which store.
        #[command(flatten)]
        flags: LookFlags,
    },
    /// Hash every block of a segment, or of all; exit status 3 when something is wrong.
    Verify {
        /// The segment's number; all where it is left out.
        number: Option<u64>,
        /// Which store.
        #[command(flatten)]
        flags: LookFlags,
    },
}

/// Does it.
///
/// # Errors
/// A sentence that says what to do.
pub(super) fn run(command: SegmentCommand) -> Result<ExitCode, String> {
    match command {
        SegmentCommand::Ls { flags } => {
            let view = View {
                columns: &["segment", "plane", "state", "bytes", "blocks", "path"],
                rows: |line| {
                    let fields = ["segment", "plane", "state", "bytes", "blocks", "path"];
                    vec![fields.iter().map(|field| text(line, field)).collect()]
                },
            };
            look(flags, Request::SegmentList, Print::Lines(view))
        }
        SegmentCommand::Show { number, flags } => {
            let view = View {
                columns: &["offset", "bytes", "cid", "commit"],
                rows: |line| vec![block(line)],
            };
            look(flags, Request::SegmentShow { number }, Print::Lines(view))
        }
        SegmentCommand::Verify { number, flags } => {
            let view = View {
                columns: &["segment", "plane", "bytes", "blocks", "verdict"],
                rows: |line| vec![checked(line)],
            };
            look(flags, Request::SegmentVerify { number }, Print::Check(view))
        }
    }
}

fn block(line: &Value) -> Vec<String> {
    let commit = match line.get("commit") {
        Some(commit) if commit.is_object() => {
            format!("{} {}", text(commit, "bucket"), text(commit, "seq"))
        }
        _ => String::new(),
    };
    let cid = if line.get("bad").is_some() {
        "no good block".to_owned()
    } else {
        text(line, "cid")
    };
    vec![text(line, "offset"), text(line, "bytes"), cid, commit]
}

fn checked(line: &Value) -> Vec<String> {
    if line.get("finding").is_some() {
        let what = format!("{}: {}", text(line, "path"), text(line, "what"));
        let none = String::new;
        return vec![text(line, "finding"), none(), none(), none(), what];
    }
    let fields = ["segment", "plane", "bytes", "blocks", "verdict"];
    fields.iter().map(|field| text(line, field)).collect()
}
