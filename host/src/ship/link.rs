//! What the shipper may import. Must never be used for another component.

use wasmtime::component::Linker;
use wasmtime_wasi::clocks::{WasiClocks, WasiClocksView};
use wasmtime_wasi::random::WasiRandom;
use wasmtime_wasi::{WasiView, p3};
use wasmtime_wasi_http::p3::bindings::http;
use wasmtime_wasi_http::{WasiHttp, WasiHttpView};

use super::bindings::billet::ship;
use super::closure;
use crate::guest::{Guest, Host};
use wasmtime::component::HasSelf;

/// Links its world: requests to others, a clock that measures, chance, and `billet:ship`.
pub(crate) fn link_shipper(linker: &mut Linker<Guest>) -> wasmtime::Result<()> {
    use p3::bindings::{clocks, random};
    http::types::add_to_linker::<_, WasiHttp>(linker, Guest::http)?;
    http::client::add_to_linker::<_, WasiHttp>(linker, Guest::http)?;
    clocks::monotonic_clock::add_to_linker::<_, WasiClocks>(linker, Guest::clocks)?;
    random::random::add_to_linker::<_, WasiRandom>(linker, |guest| guest.ctx().ctx.random())?;
    ship::shards::add_to_linker::<_, Host>(linker, |guest| guest)?;
    ship::notes::add_to_linker::<_, Host>(linker, |guest| guest)?;
    ship::signer::add_to_linker::<_, HasSelf<Guest>>(linker, |guest| guest)?;
    ship::settings::add_to_linker::<_, HasSelf<Guest>>(linker, |guest| guest)?;
    closure::add_to_linker(linker)
}
