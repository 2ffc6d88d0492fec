//! Which package may depend on which, checked against what cargo says.
//!
//! Must never be loosened for one use: a new arrow is a decision about the design.

use std::collections::BTreeMap;
use std::process::Command;

use serde_json::Value;

/// What each package may use of ours outside its tests. A package that is not here may not exist.
const ARROWS: &[(&str, &[&str])] = &[
    ("billet-block", &[]),
    ("billet-car", &["billet-block"]),
    ("billet-unixfs", &["billet-block"]),
    ("billet-manifest", &["billet-block"]),
    ("billet-tree", &["billet-block"]),
    (
        "billet-bucket",
        &[
            "billet-block",
            "billet-manifest",
            "billet-tree",
            "billet-unixfs",
        ],
    ),
    ("billet-segment", &["billet-block", "billet-car"]),
    (
        "billet-shard",
        &["billet-block", "billet-car", "billet-segment"],
    ),
    ("billet-digest", &[]),
    ("billet-plain", &["billet-block", "billet-digest"]),
    ("billet-s3", &[]),
    ("billet-key", &[]),
    ("billet-ucan", &["billet-block", "billet-key"]),
    (
        "billet-forge",
        &["billet-block", "billet-car", "billet-ucan"],
    ),
    ("billet-gateway", &["billet-s3"]),
    (
        "billet-shipper",
        &["billet-block", "billet-forge", "billet-ucan"],
    ),
    (
        "billet-mst",
        &[
            "billet-block",
            "billet-bucket",
            "billet-manifest",
            "billet-tree",
            "billet-unixfs",
        ],
    ),
    (
        "billet-storage",
        &[
            "billet-block",
            "billet-car",
            "billet-segment",
            "billet-shard",
        ],
    ),
    (
        "billet-host",
        &[
            "billet-block",
            "billet-car",
            "billet-digest",
            "billet-key",
            "billet-storage",
        ],
    ),
    (
        "billet-adapter-wasi-filesystem",
        &["billet-block", "billet-digest", "billet-plain"],
    ),
    ("billet-vectors", &[]),
    ("billet-client", &[]),
    ("billet-forge-peer", &[]),
    ("billet-wasi-host", &[]),
    ("billet-bench", &["billet-wasi-host"]),
    ("billet-bench-guest", &[]),
    ("billet-broken-guest", &[]),
    ("xtask", &["billet-client"]),
];

/// What no package of `crates/` may use, however deep.
const EFFECTFUL: [&str; 6] = [
    "tokio",
    "wasmtime",
    "wit-bindgen",
    "redb",
    "rustix",
    "hyper",
];

/// What `cargo metadata` prints for the whole workspace.
///
/// # Errors
/// A sentence when cargo cannot be run or prints something else.
pub fn metadata() -> Result<Value, String> {
    let output = Command::new(env!("CARGO"))
        .current_dir(super::root())
        .args(["metadata", "--format-version", "1", "--no-deps"])
        .output()
        .map_err(|error| format!("cargo metadata: {error}"))?;
    serde_json::from_slice(&output.stdout).map_err(|error| format!("cargo metadata: {error}"))
}

/// Checks every package's dependencies.
///
/// # Errors
/// A sentence when the metadata has another shape.
pub fn check(metadata: &Value, problems: &mut Vec<String>) -> Result<(), String> {
    let allowed: BTreeMap<&str, &[&str]> = ARROWS.iter().copied().collect();
    let packages = metadata["packages"]
        .as_array()
        .ok_or("metadata without packages")?;
    for package in packages {
        let name = package["name"].as_str().ok_or("a package without a name")?;
        let Some(allowed) = allowed.get(name) else {
            problems.push(format!("{name}: not in the list of arrows"));
            continue;
        };
        let pure = package["manifest_path"]
            .as_str()
            .is_some_and(|path| path.contains("/crates/"));
        for dependency in package["dependencies"].as_array().into_iter().flatten() {
            let other = dependency["name"].as_str().unwrap_or_default();
            let shipped = dependency["kind"].is_null();
            if shipped && other.starts_with("billet-") && !allowed.contains(&other) {
                problems.push(format!("{name} must not depend on {other}"));
            }
            if shipped && pure && EFFECTFUL.contains(&other) {
                problems.push(format!("{name} is pure and must not depend on {other}"));
            }
        }
    }
    Ok(())
}
