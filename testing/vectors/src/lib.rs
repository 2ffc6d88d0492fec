//! Where the shared test vectors are.
//!
//! The folder is named by `BILLET_VECTORS`. Where it is not set, a test that needs it says so and
//! passes over it; in CI (`CI` set) its absence fails the test. Never reads anything else.

#![allow(clippy::panic, reason = "this crate is only linked into tests")]

use std::path::PathBuf;

/// The path of a vector file, or `None` (after saying so) where vectors are not at hand.
///
/// # Panics
/// When `CI` is set and `BILLET_VECTORS` is not, or the file does not exist in the folder.
pub fn path(name: &str) -> Option<PathBuf> {
    let Some(folder) = std::env::var_os("BILLET_VECTORS") else {
        assert!(
            std::env::var_os("CI").is_none(),
            "BILLET_VECTORS must be set where CI is"
        );
        eprintln!("skipped: BILLET_VECTORS is not set, {name} not read");
        return None;
    };
    let path = PathBuf::from(folder).join(name);
    assert!(path.is_file(), "no vector file {}", path.display());
    Some(path)
}

/// The text of a vector file.
///
/// # Panics
/// As [`path`], and when the file is not readable text.
pub fn text(name: &str) -> Option<String> {
    let path = path(name)?;
    match std::fs::read_to_string(&path) {
        Ok(text) => Some(text),
        Err(error) => panic!("{}: {error}", path.display()),
    }
}

/// A vector file as JSON.
///
/// # Panics
/// As [`text`], and when the file is not JSON.
pub fn json(name: &str) -> Option<serde_json::Value> {
    match serde_json::from_str(&text(name)?) {
        Ok(value) => Some(value),
        Err(error) => panic!("{name}: {error}"),
    }
}
