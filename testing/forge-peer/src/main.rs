//! The peer as a program of its own, for tests that kill what they test.
//!
//! Must never listen on anything but loopback. The first line it prints is its state as JSON.

use std::io::Write as _;
use std::path::PathBuf;
use std::process::ExitCode;

use billet_forge_peer::{Config, Key, Peer, Strict};
use clap::Parser;

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

fn run(arguments: &Arguments) -> std::io::Result<()> {
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
    let mut out = std::io::stdout();
    writeln!(out, "{}", peer.state())?;
    out.flush()?;
    loop {
        std::thread::park();
    }
}
