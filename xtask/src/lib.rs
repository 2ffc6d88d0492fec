//! What project tasks are made of: checks of the tree, a daemon to try, the conformance suite.
//!
//! Must never change a file of the tree.

pub mod arrows;
pub mod bench;
pub mod clients;
pub mod compose;
pub mod conformance;
pub mod text;

use std::path::{Path, PathBuf};
use std::process::Command;

/// The workspace's folder.
pub fn root() -> PathBuf {
    let here = Path::new(env!("CARGO_MANIFEST_DIR"));
    here.parent().unwrap_or(here).to_path_buf()
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
