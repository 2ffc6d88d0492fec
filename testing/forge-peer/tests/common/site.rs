//! A daemon that ships to a peer: its folder, its settings, and what can be asked of it.
//!
//! Must never start a daemon unless `BILLET_DAEMON` names its program, nor wait without an end.

use std::io::Write as _;
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::sync::{Mutex, MutexGuard};
use std::time::{Duration, Instant};

use billet_client::daemon::Daemon;
use billet_client::{Body, Client, Request, Response};
use billet_forge_peer::caller::Caller;
use billet_forge_peer::{Config, Key, Peer};
use cid::Cid;

use super::EMAIL;
use super::network::Network;

/// Longest wait for anything, however busy the machine is.
const WITHIN: Duration = Duration::from_secs(120);

/// Quick and impatient: what takes minutes in earnest takes a moment here.
const SETTINGS: [&str; 5] = [
    "ship.window_ms=100ms",
    "ship.retry_ms=10ms",
    "ship.timeout_ms=2s",
    "ship.retain_bytes=1",
    "ship.settle_ms=100s",
];

/// A peer and the folder of a daemon that ships to it.
pub(crate) struct Site {
    pub(crate) peer: Peer,
    program: PathBuf,
    settings: Vec<String>,
    network: Mutex<Network>,
    folder: tempfile::TempDir,
    _blobs: tempfile::TempDir,
}

impl Site {
    /// A new one with more settings, as `name=value`; none where no daemon is named.
    pub(crate) fn open(settings: &[&str]) -> Option<Self> {
        let peer = |folder: &Path| Peer::start(Config::new(folder)).unwrap();
        let service = |peer: &Peer| Caller {
            address: peer.service,
            service: peer.service_did().to_owned(),
            agent: Key::random(),
        };
        let click = |peer: &Peer| peer.click(EMAIL).map(drop);
        Self::of(settings, peer, service, click)
    }

    /// As [`Site::open`], with a daemon that runs, its client, and the bucket `bucket`.
    pub(crate) fn started(settings: &[&str]) -> Option<(Self, Daemon, Client)> {
        let site = Self::open(settings)?;
        let daemon = site.start();
        let mut client = daemon.client();
        put(&mut client, "/bucket", b"", "local");
        Some((site, daemon, client))
    }

    /// As [`Site::open`], of another peer, which is made in a folder, and of the upload service
    /// that the caller speaks with.
    pub(crate) fn of(
        settings: &[&str],
        peer: impl FnOnce(&Path) -> Peer,
        service: impl FnOnce(&Peer) -> Caller,
        click: impl FnOnce(&Peer) -> Result<(), String>,
    ) -> Option<Self> {
        let program = super::program()?;
        let (blobs, folder) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        let peer = peer(blobs.path());
        let caller = service(&peer);
        let space = caller.space(EMAIL, || click(&peer)).unwrap();
        let own = [
            format!("ship.service_url=http://{}", caller.address),
            format!("ship.service_did={}", caller.service),
        ];
        let given = SETTINGS.iter().chain(settings).map(ToString::to_string);
        let site = Self {
            settings: own.into_iter().chain(given).collect(),
            peer,
            program,
            network: Mutex::default(),
            folder,
            _blobs: blobs,
        };
        keep(&space, &site.data());
        Some(site)
    }

    /// The daemon's folder.
    pub(crate) fn data(&self) -> PathBuf {
        self.folder.path().join("data")
    }

    /// Changes a setting for the next start, as `name=value`.
    pub(crate) fn set(&mut self, setting: &str) {
        let (name, _) = setting.split_once('=').unwrap();
        let is_other = |one: &String| one.split_once('=').is_none_or(|(other, _)| other != name);
        self.settings.retain(is_other);
        self.settings.push(setting.to_owned());
    }

    /// Starts the daemon.
    pub(crate) fn start(&self) -> Daemon {
        let settings = self.settings.iter();
        let arguments: Vec<&str> = settings.flat_map(|one| ["--set", one.as_str()]).collect();
        Daemon::start(&self.program, &self.data(), &arguments).unwrap()
    }

    /// Runs a command of the program over the daemon's folder.
    pub(crate) fn billet(&self, arguments: &[&str]) -> Output {
        let mut command = Command::new(&self.program);
        command.args(arguments).arg("--data-dir").arg(self.data());
        command.output().unwrap()
    }

    /// The last line that a command tells as JSON, and its exit status.
    pub(crate) fn told(&self, arguments: &[&str]) -> (serde_json::Value, Option<i32>) {
        let output = self.billet(&[arguments, &["--json"]].concat());
        let text = String::from_utf8_lossy(&output.stdout);
        let last = text.lines().last().unwrap_or("null");
        (serde_json::from_str(last).unwrap(), output.status.code())
    }

    /// What the daemon wrote to its log.
    pub(crate) fn log(&self) -> String {
        std::fs::read_to_string(self.data().with_extension("log")).unwrap_or_default()
    }

    /// Waits until nothing waits to be sent, and whoever has only the network finds every shard by
    /// its index and all these leaves by what is published.
    pub(crate) fn drained(&self, daemon: &Daemon, leaves: &[Cid]) {
        until("all is shipped and findable", || {
            let indexes = self.peer.state()["indexes"].as_u64().unwrap();
            indexes > 0
                && metric(daemon, "billet_shards_waiting") == 0
                && indexes == metric(daemon, "billet_shards_accepted_total")
                && self.reaches(leaves)
        });
    }

