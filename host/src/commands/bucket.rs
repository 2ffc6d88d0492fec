//! `billet bucket`: the buckets of a store, where they stand and what is set for them.
//!
//! Must never print anything that the answer does not say.

use std::process::ExitCode;

use clap::Subcommand;
use serde_json::Value;

use super::look::{LookFlags, Print, View, date, look, printable, text};
use crate::inspect::Request;

/// What can be asked about buckets.
#[derive(Debug, Subcommand)]
pub enum BucketCommand {
    /// List the live buckets.
    Ls {
        /// Which store.
        #[command(flatten)]
        flags: LookFlags,
    },
    /// Print the root of a bucket's tree.
    Root {
        /// The bucket's name.
        bucket: String,
        /// Which store.
        #[command(flatten)]
        flags: LookFlags,
    },
    /// Change how a bucket is treated.
    Set {
        /// The bucket's name.
        bucket: String,
        /// Answer its writes once they are on disk (local) or on the network, where the request
        /// does not say.
        #[arg(long, value_parser = ["local", "network"])]
        durability: String,
        /// Which store.
        #[command(flatten)]
        flags: LookFlags,
    },
    /// Let a bucket be written again after commits of it were lost; fsck says which were.
    AcceptLoss {
        /// The bucket's name; none to let buckets be created again, although some that nobody
        /// knows of may have been lost.
        bucket: Option<String>,
        /// Which store.
        #[command(flatten)]
        flags: LookFlags,
    },
}

const BUCKETS: View = View {
    columns: &["bucket", "seq", "created", "root", "settings"],
    rows: |line| vec![row(line)],
};

/// Does it.
///
/// # Errors
/// A sentence that says what to do.
pub(super) fn run(command: BucketCommand) -> Result<ExitCode, String> {
    match command {
        BucketCommand::Ls { flags } => look(flags, Request::BucketList, Print::Lines(BUCKETS)),
        BucketCommand::Root { bucket, flags } => {
            let view = View {
                columns: &["root"],
                rows: |line| vec![vec![text(line, "root")]],
            };
            look(flags, Request::BucketRoot { bucket }, Print::Lines(view))
        }
        BucketCommand::Set {
            bucket,
            durability,
            flags,
        } => {
            let request = Request::BucketSet { bucket, durability };
            look(flags, request, Print::Lines(BUCKETS))
        }
        BucketCommand::AcceptLoss { bucket, flags } => {
            let view = View {
                columns: &["bucket", "accepted"],
                rows: |line| vec![vec![text(line, "bucket"), text(line, "accepted")]],
            };
            let request = Request::BucketAcceptLoss { bucket };
            look(flags, request, Print::Lines(view))
        }
    }
}

fn row(line: &Value) -> Vec<String> {
    if line.get("damage").is_some() {
        let none = String::new;
        return vec![text(line, "bucket"), none(), none(), text(line, "what")];
    }
    let settings = line.get("settings").and_then(Value::as_array);
    let settings: Vec<_> = settings
        .into_iter()
        .flatten()
        .filter_map(Value::as_str)
        .collect();
    vec![
        text(line, "bucket"),
        text(line, "seq"),
        date(line, "created_ms"),
        text(line, "root"),
        printable(&settings.join(",")),
    ]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_of_settings_cannot_command_a_terminal() {
        let line = serde_json::json!({"bucket": "b", "settings": ["\u{1b}[31m=\u{9b}", "a\tb"]});
        let row = row(&line).concat();
        assert!(!row.contains(char::is_control), "{row:?}");
    }
}
