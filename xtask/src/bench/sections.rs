//! What is measured.
//!
//! Must never measure Billet with other arguments than those it stands beside.

use std::path::{Path, PathBuf};
use std::time::Instant;

use super::Bench;
use super::rounds::{GET_P99, LISTED, MIB, Measure, PUT_P99, RATE};
use super::server::{Kind, Server};
use super::table::{Aim, Cell, Row};

/// One part of the run.
type Section = fn(&mut Bench) -> Result<(), String>;

/// In the order in which they run.
pub(super) const SECTIONS: &[(&str, Section)] = &[
    ("trivial", trivial),
    ("bodies", bodies),
    ("small", small),
    ("paced", paced),
    ("fsyncs", fsyncs),
    ("memory", memory),
    ("restart", restart),
];

const PEERS: [Kind; 2] = [Kind::Minio, Kind::Versitygw];
const RESTARTS: usize = 3;

/// A request that needs no store, beside a component that does nothing.
fn trivial(bench: &mut Bench) -> Result<(), String> {
    let servers = bench.start(&[Kind::Baseline, Kind::Guest, Kind::Billet])?;
    let load = ["--op", "trivial", "--connections", "16"];
    let aim = Aim::Times(0.40, Kind::Baseline);
    let what = "OPTIONS, 16 at once";
    bench.measure(
        &servers,
        &Measure {
            what,
            load: &load,
            figure: RATE,
            aim,
        },
    )
}

/// Large bodies: bound by hashes on the way in, by copies on the way out.
fn bodies(bench: &mut Bench) -> Result<(), String> {
    let aim = Aim::Times(0.9, Kind::Baseline);
    for (size, objects) in [("8MiB", "16"), ("64MiB", "4")] {
        let shape = ["--size", size, "--connections", "8", "--objects", objects];
        for (operation, payload) in [("put", "unsigned"), ("put", "signed"), ("get", "")] {
            // Each on empty folders: a few seconds of large bodies are gigabytes for each server.
            let servers = bench.start(&[&[Kind::Baseline, Kind::Billet], &PEERS[..]].concat())?;
            let mut load = [&["--op", operation], &shape[..]].concat();
            let what = match payload {
                "signed" => {
                    load.push("--signed");
                    format!("PUT {size}, payload signed, 8 at once")
                }
                "unsigned" => format!("PUT {size}, 8 at once"),
                _ => {
                    fill(bench, &servers, &shape)?;
                    format!("GET {size}, 8 at once")
                }
            };
            bench.measure(
                &servers,
                &Measure {
                    what: &what,
                    load: &load,
                    figure: MIB,
                    aim,
                },
            )?;
        }
    }
    Ok(())
}

/// Small objects: what a request costs.
fn small(bench: &mut Bench) -> Result<(), String> {
    let servers = bench.start(&[&[Kind::Baseline, Kind::Billet], &PEERS[..]].concat())?;
    let (what, aim) = ("PUT 4 KiB, 64 at once", Aim::Peers);
    let load = ["--op", "put", "--connections", "64", "--signed"];
    bench.measure(
        &servers,
        &Measure {
            what,
            load: &load,
            figure: RATE,
            aim,
        },
    )?;
    let shape = ["--objects", "10000", "--connections", "64"];
    fill(bench, &servers, &shape)?;
    let (what, aim) = ("GET 4 KiB, 64 at once", Aim::Best);
    let load = [&["--op", "get"], &shape[..]].concat();
    bench.measure(
        &servers,
        &Measure {
            what,
            load: &load,
            figure: RATE,
            aim,
        },
    )?;
    // The plain server lists nothing.
    let listing: Vec<Server> = servers
        .into_iter()
        .filter(|server| server.kind != Kind::Baseline)
        .collect();
    let load = ["--op", "list", "--objects", "10000", "--connections", "4"];
    let what = "LIST 10,000 keys, 4 at once";
    bench.measure(
        &listing,
        &Measure {
            what,
            load: &load,
            figure: LISTED,
            aim,
        },
    )?;
    let load = ["--op", "mixed", "--objects", "10000", "--connections", "16"];
    let (what, aim) = ("mixed 4 KiB, 16 at once", Aim::None);
    bench.measure(
        &listing,
        &Measure {
            what,
            load: &load,
            figure: RATE,
            aim,
        },
    )
}

/// An open loop: requests come when they are due, whether or not earlier ones were answered, so
/// that a stall shows in the latencies of all that waited.
fn paced(bench: &mut Bench) -> Result<(), String> {
    let servers = bench.start(&[&[Kind::Baseline, Kind::Billet], &PEERS[..]].concat())?;
    let shape = ["--objects", "1000", "--connections", "64"];
    fill(bench, &servers, &shape)?;
    let aim = Aim::None;
    for (operation, rate, figure) in [("put", "200", PUT_P99), ("get", "1000", GET_P99)] {
        let what = format!(
            "p99 of {} 4 KiB, {rate}/s offered",
            operation.to_uppercase()
        );
        let load = [&["--op", operation, "--rate", rate], &shape[..]].concat();
        bench.measure(
            &servers,
            &Measure {
                what: &what,
                load: &load,
                figure,
                aim,
            },
        )?;
    }
    Ok(())
}

fn fill(bench: &mut Bench, servers: &[Server], shape: &[&str]) -> Result<(), String> {
    for server in servers {
        let report = bench.load(server, "fill", &[&["--op", "fill"], shape].concat())?;
        refuse_failures(server, &report)?;
    }
    Ok(())
}

