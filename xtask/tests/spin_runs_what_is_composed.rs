//! `spin.toml` names what `cargo xtask compose` makes, and that asks for nothing that Spin newer
//! than 4.0.2 does not offer. No Spin is needed. Must never pass over a path of the manifest.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    missing_docs
)]

use std::collections::BTreeSet;
use std::path::Path;
use std::process::Command;

use toml::{Table, Value};
use wac_graph::CompositionGraph;
use wac_graph::types::Package;

/// What Spin links into every component, of WASI 0.2 and 0.3.0.
const OFFERED: [&str; 6] = ["cli", "clocks", "filesystem", "http", "io", "random"];
/// Interfaces without a function: nobody has to offer them.
const WORDS: [&str; 2] = ["billet:bucket/types@0.1.0", "billet:store/types@0.1.0"];
const HANDLER: &str = "wasi:http/handler@0.3.0";

fn manifest() -> Table {
    let text = std::fs::read_to_string(xtask::root().join("spin.toml")).unwrap();
    text.parse().unwrap()
}

fn components(manifest: &Table) -> &Table {
    manifest["component"].as_table().unwrap()
}

#[test]
fn every_route_has_a_component_and_the_other_way_round() {
    let manifest = manifest();
    assert_eq!(manifest["spin_manifest_version"].as_integer(), Some(2));
    let routes = manifest["trigger"]["http"].as_array().unwrap();
    let routed: BTreeSet<&str> = routes
        .iter()
        .map(|route| route["component"].as_str().unwrap())
        .collect();
    let known: BTreeSet<&str> = components(&manifest).keys().map(String::as_str).collect();
    assert_eq!(routed, known);
    // A key may have any path, so one route takes all.
    assert_eq!(routes[0]["route"].as_str(), Some("/..."));
}

#[test]
fn every_path_is_made_or_there_or_kept_out_of_git() {
    let root = xtask::root();
    let files = xtask::files().unwrap();
    for (name, component) in components(&manifest()) {
        let source = Path::new(component["source"].as_str().unwrap());
        assert!(
            root.join(source).is_file(),
            "{name}: run `cargo xtask compose wasi-filesystem` before"
        );
        assert!(source.starts_with("target/compose"));
        let adapter = source.file_stem().unwrap().to_str().unwrap();
        let adapter = adapter.strip_prefix("billet-").unwrap();
        let build = &component["build"];
        let expected = format!("cargo xtask compose {adapter}");
        assert_eq!(build["command"].as_str(), Some(&expected[..]));
        for watched in build["watch"].as_array().unwrap() {
            let (folder, extension) = watched.as_str().unwrap().split_once("/**/*.").unwrap();
            let matches = |path: &&std::path::PathBuf| {
                path.starts_with(folder) && path.extension().is_some_and(|end| end == extension)
            };
            assert!(
                files.iter().any(|path| matches(&path)),
                "{watched} watches nothing"
            );
        }
        for mount in component["files"].as_array().unwrap() {
            let folder = mount["source"].as_str().unwrap();
            assert!(
                is_ignored(folder),
                "{folder} holds data and must be ignored by git"
            );
            assert!(mount["destination"].as_str().unwrap().starts_with('/'));
        }
    }
}

fn is_ignored(folder: &str) -> bool {
    let status = Command::new("git")
        .current_dir(xtask::root())
        .args(["check-ignore", "--quiet", &format!("{folder}/")])
        .status();
    status.unwrap().success()
}

#[test]
fn components_ask_for_what_spin_has_and_for_no_network() {
    for (name, component) in components(&manifest()) {
        assert_eq!(
            component["allowed_outbound_hosts"],
            Value::Array(Vec::new())
        );
        let bytes = std::fs::read(xtask::root().join(component["source"].as_str().unwrap()));
        let mut graph = CompositionGraph::new();
        let package = Package::from_bytes(name, None, bytes.unwrap(), graph.types_mut()).unwrap();
        let world = &graph.types()[package.ty()];
        for import in world.imports.keys() {
            assert!(is_offered(import), "{name} asks for {import}");
        }
        // Spin chooses by the one handler that is exported.
        let exports: Vec<&String> = world.exports.keys().collect();
        assert_eq!(exports, [HANDLER], "{name}");
    }
}

fn is_offered(import: &str) -> bool {
    let wasi = import.strip_prefix("wasi:").and_then(|rest| {
        let (package, rest) = rest.split_once('/')?;
        let (interface, version) = rest.split_once('@')?;
        let known = version == "0.3.0" || version.starts_with("0.2.");
        // Requests that a component makes are offered, too, but not to Billet.
        let is_inside = package != "http" || interface == "types";
        Some(known && OFFERED.contains(&package) && is_inside)
    });
    wasi.unwrap_or(WORDS.contains(&import))
}

#[test]
fn no_secret_stands_in_the_manifest() {
    for (name, component) in components(&manifest()) {
        for variable in component["environment"].as_table().unwrap().keys() {
            assert!(!variable.contains("KEY"), "{name}: {variable}");
        }
    }
}
