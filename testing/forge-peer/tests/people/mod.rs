//! A host as people use it: a folder, the commands of `billet`, a daemon now and then, and a peer
//! that plays the network.
//!
//! Must never do by itself what a command of `billet` is to do.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    missing_docs
)]
#![allow(clippy::arithmetic_side_effects, dead_code, unreachable_pub)]

use std::io::{BufRead, BufReader, Write};
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

use billet_client::daemon::Daemon;
use billet_client::{Body, Client, Request};
use billet_forge_peer::Peer;
use serde_json::Value;

pub const EMAIL: &str = "alice@example.com";

/// The daemon's program; none where the test is to be passed over.
pub fn program() -> Option<PathBuf> {
    let program = std::env::var_os("BILLET_DAEMON").map(PathBuf::from);
    if program.is_none() {
        eprintln!("passed over: BILLET_DAEMON names no daemon");
    }
    program
}

pub struct Host {
    program: PathBuf,
    folder: tempfile::TempDir,
    /// Settings of shipping.
    pub settings: Vec<(&'static str, String)>,
}

impl Host {
    pub fn new(program: &Path, peer: &Peer) -> Self {
        let settings = vec![
            ("ship.service_url", format!("http://{}", peer.service)),
            ("ship.service_did", peer.service_did().to_owned()),
            ("ship.window_ms", "50ms".to_owned()),
        ];
        Self {
            program: program.to_path_buf(),
            folder: tempfile::tempdir().unwrap(),
            settings,
        }
    }

    /// Its data folder.
    pub fn data(&self) -> PathBuf {
        self.folder.path().join("data")
    }

    pub fn serve(&self) -> Daemon {
        let set = self.settings.iter();
        let set = set.flat_map(|(name, value)| ["--set".to_owned(), format!("{name}={value}")]);
        let set: Vec<String> = set.collect();
        let set: Vec<&str> = set.iter().map(String::as_str).collect();
        std::fs::create_dir_all(self.data()).unwrap();
        Daemon::start(&self.program, &self.data(), &set).unwrap()
    }

    fn command(&self, words: &[&str]) -> Command {
        let mut command = Command::new(&self.program);
        for (name, _) in std::env::vars_os() {
            if name.to_string_lossy().starts_with("BILLET_") {
                command.env_remove(name);
            }
        }
        for (name, value) in &self.settings {
            let name = name.to_uppercase().replace('.', "_");
            command.env(format!("BILLET_{name}"), value);
        }
        command.args(words).arg("--data-dir").arg(self.data());
        command
    }

    /// What a command says.
    pub fn run(&self, words: &[&str]) -> Output {
        self.command(words).output().unwrap()
    }

    /// The same for a command that reads standard input.
    pub fn feed(&self, words: &[&str], bytes: &[u8]) -> Output {
        let mut command = self.command(words);
        let piped = command.stdin(Stdio::piped()).stdout(Stdio::piped());
        let mut child = piped.stderr(Stdio::piped()).spawn().unwrap();
        child.stdin.take().unwrap().write_all(bytes).unwrap();
        child.wait_with_output().unwrap()
    }

    /// The lines of a command that comes off.
    pub fn lines(&self, words: &[&str]) -> Vec<Value> {
        let output = self.run(&[words, &["--json"]].concat());
        assert!(output.status.success(), "{words:?}: {output:?}");
        let text = String::from_utf8(output.stdout).unwrap();
        text.lines()
            .map(|line| serde_json::from_str(line).unwrap())
            .collect()
    }

    /// Why a command fails: one line.
    pub fn refusal(&self, words: &[&str]) -> String {
        refusal(&self.run(words))
    }

    pub fn whoami(&self) -> Value {
        self.lines(&["whoami"]).remove(0)
    }

    /// Logs in; the link is followed as soon as the command says that it was sent.
    pub fn log_in(&self, peer: &Peer) {
        let mut command = self.command(&["login", EMAIL, "--json"]);
        let mut child = command.stdout(Stdio::piped()).spawn().unwrap();
        let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
        let line = lines.next().expect("it says that a mail was sent").unwrap();
        assert_eq!(verdict(&serde_json::from_str(&line).unwrap()), "mailed");
        assert_eq!(peer.click(EMAIL), Ok(1));
        let line = lines.next().expect("it says that this is done").unwrap();
        assert_eq!(verdict(&serde_json::from_str(&line).unwrap()), "logged in");
        assert!(child.wait().unwrap().success());
    }
}

pub fn refusal(output: &Output) -> String {
    assert_eq!(output.status.code(), Some(1), "{output:?}");
    let text = String::from_utf8(output.stderr.clone()).unwrap();
    assert_eq!(text.lines().count(), 1, "{text}");
    text
}

pub fn verdict(line: &Value) -> &str {
    line["verdict"].as_str().unwrap()
}

/// PUT at a level of durability; the status.
pub fn put(client: &mut Client, path: &str, body: &[u8], level: &str) -> u16 {
    let request = Request {
        method: "PUT",
        path,
        headers: &[("x-billet-durability", level)],
        body: Body::Bytes(body),
        ..Request::default()
    };
    client.send(request).unwrap().status
}

/// The value of a metric without labels.
pub fn metric(daemon: &Daemon, name: &str) -> u64 {
    let answer = daemon.ask_admin("/metrics").unwrap();
    let line = answer
        .lines()
        .find_map(|line| line.strip_prefix(&format!("{name} ")));
    line.unwrap_or_else(|| panic!("no {name} in\n{answer}"))
        .parse()
        .unwrap()
}
