//! Gateway and `mst` are composed only where they ask for nothing that reaches a file or another
//! machine, by whatever name and version. The parts here are empty but for what they ask for.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    missing_docs
)]

use xtask::compose::compose;

fn part(import: &str) -> Vec<u8> {
    let text = format!(
        r#"(component
          (import "{import}" (instance))
          (instance $handler)
          (export "wasi:http/handler@0.3.0" (instance $handler)))"#
    );
    wat::parse_str(text).unwrap()
}

/// Composes parts of which the gateway asks for `gateway` and `mst` for `mst`.
fn try_out(gateway: &str, mst: &str) -> Result<Vec<u8>, String> {
    compose(
        part(gateway),
        part(mst),
        part("wasi:filesystem/types@0.3.0"),
    )
}

const HARMLESS: &str = "wasi:clocks/system-clock@0.3.0";

#[test]
fn a_way_out_is_not_composed() {
    for import in [
        "wasi:http/client@0.3.0",
        "wasi:http/outgoing-handler@0.2.0",
        "wasi:http/handler@0.3.0",
        "wasi:sockets/tcp@0.2.12",
        "wasi:filesystem/preopens@0.3.0",
        "wasi:keyvalue/store@0.2.0",
        "fermyon:spin/sqlite@2.0.0",
        "billet:ship/upload@0.1.0",
    ] {
        for whole in [try_out(import, HARMLESS), try_out(HARMLESS, import)] {
            let Err(refused) = whole else {
                panic!("{import} was composed");
            };
            assert!(refused.contains(import), "{refused}");
        }
    }
}

#[test]
fn what_stays_inside_is() {
    for import in [
        HARMLESS,
        "wasi:cli/stderr@0.2.12",
        "wasi:http/types@0.3.0",
        "wasi:io/streams@0.2.12",
        "wasi:random/random@0.3.0",
    ] {
        try_out(import, HARMLESS).unwrap();
        try_out(HARMLESS, import).unwrap();
    }
}
