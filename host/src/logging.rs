//! Logs on standard error: text for people, JSON lines for machines.
//!
//! Must never be asked to print a secret: what reaches `tracing` is printed.

use std::io::IsTerminal;

use tracing_subscriber::filter::Targets;
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::util::SubscriberInitExt;

/// Starts logging. `level` is a filter such as `info` or `billet=debug,info`; `format` is `text`,
/// `json`, or `auto` for text on a terminal and JSON elsewhere.
///
/// # Errors
/// A sentence when the filter cannot be read or logging was started before.
pub fn start(level: &str, format: &str) -> Result<(), String> {
    let filter: Targets = level
        .parse()
        .map_err(|error| format!("log.level: {error}"))?;
    let terminal = std::io::stderr().is_terminal();
    let json = format == "json" || (format == "auto" && !terminal);
    let registry = tracing_subscriber::registry().with(filter);
    let layer = tracing_subscriber::fmt::layer().with_writer(std::io::stderr);
    let started = if json {
        registry.with(layer.json().flatten_event(true)).try_init()
    } else {
        let color = terminal && std::env::var_os("NO_COLOR").is_none();
        registry
            .with(layer.with_ansi(color).with_target(false))
            .try_init()
    };
    started.map_err(|error| error.to_string())
}