    /// The network as it is now; what is published there was checked.
    pub(crate) fn network(&self) -> MutexGuard<'_, Network> {
        let mut network = self.network.lock().unwrap();
        network.look(&self.peer);
        network
    }

    /// Whether what is published reaches these leaves.
    fn reaches(&self, leaves: &[Cid]) -> bool {
        let network = self.network();
        leaves.iter().all(|leaf| network.is_published(leaf))
    }
}

/// Writes the key of a space where the daemon looks.
pub(crate) fn keep(space: &Key, data: &Path) {
    std::fs::create_dir_all(data.join("keys")).unwrap();
    let mut file = std::fs::File::options();
    file.write(true).create_new(true).mode(0o600);
    let mut file = file.open(data.join("keys/space.pem")).unwrap();
    file.write_all(space.pem().as_bytes()).unwrap();
}

/// Waits until that holds.
pub(crate) fn until(what: &str, mut holds: impl FnMut() -> bool) {
    let start = Instant::now();
    while !holds() {
        assert!(start.elapsed() < WITHIN, "not in time: {what}");
        // Nothing tells from outside; each look is a request, and the machine has other work.
        std::thread::sleep(Duration::from_millis(2));
    }
}

/// The value of a metric without labels.
pub(crate) fn metric(daemon: &Daemon, name: &str) -> u64 {
    let answer = daemon.ask_admin("/metrics").unwrap();
    let line = answer
        .lines()
        .find_map(|line| line.strip_prefix(&format!("{name} ")));
    line.unwrap_or_else(|| panic!("no {name} in\n{answer}"))
        .parse()
        .unwrap()
}

/// A PUT whose answer is not looked at.
pub(crate) fn try_put(client: &mut Client, path: &str, body: &[u8], level: &str) -> Response {
    let request = Request {
        method: "PUT",
        path,
        headers: &[("x-billet-durability", level)],
        body: Body::Bytes(body),
        ..Request::default()
    };
    client.send(request).unwrap()
}

/// A PUT that comes off.
pub(crate) fn put(client: &mut Client, path: &str, body: &[u8], level: &str) {
    let answer = try_put(client, path, body, level);
    assert_eq!(answer.status, 200, "{path}: {}", answer.text());
}

/// A GET that brings exactly these bytes.
pub(crate) fn reads(client: &mut Client, path: &str, body: &[u8]) {
    let answer = client.get(path).unwrap();
    assert_eq!(answer.status, 200, "{path}: {}", answer.text());
    assert!(answer.body == body, "{path}: {} bytes differ", body.len());
}

/// How many segments of bodies the daemon has, and how many bytes of bodies may not go.
pub(crate) fn bodies_here(daemon: &Daemon) -> (u64, u64) {
    let answer = daemon.ask_admin("/metrics").unwrap();
    let segments = answer.lines().filter_map(|line| {
        let (labels, count) = line.strip_prefix("billet_segments{")?.split_once("} ")?;
        labels
            .contains("plane=\"data\"")
            .then(|| count.parse::<u64>().unwrap())
    });
    (segments.sum(), metric(daemon, "billet_ship_backlog_bytes"))
}

/// Waits until no segment of bodies is left.
pub(crate) fn all_bodies_go(daemon: &Daemon) {
    until("all segments of bodies go", || {
        bodies_here(daemon) == (0, 0)
    });
}

/// A request without a body, and its answer.
pub(crate) fn ask(
    client: &mut Client,
    method: &str,
    path: &str,
    query: &[(&str, &str)],
) -> Response {
    let request = Request {
        method,
        path,
        query,
        ..Request::default()
    };
    client.send(request).unwrap()
}

/// Begins an upload in parts and puts these as its parts; its id and the ETags.
pub(crate) fn upload(client: &mut Client, path: &str, parts: &[Vec<u8>]) -> (String, Vec<String>) {
    let begun = ask(client, "POST", path, &[("uploads", "")]);
    let id = begun.element("UploadId").unwrap();
    let put = |(number, part): (usize, &Vec<u8>)| {
        let request = Request {
            method: "PUT",
            path,
            query: &[("partNumber", &(number + 1).to_string()), ("uploadId", &id)],
            body: Body::Bytes(part),
            ..Request::default()
        };
        let answer = client.send(request).unwrap();
        assert_eq!(answer.status, 200, "{}", answer.text());
        answer.header("etag").unwrap().to_owned()
    };
    let tags = parts.iter().enumerate().map(put).collect();
    (id, tags)
}

/// Completes an upload in parts.
pub(crate) fn complete(client: &mut Client, path: &str, id: &str, tags: &[String]) {
    let part = |(number, tag): (usize, &String)| {
        let number = number + 1;
        format!("<Part><PartNumber>{number}</PartNumber><ETag>{tag}</ETag></Part>")
    };
    let parts: String = tags.iter().enumerate().map(part).collect();
    let body = format!("<CompleteMultipartUpload>{parts}</CompleteMultipartUpload>");
    let request = Request {
        method: "POST",
        path,
        query: &[("uploadId", id)],
        body: Body::Bytes(body.as_bytes()),
        ..Request::default()
    };
    let answer = client.send(request).unwrap();
    assert_eq!(answer.status, 200, "{}", answer.text());
}
