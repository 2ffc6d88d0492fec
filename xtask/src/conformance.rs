//! The conformance suite of versitygw, case by case against the real daemon.
//!
//! The table `testing/conformance/versitygw-1.8.0.tsv` says what each case must do. A case that
//! fails where it should pass is an error, and so is one that passes where it should fail, so that
//! the table only ever gets better. Must never repeat a case until it passes.

use std::path::PathBuf;
use std::process::Command;

use billet_client::daemon::{ACCESS_KEY, Daemon, SECRET_KEY};

const TABLE: &str = "testing/conformance/versitygw-1.8.0.tsv";
const MODULE: &str = "github.com/versity/versitygw/cmd/versitygw@v1.8.0";

/// One line of the table.
struct Case {
    group: String,
    name: String,
    pass: bool,
    reason: String,
}

/// Runs all cases, or those whose group or name is `only`.
///
/// # Errors
/// Every verdict that did not hold, or why the suite could not be run.
pub fn run(only: Option<&str>) -> Result<(), String> {
    let suite = suite()?;
    let wanted = |case: &Case| only.is_none_or(|only| case.group == only || case.name == only);
    let cases: Vec<Case> = table()?.into_iter().filter(wanted).collect();
    let mut wrong = Vec::new();
    let mut passed = 0;
    let mut daemon: Option<Daemon> = None;
    for (index, case) in cases.iter().enumerate() {
        let running = match daemon.take() {
            Some(running) => running,
            None => start(index)?,
        };
        let (pass, output) = run_case(&suite, &format!("http://{}", running.address), &case.name)?;
        if pass {
            passed += 1;
            daemon = Some(running);
        }
        if pass != case.pass {
            let expected = if case.pass { "must pass" } else { "must fail" };
            println!(
                "{}/{}: {expected}, but did not\n{output}",
                case.group, case.name
            );
            wrong.push(case.name.clone());
        }
    }
    let expected_failures = cases.iter().filter(|case| !case.pass).count();
    println!(
        "{} cases, {passed} passed, {expected_failures} expected to fail, {} wrong",
        cases.len(),
        wrong.len()
    );
    if wrong.is_empty() {
        Ok(())
    } else {
        Err(format!("wrong: {}", wrong.join(" ")))
    }
}

/// A daemon on a new folder below `target`; a failed case leaves buckets behind, so the case
/// after it gets a store of its own.
fn start(index: usize) -> Result<Daemon, String> {
    let folder = crate::root().join(format!("target/conformance/store-{index}"));
    let fresh = || {
        let _ = std::fs::remove_dir_all(&folder);
        std::fs::create_dir_all(&folder)?;
        Daemon::start(&crate::root().join("target/release/billet"), &folder, &[])
    };
    fresh().map_err(|error| format!("{}: {error}", folder.display()))
}

fn table() -> Result<Vec<Case>, String> {
    let text = std::fs::read_to_string(crate::root().join(TABLE))
        .map_err(|error| format!("{TABLE}: {error}"))?;
    text.lines()
        .filter(|line| !line.starts_with('#'))
        .map(|line| {
            let mut fields = line.split('\t').map(str::to_owned);
            let case = (|| {
                let (group, name, verdict) = (fields.next()?, fields.next()?, fields.next()?);
                let reason = fields.next().unwrap_or_default();
                Some(Case {
                    group,
                    name,
                    pass: verdict == "pass",
                    reason,
                })
            })();
            case.filter(|case| case.pass || !case.reason.is_empty())
                .ok_or_else(|| format!("{TABLE}: not a case with its reason: {line}"))
        })
        .collect()
}

/// The suite's program: `VERSITYGW` names it, else Go installs it under `target`.
fn suite() -> Result<PathBuf, String> {
    if let Some(path) = std::env::var_os("VERSITYGW") {
        return Ok(PathBuf::from(path));
    }
    let folder = crate::root().join("target/conformance");
    let path = folder.join("versitygw");
    if !path.exists() {
        let status = Command::new("go")
            .env("GOBIN", &folder)
            .args(["install", MODULE])
            .status()
            .map_err(|error| format!("go install {MODULE}: {error}"))?;
        if !status.success() {
            return Err(format!("go install {MODULE}: {status}"));
        }
    }
    Ok(path)
}

/// Whether the case passed, and what it printed.
fn run_case(suite: &PathBuf, endpoint: &str, name: &str) -> Result<(bool, String), String> {
    // The suite's client refuses to start while AWS_CA_BUNDLE is set.
    let output = Command::new(suite)
        .env_remove("AWS_CA_BUNDLE")
        .current_dir(std::env::temp_dir())
        .args([
            "test",
            "--access",
            ACCESS_KEY,
            "--secret",
            SECRET_KEY,
            "--endpoint",
            endpoint,
        ])
        .arg(name)
        .output()
        .map_err(|error| format!("{}: {error}", suite.display()))?;
    let text = [output.stdout, output.stderr].concat();
    let text = String::from_utf8_lossy(&text).into_owned();
    Ok((output.status.success() && text.contains("PASS"), text))
}
