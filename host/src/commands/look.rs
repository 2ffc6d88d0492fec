//! What all commands share that look inside a store: flags, asking, printing, exit status.
//!
//! Exit status 0 is success, 1 a failure, 3 damage. Lines go to standard output: a table on a
//! terminal, columns by tabs elsewhere, one JSON object a line with `--json`. Must never print a
//! control character of a key or name as it is, nor end a check well whose verdict nobody read.

use std::io::{BufWriter, ErrorKind, IsTerminal as _, StdoutLock, Write};
use std::path::PathBuf;
use std::process::ExitCode;

use clap::Args;
use futures::stream;
use indicatif::{ProgressBar, ProgressStyle};
use serde_json::Value;
use time::macros::format_description;
use tokio::sync::mpsc;

use super::table::Table;
use super::{resolve, settings};
use crate::cli::ConfigFlags;
use crate::config::{Config, Origin};
use crate::inspect::{End, Failure, Input, Message, Out, Request, Verdict, ask};
use crate::logging;

/// The exit status for damage.
pub(crate) const DAMAGED: u8 = 3;

/// Which store to look into, and how to print.
#[derive(Debug, Args)]
pub struct LookFlags {
    /// Configuration file (TOML).
    #[arg(long, value_name = "FILE", env = "BILLET_CONFIG")]
    pub config: Option<PathBuf>,
    /// Folder of segments, catalog and keys, as `serve` has it [default: billet-data].
    #[arg(long, value_name = "DIR")]
    pub data_dir: Option<String>,
    /// One JSON object a line instead of a table.
    #[arg(long)]
    pub json: bool,
}

/// What a line of an answer looks like in a table.
#[derive(Clone, Copy)]
pub(super) struct View {
    /// Titles of the columns.
    pub(super) columns: &'static [&'static str],
    /// The rows of a line.
    pub(super) rows: fn(&Value) -> Vec<Vec<String>>,
}

/// Where an answer is printed.
pub(super) enum Print {
    /// Lines, as a table or JSON; whoever reads them may have enough.
    Lines(View),
    /// The same of a check, which must not end well before its verdict was read.
    Check(View),
    /// Raw bytes; lines of such an answer go to standard error.
    Raw(Box<dyn Write>),
}

/// No bytes go with the request.
fn no_input() -> Input {
    Box::pin(stream::empty())
}

/// Asks and prints; the exit status.
///
/// # Errors
/// A sentence that says what to do.
pub(super) fn look(flags: LookFlags, request: Request, print: Print) -> Result<ExitCode, String> {
    look_with(flags, request, no_input(), print)
}

/// The same with bytes that go with the request.
///
/// # Errors
/// A sentence that says what to do.
pub(super) fn look_with(
    flags: LookFlags,
    request: Request,
    input: Input,
    print: Print,
) -> Result<ExitCode, String> {
    let json = flags.json;
    let config = config(&flags)?;
    let level = config
        .entries()
        .find(|(setting, _)| setting.name == "log.level");
    if level.is_some_and(|(_, given)| given.origin != Origin::Default) {
        logging::start(config.text("log.level"), config.text("log.format"))?;
    } else {
        // Why an instance ended, or the store did not do it, is told nowhere else.
        logging::start("billet_host::mst=error,billet_host::storage=warn", "text")?;
    }
    let settings = settings(&config)?;
    exit(async move {
        let messages = ask(&settings, request, input).await?;
        show(messages, print, json).await
    })
}

/// The configuration that these flags lead to.
///
/// # Errors
/// A sentence that says what to do.
fn config(flags: &LookFlags) -> Result<Config, String> {
    resolve(ConfigFlags {
        config: flags.config.clone(),
        data_dir: flags.data_dir.clone(),
        ..ConfigFlags::default()
    })
}

/// Prints what something tells that needs no store; the exit status.
///
/// # Errors
/// A sentence that says what to do.
pub(super) fn offline(
    json: bool,
    work: impl AsyncFnOnce(&Out) -> Result<Verdict, Failure>,
    print: Print,
) -> Result<ExitCode, String> {
    exit(async move {
        let (out, messages) = Out::new();
        let work = async {
            let result = work(&out).await;
            out.end(result).await;
        };
        tokio::join!(work, show(messages, print, json)).1
    })
}

