//! A network on loopback for tasks: `forge-peer` as a process, and daemons that ship to it.
//!
//! Must never be spoken to by what is tested except as a network: counters and blobs are for the
//! task alone.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use billet_client::daemon::Daemon;
use serde_json::Value;

/// Longest wait for something that is under way.
const WAIT: Duration = Duration::from_secs(600);
/// Nothing tells from outside that it came: how often it is looked for.
const LOOK: Duration = Duration::from_millis(100);

/// A running peer; ended when dropped, its folder stays.
#[derive(Debug)]
pub struct Network {
    child: Child,
    state: Value,
    folder: PathBuf,
}

impl Network {
    /// Starts `target/testing/forge-peer` on a new folder and has it make a space, whose key goes
    /// where a daemon on the folder `store` looks for it.
    ///
    /// # Errors
    /// A sentence when it cannot be started.
    pub fn start(folder: &Path, store: &Path) -> Result<Self, String> {
        let program = crate::tested("forge-peer");
        let failed = |path: &Path, error: std::io::Error| format!("{}: {error}", path.display());
        let keys = store.join("keys");
        std::fs::create_dir_all(&keys).map_err(|error| failed(&keys, error))?;
        let mut child = Command::new(&program)
            .arg("--folder")
            .arg(folder)
            .arg("--space-key")
            .arg(keys.join("space.pem"))
            .stdout(Stdio::piped())
            .spawn()
            .map_err(|error| failed(&program, error))?;
        let mut line = String::new();
        let out = child.stdout.take();
        let mut network = Self {
            child,
            state: Value::Null,
            folder: folder.to_owned(),
        };
        if let Some(out) = out {
            let read = BufReader::new(out).read_line(&mut line);
            read.map_err(|error| failed(&program, error))?;
        }
        let state = serde_json::from_str(&line);
        network.state = state.map_err(|_| format!("{} does not start", program.display()))?;
        Ok(network)
    }

    /// Starts `target/testing/billet` on a folder, with this network and more settings.
    ///
    /// # Errors
    /// A sentence when it cannot be started.
    pub fn daemon(&self, store: &Path, settings: &[(&str, &str)]) -> Result<Daemon, String> {
        let program = crate::tested("billet");
        let told = |name: &str| text(&self.state, name);
        let of_network = ["service_url", "service_did", "indexer_url", "indexer_did"];
        let of_network = of_network.map(|name| format!("ship.{name}={}", told(name)));
        let more = settings
            .iter()
            .map(|(name, value)| format!("{name}={value}"));
        let all: Vec<String> = of_network.into_iter().chain(more).collect();
        let arguments: Vec<&str> = all.iter().flat_map(|one| ["--set", one]).collect();
        Daemon::start(&program, store, &arguments)
            .map_err(|error| format!("{}: {error}", program.display()))
    }

    /// What the control listener says to a GET.
    ///
    /// # Errors
    /// A sentence when it says nothing that can be read.
    pub fn ask(&self, path: &str) -> Result<Value, String> {
        let url = text(&self.state, "control_url");
        let address = url.trim_start_matches("http://");
        let ask = || -> std::io::Result<String> {
            let mut stream = TcpStream::connect(address)?;
            let head =
                format!("GET {path} HTTP/1.1\r\nHost: {address}\r\nConnection: close\r\n\r\n");
            stream.write_all(head.as_bytes())?;
            let mut answer = String::new();
            stream.read_to_string(&mut answer)?;
            Ok(answer)
        };
        let answer = ask().map_err(|error| format!("{url}{path}: {error}"))?;
        let (_, body) = answer.split_once("\r\n\r\n").unwrap_or_default();
        serde_json::from_str(body).map_err(|error| format!("{url}{path}: {error}"))
    }

    /// Waits until all that a daemon has is on the network, and found by its indexes there.
    ///
    /// # Errors
    /// It does not come, or cannot be asked for.
    pub fn indexed(&self, daemon: &Daemon) -> Result<(), String> {
        until("everything to be shipped and indexed", || {
            let accepted = metric(daemon, "billet_shards_accepted_total")?;
            let waiting = metric(daemon, "billet_ship_backlog_bytes")?;
            let counters = self.ask("/counters")?;
            let done = |command: &str| number(&counters, &["commands", command]);
            let is_found = done("/index/add") == accepted && done("/upload/add") > 0;
            Ok(waiting == 0 && accepted > 0 && is_found)
        })
    }

    /// The folders of the nodes' blobs.
    ///
    /// # Errors
    /// As [`Network::ask`].
    pub fn folders(&self) -> Result<Vec<PathBuf>, String> {
        let state = self.ask("/state")?;
        let nodes = state.get("nodes").and_then(Value::as_array);
        let nodes = nodes.map_or(0, Vec::len);
        let folder = |node| self.folder.join(format!("node-{node}"));
        Ok((0..nodes).map(folder).collect())
    }

    /// The files of all blobs that nodes accepted.
    ///
    /// # Errors
    /// As [`Network::ask`].
    pub fn blobs(&self) -> Result<Vec<PathBuf>, String> {
        let blobs = self.ask("/blobs")?;
        let blobs = blobs.as_array().ok_or("blobs are a list")?;
        let path = |blob: &Value| {
            let node = format!("node-{}", number(blob, &["node"]));
            self.folder.join(node).join(text(blob, "digest"))
        };
        Ok(blobs.iter().map(path).collect())
    }
}

impl Drop for Network {
    fn drop(&mut self) {
        // It may have ended by itself.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn text<'a>(value: &'a Value, name: &str) -> &'a str {
    let text = value.get(name).and_then(Value::as_str);
    text.unwrap_or_default()
}

/// The number under a path of names; 0 where there is none, as of what never happened.
pub fn number(value: &Value, names: &[&str]) -> u64 {
    let found = names.iter().try_fold(value, |value, name| value.get(name));
    found.and_then(Value::as_u64).unwrap_or(0)
}

/// The value of a metric with its labels; 0 where there is no such line, as of a count of nothing.
///
/// # Errors
/// What the connection said.
pub fn metric(daemon: &Daemon, name: &str) -> Result<u64, String> {
    let answer = daemon.ask_admin("/metrics");
    let answer = answer.map_err(|error| format!("/metrics: {error}"))?;
    let mut lines = answer.lines();
    let value = lines.find_map(|line| line.strip_prefix(name)?.strip_prefix(' '));
    value.map_or(Ok(0), |value| {
        value
            .parse()
            .map_err(|_| format!("{name} is no number: {value}"))
    })
}

/// Waits until something holds.
///
/// # Errors
/// What it was waited for, when it does not come, and what asking for it said.
pub fn until(what: &str, holds: impl Fn() -> Result<bool, String>) -> Result<(), String> {
    let start = Instant::now();
    while !holds()? {
        if start.elapsed() > WAIT {
            return Err(format!("{what}: not after {} s", WAIT.as_secs()));
        }
        std::thread::sleep(LOOK);
    }
    Ok(())
}
