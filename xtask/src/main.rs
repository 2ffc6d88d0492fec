//! Project tasks, each one word after `cargo xtask`.
//!
//! Must never do what a plain cargo command does as well.

use std::process::ExitCode;

const USAGE: &str = "\
cargo xtask TASK
  test    build the components and the host, check the tree, run all tests
  lint    rustfmt and clippy over host and guests, warnings are errors
  tidy    only the checks of the tree
  second-host
          the composed component with the directory adapter on a stock WASI host
  clients [--second | --endpoint URL] [FILES]
          stock S3 clients against target/testing/billet (needs aws and boto3), against the second
          host, or against what runs at URL with the key pair in AWS_ACCESS_KEY_ID and
          AWS_SECRET_ACCESS_KEY
  conformance [--second | --endpoint URL] [GROUP or CASE]
          the suite of versitygw against the same (needs Go)
  oracles
          roots, exports, CIDs and shipped indexes of target/testing/billet beside those of other
          programs, which are installed by pip and npm (needs Python and Node)
  forge-demo [FILES [WINDOW]]
          files shipped to a network on loopback, let go here, and read back from there (needs aws)
  bench [quick] [SECTION ...]
          Billet beside a plain server, an empty component and the peers that are installed
          (minio, versitygw); sections:
          trivial bodies small paced fsyncs memory restart
  compose ADAPTER
          gateway, mst and an adapter as one component for other hosts (wasi-filesystem)";

fn main() -> ExitCode {
    let words: Vec<String> = std::env::args().skip(2).collect();
    let task = std::env::args().nth(1);
    let done = match task.as_deref() {
        Some("test") => test(),
        Some("lint") => lint(),
        Some("tidy") => tidy(),
        Some("second-host") => second_host(),
        Some("clients") => daemon(&words).and_then(|()| xtask::clients::run(&words)),
        Some("conformance") => daemon(&words).and_then(|()| xtask::conformance::run(&words)),
        Some("oracles") => network().and_then(|()| xtask::oracles::run()),
        Some("forge-demo") => network().and_then(|()| xtask::forge_demo::run(&words)),
        Some("bench") => xtask::bench::run(&words),
        Some("compose") => xtask::compose::run(words.first().map(String::as_str)),
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
const GUESTS: [&str; 6] = [
    "billet-gateway",
    "billet-mst",
    "billet-shipper",
    "billet-adapter-wasi-filesystem",
    "billet-bench-guest",
    "billet-broken-guest",
];

fn lint() -> Result<(), String> {
    xtask::cargo(&["fmt", "--all", "--check"], &[])?;
    let mut native = vec!["clippy", "--profile", xtask::TESTING, "--all-targets"];
    native.extend(all_but(&GUESTS));
    native.extend(DENY_WARNINGS);
    xtask::cargo(&native, &[])?;
    let mut guests = vec![
        "clippy",
        "--profile",
        "component",
        "--target",
        "wasm32-wasip2",
    ];
    guests.extend(GUESTS.iter().flat_map(|guest| ["-p", guest]));
    guests.extend(DENY_WARNINGS);
    xtask::cargo(&guests, &[])
}

/// Arguments that name the whole workspace without some packages.
fn all_but(packages: &[&'static str]) -> Vec<&'static str> {
    let excluded = packages.iter().flat_map(|package| ["--exclude", package]);
    std::iter::once("--workspace").chain(excluded).collect()
}

const DENY_WARNINGS: [&str; 3] = ["--", "-D", "warnings"];

/// Everything that runs WebAssembly. Its dependencies are built once as long as these packages are
/// named together, or the host alone: with the rest of the workspace they would get other features.
const RUNTIME: [&str; 3] = ["billet-host", "billet-wasi-host", "billet-bench"];

const ADAPTER: &str = "wasi-filesystem";

/// Composes first, since the second host's tests need the component. Leaves `target/testing/billet`
/// behind, which the tests start.
fn test() -> Result<(), String> {
    xtask::compose::run(Some(ADAPTER))?;
    let mut runtime = vec!["test", "--profile", xtask::TESTING];
    runtime.extend(RUNTIME.iter().flat_map(|package| ["-p", package]));
    xtask::cargo(&runtime, &[])?;
    xtask::compose::check_shared(ADAPTER)?;
    let mut rest = vec!["test", "--profile", xtask::TESTING];
    rest.extend(all_but(&GUESTS));
    rest.extend(RUNTIME.iter().flat_map(|package| ["--exclude", package]));
    // Some of the rest start the daemon, which was built by now.
    let daemon = xtask::tested("billet");
    xtask::cargo(&rest, &[("BILLET_DAEMON", daemon.as_os_str())])
}

/// The S3 tests over gateway, mst and the directory adapter on a stock WASI host.
fn second_host() -> Result<(), String> {
    xtask::compose::run(Some(ADAPTER))?;
    let mut build = vec!["build", "--profile", xtask::TESTING];
    build.extend(RUNTIME.iter().flat_map(|package| ["-p", package]));
    xtask::cargo(&build, &[])?;
    xtask::compose::check_shared(ADAPTER)?;
    let tests = xtask::test_names("testing/wasi-host")?;
    let mut test = vec!["test", "--profile", xtask::TESTING];
    test.extend(RUNTIME.iter().flat_map(|package| ["-p", package]));
    test.extend(tests.iter().flat_map(|name| ["--test", name]));
    xtask::cargo(&test, &[])
}

/// Builds the daemon, unless something else is to be tried.
fn daemon(words: &[String]) -> Result<(), String> {
    if words.iter().any(|word| word.starts_with("--")) {
        return Ok(());
    }
    build("billet-host")
}

/// Builds the daemon and the network that it ships to, apart as [`RUNTIME`] says.
fn network() -> Result<(), String> {
    build("billet-host")?;
    build("billet-forge-peer")
}

fn build(package: &str) -> Result<(), String> {
    xtask::cargo(&["build", "--profile", xtask::TESTING, "-p", package], &[])
}
