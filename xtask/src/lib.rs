//! What project tasks are made of: checks of the tree, a daemon to try, the conformance suite.
//!
//! Must never change a file of the tree.

pub mod arrows;
pub mod bench;
pub mod clients;
pub mod compose;
pub mod conformance;
pub mod forge;
pub mod forge_demo;
pub mod oracles;
pub mod served;
pub mod text;
pub mod tree;

use std::ffi::OsStr;
use std::path::{Path, PathBuf};
use std::process::Command;

/// The workspace's folder.
pub fn root() -> PathBuf {
    let here = Path::new(env!("CARGO_MANIFEST_DIR"));
    here.parent().unwrap_or(here).to_path_buf()
}

/// Where cargo puts what it builds.
pub fn target() -> PathBuf {
    let folder = std::env::var_os("CARGO_TARGET_DIR").map(PathBuf::from);
    folder.unwrap_or_else(|| root().join("target"))
}

/// The profile of all that is tested; what is measured is built as users build it.
pub const TESTING: &str = "testing";

/// Where a program lies that tests start.
pub fn tested(program: &str) -> PathBuf {
    target().join(TESTING).join(program)
}

/// Runs cargo in the workspace, with more variables.
///
/// # Errors
/// A sentence when it cannot be started or fails.
pub fn cargo(arguments: &[&str], variables: &[(&str, &OsStr)]) -> Result<(), String> {
    eprintln!("cargo {}", arguments.join(" "));
    let mut command = Command::new(env!("CARGO"));
    // Set for this program by `cargo run`: what looks at them would be built anew each time.
    for (name, _) in std::env::vars_os() {
        let text = name.to_string_lossy();
        if text.starts_with("CARGO_PKG_") || text.starts_with("CARGO_MANIFEST_") {
            command.env_remove(&name);
        }
    }
    let status = command
        .current_dir(root())
        .envs(variables.iter().copied())
        .args(arguments)
        .status()
        .map_err(|error| format!("cargo: {error}"))?;
    if status.success() {
        Ok(())
    } else {
        Err(format!("cargo {}: {status}", arguments.join(" ")))
    }
}

/// The names of the integration tests of the package in `folder`.
///
/// # Errors
/// A sentence when there is no folder of tests.
pub fn test_names(folder: &str) -> Result<Vec<String>, String> {
    let folder = root().join(folder).join("tests");
    let entries = std::fs::read_dir(&folder);
    let entries = entries.map_err(|error| format!("{}: {error}", folder.display()))?;
    let files = entries.flatten().map(|entry| entry.path());
    let tests = files.filter(|path| path.extension().is_some_and(|extension| extension == "rs"));
    Ok(tests
        .filter_map(|path| Some(path.file_stem()?.to_str()?.to_owned()))
        .collect())
}

/// The files that git tracks or would track, relative to the root.
///
/// # Errors
/// A sentence when git cannot be run.
pub fn files() -> Result<Vec<PathBuf>, String> {
    let output = Command::new("git")
        .current_dir(root())
        .args([
            "ls-files",
            "--cached",
            "--others",
            "--exclude-standard",
            "-z",
        ])
        .output()
        .map_err(|error| format!("git: {error}"))?;
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    let names = text.split('\0').filter(|name| !name.is_empty());
    Ok(names
        .map(PathBuf::from)
        .filter(|path| root().join(path).is_file())
        .collect())
}

/// Every problem of the tree, a line each.
///
/// # Errors
/// A sentence when a file or the metadata cannot be read.
pub fn problems() -> Result<Vec<String>, String> {
    let mut problems = Vec::new();
    for path in files()? {
        let Ok(text) = std::fs::read_to_string(root().join(&path)) else {
            continue;
        };
        text::check(&path, &text, &mut problems);
    }
    arrows::check(&arrows::metadata()?, &mut problems)?;
    Ok(problems)
}
