//! The world of the shipper as Rust items, generated from `wit/`; types that it shares with the
//! other worlds are theirs. `billet:bucket/inspect` is linked by hand (`closure.rs`).
//!
//! Must never hold code of its own.

#![allow(missing_docs, unreachable_pub, reason = "generated")]

wasmtime::component::bindgen!({
    inline: "
        package billet:native;
        world shipper {
            import billet:ship/shards@0.1.0;
            import billet:ship/notes@0.1.0;
            import billet:ship/signer@0.1.0;
            import billet:ship/settings@0.1.0;
            export billet:forge/shipping@0.1.0;
            export billet:forge/identity@0.1.0;
        }
    ",
    path: ["../wit/store", "../wit/ship", "../wit/forge"],
    world: "billet:native/shipper",
    imports: { default: trappable },
    exports: { default: async | store },
    with: { "billet:store/types": crate::bindings::billet::store::types },
});
