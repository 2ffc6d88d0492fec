//! Shows shipping as a whole: files go up, leave the machine, and come down from the network.
//!
//! Must never end well when one of its claims did not hold.

use std::collections::BTreeSet;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};

use billet_client::daemon::{ACCESS_KEY, Daemon, SECRET_KEY};
use billet_client::{Body, Request};
use serde_json::Value;

use crate::forge::{Network, metric, number, until};
use crate::tree;

/// Files that are synced where no other number is given.
const FILES: u64 = 2_000;
/// From a commit to its window, while files are synced.
const WINDOW: &str = "60s";
/// Objects to one exchange with the service, at least.
const OBJECTS_MIN: u64 = 100;
/// Overwrites of one key, in one window, by so many clients at once.
const OVERWRITES: usize = 10_000;
const WRITERS: usize = 8;
/// Bytes of each of those bodies.
const BODY: usize = 4_096;

/// Runs it; words are the number of files and the time from a commit to its window.
///
/// # Errors
/// The first claim that does not hold.
pub fn run(words: &[String]) -> Result<(), String> {
    let files = words.first().map_or(Ok(FILES), |word| {
        word.parse()
            .map_err(|_| format!("{word} is no number of files"))
    })?;
    let window = words.get(1).map_or(WINDOW, String::as_str);
    let folder = crate::target().join("forge-demo");
    // What an earlier run left.
    let _ = std::fs::remove_dir_all(&folder);
    let paths = Paths {
        up: folder.join("up"),
        down: folder.join("down"),
        store: folder.join("store"),
    };
    let distinct = tree::make(&paths.up, files).map_err(|error| failed(&paths.up, &error))?;
    let network = Network::start(&folder.join("network"), &paths.store)?;
    ship_and_read(&network, &paths, window, files, distinct)?;
    overwrite(&network, &paths.store)
}

struct Paths {
    up: PathBuf,
    down: PathBuf,
    store: PathBuf,
}

fn failed(path: &Path, error: &std::io::Error) -> String {
    format!("{}: {error}", path.display())
}

/// Prints a claim with its figures.
fn claim(holds: bool, text: &str) -> Result<(), String> {
    if !holds {
        return Err(format!("does not hold: {text}"));
    }
    println!("holds: {text}");
    let flushed = std::io::stdout().flush();
    flushed.map_err(|error| format!("standard output: {error}"))
}

fn ship_and_read(
    network: &Network,
    paths: &Paths,
    window: &str,
    files: u64,
    distinct: u64,
) -> Result<(), String> {
    let settings = [
        ("ship.window_ms", window),
        ("ship.window_bytes", "4GiB"),
        ("ship.retain_bytes", "1"),
    ];
    let daemon = network.daemon(&paths.store, &settings)?;
    aws(&daemon, &["mb".as_ref(), "s3://demo".as_ref()])?;
    let took = sync(&daemon, &paths.up, Path::new("s3://demo/tree"))?;
    println!("{files} files of {distinct} distinct bytes were synced up in {took:.1?}");
    shipped(network, &daemon, &paths.store)?;
    let counters = network.ask("/counters")?;
    told_of_shipping(&counters, files, distinct)?;
    let left = left(&paths.store)?;
    let retired = metric(&daemon, "billet_segments_retired_total")?;
    let text = format!("{retired} segments were retired; files of bodies that are left: {left}");
    claim(retired > 0 && left == 0, &text)?;

    let before = metric(&daemon, "billet_network_read_bytes_total")?;
    let took = sync(&daemon, Path::new("s3://demo/tree"), &paths.down)?;
    let same = tree::same(&paths.up, &paths.down);
    let same = same.map_err(|error| failed(&paths.down, &error))?;
    let text = format!("{same} files of {files} came down identical, in {took:.1?}");
    claim(same == files, &text)?;
    let read = metric(&daemon, "billet_network_read_bytes_total")?.saturating_sub(before);
    let served = number(&network.ask("/counters")?, &["bytes_served"]);
    let text =
        format!("{read} bytes came from the network for {distinct} of bodies; nodes sent {served}");
    // Clients ask for many at once, and neighbours come along.
    let at_most = distinct.saturating_mul(2);
    claim(
        (distinct..at_most).contains(&read) && served >= distinct,
        &text,
    )?;
    let wrong = metric(&daemon, "billet_network_reads_failed_total")?;
    claim(wrong == 0, &format!("reads that failed: {wrong}"))
}

/// How many segments of bodies a store has on disk.
fn left(store: &Path) -> Result<usize, String> {
    let is_data = |path: &&PathBuf| {
        path.extension().is_some_and(|extension| extension == "car")
            && path.components().any(|part| part.as_os_str() == "data")
    };
    let files = tree::files(store).map_err(|error| failed(store, &error))?;
    Ok(files.iter().filter(is_data).count())
}

/// Waits until nothing is left to be shipped, told of or retired.
fn shipped(network: &Network, daemon: &Daemon, store: &Path) -> Result<(), String> {
    until("every segment of bodies to go", || Ok(left(store)? == 0))?;
    network.indexed(daemon)
}

