//! Project tasks, each one word after `cargo xtask`.
//!
//! Must never do what a plain cargo command does as well.

use std::process::{Command, ExitCode};

const USAGE: &str = "\
cargo xtask TASK
  test    build the components and the host, check the tree, run all tests
  lint    rustfmt and clippy over host and guests, warnings are errors
  tidy    only the checks of the tree
  clients [FILES]
          stock S3 clients against target/release/billet (needs aws and boto3)
  conformance [GROUP or CASE]
          the suite of versitygw against target/release/billet (needs Go)";

fn main() -> ExitCode {
    let task = std::env::args().nth(1);
    let done = match task.as_deref() {
        Some("test") => test(),
        Some("lint") => lint(),
        Some("tidy") => tidy(),
        Some("clients") => xtask::clients::run(std::env::args().nth(2).as_deref()),
        Some("conformance") => xtask::conformance::run(std::env::args().nth(2).as_deref()),
        _ => Err(USAGE.to_owned()),
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(reason) => {
            eprintln!("{reason}");
            ExitCode::FAILURE
        }
    }
}

fn tidy() -> Result<(), String> {
    let problems = xtask::problems()?;
    if problems.is_empty() {
        Ok(())
    } else {
        Err(problems.join("\n"))
    }
}

fn lint() -> Result<(), String> {
    let native = [
        "--workspace",
        "--exclude",
        "billet-gateway",
        "--exclude",
        "billet-mst",
    ];
    let guests = [
        "-p",
        "billet-gateway",
        "-p",
        "billet-mst",
        "--target",
        "wasm32-wasip2",
    ];
    cargo(&["fmt", "--all", "--check"])?;
    cargo(
        &[
            &["clippy", "--release", "--all-targets"],
            &native[..],
            &DENY_WARNINGS,
        ]
        .concat(),
    )?;
    cargo(
        &[
            &["clippy", "--profile", "component"],
            &guests[..],
            &DENY_WARNINGS,
        ]
        .concat(),
    )
}

const DENY_WARNINGS: [&str; 3] = ["--", "-D", "warnings"];

/// One profile for everything, so that dependencies are built once.
fn test() -> Result<(), String> {
    let native = [
        "--workspace",
        "--exclude",
        "billet-gateway",
        "--exclude",
        "billet-mst",
    ];
    cargo(&["build", "--release"])?;
    cargo(&[&["test", "--release"], &native[..]].concat())
}

fn cargo(arguments: &[&str]) -> Result<(), String> {
    eprintln!("cargo {}", arguments.join(" "));
    let status = Command::new(env!("CARGO"))
        .current_dir(xtask::root())
        .args(arguments)
        .status()
        .map_err(|error| format!("cargo: {error}"))?;
    if status.success() {
        Ok(())
    } else {
        Err(format!("cargo {}: {status}", arguments.join(" ")))
    }
}
