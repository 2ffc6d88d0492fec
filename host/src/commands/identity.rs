//! `billet login`, `whoami`, `space` and `proof`: accounts, spaces and delegations.
//!
//! Must never print a key.

use std::fs::File;
use std::io::Read as _;
use std::path::PathBuf;
use std::process::ExitCode;

use bytes::Bytes;
use clap::{Args, Subcommand};
use futures::stream;
use serde_json::Value;

use super::look::{LookFlags, Print, View, date, look, look_with, printable, text};
use super::whole::write_whole;
use crate::inspect::{Input, Request};

/// The longest file of delegations.
const PROOF_BYTES_MAX: u64 = 8 << 20;

/// Logging in.
#[derive(Debug, Args)]
pub struct Login {
    /// The address to which the service sends a link.
    #[arg(value_name = "EMAIL")]
    email: String,
    /// Do not wait until the link was followed; while `billet serve` runs the login goes on.
    #[arg(long)]
    no_wait: bool,
    /// Which store.
    #[command(flatten)]
    flags: LookFlags,
}

/// Who ships.
#[derive(Debug, Args)]
pub struct Whoami {
    /// Which store.
    #[command(flatten)]
    flags: LookFlags,
}

/// What can be done about spaces.
#[derive(Debug, Subcommand)]
pub enum SpaceCommand {
    /// Make the key of a space where there is none, and give the space away. A daemon that runs
    /// takes the key up at once.
    #[command(visible_alias = "gen")]
    Generate(Generate),
    /// List the spaces whose keys are here, and those that somebody gave.
    Ls {
        /// Which store.
        #[command(flatten)]
        flags: LookFlags,
    },
    /// Show a space.
    Info {
        /// Its DID [default: the space of this host].
        space: Option<String>,
        /// Which store.
        #[command(flatten)]
        flags: LookFlags,
    },
}

/// Making the key of a space.
#[derive(Debug, Args)]
pub struct Generate {
    /// A name for people.
    #[arg(long, value_name = "NAME")]
    name: Option<String>,
    /// Give the space to an account that was logged in to, so that the service stores for it.
    #[arg(long, value_name = "ACCOUNT")]
    provision_to: Option<String>,
    /// Give all of the space to another host; what that host must add (`billet proof add`) goes to
    /// standard output.
    #[arg(long, value_name = "DID")]
    grant_to: Option<String>,
    /// Write that to a file instead.
    #[arg(
        short,
        long,
        value_name = "FILE",
        requires = "grant_to",
        conflicts_with = "json"
    )]
    output: Option<PathBuf>,
    /// Put another key in the place of one that is there, which gets another name. Buckets go on
    /// in the new space; what was shipped stays in the old one, is read from there and not shipped
    /// again.
    #[arg(long)]
    force: bool,
    /// Which store.
    #[command(flatten)]
    flags: LookFlags,
}

/// What can be done about delegations.
#[derive(Debug, Subcommand)]
pub enum ProofCommand {
    /// Keep the delegations of a container, in any packing.
    Add {
        /// The file; - is standard input.
        file: PathBuf,
        /// Which store.
        #[command(flatten)]
        flags: LookFlags,
    },
}

const LOGIN: View = View {
    columns: &["verdict", "account"],
    rows: |line| vec![vec![text(line, "verdict"), text(line, "email")]],
};

const WHOAMI: View = View {
    columns: &["what", "name", "state"],
    rows: whoami_rows,
};

const DONE: View = View {
    columns: &["verdict", "space", "what"],
    rows: |line| vec![vec![text(line, "verdict"), text(line, "space"), done(line)]],
};

const SPACES: View = View {
    columns: &["space", "name", "key", "accounts", "state"],
    rows: |line| vec![space_row(line)],
};

const PROOF: View = View {
    columns: &["verdict", "delegations"],
    rows: |line| vec![vec![text(line, "verdict"), text(line, "delegations")]],
};

/// `billet login`.
///
/// # Errors
/// A sentence that says what to do.
pub(super) fn login(login: Login) -> Result<ExitCode, String> {
    let request = Request::Login {
        email: login.email,
        wait: !login.no_wait,
    };
    look(login.flags, request, Print::Lines(LOGIN))
}

/// `billet whoami`.
///
/// # Errors
/// A sentence that says what to do.
pub(super) fn whoami(whoami: Whoami) -> Result<ExitCode, String> {
    look(whoami.flags, Request::Whoami, Print::Lines(WHOAMI))
}

/// `billet space`.
///
/// # Errors
/// A sentence that says what to do.
pub(super) fn space(command: SpaceCommand) -> Result<ExitCode, String> {
    match command {
        SpaceCommand::Generate(generate) => make(generate),
        SpaceCommand::Ls { flags } => look(flags, Request::SpaceList, Print::Lines(SPACES)),
        SpaceCommand::Info { space, flags } => {
            look(flags, Request::SpaceInfo { space }, Print::Lines(SPACES))
        }
    }
}

