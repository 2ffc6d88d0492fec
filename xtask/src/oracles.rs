//! Billet's roots, exports, CIDs and indexes beside those of independent programs, by
//! `testing/oracles`.
//!
//! The programs are installed by name and version under `target/oracles`. Must never pass over one
//! of them.

use std::path::{Path, PathBuf};
use std::process::Command;

use billet_client::daemon::{ACCESS_KEY, SECRET_KEY};

use crate::forge::Network;

/// Installs the programs, fills a store of its own and compares.
///
/// # Errors
/// The first difference, as the script tells it, or what cannot be installed.
pub fn run() -> Result<(), String> {
    let root = crate::root();
    let (scripts, tools) = (root.join("testing/oracles"), root.join("target/oracles"));
    let failed = |path: &Path, error: std::io::Error| format!("{}: {error}", path.display());
    std::fs::create_dir_all(&tools).map_err(|error| failed(&tools, error))?;
    let packages = python(&scripts, &tools)?;
    let script = node(&scripts, &tools)?;
    let work = tools.join("work");
    // What an earlier run left.
    let _ = std::fs::remove_dir_all(&work);
    std::fs::create_dir_all(&work).map_err(|error| failed(&work, error))?;
    let (program, store) = (crate::tested("billet"), work.join("store"));
    let network = Network::start(&work.join("network"), &store)?;
    // Everything stays; only where something may go is it counted what still waits.
    let settings = [("ship.window_ms", "1s"), ("ship.retain_bytes", "16GiB")];
    let daemon = network.daemon(&store, &settings)?;
    let mut compare = Command::new("python3");
    compare
        .arg(scripts.join("oracles.py"))
        .arg(format!("http://{}", daemon.address))
        .args([&program, &store, &script, &work])
        .env("PYTHONPATH", packages)
        .env("AWS_ACCESS_KEY_ID", ACCESS_KEY)
        .env("AWS_SECRET_ACCESS_KEY", SECRET_KEY)
        .env("AWS_DEFAULT_REGION", "us-east-1")
        .env_remove("AWS_CA_BUNDLE")
        .env_remove("BILLET_COMPONENTS");
    done(&mut compare)?;
    // What was put is on the network by now, or soon.
    network.indexed(&daemon)?;
    let mut indexes = Command::new("python3");
    indexes
        .arg(scripts.join("indexes.py"))
        .args(network.folders()?);
    done(&mut indexes)
}

/// Packages in a folder of their own, which needs no support for virtual environments.
fn python(scripts: &Path, tools: &Path) -> Result<PathBuf, String> {
    let wanted = scripts.join("requirements.txt");
    let packages = tools.join("python");
    if !is_current(&wanted, &packages)? {
        let mut pip = Command::new("python3");
        pip.args(["-m", "pip", "install", "--quiet", "--upgrade", "--target"])
            .arg(&packages)
            .arg("--requirement")
            .arg(&wanted);
        done(&mut pip)?;
        stamp(&wanted, &packages)?;
    }
    Ok(packages)
}

/// Packages beside a copy of the script, which looks for them there.
fn node(scripts: &Path, tools: &Path) -> Result<PathBuf, String> {
    let wanted = scripts.join("package.json");
    let packages = tools.join("node");
    let copy = |name: &str| {
        let to = packages.join(name);
        std::fs::create_dir_all(&packages)
            .and_then(|()| std::fs::copy(scripts.join(name), &to))
            .map_err(|error| format!("{}: {error}", to.display()))
    };
    copy("package.json")?;
    copy("oracles.mjs")?;
    if !is_current(&wanted, &packages)? {
        let mut npm = Command::new("npm");
        npm.current_dir(&packages)
            .args(["install", "--silent", "--no-audit", "--no-fund"]);
        done(&mut npm)?;
        stamp(&wanted, &packages)?;
    }
    Ok(packages.join("oracles.mjs"))
}

/// Whether what is wanted is what was installed last.
fn is_current(wanted: &Path, packages: &Path) -> Result<bool, String> {
    let read = std::fs::read(wanted).map_err(|error| format!("{}: {error}", wanted.display()))?;
    Ok(std::fs::read(packages.join("installed")).is_ok_and(|installed| installed == read))
}

fn stamp(wanted: &Path, packages: &Path) -> Result<(), String> {
    let stamped = std::fs::copy(wanted, packages.join("installed"));
    stamped
        .map(drop)
        .map_err(|error| format!("{}: {error}", packages.display()))
}

fn done(command: &mut Command) -> Result<(), String> {
    let status = command.status();
    let status = status.map_err(|error| format!("{command:?}: {error}"))?;
    if status.success() {
        Ok(())
    } else {
        Err(format!("{command:?}: {status}"))
    }
}
