//! `billet-bench`: loads a server, or is one that others are compared with.
//!
//! Must never take a secret as a flag: others can read a process's arguments.

use std::error::Error;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::ExitCode;

use billet_bench::baseline::{guest, server};
use billet_bench::load;
use billet_bench::plan::{Operation, Plan};
use billet_bench::process;
use billet_bench::report::Report;
use billet_bench::schedule::Pace;
use billet_bench::sign::Keys;
use clap::{Args, Parser, Subcommand};
use tokio::net::TcpListener;
use tokio::task::LocalSet;

/// Loads S3 servers, and serves what they are compared with.
#[derive(Debug, Parser)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Send requests; the key pair comes from AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY.
    Load(Load),
    /// Be the plain server: PUT, GET and HEAD with Billet's hashes and writes, 204 for OPTIONS.
    Serve {
        /// Where to listen.
        #[arg(long, value_name = "ADDR")]
        listen: SocketAddr,
        /// Folder of its files, which exists.
        #[arg(long, value_name = "DIR", required_unless_present = "guest")]
        folder: Option<PathBuf>,
        /// Let this component answer every request instead.
        #[arg(long, value_name = "FILE", conflicts_with = "folder")]
        guest: Option<PathBuf>,
    },
}

#[derive(Debug, Args)]
struct Load {
    /// Address and port of the server.
    #[arg(long, value_name = "ADDR")]
    endpoint: SocketAddr,
    /// What to send.
    #[arg(long, value_enum)]
    op: Operation,
    /// The bucket, made if it is not there.
    #[arg(long, default_value = "bench")]
    bucket: String,
    /// Region of the signature.
    #[arg(long, default_value = "us-east-1")]
    region: String,
    /// Bytes of each body, as 4096, 4KiB, 8MiB, 5GiB.
    #[arg(long, default_value = "4KiB", value_parser = bytes)]
    size: u64,
    /// Objects that fill makes and the readers expect.
    #[arg(long, default_value_t = 1_000, value_parser = clap::value_parser!(u64).range(1..))]
    objects: u64,
    /// Connections at once.
    #[arg(long, default_value_t = 8, value_parser = clap::value_parser!(u16).range(1..=4096))]
    connections: u16,
    /// Open loop: so many requests a second, latencies from when each was due.
    #[arg(long, value_name = "PER_S", value_parser = clap::value_parser!(u64).range(1..))]
    rate: Option<u64>,
    /// Seconds that are measured.
    #[arg(long, default_value_t = 10, value_parser = clap::value_parser!(u64).range(1..=3600))]
    seconds: u64,
    /// Milliseconds before that.
    #[arg(long, default_value_t = 1_000)]
    warmup_ms: u64,
    /// Stop after so many requests; there is no warm-up then.
    #[arg(long)]
    count: Option<u64>,
    /// Hash and sign payloads instead of UNSIGNED-PAYLOAD.
    #[arg(long)]
    signed: bool,
    /// Longest time of one request.
    #[arg(long, default_value_t = 120_000)]
    timeout_ms: u64,
    /// The server's process, to measure its processor time.
    #[arg(long)]
    pid: Option<u32>,
    /// Print JSON.
    #[arg(long)]
    json: bool,
}

fn main() -> ExitCode {
    let done = match Cli::parse().command {
        Command::Load(load) => measure(&load),
        Command::Serve {
            listen,
            folder,
            guest,
        } => serve(listen, folder, guest),
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("{error}");
            ExitCode::FAILURE
        }
    }
}

fn measure(load: &Load) -> Result<(), Box<dyn Error>> {
    let plan = plan(load);
    let nonce = getrandom::u64()?;
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()?;
    let mut before_us = None;
    let begun = || before_us = load.pid.and_then(process::cpu_us);
    let recorder = LocalSet::new().block_on(&runtime, load::run(plan.clone(), nonce, begun))?;
    let after_us = load.pid.and_then(process::cpu_us);
    let used_us = after_us
        .zip(before_us)
        .map(|(after, before)| after.saturating_sub(before));
    let report = Report::new(&plan, &recorder, used_us);
    if load.json {
        println!("{}", serde_json::to_string(&report)?);
    } else {
        println!("{}", report.text());
    }
    Ok(())
}

fn plan(load: &Load) -> Plan {
    let variable = |name| std::env::var(name).unwrap_or_default();
    let fills = load.op == Operation::Fill;
    let count_max = if fills {
        Some(load.objects)
    } else {
        load.count
    };
    let counted = count_max.is_some();
    Plan {
        address: load.endpoint,
        keys: Keys {
            access: variable("AWS_ACCESS_KEY_ID"),
            secret: variable("AWS_SECRET_ACCESS_KEY"),
            region: load.region.clone(),
        },
        bucket: load.bucket.clone(),
        operation: load.op,
        size: load.size,
        objects: load.objects,
        connections: usize::from(load.connections),
        pace: load.rate.map_or(Pace::Closed, Pace::Open),
        warmup_ms: if counted { 0 } else { load.warmup_ms },
        duration_ms: if counted {
            3_600_000
        } else {
            load.seconds.saturating_mul(1_000)
        },
        count_max,
        signed_payload: load.signed,
        timeout_ms: load.timeout_ms,
    }
}

fn serve(
    listen: SocketAddr,
    folder: Option<PathBuf>,
    component: Option<PathBuf>,
) -> Result<(), Box<dyn Error>> {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()?;
    runtime.block_on(async {
        let listener = TcpListener::bind(listen).await?;
        match (folder, component) {
            (_, Some(file)) => guest::serve(&file, listener).await?,
            (Some(folder), None) => {
                server::serve(server::Baseline::new(folder), listener).await?;
            }
            (None, None) => {}
        }
        Ok(())
    })
}

fn bytes(text: &str) -> Result<u64, String> {
    let units = [("KiB", 1 << 10), ("MiB", 1 << 20), ("GiB", 1 << 30)];
    let found = units
        .iter()
        .find_map(|(unit, factor)| text.strip_suffix(unit).map(|digits| (digits, *factor)));
    let (digits, factor) = found.unwrap_or((text, 1_u64));
    let number = digits
        .parse::<u64>()
        .ok()
        .and_then(|number| number.checked_mul(factor));
    number.ok_or_else(|| "should be a size, as 4096, 4KiB or 8MiB".to_owned())
}
