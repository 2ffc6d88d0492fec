//! The conformance suite of versitygw, case by case against the real daemon or another server.
//!
//! The table `testing/conformance/versitygw-1.8.0.tsv` says what each case must do, and a table
//! beside it where the second host differs. A case that fails where it should pass is an error, and
//! so is one that passes where it should fail, so that the tables only ever get better. Must never
//! repeat a case until it passes.

use std::path::{Path, PathBuf};
use std::process::Command;

use crate::served::{Served, Wanted};

const TABLE: &str = "testing/conformance/versitygw-1.8.0.tsv";
/// Lines that stand instead of those of [`TABLE`] when the second host serves.
const SECOND_TABLE: &str = "testing/conformance/second-host.tsv";
const MODULE: &str = "github.com/versity/versitygw/cmd/versitygw@v1.8.0";

/// One line of the table.
struct Case {
    group: String,
    name: String,
    pass: bool,
    reason: String,
}

/// Runs all cases, or those whose group or name follows the words for the server.
///
/// # Errors
/// Every verdict that did not hold, or why the suite could not be run.
pub fn run(words: &[String]) -> Result<(), String> {
    let (wanted, words) = Wanted::parse(words)?;
    let suite = suite()?;
    let keys = wanted.keys()?;
    let only = words.first();
    let mut cases = cases(&wanted)?;
    cases.retain(|case| only.is_none_or(|only| case.group == *only || case.name == *only));
    let mut wrong = Vec::new();
    let mut passed = 0;
    let mut served: Option<Served> = None;
    for (index, case) in cases.iter().enumerate() {
        let running = match served.take() {
            Some(running) => running,
            // A failed case leaves buckets behind: the case after it gets a store of its own.
            None => wanted.start(&folder().join(format!("store-{index}")))?,
        };
        let (pass, output) = run_case(&suite, &running.url(), &keys, &case.name)?;
        if pass {
            passed += 1;
            served = Some(running);
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

fn folder() -> PathBuf {
    crate::target().join("conformance")
}

/// What each case must do on the server that is wanted.
fn cases(wanted: &Wanted) -> Result<Vec<Case>, String> {
    let mut cases = table(TABLE)?;
    if *wanted == Wanted::Second {
        for other in table(SECOND_TABLE)? {
            let case = cases.iter_mut().find(|case| case.name == other.name);
            let case = case.ok_or_else(|| format!("{SECOND_TABLE}: no case {}", other.name))?;
            if case.pass == other.pass {
                return Err(format!("{SECOND_TABLE}: {} does not differ", other.name));
            }
            *case = other;
        }
    }
    Ok(cases)
}

fn table(path: &str) -> Result<Vec<Case>, String> {
    let text = std::fs::read_to_string(crate::root().join(path))
        .map_err(|error| format!("{path}: {error}"))?;
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
                .ok_or_else(|| format!("{path}: not a case with its reason: {line}"))
        })
        .collect()
}

/// The suite's program: `VERSITYGW` names it, else Go installs it under `target`.
fn suite() -> Result<PathBuf, String> {
    if let Some(path) = std::env::var_os("VERSITYGW") {
        return Ok(PathBuf::from(path));
    }
    let folder = folder();
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
fn run_case(
    suite: &Path,
    endpoint: &str,
    (access, secret): &(String, String),
    name: &str,
) -> Result<(bool, String), String> {
    // The suite's client refuses to start while AWS_CA_BUNDLE is set.
    let output = Command::new(suite)
        .env_remove("AWS_CA_BUNDLE")
        .current_dir(std::env::temp_dir())
        .args(["test", "--access", access, "--secret", secret])
        .args(["--endpoint", endpoint, name])
        .output()
        .map_err(|error| format!("{}: {error}", suite.display()))?;
    let text = [output.stdout, output.stderr].concat();
    let text = String::from_utf8_lossy(&text).into_owned();
    Ok((output.status.success() && text.contains("PASS"), text))
}
