//! What each command does: turns a command line into calls of the library and an exit status.
//!
//! Data goes to standard output, everything else to standard error. Must never print a secret but
//! the one of a key pair that was made in this very run.

mod block;
mod bucket;
mod carry;
mod fsck;
mod identity;
mod log;
mod look;
mod segment;
mod ship;
mod table;
mod tree;
mod whole;

use std::io::Write as _;
use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

pub use block::BlockCommand;
pub use bucket::BucketCommand;
pub use carry::{Export, ImportFile, Prove, Verify};
pub use fsck::FsckArguments;
pub use identity::{Generate, Login, ProofCommand, SpaceCommand, Whoami};
pub use log::LogArguments;
pub use look::LookFlags;
pub use segment::SegmentCommand;
pub use ship::ShipCommand;
pub use tree::TreeArguments;

use tokio::signal::unix::{SignalKind, signal};

use crate::cli::{Cli, Command, ConfigCommand, ConfigFlags};
use crate::config::{Config, Kind};
use crate::credentials::{self, KeyRing};
use crate::{Keep, Limits, Settings, ShipSettings, first_start, logging, open_files};

/// How long threads that still do something have to end when the daemon has stopped.
const ENDING: Duration = Duration::from_secs(5);

/// Does what the command line says. Exit status 0 is success, 1 is failure, 3 is damage; 2, for a
/// command line that cannot be read, comes from the parser.
pub fn run(cli: Cli) -> ExitCode {
    open_files::raise();
    let success = |()| ExitCode::SUCCESS;
    let done = match cli.command {
        Command::Serve(flags) => serve(flags).map(success),
        Command::Config(ConfigCommand::Show {
            origin,
            json,
            flags,
        }) => show(flags, origin, json).map(success),
        Command::Config(ConfigCommand::Check(flags)) => resolve(flags).map(drop).map(success),
        Command::Bucket(command) => bucket::run(command),
        Command::Segment(command) => segment::run(command),
        Command::Block(command) => block::run(command),
        Command::Log(arguments) => log::run(arguments),
        Command::Tree(arguments) => tree::run(arguments),
        Command::Fsck(arguments) => fsck::run(arguments),
        Command::Export(command) => carry::export(command),
        Command::Verify(command) => carry::verify(command),
        Command::Prove(command) => carry::prove(command),
        Command::Import(command) => carry::import(command),
        Command::Login(command) => identity::login(command),
        Command::Whoami(command) => identity::whoami(command),
        Command::Space(command) => identity::space(command),
        Command::Proof(command) => identity::proof(command),
        Command::Ship(command) => ship::run(command),
    };
    match done {
        Ok(code) => code,
        Err(reason) => {
            // Nobody may read this either.
            let _ = writeln!(std::io::stderr(), "billet: {reason}");
            ExitCode::FAILURE
        }
    }
}

fn resolve(flags: ConfigFlags) -> Result<Config, String> {
    flags.resolve().map_err(|error| error.to_string())
}

fn show(flags: ConfigFlags, origin: bool, json: bool) -> Result<(), String> {
    let config = resolve(flags)?;
    if json {
        let document: serde_json::Map<_, _> = config
            .entries()
            .map(|(setting, given)| {
                let value = serde_json::json!({
                    "value": given.text,
                    "origin": given.origin.to_string(),
                });
                (setting.name.to_owned(), value)
            })
            .collect();
        println!("{:#}", serde_json::Value::Object(document));
        return Ok(());
    }
    for (setting, given) in config.entries() {
        let value = match setting.kind {
            Kind::Count => given.text.clone(),
            _ => toml::Value::String(given.text.clone()).to_string(),
        };
        if origin {
            println!("{} = {value} # {}", setting.name, given.origin);
        } else {
            println!("{} = {value}", setting.name);
        }
    }
    Ok(())
}

/// The key pairs of environment and file; the first start of a store without any makes one and
/// shows it.
fn key_ring(config: &Config) -> Result<KeyRing, String> {
    let mut ring = KeyRing::default();
    let file = match config.path("credentials_file") {
        path if path.as_os_str().is_empty() => config.path("data_dir").join("credentials.toml"),
        path => path.to_path_buf(),
    };
    let named = !config.text("credentials_file").is_empty();
    let found = ring.add_file(&file).map_err(|error| error.to_string())?;
    if named && !found {
        return Err(format!(
            "credentials_file: {} does not exist",
            file.display()
        ));
    }
    let [access, secret] = ["BILLET_ACCESS_KEY_ID", "BILLET_SECRET_ACCESS_KEY"]
        .map(|name| std::env::var(name).ok().filter(|text| !text.is_empty()));
    ring.add_environment(access, secret)
        .map_err(|error| error.to_string())?;
    if ring.is_empty() && found {
        return Err(format!("{} has no key pair", file.display()));
    }
    if ring.is_empty() {
        let pair = credentials::generate(&file).map_err(|error| error.to_string())?;
        let endpoint = format!("http://{}", config.text("listen"));
        print!(
            "{}",
            first_start::greeting(&pair, &file, &endpoint, config.text("region"))
        );
        ring.add(pair);
    }
    Ok(ring)
}