/// What is measured afterwards needs all of it.
fn refuse_failures(server: &Server, report: &serde_json::Value) -> Result<(), String> {
    match report["failures"].as_object() {
        Some(failures) if failures.is_empty() => Ok(()),
        _ => Err(format!("{}: {}", server.kind.name(), report["failures"])),
    }
}

/// Syncs of each PUT, from a trace; rates under a tracer are not shown.
fn fsyncs(bench: &mut Bench) -> Result<(), String> {
    if super::server::installed("strace").is_err() {
        println!("  strace is not installed");
        return Ok(());
    }
    let seconds = bench.scale.seconds.to_string();
    let kinds = [&[Kind::Baseline, Kind::Billet], &PEERS[..]].concat();
    let mut rows = [1, 8, 32, 64].map(|writers| Row {
        what: format!("fsyncs a PUT of 4 KiB, {writers} at once"),
        unit: "",
        cells: Vec::new(),
        aim: if writers == 32 {
            Aim::Below(0.2)
        } else {
            Aim::None
        },
    });
    for kind in kinds.into_iter().filter(|kind| kind.program().is_ok()) {
        let server = Server::start(kind, &bench.folder, true)?;
        for (row, writers) in rows.iter_mut().zip(["1", "8", "32", "64"]) {
            let load = ["--op", "put", "--warmup-ms", "0", "--connections", writers];
            let load = [&load[..], &["--seconds", &seconds]].concat();
            let before = server.syncs()?;
            let report = bench.load(&server, &row.what, &load)?;
            refuse_failures(&server, &report)?;
            let puts = report["done"].as_f64().unwrap_or(0.0).max(1.0);
            let syncs = server.syncs()?.saturating_sub(before) as f64;
            row.cells.push(Cell::of(kind, vec![syncs / puts]));
        }
    }
    bench.rows.extend(rows);
    Ok(())
}

/// The most memory that a server has while one large body comes in.
fn memory(bench: &mut Bench) -> Result<(), String> {
    let size = bench.scale.large_bytes.to_string();
    let mut cells = Vec::new();
    for kind in [&[Kind::Baseline, Kind::Billet], &PEERS[..]].concat() {
        if kind.program().is_err() {
            continue;
        }
        let server = Server::start(kind, &bench.folder, false)?;
        let load = [
            "--op",
            "put",
            "--count",
            "1",
            "--connections",
            "1",
            "--size",
            &size,
        ];
        let report = bench.load(&server, "one large PUT", &load)?;
        refuse_failures(&server, &report)?;
        let mib = server.memory_max_kib()? as f64 / 1024.0;
        cells.push(Cell::of(kind, vec![mib]));
    }
    let what = format!("most memory, PUT of {} MiB", bench.scale.large_bytes >> 20);
    bench.rows.push(Row {
        what,
        unit: "MiB",
        cells,
        aim: Aim::None,
    });
    Ok(())
}

/// From the start of the process to the first object read, with many segments and keys.
fn restart(bench: &mut Bench) -> Result<(), String> {
    let folder = bench.folder.join("restart");
    let _ = std::fs::remove_dir_all(&folder);
    let done = restart_in(bench, folder.clone());
    let _ = std::fs::remove_dir_all(&folder);
    done
}

fn restart_in(bench: &mut Bench, folder: PathBuf) -> Result<(), String> {
    // Small segments make many of few bytes.
    let arguments = ["--set", "journal.seal_bytes=256KiB"];
    let mut server = Server::start_again(Kind::Billet, folder, false, &arguments)?;
    let objects = bench.scale.restart_objects.to_string();
    let load = ["--op", "fill", "--connections", "64", "--objects", &objects];
    let report = bench.load(&server, "fill", &load)?;
    refuse_failures(&server, &report)?;
    let (mut after_term, mut after_kill) = (Vec::new(), Vec::new());
    for round in 0..2 * RESTARTS {
        let at_once = round % 2 == 1;
        let folder = server.end(at_once)?;
        let segments = count_segments(&folder);
        if segments < bench.scale.restart_segments {
            return Err(format!("only {segments} segments"));
        }
        let start = Instant::now();
        server = Server::start_again(Kind::Billet, folder, false, &arguments)?;
        let answer = server
            .client()
            .get("/bench/k/00000000")
            .map_err(|error| error.to_string())?;
        if answer.status != 200 {
            return Err(format!("the first GET was answered with {}", answer.status));
        }
        let times = if at_once {
            &mut after_kill
        } else {
            &mut after_term
        };
        times.push(start.elapsed().as_secs_f64() * 1_000.0);
        if round == 0 {
            println!("  {segments} segments");
        }
    }
    for (how, figures) in [("TERM", after_term), ("KILL", after_kill)] {
        let what = format!("restart after {how}, {objects} keys, to the first GET");
        let cells = vec![Cell::of(Kind::Billet, figures)];
        bench.rows.push(Row {
            what,
            unit: "ms",
            cells,
            aim: Aim::None,
        });
    }
    Ok(())
}

/// The CAR files of a store.
fn count_segments(folder: &Path) -> u64 {
    let entries = std::fs::read_dir(folder).into_iter().flatten().flatten();
    let count = |path: PathBuf| match path.extension() {
        Some(extension) if extension == "car" => 1,
        _ if path.is_dir() => count_segments(&path),
        _ => 0,
    };
    entries.map(|entry| count(entry.path())).sum()
}
