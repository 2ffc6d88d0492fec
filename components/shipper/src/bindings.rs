//! The world of the shipper as Rust items. Generated from `wit/`; it must never be written by hand.

#![allow(
    clippy::all,
    missing_docs,
    unreachable_pub,
    unsafe_code,
    dead_code,
    reason = "generated"
)]

wit_bindgen::generate!({
    path: ["../../wit/store", "../../wit/bucket", "../../wit/ship", "../../wit/forge", "../../wit"],
    world: "billet:worlds/shipper",
    generate_all,
    pub_export_macro: true,
});