fn told_of_shipping(counters: &Value, files: u64, distinct: u64) -> Result<(), String> {
    let exchanges = |kind: &str| number(counters, &["exchanges", kind]);
    let exchanges = exchanges("rpc").saturating_add(exchanges("receipt"));
    let to_one = files.checked_div(exchanges).unwrap_or(0);
    let text = format!("{exchanges} exchanges with the service, {to_one} objects to one");
    claim(to_one >= OBJECTS_MIN, &text)?;
    let put = number(counters, &["bytes_put"]);
    let again = number(counters, &["accepts_again"]);
    let shipped = put.checked_div(files).unwrap_or(0);
    let bodies = distinct.checked_div(files).unwrap_or(0);
    let text = format!(
        "{put} bytes shipped, {shipped} a mutation, of which {bodies} are its body; \
         accepted twice: {again}"
    );
    claim(put >= distinct && again == 0, &text)
}

/// Overwrites one key many times in one window and looks at what was shipped.
fn overwrite(network: &Network, store: &Path) -> Result<(), String> {
    // It ends when somebody asks for the network, which the last of them does.
    let daemon = network.daemon(store, &[("ship.window_ms", "24h")])?;
    let accepted = || metric(&daemon, "billet_shards_accepted_total");
    let known: BTreeSet<PathBuf> = network.blobs()?.into_iter().collect();
    let (before, start) = (accepted()?, Instant::now());
    let writers: Vec<_> = (0..WRITERS)
        .map(|writer| {
            let mut client = daemon.client();
            std::thread::spawn(move || -> Result<(), String> {
                for number in (1..OVERWRITES).skip(writer).step_by(WRITERS) {
                    put(&mut client, number, "local")?;
                }
                Ok(())
            })
        })
        .collect();
    for writer in writers {
        writer.join().map_err(|_| "a writer panicked")??;
    }
    let is_one = accepted()? == before;
    put(&mut daemon.client(), OVERWRITES, "network")?;
    let took = start.elapsed();
    let mut bodies = Vec::new();
    for path in network.blobs()? {
        if !known.contains(&path) {
            let bytes = std::fs::read(&path).map_err(|error| failed(&path, &error))?;
            bodies.extend(raw_blocks(&bytes).into_iter().map(<[u8]>::to_vec));
        }
    }
    let text = format!(
        "{OVERWRITES} overwrites of one key in one window, in {took:.1?}: bodies shipped: {}",
        bodies.len()
    );
    claim(is_one && bodies == [body(OVERWRITES)], &text)
}

fn body(number: usize) -> Vec<u8> {
    let text = format!("{number} of one key. ");
    text.bytes().cycle().take(BODY).collect()
}

fn put(client: &mut billet_client::Client, number: usize, level: &str) -> Result<(), String> {
    let body = body(number);
    let request = Request {
        method: "PUT",
        path: "/demo/one",
        headers: &[("x-billet-durability", level)],
        body: Body::Bytes(&body),
        ..Request::default()
    };
    let answer = client.send(request).map_err(|error| error.to_string())?;
    match answer.status {
        200 => Ok(()),
        status => Err(format!("PUT: status {status}: {}", answer.text())),
    }
}

/// The raw blocks of a CAR; none where it has no such blocks.
fn raw_blocks(car: &[u8]) -> Vec<&[u8]> {
    /// Version 1, raw, SHA-256.
    const RAW: [u8; 4] = [1, 0x55, 0x12, 32];
    /// Bytes of a CID.
    const CID: usize = 36;
    let mut blocks = Vec::new();
    let (_, mut rest) = section(car);
    while !rest.is_empty() {
        let (block, behind) = section(rest);
        if block.starts_with(&RAW) {
            blocks.extend(block.get(CID..));
        }
        rest = behind;
    }
    blocks
}

/// The first section of a CAR, and what is behind it.
fn section(bytes: &[u8]) -> (&[u8], &[u8]) {
    let mut length = 0_usize;
    for (place, byte) in bytes.iter().take(9).enumerate() {
        length |= usize::from(byte & 0x7f) << (7 * place);
        if byte & 0x80 == 0 {
            let rest = bytes.get(place.saturating_add(1)..).unwrap_or_default();
            return rest.split_at_checked(length).unwrap_or((rest, &[]));
        }
    }
    (bytes, &[])
}

/// Has `aws` copy what is only at one side to the other.
fn sync(daemon: &Daemon, from: &Path, to: &Path) -> Result<Duration, String> {
    let start = Instant::now();
    let words = [
        "sync".as_ref(),
        "--only-show-errors".as_ref(),
        from.as_os_str(),
        to.as_os_str(),
    ];
    aws(daemon, &words)?;
    Ok(start.elapsed())
}

fn aws(daemon: &Daemon, words: &[&std::ffi::OsStr]) -> Result<(), String> {
    let status = Command::new("aws")
        .args([
            "--endpoint-url",
            &format!("http://{}", daemon.address),
            "s3",
        ])
        .args(words)
        .env("AWS_ACCESS_KEY_ID", ACCESS_KEY)
        .env("AWS_SECRET_ACCESS_KEY", SECRET_KEY)
        .env("AWS_DEFAULT_REGION", "us-east-1")
        .env_remove("AWS_CA_BUNDLE")
        .stdout(std::process::Stdio::null())
        .status();
    let status = status.map_err(|error| format!("aws: {error}"))?;
    if status.success() {
        Ok(())
    } else {
        Err(format!("aws {words:?}: {status}"))
    }
}
