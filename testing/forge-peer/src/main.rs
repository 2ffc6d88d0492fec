//! The peer as a program of its own, for tests that kill what they test.
//!
//! Must never listen on anything but loopback. The first line it prints is its state as JSON.

use std::io::{self, Write as _};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use billet_forge_peer::caller::Caller;
use billet_forge_peer::{Config, Key, Peer, Strict};
use clap::Parser;

/// Whose space it is that is made at the start.
const EMAIL: &str = "alice@example.com";

/// Plays upload service, storage nodes and indexer until it is told to end.
#[derive(Debug, Parser)]
#[command(name = "forge-peer")]
struct Arguments {
    /// Folder for the blobs; made if it does not exist.
    #[arg(long)]
    folder: PathBuf,
    /// How many storage nodes.
    #[arg(long, default_value_t = 2, value_parser = clap::value_parser!(u16).range(1..=16))]
    nodes: u16,
    /// The name that the upload service signs as, instead of its key's.
    #[arg(long)]
    service_did: Option<String>,
    /// Ports: service, indexer, control, then the nodes; missing ones are chosen.
    #[arg(long, value_delimiter = ',')]
    ports: Vec<u16>,
    /// Only as strict as the real services were seen to be.
    #[arg(long)]
    as_observed: bool,
    /// Provisioning needs a payment plan.
    #[arg(long)]
    plan_required: bool,
    /// Makes a space at the start and writes its key to this file, which must not exist.
    #[arg(long)]
    space_key: Option<PathBuf>,
}

fn main() -> ExitCode {
    match run(&Arguments::parse()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("forge-peer: {error}");
            ExitCode::FAILURE
        }
    }
}

fn run(arguments: &Arguments) -> io::Result<()> {
    std::fs::create_dir_all(&arguments.folder)?;
    let mut config = Config::new(&arguments.folder);
    config.nodes = (0..arguments.nodes)
        .map(|index| Key::named(&format!("forge-peer/node-{index}")))
        .collect();
    if let Some(did) = &arguments.service_did {
        config.service = config.service.signing_as(did);
    }
    if arguments.as_observed {
        config.strict = Strict::AS_OBSERVED;
    }
    config.plan_required = arguments.plan_required;
    config.ports.clone_from(&arguments.ports);
    let peer = Peer::start(config)?;
    if let Some(file) = &arguments.space_key {
        make_space(&peer, file)?;
        peer.reset_counters();
    }
    let mut out = io::stdout();
    writeln!(out, "{}", peer.state())?;
    out.flush()?;
    loop {
        std::thread::park();
    }
}

/// What nobody did yet who is tested against this peer: its steps are not counted.
fn make_space(peer: &Peer, file: &Path) -> io::Result<()> {
    let caller = Caller {
        address: peer.service,
        service: peer.service_did().to_owned(),
        agent: Key::random(),
    };
    let space = caller.space(EMAIL, || peer.click(EMAIL).map(drop));
    let space = space.map_err(io::Error::other)?;
    let mut options = std::fs::File::options();
    let mut file = options
        .write(true)
        .create_new(true)
        .mode(0o600)
        .open(file)?;
    file.write_all(space.pem().as_bytes())
}
