//! A host as people use it: a folder, the commands of `billet`, a daemon now and then, and a peer
//! that plays the network.
//!
//! Must never do by itself what a command of `billet` is to do.

use std::io::{BufRead, BufReader, Write};
use std::path::PathBuf;
use std::process::{Command, Output, Stdio};

use billet_client::daemon::Daemon;
use billet_forge_peer::Peer;
use serde_json::Value;

use super::EMAIL;

/// A network that hosts may be made for.
pub(crate) struct Place {
    pub(crate) peer: Peer,
    program: PathBuf,
    _blobs: tempfile::TempDir,
}

impl Place {
    /// A new one; none where no daemon is named.
    pub(crate) fn open() -> Option<Self> {
        let program = super::program()?;
        let blobs = tempfile::tempdir().unwrap();
        Some(Self {
            peer: super::peer(&blobs),
            program,
            _blobs: blobs,
        })
    }

    /// A host that ships to it, of which nothing was asked yet.
    pub(crate) fn host(&self) -> Host {
        Host {
            program: self.program.clone(),
            folder: tempfile::tempdir().unwrap(),
            settings: vec![
                ("ship.service_url", format!("http://{}", self.peer.service)),
                ("ship.service_did", self.peer.service_did().to_owned()),
                ("ship.window_ms", "50ms".to_owned()),
            ],
        }
    }
}

pub(crate) struct Host {
    program: PathBuf,
    folder: tempfile::TempDir,
    /// Settings of shipping.
    pub(crate) settings: Vec<(&'static str, String)>,
}

impl Host {
    /// Its data folder.
    pub(crate) fn data(&self) -> PathBuf {
        self.folder.path().join("data")
    }

    pub(crate) fn serve(&self) -> Daemon {
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
    pub(crate) fn run(&self, words: &[&str]) -> Output {
        self.command(words).output().unwrap()
    }

    /// The same for a command that reads standard input.
    pub(crate) fn feed(&self, words: &[&str], bytes: &[u8]) -> Output {
        let mut command = self.command(words);
        let piped = command.stdin(Stdio::piped()).stdout(Stdio::piped());
        let mut child = piped.stderr(Stdio::piped()).spawn().unwrap();
        child.stdin.take().unwrap().write_all(bytes).unwrap();
        child.wait_with_output().unwrap()
    }

    /// The lines of a command that comes off.
    pub(crate) fn lines(&self, words: &[&str]) -> Vec<Value> {
        let output = self.run(&[words, &["--json"]].concat());
        assert!(output.status.success(), "{words:?}: {output:?}");
        let text = String::from_utf8(output.stdout).unwrap();
        text.lines()
            .map(|line| serde_json::from_str(line).unwrap())
            .collect()
    }

    /// Why a command fails: one line.
    pub(crate) fn refusal(&self, words: &[&str]) -> String {
        refusal(&self.run(words))
    }

    pub(crate) fn whoami(&self) -> Value {
        self.lines(&["whoami"]).remove(0)
    }

    /// Logs in; the link is followed as soon as the command says that it was sent.
    pub(crate) fn log_in(&self, peer: &Peer) {
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

pub(crate) fn refusal(output: &Output) -> String {
    assert_eq!(output.status.code(), Some(1), "{output:?}");
    let text = String::from_utf8(output.stderr.clone()).unwrap();
    assert_eq!(text.lines().count(), 1, "{text}");
    text
}

pub(crate) fn verdict(line: &Value) -> &str {
    line["verdict"].as_str().unwrap()
}
