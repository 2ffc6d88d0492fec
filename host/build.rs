//! Builds the WebAssembly components and hands their bytes to the library.
//!
//! The components are built by cargo in a target folder of their own, or taken from the folder that
//! `BILLET_COMPONENTS` names. Must never let flags for the host reach the guests.

use std::env;
use std::error::Error;
use std::ffi::OsString;
use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

/// Components by name; the package is `billet-<name>` in `components/<name>`.
const COMPONENTS: [&str; 3] = ["gateway", "mst", "shipper"];

const TARGET: &str = "wasm32-wasip2";
const PROFILE: &str = "component";

/// Variables that cargo sets for this very build and that would change that of the guests.
const FOREIGN_VARIABLES: [&str; 7] = [
    "CARGO_ENCODED_RUSTFLAGS",
    "RUSTFLAGS",
    "CARGO_BUILD_TARGET",
    "CARGO_TARGET_DIR",
    "RUSTC_WRAPPER",
    "RUSTC_WORKSPACE_WRAPPER",
    "CLIPPY_ARGS",
];

fn main() -> Result<(), Box<dyn Error>> {
    println!("cargo::rerun-if-env-changed=BILLET_COMPONENTS");
    let out = PathBuf::from(variable("OUT_DIR")?);
    let host = PathBuf::from(variable("CARGO_MANIFEST_DIR")?);
    let workspace = host.parent().ok_or("the host has no workspace around it")?;
    let folder = match env::var_os("BILLET_COMPONENTS") {
        Some(folder) => {
            println!("cargo::rerun-if-changed={}", Path::new(&folder).display());
            PathBuf::from(folder)
        }
        None => build(workspace, &out)?,
    };
    fs::write(out.join("components.rs"), source(&folder)?)?;
    Ok(())
}

fn variable(name: &str) -> Result<OsString, String> {
    env::var_os(name).ok_or_else(|| format!("{name} is not set"))
}

/// Builds all components; the folder that holds them.
fn build(workspace: &Path, out: &Path) -> Result<PathBuf, Box<dyn Error>> {
    for input in ["components", "crates", "wit", "Cargo.toml", "Cargo.lock"] {
        println!(
            "cargo::rerun-if-changed={}",
            workspace.join(input).display()
        );
    }
    // <target>/<profile>/build/<package>/out
    let target = out
        .ancestors()
        .nth(4)
        .ok_or("OUT_DIR is not in a target folder")?;
    let target = target.join("components");
    let mut cargo = Command::new(variable("CARGO")?);
    cargo
        .current_dir(workspace)
        .args(["build", "--profile", PROFILE, "--target", TARGET]);
    cargo.arg("--target-dir").arg(&target);
    for name in COMPONENTS {
        cargo.arg("--package").arg(format!("billet-{name}"));
    }
    for name in FOREIGN_VARIABLES {
        cargo.env_remove(name);
    }
    let status = cargo.status()?;
    if !status.success() {
        return Err(format!("the components do not build: {status}").into());
    }
    Ok(target.join(TARGET).join(PROFILE))
}

/// Rust source with the bytes of each component.
fn source(folder: &Path) -> Result<String, Box<dyn Error>> {
    let mut text = String::new();
    for name in COMPONENTS {
        let file = folder.join(format!("billet_{name}.wasm")).canonicalize()?;
        println!("cargo::rerun-if-changed={}", file.display());
        writeln!(text, "/// The component `{name}`.")?;
        let constant = name.to_uppercase();
        writeln!(
            text,
            "pub const {constant}: &[u8] = include_bytes!({:?});",
            file.display()
        )?;
    }
    text.push_str("/// Calls a macro with the name of each component, one after another.\n");
    text.push_str("#[macro_export]\nmacro_rules! for_each_component {\n    ($each:ident) => {\n");
    for name in COMPONENTS {
        writeln!(text, "        $each!({name});")?;
    }
    text.push_str("    };\n}\n");
    Ok(text)
}