fn exit(work: impl Future<Output = Result<ExitCode, Failure>>) -> Result<ExitCode, String> {
    let runtime = tokio::runtime::Runtime::new().map_err(|error| error.to_string())?;
    let done = runtime.block_on(work);
    // What still runs, such as a long read that nobody waits for, is not waited for.
    runtime.shutdown_background();
    match done {
        Ok(code) => Ok(code),
        Err(Failure { text, is_damage }) if is_damage => {
            // Nobody may read this either.
            let _ = writeln!(std::io::stderr(), "billet: {text}");
            Ok(ExitCode::from(DAMAGED))
        }
        Err(Failure { text, .. }) => Err(text),
    }
}

async fn show(
    mut messages: mpsc::Receiver<Message>,
    print: Print,
    json: bool,
) -> Result<ExitCode, Failure> {
    let mut printer = Printer::new(print, json);
    let mut bar = Bar::default();
    let mut end = End::Failed {
        text: "the answer has no end".to_owned(),
        is_damage: false,
    };
    loop {
        if messages.is_empty() {
            // What was told does not lie here while something takes long.
            if let Err(error) = printer.out.flush() {
                return printer.stopped(&error);
            }
        }
        let written = match messages.recv().await {
            Some(Message::Line(line)) => {
                bar.clear();
                printer.line(&line)
            }
            Some(Message::Bytes(bytes)) => printer.bytes(&bytes),
            Some(Message::Progress { what, done, all }) => {
                bar.show(&what, done, all);
                Ok(())
            }
            Some(Message::End(told)) => {
                end = told;
                break;
            }
            None => break,
        };
        if let Err(error) = written {
            return printer.stopped(&error);
        }
    }
    bar.clear();
    match (end, printer.finish()) {
        (End::Failed { text, is_damage }, _) => Err(Failure { text, is_damage }),
        (End::Damaged, _) => Ok(ExitCode::from(DAMAGED)),
        (End::Whole, Err(error)) => printer.stopped(&error),
        (End::Whole, Ok(())) => Ok(ExitCode::SUCCESS),
    }
}

/// Writes an answer.
struct Printer {
    out: BufWriter<StdoutLock<'static>>,
    json: bool,
    table: Option<(Table, View)>,
    raw: Option<Box<dyn Write>>,
    is_check: bool,
    /// Whether a line of a check told of damage.
    has_damage: bool,
    /// Whether a line told that a bucket was made, which stands whoever reads it.
    has_made: bool,
}

impl Printer {
    fn new(print: Print, json: bool) -> Self {
        let is_check = matches!(print, Print::Check(_));
        let (view, raw) = match print {
            Print::Lines(view) | Print::Check(view) => (Some(view), None),
            Print::Raw(raw) => (None, Some(raw)),
        };
        let terminal = std::io::stdout().is_terminal();
        Self {
            out: BufWriter::new(std::io::stdout().lock()),
            json,
            table: view.map(|view| (Table::new(view.columns, terminal), view)),
            raw,
            is_check,
            has_damage: false,
            has_made: false,
        }
    }

    fn line(&mut self, line: &[u8]) -> std::io::Result<()> {
        if self.json && !self.is_check {
            return self.json(line);
        }
        let value: Value = serde_json::from_slice(line)?;
        self.has_damage |= tells_damage(&value);
        self.has_made |= value.get("verdict").and_then(Value::as_str) == Some("imported");
        match &mut self.table {
            _ if self.json => self.json(line),
            Some((table, view)) => (view.rows)(&value)
                .into_iter()
                .try_for_each(|row| table.row(row, &mut self.out)),
            None => {
                // Beside the bytes: they are whole whether somebody reads this or not.
                let mut text = plain_json(value.to_string().as_bytes());
                text.push(b'\n');
                let _ = std::io::stderr().write_all(&text);
                Ok(())
            }
        }
    }

    fn json(&mut self, line: &[u8]) -> std::io::Result<()> {
        self.out.write_all(&plain_json(line))?;
        self.out.write_all(b"\n")
    }

    fn bytes(&mut self, bytes: &[u8]) -> std::io::Result<()> {
        match &mut self.raw {
            Some(raw) => raw.write_all(bytes),
            None => Ok(()),
        }
    }

    fn finish(&mut self) -> std::io::Result<()> {
        if let Some((table, _)) = &mut self.table {
            table.finish(&mut self.out)?;
        }
        if let Some(raw) = &mut self.raw {
            raw.flush()?;
        }
        self.out.flush()
    }

    /// What it means that no more can be written. Whoever reads a list may have enough of it,
    /// which is no failure; a check has no good end that nobody read, and bytes are whole or not.
    fn stopped(&self, error: &std::io::Error) -> Result<ExitCode, Failure> {
        let is_list = !self.is_check && self.raw.is_none();
        if error.kind() == ErrorKind::BrokenPipe && (is_list || self.has_made) {
            return Ok(ExitCode::SUCCESS);
        }
        let made = if self.has_made {
            "the bucket was made; "
        } else {
            ""
        };
        Err(Failure {
            text: format!("{made}writing the answer: {error}"),
            is_damage: self.has_damage,
        })
    }
}

