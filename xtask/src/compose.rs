//! Gateway, `mst` and an adapter as one component, for hosts that are not ours.
//!
//! Must never hand an adapter's authority on: what the gateway and `mst` ask of the world beside
//! the contract is answered by stubs that deny, or the composition fails.

use std::path::{Path, PathBuf};
use std::process::Command;

use sha2::{Digest, Sha256};
use wac_graph::types::Package;
use wac_graph::{CompositionGraph, EncodeOptions, NodeId};

/// What follows after `cargo xtask compose`.
const ADAPTERS: [&str; 1] = ["wasi-filesystem"];

/// What is not WASI's.
const OURS: &str = "billet:";
/// The interfaces of a store.
const STORE: &str = "billet:store/";
/// The interfaces of `mst`.
const BUCKET: &str = "billet:bucket/";
/// What only has names of types, and so needs nobody to implement it.
const TYPES: &str = "/types@";
/// What a component must not have: the environment holds the key pair.
const ENVIRONMENT: &str = "wasi:cli/environment@";
/// What a component may have of the host: nothing that reaches a file or another machine.
const ALLOWED: [&str; 9] = [
    "wasi:cli/exit@",
    "wasi:cli/stderr@",
    "wasi:cli/stdin@",
    "wasi:cli/stdout@",
    "wasi:cli/terminal-",
    "wasi:clocks/",
    "wasi:http/types@",
    "wasi:io/",
    "wasi:random/",
];
/// What the whole offers.
const HANDLER: &str = "wasi:http/handler@0.3.0";

/// The parts that every host runs as they are.
const SHARED: [&str; 2] = ["billet-gateway", "billet-mst"];

/// All parts of the native host, which builds them at once: what one of them needs of a crate, the
/// others have as well, so that a part built without them has other bytes.
const NATIVE: [&str; 3] = ["billet-gateway", "billet-mst", "billet-shipper"];

/// Variables that would make other components of the same sources.
const FOREIGN_VARIABLES: [&str; 3] = ["RUSTFLAGS", "CARGO_ENCODED_RUSTFLAGS", "CARGO_BUILD_TARGET"];

/// Builds the parts and puts them together.
///
/// # Errors
/// A sentence when a part does not build or does not fit.
pub fn run(adapter: Option<&str>) -> Result<(), String> {
    let adapter = adapter
        .filter(|name| ADAPTERS.contains(name))
        .ok_or_else(|| format!("cargo xtask compose ADAPTER, of: {}", ADAPTERS.join(" ")))?;
    let package = format!("billet-adapter-{adapter}");
    // Apart, as the host's build does it: what the adapter needs of a crate is not theirs.
    let shared = if std::env::var_os("BILLET_COMPONENTS").is_none() {
        build(&NATIVE)?
    } else {
        shared_components()
    };
    let [gateway, mst] = SHARED.map(|package| read(&shared, package));
    let whole = compose(gateway?, mst?, read(&build(&[&package])?, &package)?)?;
    let path = composed(adapter);
    write(&path, &whole).map_err(|error| format!("{}: {error}", path.display()))?;
    println!("{}", path.display());
    Ok(())
}

/// Where [`run`] leaves the component with an adapter.
pub fn composed(adapter: &str) -> PathBuf {
    crate::target().join(format!("compose/billet-{adapter}.wasm"))
}

/// The folder of the components that the native host runs: where its build makes them, or
/// where it is told to take them from.
fn shared_components() -> PathBuf {
    std::env::var_os("BILLET_COMPONENTS").map_or_else(
        || crate::target().join("components/wasm32-wasip2/component"),
        PathBuf::from,
    )
}

/// Prints the SHA-256 of the components that all hosts share, and checks that the native host and
/// the composed file hold these very bytes.
///
/// # Errors
/// The part that differs, or a file that is not there.
pub fn check_shared(adapter: &str) -> Result<(), String> {
    let holders = [crate::tested("billet"), composed(adapter)];
    let holders = holders.map(|path| match std::fs::read(&path) {
        Ok(bytes) => Ok((path, bytes)),
        Err(error) => Err(format!("{}: {error}", path.display())),
    });
    for package in SHARED {
        let part = read(&shared_components(), package)?;
        for holder in &holders {
            let (path, bytes) = holder.as_ref().map_err(Clone::clone)?;
            if memchr::memmem::find(bytes, &part).is_none() {
                return Err(format!("{} has another {package}", path.display()));
            }
        }
        println!(
            "{} {package}, in both hosts",
            hex::encode(Sha256::digest(&part))
        );
    }
    Ok(())
}

fn read(folder: &Path, package: &str) -> Result<Vec<u8>, String> {
    let path = folder.join(format!("{}.wasm", package.replace('-', "_")));
    std::fs::read(&path).map_err(|error| format!("{}: {error}", path.display()))
}

