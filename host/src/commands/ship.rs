//! `billet ship`: where shipping stands, and whether it is to.
//!
//! Must never print anything that the answer does not say.

use std::process::ExitCode;

use clap::Subcommand;
use serde_json::Value;

use super::identity::hints;
use super::look::{LookFlags, Print, View, date, look, text};
use crate::inspect::Request;

/// What can be asked about shipping.
#[derive(Debug, Subcommand)]
pub enum ShipCommand {
    /// Show how far each bucket is on the network, and what stands in the way.
    Status {
        /// Stay, with a bar on a terminal, until everything is on the network.
        #[arg(long)]
        watch: bool,
        /// Which store.
        #[command(flatten)]
        flags: LookFlags,
    },
    /// Try what failed again at once.
    Retry {
        /// Which store.
        #[command(flatten)]
        flags: LookFlags,
    },
    /// Ship nothing until `resume`, after a restart, too. Reads from the network go on.
    Pause {
        /// Which store.
        #[command(flatten)]
        flags: LookFlags,
    },
    /// Go on shipping.
    Resume {
        /// Which store.
        #[command(flatten)]
        flags: LookFlags,
    },
}

const STATUS: View = View {
    columns: &["what", "name", "state"],
    rows: status_rows,
};

const DONE: View = View {
    columns: &["verdict"],
    rows: |line| vec![vec![text(line, "verdict")]],
};

/// Does it.
///
/// # Errors
/// A sentence that says what to do.
pub(super) fn run(command: ShipCommand) -> Result<ExitCode, String> {
    let done = Print::Lines(DONE);
    match command {
        ShipCommand::Status { watch, flags } => {
            look(flags, Request::ShipStatus { watch }, Print::Lines(STATUS))
        }
        ShipCommand::Retry { flags } => look(flags, Request::ShipRetry, done),
        ShipCommand::Pause { flags } => look(flags, Request::ShipPause { paused: true }, done),
        ShipCommand::Resume { flags } => look(flags, Request::ShipPause { paused: false }, done),
    }
}

fn status_rows(line: &Value) -> Vec<Vec<String>> {
    let row = |what: &str, name: String, state: String| vec![what.to_owned(), name, state];
    let list = |field: &str| {
        line.get(field)
            .and_then(Value::as_array)
            .into_iter()
            .flatten()
    };
    let paused = line.get("paused") == Some(&Value::Bool(true));
    let state = if paused { "paused" } else { "shipping" };
    let mut rows = vec![row("service", text(line, "service"), state.to_owned())];
    for log in list("logs") {
        let published = match text(log, "published_seq") {
            none if none.is_empty() => "0".to_owned(),
            seq => seq,
        };
        let state = format!("{published} of {} commits", text(log, "local_seq"));
        rows.push(row("bucket", text(log, "log"), state));
    }
    for window in list("windows") {
        let (accepted, shards) = (text(window, "accepted"), text(window, "shards"));
        let state = match window.get("cut") {
            Some(Value::Bool(true)) => format!("{accepted} of {shards} shards"),
            _ => "being cut".to_owned(),
        };
        rows.push(row("window", text(window, "number"), state));
    }
    let none = Value::Null;
    let figures = line.get("figures").unwrap_or(&none);
    let amount = |shards: &str, bytes: &str| {
        format!(
            "{} shards, {} bytes",
            text(figures, shards),
            text(figures, bytes)
        )
    };
    rows.push(row(
        "shipped",
        String::new(),
        amount("shards", "shard_bytes"),
    ));
    rows.push(row(
        "waiting",
        String::new(),
        amount("waiting_shards", "waiting_bytes"),
    ));
    let backlog = format!("{} bytes", text(figures, "backlog_bytes"));
    rows.push(row("backlog", String::new(), backlog));
    for trouble in list("troubles") {
        let state = format!(
            "{}; again {}",
            text(trouble, "why"),
            date(trouble, "next_ms")
        );
        rows.push(row("trouble", text(trouble, "what"), state));
    }
    rows.extend(hints(line));
    rows
}