/// Whether a line of a check says that something is damaged.
fn tells_damage(line: &Value) -> bool {
    let verdict = line.get("verdict").and_then(Value::as_str);
    let damage = line.get("damage").and_then(Value::as_bool);
    damage == Some(true) || matches!(verdict, Some("damage" | "damaged"))
}

/// What is shown while nobody knows how much there is, and from then on.
const SPINNER: &str = "{spinner} {human_pos} {msg}";
const BAR: &str = "{wide_bar} {human_pos} of {human_len} {msg}, {eta} left";

fn style(template: &str) -> ProgressStyle {
    ProgressStyle::with_template(template).unwrap_or_else(|_| ProgressStyle::default_bar())
}

/// How far a long answer is, on standard error where that is a terminal.
#[derive(Default)]
struct Bar(Option<ProgressBar>);

impl Bar {
    fn show(&mut self, what: &str, done: u64, all: u64) {
        let bar = self.0.get_or_insert_with(|| {
            let bar = ProgressBar::no_length();
            bar.set_style(style(SPINNER));
            bar
        });
        if all == 0 && bar.length().is_some() {
            bar.unset_length();
            bar.set_style(style(SPINNER));
        }
        if all > 0 && bar.length() != Some(all) {
            bar.set_length(all);
            bar.set_style(style(BAR));
        }
        bar.set_message(what.to_owned());
        bar.set_position(done);
    }

    fn clear(&mut self) {
        if let Some(bar) = self.0.take() {
            bar.finish_and_clear();
        }
    }
}

/// The text of a field; empty where there is none.
pub(super) fn text(line: &Value, field: &str) -> String {
    match line.get(field) {
        None | Some(Value::Null) => String::new(),
        Some(Value::String(text)) => printable(text),
        Some(other) => other.to_string(),
    }
}

/// A field of Unix milliseconds as a time of the day.
pub(super) fn date(line: &Value, field: &str) -> String {
    let Some(ms) = line.get(field).and_then(Value::as_u64) else {
        return String::new();
    };
    let seconds = i64::try_from(ms / 1_000).unwrap_or(i64::MAX);
    let at = time::OffsetDateTime::from_unix_timestamp(seconds);
    let format = format_description!("[year]-[month]-[day] [hour]:[minute]:[second]Z");
    let text = at.ok().and_then(|at| at.format(format).ok());
    text.unwrap_or_else(|| ms.to_string())
}

/// Text in which control characters are escaped, and so is what escapes them.
pub(super) fn printable(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        if c.is_control() || c == '\\' {
            out.extend(c.escape_default());
        } else {
            out.push(c);
        }
    }
    out
}

/// JSON in which those control characters are escaped, too, that it may hold as they are: U+007F
/// to U+009F, which a terminal obeys. They can only be inside of strings.
fn plain_json(line: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(line.len());
    for chunk in line.utf8_chunks() {
        for c in chunk.valid().chars() {
            if c.is_control() {
                out.extend_from_slice(format!("\\u{:04x}", u32::from(c)).as_bytes());
            } else {
                out.extend_from_slice(c.encode_utf8(&mut [0; 4]).as_bytes());
            }
        }
        out.extend_from_slice(chunk.invalid());
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_and_names_are_printed_plainly() {
        let line = serde_json::json!({"a": 1_782_864_000_123_u64, "b": 951_825_599_000_u64});
        assert_eq!(date(&line, "a"), "2026-07-01 00:00:00Z");
        assert_eq!(date(&line, "b"), "2000-02-29 11:59:59Z");
        assert_eq!(printable("a\u{1b}[2J\n\u{9b}ü"), "a\\u{1b}[2J\\n\\u{9b}ü");
        assert_ne!(printable("a\\nb"), printable("a\nb"));
    }

    #[test]
    fn json_holds_nothing_that_a_terminal_obeys_and_means_the_same() {
        let line = serde_json::json!({"key": "c1\u{9b}31m \u{7f}\u{1b} ü€😀 \\n\n"});
        let plain = plain_json(line.to_string().as_bytes());
        let text = std::str::from_utf8(&plain).unwrap();
        assert!(!text.contains(char::is_control), "{text:?}");
        assert_eq!(serde_json::from_str::<Value>(text).unwrap(), line);
    }
}
