//! Project tasks, each one word after `cargo xtask`.
//!
//! Must never do what a plain cargo command does as well.

use std::process::{Command, ExitCode};

const USAGE: &str = "\
cargo xtask TASK
  test    build the components and the host, check the tree, run all tests
  lint    rustfmt and clippy over host and guests, warnings are errors
  tidy    only the checks of the tree
  second-host
          the composed component with the directory adapter on a stock WASI host
  clients [FILES]
          stock S3 clients against target/release/billet (needs aws and boto3)
  conformance [GROUP or CASE]
          the suite of versitygw against target/release/billet (needs Go)
  bench [quick] [SECTION ...]
          Billet beside a plain server, an empty component and the peers that are installed
          (minio, versitygw); sections: trivial bodies small fsyncs memory restart
  compose ADAPTER
          gateway, mst and an adapter as one component for other hosts (wasi-filesystem)";

fn main() -> ExitCode {
    let task = std::env::args().nth(1);
    let done = match task.as_deref() {
        Some("test") => test(),
        Some("lint") => lint(),
        Some("tidy") => tidy(),
        Some("second-host") => second_host(),
        Some("clients") => xtask::clients::run(std::env::args().nth(2).as_deref()),
        Some("conformance") => xtask::conformance::run(std::env::args().nth(2).as_deref()),
        Some("bench") => xtask::bench::run(&std::env::args().skip(2).collect::<Vec<_>>()),
        Some("compose") => xtask::compose::run(std::env::args().nth(2).as_deref()),
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

/// Guests, which are built for WebAssembly only.
const GUESTS: [&str; 4] = [
    "billet-gateway",
    "billet-mst",
    "billet-adapter-wasi-filesystem",
    "billet-bench-guest",
];

fn lint() -> Result<(), String> {
    cargo(&["fmt", "--all", "--check"])?;
    let mut native = vec!["clippy", "--release", "--all-targets"];
    native.extend(all_but(&GUESTS));
    native.extend(DENY_WARNINGS);
    cargo(&native)?;
    let mut guests = vec![
        "clippy",
        "--profile",
        "component",
        "--target",
        "wasm32-wasip2",
    ];
    guests.extend(GUESTS.iter().flat_map(|guest| ["-p", guest]));
    guests.extend(DENY_WARNINGS);
    cargo(&guests)
}

/// Arguments that name the whole workspace without some packages.
fn all_but(packages: &[&'static str]) -> Vec<&'static str> {
    let excluded = packages.iter().flat_map(|package| ["--exclude", package]);
    std::iter::once("--workspace").chain(excluded).collect()
}

const DENY_WARNINGS: [&str; 3] = ["--", "-D", "warnings"];

/// What needs more than Rust sources, and is tested by tasks of its own: the second host needs its
/// composed component, the measuring programs are no tests.
const APART: [&str; 2] = ["billet-wasi-host", "billet-bench"];

/// One command and one profile for everything, so that dependencies are built once; it also makes
/// `target/release/billet`, which the tests start.
fn test() -> Result<(), String> {
    let mut native = vec!["test", "--release"];
    native.extend(all_but(&GUESTS));
    native.extend(APART.iter().flat_map(|package| ["--exclude", package]));
    cargo(&native)
}

/// The S3 tests over gateway, mst and the directory adapter on a stock WASI host.
fn second_host() -> Result<(), String> {
    xtask::compose::run(Some("wasi-filesystem"))?;
    cargo(&["test", "--release", "-p", "billet-wasi-host"])
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
