//! `billet tree`: the nodes of a bucket's tree.
//!
//! Must never print anything that the answer does not say.

use std::process::ExitCode;

use clap::Args;
use serde_json::Value;

use super::look::{LookFlags, Print, View, look, text};
use crate::inspect::Request;

/// Which nodes.
#[derive(Debug, Args)]
pub struct TreeArguments {
    /// The bucket's name.
    pub bucket: String,
    /// Only nodes on the way to keys that begin with this.
    #[arg(long, value_name = "TEXT", default_value = "")]
    pub prefix: String,
    /// The tree of this root instead of the newest one.
    #[arg(long, value_name = "CID")]
    pub root: Option<String>,
    /// Which store.
    #[command(flatten)]
    pub flags: LookFlags,
}

/// Does it.
///
/// # Errors
/// A sentence that says what to do.
pub(super) fn run(arguments: TreeArguments) -> Result<ExitCode, String> {
    let TreeArguments {
        bucket,
        prefix,
        root,
        flags,
    } = arguments;
    let view = View {
        columns: &["level", "node", "key", "manifest"],
        rows,
    };
    let request = Request::Tree {
        bucket,
        prefix,
        root,
    };
    look(flags, request, Print::Lines(view))
}

/// A row for each key; the first of a node has its level and CID.
fn rows(line: &Value) -> Vec<Vec<String>> {
    let entries = line.get("entries").and_then(Value::as_array);
    let mut rows: Vec<_> = entries
        .into_iter()
        .flatten()
        .map(|entry| {
            let (key, value) = (text(entry, "key"), text(entry, "value"));
            vec![String::new(), String::new(), key, value]
        })
        .collect();
    if rows.is_empty() {
        rows.push(vec![String::new(); 4]);
    }
    if line.get("first").and_then(Value::as_u64) > Some(0) {
        return rows;
    }
    if let Some([level, node, ..]) = rows.first_mut().map(Vec::as_mut_slice) {
        (*level, *node) = (text(line, "level"), text(line, "cid"));
    }
    rows
}