/// Builds components in the folder of the host's build; where they are then.
fn build(packages: &[&str]) -> Result<PathBuf, String> {
    let target = crate::target().join("components");
    let mut cargo = Command::new(env!("CARGO"));
    cargo
        .current_dir(crate::root())
        .args(["build", "--profile", "component"])
        .args(["--target", "wasm32-wasip2", "--target-dir"])
        .arg(&target);
    for package in packages {
        cargo.args(["-p", package]);
    }
    for name in FOREIGN_VARIABLES {
        cargo.env_remove(name);
    }
    let status = cargo
        .status()
        .map_err(|error| format!("cargo build: {error}"))?;
    if status.success() {
        Ok(target.join("wasm32-wasip2/component"))
    } else {
        Err(format!("cargo build: {status}"))
    }
}

fn write(path: &Path, bytes: &[u8]) -> std::io::Result<()> {
    if let Some(folder) = path.parent() {
        std::fs::create_dir_all(folder)?;
    }
    std::fs::write(path, bytes)
}

/// One component of three: the store's interfaces of `gateway` and `mst` come from one instance of
/// `adapter`, the bucket's interfaces of `gateway` from `mst`, and what else they may have from the
/// host.
///
/// # Errors
/// A sentence when a part asks for what it must not have, or when parts do not fit.
pub fn compose(gateway: Vec<u8>, mst: Vec<u8>, adapter: Vec<u8>) -> Result<Vec<u8>, String> {
    let mut graph = CompositionGraph::new();
    let adapter = instantiate(&mut graph, "billet:adapter", adapter)?;
    let mst = instantiate(&mut graph, "billet:mst", mst)?;
    connect(&mut graph, mst, &[(STORE, adapter)])?;
    let gateway = instantiate(&mut graph, "billet:gateway", gateway)?;
    connect(&mut graph, gateway, &[(STORE, adapter), (BUCKET, mst)])?;
    let handler = graph
        .alias_instance_export(gateway, HANDLER)
        .map_err(|error| error.to_string())?;
    graph
        .export(handler, HANDLER)
        .map_err(|error| error.to_string())?;
    graph
        .encode(EncodeOptions::default())
        .map_err(|error| error.to_string())
}

fn instantiate(graph: &mut CompositionGraph, name: &str, bytes: Vec<u8>) -> Result<NodeId, String> {
    let package = Package::from_bytes(name, None, bytes, graph.types_mut())
        .map_err(|error| format!("{name}: {error:#}"))?;
    let package = graph
        .register_package(package)
        .map_err(|error| format!("{name}: {error}"))?;
    Ok(graph.instantiate(package))
}

/// Satisfies the imports of one instance.
fn connect(
    graph: &mut CompositionGraph,
    instance: NodeId,
    sources: &[(&str, NodeId)],
) -> Result<(), String> {
    for name in imports(graph, instance)? {
        let source = sources.iter().find(|(prefix, _)| name.starts_with(prefix));
        let source = match source {
            // Names of types, which nobody has to implement.
            _ if name.starts_with(OURS) && name.contains(TYPES) => continue,
            Some((_, source)) => *source,
            None if name.starts_with(ENVIRONMENT) => deny(graph, &name)?,
            None if ALLOWED.iter().any(|prefix| name.starts_with(prefix)) => continue,
            None => {
                return Err(format!(
                    "a component asks for {name}, which it must not have"
                ));
            }
        };
        let alias = graph
            .alias_instance_export(source, &name)
            .map_err(|error| format!("{name}: {error}"))?;
        graph
            .set_instantiation_argument(instance, &name, alias)
            .map_err(|error| format!("{name}: {error:#}"))?;
    }
    Ok(())
}

fn imports(graph: &CompositionGraph, instance: NodeId) -> Result<Vec<String>, String> {
    let package = graph[instance].package();
    let package = package.ok_or("an instance without a component")?;
    let world = graph[package].ty();
    Ok(graph.types()[world].imports.keys().cloned().collect())
}

/// An instance that exports an empty environment under `name`.
fn deny(graph: &mut CompositionGraph, name: &str) -> Result<NodeId, String> {
    let package = format!("deny {name}");
    if let Some((known, _)) = graph.get_package_by_name(&package, None) {
        return Ok(graph.instantiate(known));
    }
    let stub = wat::parse_str(environment(name)).map_err(|error| format!("{name}: {error}"))?;
    instantiate(graph, &package, stub)
}

/// A component without a word of the environment: each function answers the address of zeroes,
/// which is every empty list and none.
fn environment(name: &str) -> String {
    let old = name.starts_with("wasi:cli/environment@0.2");
    let folder = if old {
        "initial-cwd"
    } else {
        "get-initial-cwd"
    };
    format!(
        r#"(component
  (core module $zeroes
    (memory (export "memory") 1)
    (func (export "nothing") (result i32) i32.const 8))
  (core instance $zeroes (instantiate $zeroes))
  (alias core export $zeroes "memory" (core memory $memory))
  (alias core export $zeroes "nothing" (core func $nothing))
  (func $variables (result (list (tuple string string)))
    (canon lift (core func $nothing) (memory $memory)))
  (func $arguments (result (list string)) (canon lift (core func $nothing) (memory $memory)))
  (func $folder (result (option string)) (canon lift (core func $nothing) (memory $memory)))
  (instance $environment
    (export "get-environment" (func $variables))
    (export "get-arguments" (func $arguments))
    (export "{folder}" (func $folder)))
  (export "{name}" (instance $environment)))"#
    )
}
