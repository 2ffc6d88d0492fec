//! The contract as Rust items, generated from `wit/`: imports of both worlds, exports of `mst`.
//!
//! One world stands for both, so that they share their types. What `gateway` imports from
//! `billet:bucket` is linked by hand with the types of the exports (`imports/bucket.rs`): a call
//! is forwarded to `mst` without being taken apart. Must never hold code of its own.

#![allow(missing_docs, unreachable_pub, reason = "generated")]

wasmtime::component::bindgen!({
    inline: "
        package billet:native;
        world native {
            import billet:store/bodies@0.1.0;
            import billet:store/blocks@0.1.0;
            import billet:store/journal@0.1.0;
            import billet:store/rows@0.1.0;
            import billet:store/durability@0.1.0;
            import billet:store/digest@0.1.0;
            import billet:store/config@0.1.0;
            import billet:store/credentials@0.1.0;
            export billet:bucket/buckets@0.1.0;
            export billet:bucket/objects@0.1.0;
            export billet:bucket/changes@0.1.0;
            export billet:bucket/inspect@0.1.0;
        }
    ",
    path: ["../wit/store", "../wit/bucket"],
    world: "billet:native/native",
    imports: { default: trappable },
    exports: { default: async | store },
    with: { "billet:store/digest.hasher": billet_digest::Hasher },
});
