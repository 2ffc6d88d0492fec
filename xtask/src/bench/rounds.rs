//! Turns: each server in order, again and again, so that a slow minute of the machine hits all.
//!
//! Must never let two servers be under load at once.

use std::path::Path;
use std::process::{Command, Stdio};

use billet_client::daemon::{ACCESS_KEY, SECRET_KEY};
use serde_json::Value;

use super::Bench;
use super::server::{Kind, Server};
use super::table::{Aim, Cell, Row};
use crate::target;

/// What of a report is the figure.
#[derive(Clone, Copy, Debug)]
pub(super) struct Figure {
    /// Where it is in the report, as a JSON pointer.
    pub(super) field: &'static str,
    /// Its name in the table.
    pub(super) unit: &'static str,
    /// Whether more is better and the worst seconds tell something.
    pub(super) is_rate: bool,
}

pub(super) const MIB: Figure = Figure {
    field: "/mib_per_s",
    unit: "MiB/s",
    is_rate: true,
};
pub(super) const RATE: Figure = Figure {
    field: "/done_per_s",
    unit: "1/s",
    is_rate: true,
};
pub(super) const LISTED: Figure = Figure {
    field: "/keys_per_s",
    unit: "keys/s",
    is_rate: true,
};

/// At a pace that is given, from when each request was due.
pub(super) const PUT_P99: Figure = Figure {
    field: "/latencies/put/p99_ms",
    unit: "ms",
    is_rate: false,
};
pub(super) const GET_P99: Figure = Figure {
    field: "/latencies/get/p99_ms",
    unit: "ms",
    is_rate: false,
};

/// One line of the table to be.
pub(super) struct Measure<'a> {
    pub(super) what: &'a str,
    /// Arguments of the load generator.
    pub(super) load: &'a [&'a str],
    pub(super) figure: Figure,
    pub(super) aim: Aim,
}

impl Bench {
    /// Starts those of `kinds` that are installed, each on an empty folder.
    pub(super) fn start(&self, kinds: &[Kind]) -> Result<Vec<Server>, String> {
        let there = kinds.iter().filter(|kind| kind.program().is_ok());
        there
            .map(|kind| Server::start(*kind, &self.folder, false))
            .collect()
    }

    /// Measures all servers in turns and adds a row.
    pub(super) fn measure(
        &mut self,
        servers: &[Server],
        measure: &Measure<'_>,
    ) -> Result<(), String> {
        let Measure {
            what,
            load,
            figure,
            aim,
        } = measure;
        let seconds = self.scale.seconds.to_string();
        let load = [load, &["--seconds", &seconds][..]].concat();
        let mut cells: Vec<Cell> = servers
            .iter()
            .map(|server| Cell::new(server.kind))
            .collect();
        for _ in 0..self.scale.rounds {
            for (server, cell) in servers.iter().zip(&mut cells) {
                let report = self.load(server, what, &load)?;
                cell.add(&report, figure);
            }
        }
        let (what, unit) = ((*what).to_owned(), figure.unit);
        self.rows.push(Row {
            what,
            unit,
            cells,
            aim: *aim,
        });
        Ok(())
    }

    /// Loads one server; its report, which is kept, too.
    pub(super) fn load(
        &mut self,
        server: &Server,
        what: &str,
        arguments: &[&str],
    ) -> Result<Value, String> {
        let mut report = load(&target().join("release/billet-bench"), server, arguments)?;
        let name = server.kind.name();
        let rate = report["done_per_s"].as_f64().unwrap_or(0.0);
        println!(
            "  {what}, {name}: {rate:.1}/s, failures {}",
            report["failures"]
        );
        report["server"] = name.into();
        report["what"] = what.into();
        self.reports.push(report.clone());
        Ok(report)
    }
}

fn load(program: &Path, server: &Server, arguments: &[&str]) -> Result<Value, String> {
    let output = Command::new(program)
        .args(["load", "--json", "--endpoint", &server.address.to_string()])
        .args(["--pid", &server.pid.to_string()])
        .args(arguments)
        .env("AWS_ACCESS_KEY_ID", ACCESS_KEY)
        .env("AWS_SECRET_ACCESS_KEY", SECRET_KEY)
        .stderr(Stdio::inherit())
        .output()
        .map_err(|error| format!("{}: {error}", program.display()))?;
    serde_json::from_slice(&output.stdout)
        .map_err(|error| format!("{} was not loaded: {error}", server.kind.name()))
}
