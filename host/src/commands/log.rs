//! `billet log`: the commits of a bucket.
//!
//! Must never print anything that the answer does not say.

use std::process::ExitCode;

use clap::Args;
use serde_json::Value;

use super::look::{LookFlags, Print, View, date, look, text};
use crate::inspect::Request;

/// Which commits.
#[derive(Debug, Args)]
pub struct LogArguments {
    /// The bucket's name; it may be deleted.
    pub bucket: String,
    /// At most so many commits, the newest ones.
    #[arg(short = 'n', long, value_name = "COUNT")]
    pub limit: Option<u64>,
    /// At most so many changed keys of each.
    #[arg(long, value_name = "COUNT", default_value_t = 10)]
    pub keys: u32,
    /// Which store.
    #[command(flatten)]
    pub flags: LookFlags,
}

/// Does it.
///
/// # Errors
/// A sentence that says what to do.
pub(super) fn run(arguments: LogArguments) -> Result<ExitCode, String> {
    let LogArguments {
        bucket,
        limit,
        keys,
        flags,
    } = arguments;
    let view = View {
        columns: &["seq", "time", "root", "what"],
        rows: |line| {
            vec![vec![
                text(line, "seq"),
                date(line, "time_ms"),
                text(line, "root"),
                what(line),
            ]]
        },
    };
    let request = Request::Log {
        bucket,
        limit,
        keys,
    };
    look(flags, request, Print::Lines(view))
}

/// What a commit did, in words.
fn what(line: &Value) -> String {
    let mut parts = Vec::new();
    if let Some(bucket) = line.get("bucket") {
        let mut part = format!("bucket {}", text(bucket, "change"));
        for (field, word) in [("set", "set"), ("removed", "removed")] {
            let names = bucket.get(field).and_then(Value::as_array);
            for name in names.into_iter().flatten().filter_map(Value::as_str) {
                part += &format!(" {word} {}", super::look::printable(name));
            }
        }
        parts.push(part);
    }
    if let Some(keys) = line.get("keys") {
        parts.extend(changes(keys));
    }
    if line.get("before").is_some() {
        parts.push("what was before is no longer here".to_owned());
    }
    let count = |field: &str| line.get(field).and_then(Value::as_u64).unwrap_or(0);
    for (field, word) in [("rows", "rows of uploads"), ("held", "claims held")] {
        if count(field) > 0 {
            parts.push(format!("{} {word}", count(field)));
        }
    }
    parts.join(", ")
}

fn changes(keys: &Value) -> Vec<String> {
    let list = keys.get("list").and_then(Value::as_array);
    let list: Vec<_> = list.into_iter().flatten().collect();
    let mut parts: Vec<_> = list
        .iter()
        .map(|one| format!("{} {}", text(one, "change"), text(one, "key")))
        .collect();
    let count = |field: &str| keys.get(field).and_then(Value::as_u64).unwrap_or(0);
    let all = ["put", "replaced", "deleted"].map(count);
    let all = all.into_iter().fold(0_u64, u64::saturating_add);
    let rest = all.saturating_sub(u64::try_from(list.len()).unwrap_or(u64::MAX));
    let more = keys.get("more").and_then(Value::as_bool).unwrap_or(false);
    if rest > 0 || more {
        parts.push(format!(
            "{}{rest} more",
            if more { "at least " } else { "" }
        ));
    }
    parts
}