fn make(generate: Generate) -> Result<ExitCode, String> {
    let Generate {
        name,
        provision_to,
        grant_to,
        output,
        force,
        flags,
    } = generate;
    let raw = grant_to.is_some() && !flags.json;
    let request = Request::SpaceGenerate {
        name,
        provision_to,
        grant_to,
        force,
        raw,
    };
    match (raw, output) {
        (true, Some(file)) => write_whole(&file, |print| look(flags, request, print)),
        (true, None) => look(flags, request, Print::Raw(Box::new(std::io::stdout()))),
        (false, _) => look(flags, request, Print::Lines(DONE)),
    }
}

/// `billet proof`.
///
/// # Errors
/// A sentence that says what to do.
pub(super) fn proof(command: ProofCommand) -> Result<ExitCode, String> {
    let ProofCommand::Add { file, flags } = command;
    let mut bytes = Vec::new();
    let read = match file.as_os_str() == "-" {
        true => std::io::stdin()
            .take(PROOF_BYTES_MAX)
            .read_to_end(&mut bytes),
        false => {
            File::open(&file).and_then(|file| file.take(PROOF_BYTES_MAX).read_to_end(&mut bytes))
        }
    };
    read.map_err(|error| format!("{}: {error}", file.display()))?;
    let input: Input = Box::pin(stream::iter([Ok(Bytes::from(bytes))]));
    look_with(flags, Request::ProofAdd, input, Print::Lines(PROOF))
}

/// What a line says beside its verdict.
fn done(line: &Value) -> String {
    let texts = ["key_file", "email", "to", "what"].map(|field| text(line, field));
    let texts: Vec<_> = texts.into_iter().filter(|text| !text.is_empty()).collect();
    texts.join(", ")
}

fn list<'a>(line: &'a Value, field: &str) -> impl Iterator<Item = &'a Value> {
    line.get(field)
        .and_then(Value::as_array)
        .into_iter()
        .flatten()
}

fn is(line: &Value, field: &str) -> bool {
    line.get(field) == Some(&Value::Bool(true))
}

fn space_row(line: &Value) -> Vec<String> {
    let accounts: Vec<_> = list(line, "accounts").filter_map(Value::as_str).collect();
    let key = if is(line, "own") { "here" } else { "elsewhere" };
    let state = match (is(line, "current"), is(line, "usable")) {
        (true, _) => "this host's",
        (false, true) => "usable",
        (false, false) => "not usable",
    };
    vec![
        text(line, "did"),
        text(line, "name"),
        key.to_owned(),
        printable(&accounts.join(",")),
        state.to_owned(),
    ]
}

fn whoami_rows(line: &Value) -> Vec<Vec<String>> {
    let row = |what: &str, name: String, state: String| vec![what.to_owned(), name, state];
    let mut rows = vec![
        row("agent", text(line, "agent"), String::new()),
        row("service", text(line, "service"), String::new()),
    ];
    for account in list(line, "accounts") {
        let name = match text(account, "email") {
            email if email.is_empty() => text(account, "did"),
            email => email,
        };
        let ends_ms = account.get("expires_s").and_then(Value::as_u64);
        let ends_ms = ends_ms.map(|ends_s| ends_s.saturating_mul(1_000));
        let ends = date(&serde_json::json!({ "at": ends_ms }), "at");
        let state = match (is(account, "expired"), ends_ms) {
            (true, _) => format!("over since {ends}"),
            (false, Some(_)) => format!("until {ends}"),
            (false, None) => "for good".to_owned(),
        };
        rows.push(row("account", name, state));
    }
    for space in list(line, "spaces") {
        let mut cells = space_row(space).into_iter();
        let did = cells.next().unwrap_or_default();
        let rest: Vec<_> = cells.filter(|cell| !cell.is_empty()).collect();
        rows.push(row("space", did, rest.join(", ")));
    }
    if let Some(login) = line.get("login").filter(|login| login.is_object()) {
        rows.push(row("login", text(login, "account"), text(login, "phase")));
    }
    for one in list(line, "provisioning") {
        rows.push(row("provisioning", text(one, "space"), text(one, "phase")));
    }
    for trouble in list(line, "troubles") {
        rows.push(row("trouble", text(trouble, "what"), text(trouble, "why")));
    }
    rows.extend(hints(line));
    rows
}

/// What people could do, as rows of three.
pub(super) fn hints(line: &Value) -> impl Iterator<Item = Vec<String>> {
    let hints = list(line, "hints").filter_map(Value::as_str);
    hints.map(|hint| vec!["hint".to_owned(), String::new(), printable(hint)])
}
