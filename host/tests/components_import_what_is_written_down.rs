//! What each component imports and exports is written down in `golden/`: authority cannot creep
//! in. A component without a line here does not compile.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    missing_docs
)]
#![allow(clippy::arithmetic_side_effects, dead_code, unreachable_pub)]

use wasmtime::component::Component;

/// Names of imports and exports, one a line.
fn ports(binary: &[u8]) -> String {
    let engine = wasmtime::Engine::default();
    let component = Component::from_binary(&engine, binary).unwrap();
    let kind = component.component_type();
    let imports = kind
        .imports(&engine)
        .map(|(name, _)| format!("import {name}\n"));
    let mut lines: Vec<_> = imports.collect();
    lines.sort();
    let mut exports: Vec<_> = kind
        .exports(&engine)
        .map(|(name, _)| format!("export {name}\n"))
        .collect();
    exports.sort();
    lines.extend(exports);
    lines.concat()
}

macro_rules! compare {
    (gateway) => {
        compare!(billet_host::components::GATEWAY, "golden/gateway.imports")
    };
    (mst) => {
        compare!(billet_host::components::MST, "golden/mst.imports")
    };
    (shipper) => {
        compare!(billet_host::components::SHIPPER, "golden/shipper.imports")
    };
    ($binary:expr, $file:literal) => {
        let (found, expected) = (ports($binary), include_str!($file));
        assert!(
            found == expected,
            "{} says\n{expected}but the component has\n{found}",
            $file
        );
    };
}

#[test]
fn components_import_what_is_written_down() {
    billet_host::for_each_component!(compare);
}