fn serve(flags: ConfigFlags) -> Result<(), String> {
    let config = resolve(flags)?;
    logging::start(config.text("log.level"), config.text("log.format"))?;
    let folder = PathBuf::from(config.text("data_dir"));
    std::fs::create_dir_all(&folder).map_err(|error| format!("{}: {error}", folder.display()))?;
    let ring = Arc::new(key_ring(&config)?);
    let settings = settings(&config)?;
    let runtime = tokio::runtime::Runtime::new().map_err(|error| error.to_string())?;
    let served = runtime.block_on(async {
        let stop = stop_signal().map_err(|error| error.to_string())?;
        crate::serve(settings, ring, stop)
            .await
            .map_err(|error| error.to_string())
    });
    // The store is closed, or must not be: nothing that still runs can do it any good.
    runtime.shutdown_timeout(ENDING);
    served
}

/// Resolves at the first SIGTERM or SIGINT; a second one ends the process at once.
fn stop_signal() -> std::io::Result<impl Future<Output = ()>> {
    let mut terminate = signal(SignalKind::terminate())?;
    let mut interrupt = signal(SignalKind::interrupt())?;
    let (stop, stopped) = tokio::sync::oneshot::channel();
    tokio::spawn(async move {
        let mut stop = Some(stop);
        loop {
            tokio::select! {
                _ = terminate.recv() => {}
                _ = interrupt.recv() => {}
            }
            match stop.take() {
                // The receiver is there until it has heard.
                Some(stop) => drop(stop.send(())),
                None => std::process::exit(130),
            }
        }
    });
    Ok(async move { drop(stopped.await) })
}

/// The library's settings out of a checked configuration.
fn settings(config: &Config) -> Result<Settings, String> {
    let address = |name: &str| {
        config
            .text(name)
            .parse()
            .map_err(|error| format!("{name}: {error}"))
    };
    let size = |name: &str| usize::try_from(config.number(name)).unwrap_or(usize::MAX);
    Ok(Settings {
        data_dir: config.path("data_dir").to_path_buf(),
        listen: address("listen")?,
        admin_listen: address("admin_listen")?,
        region: config.text("region").to_owned(),
        domains: config.list("domains"),
        hosts: Vec::new(),
        space: config.text("space").to_owned(),
        limits: Limits {
            connections_max: size("limits.connections_max"),
            connections_per_peer_max: size("limits.connections_per_peer_max"),
            header_read_ms: config.number("limits.header_read_ms"),
            idle_ms: config.number("limits.idle_ms"),
            rate_window_ms: config.number("limits.rate_window_ms"),
            rate_min_bytes: config.number("limits.rate_min_bytes"),
            keep_alive_ms: config.number("limits.keep_alive_ms"),
            stop_ms: config.number("limits.stop_ms"),
        },
        reads_max: size("pools.reads_max"),
        writes_max: size("pools.writes_max"),
        mst_writers: size("pools.mst_writers"),
        mst_readers: size("pools.mst_readers"),
        buffers: size("buffers.count"),
        block_cache_bytes: size("cache.block_bytes"),
        table_cache_bytes: size("journal.table_cache_bytes"),
        seal_bytes: config.number("journal.seal_bytes"),
        ship: ship(config)?,
    })
}

/// What is shipped where; none without a service.
fn ship(config: &Config) -> Result<Option<ShipSettings>, String> {
    let text = |name: &str| config.text(name).to_owned();
    let url = text("ship.service_url");
    if url.is_empty() {
        return Ok(None);
    }
    let url = url.trim_end_matches('/').to_owned();
    let did = match text("ship.service_did") {
        did if did.is_empty() => did_of(&url).ok_or("ship.service_url: should be an URL")?,
        did => did,
    };
    let file = |name: &str, usual: &str| match config.path(name) {
        path if path.as_os_str().is_empty() => config.path("data_dir").join(usual),
        path => path.to_path_buf(),
    };
    let keep = |name: &str| match config.text(name) {
        "all" => Keep::All,
        _ => Keep::Newest {
            segments: config.number("ship.retain_segments"),
            bytes: config.number("ship.retain_bytes"),
        },
    };
    Ok(Some(ShipSettings {
        service_url: url,
        service_did: did,
        receipts_url: text("ship.receipts_url"),
        indexer_url: text("ship.indexer_url"),
        indexer_did: text("ship.indexer_did"),
        window_ms: config.number("ship.window_ms"),
        window_bytes: config.number("ship.window_bytes"),
        timeout_ms: config.number("ship.timeout_ms"),
        retry_ms: config.number("ship.retry_ms"),
        settle_ms: config.number("ship.settle_ms"),
        agent_key_file: file("ship.agent_key_file", "keys/agent.pem"),
        space_key_file: file("ship.space_key_file", "keys/space.pem"),
        planes: text("ship.planes"),
        retain_data: keep("ship.retain_data"),
        retain_catalog: keep("ship.retain_catalog"),
        backlog_bytes_max: config.number("ship.backlog_bytes_max"),
        cache_bytes: usize::try_from(config.number("ship.cache_bytes")).unwrap_or(usize::MAX),
    }))
}

/// `did:web` of an URL's host; the colon before a port is escaped.
fn did_of(url: &str) -> Option<String> {
    let (_, rest) = url.split_once("://")?;
    let host = rest.split('/').next().filter(|host| !host.is_empty())?;
    Some(format!("did:web:{}", host.replace(':', "%3A")))
}
