//! Measures Billet beside a plain server with the same hashes and writes, an empty component, and
//! the peers that are installed: in one run, in turns, one table.
//!
//! Must never compare figures of different runs, nor leave a server or its data behind.

#![allow(
    clippy::indexing_slicing,
    reason = "an absent field of a JSON report reads as null"
)]

mod rounds;
mod sections;
mod server;
mod table;

use std::path::PathBuf;

use serde_json::{Value, json};

use sections::SECTIONS;
use server::Kind;
use table::Row;

/// How long and how often things are measured.
#[derive(Clone, Copy, Debug)]
struct Scale {
    /// Turns of all servers; figures are medians over them.
    rounds: usize,
    /// Seconds of one measurement.
    seconds: u64,
    /// Bytes of the large PUT whose memory is looked at.
    large_bytes: u64,
    /// Objects before the restart.
    restart_objects: u64,
    /// Segments before the restart, at least.
    restart_segments: u64,
}

const FULL: Scale = Scale {
    rounds: 3,
    seconds: 4,
    large_bytes: 5 << 30,
    restart_objects: 100_000,
    restart_segments: 1_000,
};

/// A look in a few minutes; its figures are not to be quoted.
const QUICK: Scale = Scale {
    rounds: 1,
    seconds: 2,
    large_bytes: 256 << 20,
    restart_objects: 5_000,
    restart_segments: 50,
};

/// What sections need.
struct Bench {
    scale: Scale,
    /// Below it each server has a folder of its own.
    folder: PathBuf,
    /// Rows so far.
    rows: Vec<Row>,
    /// Reports of the load generator as they came.
    reports: Vec<Value>,
}

/// Runs the sections that `words` name, or all; the word `quick` makes everything short.
///
/// # Errors
/// A word that is no section, or why something could not be measured.
pub fn run(words: &[String]) -> Result<(), String> {
    let quick = words.iter().any(|word| word == "quick");
    let named: Vec<&String> = words.iter().filter(|word| *word != "quick").collect();
    for word in &named {
        if !SECTIONS.iter().any(|(name, _)| name == word) {
            let names: Vec<&str> = SECTIONS.iter().map(|(name, _)| *name).collect();
            return Err(format!("{word} is none of quick, {}", names.join(", ")));
        }
    }
    build()?;
    for kind in Kind::ALL {
        if let Err(reason) = kind.program() {
            println!("{} is left out: {reason}", kind.name());
        }
    }
    let folder = crate::root().join("target/bench");
    let (rows, reports) = (Vec::new(), Vec::new());
    let scale = if quick { QUICK } else { FULL };
    let mut bench = Bench {
        scale,
        folder,
        rows,
        reports,
    };
    for (name, section) in SECTIONS {
        if named.is_empty() || named.iter().any(|word| word == name) {
            println!("{name}");
            section(&mut bench).map_err(|reason| format!("{name}: {reason}"))?;
        }
    }
    bench.write()
}

/// What is measured is built first, so that nobody measures yesterday's.
fn build() -> Result<(), String> {
    let programs = ["-p", "billet-host", "-p", "billet-bench"];
    crate::cargo(&[&["build", "--release"], &programs[..]].concat(), &[])?;
    let guest = ["-p", "billet-bench-guest", "--target", "wasm32-wasip2"];
    crate::cargo(
        &[&["build", "--profile", "component"], &guest[..]].concat(),
        &[],
    )
}

impl Bench {
    /// Prints the table, and leaves it with all reports in `target/bench`.
    fn write(&self) -> Result<(), String> {
        let table = table::markdown(&self.rows);
        println!("\n{table}");
        let rows: Vec<Value> = self.rows.iter().map(Row::json).collect();
        let json = json!({ "rows": rows, "reports": self.reports });
        for (name, text) in [("table.md", table), ("report.json", format!("{json:#}"))] {
            let path = self.folder.join(name);
            std::fs::write(&path, text).map_err(|error| format!("{}: {error}", path.display()))?;
        }
        Ok(())
    }
}
