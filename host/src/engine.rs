//! The engine: components compiled once, with what each may import and the limits of all.
//!
//! Must never link more than a component's world lists and Rust's standard library needs.

use std::sync::Arc;
use std::time::Duration;

use wasmtime::component::{Component, HasSelf, InstancePre, Linker};
use wasmtime::{Config, InstanceAllocationStrategy, PoolingAllocationConfig};
use wasmtime_wasi::cli::{WasiCli, WasiCliView};
use wasmtime_wasi::clocks::{WasiClocks, WasiClocksView};
use wasmtime_wasi::random::WasiRandom;
use wasmtime_wasi::{WasiView, p2, p3};
use wasmtime_wasi_http::p3::bindings::ServicePre;
use wasmtime_wasi_http::{WasiHttp, WasiHttpView};

use crate::bindings::NativePre;
use crate::bindings::billet::store;
use crate::guest::{Guest, Host};
use crate::ship::{ShipperPre, link_shipper};
use crate::{components, imports};

const EPOCH_MS: u64 = 10;
const INSTANCES_MAX: u32 = 1_000;
const MEMORY_BYTES_MAX: usize = 256 << 20;
const TABLE_ELEMENTS_MAX: usize = 10_000;

/// Compiled components, ready to be instantiated.
#[derive(Clone)]
pub(crate) struct Engine {
    pub(crate) engine: wasmtime::Engine,
    /// None where nothing is served.
    pub(crate) gateway: Option<Arc<ServicePre<Guest>>>,
    pub(crate) mst: Arc<NativePre<Guest>>,
    /// None where nothing is shipped.
    pub(crate) shipper: Option<Arc<ShipperPre<Guest>>>,
}

/// The bytes of the components to run.
#[derive(Debug)]
pub struct Binaries<'a> {
    /// Of world `gateway`: it answers requests.
    pub gateway: &'a [u8],
    /// Of world `mst`: it looks up and changes buckets.
    pub mst: &'a [u8],
}

impl Default for Binaries<'static> {
    fn default() -> Self {
        Self {
            gateway: components::GATEWAY,
            mst: components::MST,
        }
    }
}

impl Engine {
    /// Compiles the components, each on a thread of its own, and starts the epoch's clock.
    ///
    /// # Errors
    /// When a component does not compile or imports what its world does not list.
    pub(crate) fn new(binaries: &Binaries<'_>) -> wasmtime::Result<Self> {
        let engine = bare()?;
        let (gateway, mst) = std::thread::scope(|scope| {
            let gateway = scope
                .spawn(|| link(&engine, binaries.gateway, link_gateway).and_then(ServicePre::new));
            let mst = link(&engine, binaries.mst, link_mst).and_then(NativePre::new);
            let gateway = gateway
                .join()
                .unwrap_or_else(|_| Err(wasmtime::format_err!("the compiler panicked")));
            (gateway, mst)
        });
        Ok(Self {
            engine,
            gateway: Some(Arc::new(gateway?)),
            mst: Arc::new(mst?),
            shipper: None,
        })
    }

    /// With the component that ships, too.
    ///
    /// # Errors
    /// As [`Engine::new`].
    pub(crate) fn with_shipper(mut self) -> wasmtime::Result<Self> {
        let shipper = link(&self.engine, components::SHIPPER, link_shipper);
        self.shipper = Some(Arc::new(shipper.and_then(ShipperPre::new)?));
        Ok(self)
    }

    /// Only `mst`, for looking at buckets.
    ///
    /// # Errors
    /// As [`Engine::new`].
    pub(crate) fn reading() -> wasmtime::Result<Self> {
        let engine = bare()?;
        let mst = link(&engine, components::MST, link_mst).and_then(NativePre::new)?;
        Ok(Self {
            engine,
            gateway: None,
            mst: Arc::new(mst),
            shipper: None,
        })
    }
}

/// An engine without components, its epochs counted.
///
/// # Errors
/// As the system's for a thread, or when this machine is none that code can be made for.
pub(crate) fn bare() -> wasmtime::Result<wasmtime::Engine> {
    let engine = wasmtime::Engine::new(&config())?;
    start_epochs(&engine)?;
    Ok(engine)
}

fn config() -> Config {
    let mut pool = PoolingAllocationConfig::new();
    pool.total_component_instances(INSTANCES_MAX)
        .total_core_instances(INSTANCES_MAX.saturating_mul(4))
        .total_memories(INSTANCES_MAX)
        .total_tables(INSTANCES_MAX.saturating_mul(2))
        .total_stacks(INSTANCES_MAX.saturating_mul(4))
        .max_memory_size(MEMORY_BYTES_MAX)
        .table_elements(TABLE_ELEMENTS_MAX);
    let mut config = Config::new();
    config
        .allocation_strategy(InstanceAllocationStrategy::Pooling(pool))
        .wasm_component_model_async(true)
        .epoch_interruption(true);
    config
}

/// Counts epochs until the engine is gone.
fn start_epochs(engine: &wasmtime::Engine) -> wasmtime::Result<()> {
    let engine = engine.weak();
    let tick = move || {
        while let Some(engine) = engine.upgrade() {
            engine.increment_epoch();
            drop(engine);
            std::thread::sleep(Duration::from_millis(EPOCH_MS));
        }
    };
    std::thread::Builder::new()
        .name("epochs".to_owned())
        .spawn(tick)?;
    Ok(())
}

fn link(
    engine: &wasmtime::Engine,
    binary: &[u8],
    imports: fn(&mut Linker<Guest>) -> wasmtime::Result<()>,
) -> wasmtime::Result<InstancePre<Guest>> {
    let component = Component::from_binary(engine, binary)?;
    let mut linker = Linker::new(engine);
    link_std(&mut linker)?;
    imports(&mut linker)?;
    linker.instantiate_pre(&component)
}

/// What Rust's standard library imports by itself. Behind it is no environment; files and sockets
/// are not there at all.
pub(crate) fn link_std<T: WasiView + 'static>(linker: &mut Linker<T>) -> wasmtime::Result<()> {
    use p2::bindings::{cli, random};
    p2::add_to_linker_proxy_interfaces_async(linker)?;
    // The seed of its hash tables.
    random::insecure_seed::add_to_linker::<_, WasiRandom>(linker, |guest| {
        guest.ctx().ctx.random()
    })?;
    cli::exit::add_to_linker::<_, WasiCli>(linker, T::cli)?;
    cli::environment::add_to_linker::<_, WasiCli>(linker, T::cli)?;
    cli::terminal_input::add_to_linker::<_, WasiCli>(linker, T::cli)?;
    cli::terminal_output::add_to_linker::<_, WasiCli>(linker, T::cli)?;
    cli::terminal_stdin::add_to_linker::<_, WasiCli>(linker, T::cli)?;
    cli::terminal_stdout::add_to_linker::<_, WasiCli>(linker, T::cli)?;
    cli::terminal_stderr::add_to_linker::<_, WasiCli>(linker, T::cli)
}

fn link_gateway(linker: &mut Linker<Guest>) -> wasmtime::Result<()> {
    use p3::bindings::{clocks, random};
    wasmtime_wasi_http::p3::bindings::http::types::add_to_linker::<_, WasiHttp>(
        linker,
        Guest::http,
    )?;
    clocks::monotonic_clock::add_to_linker::<_, WasiClocks>(linker, Guest::clocks)?;
    clocks::system_clock::add_to_linker::<_, WasiClocks>(linker, Guest::clocks)?;
    random::random::add_to_linker::<_, WasiRandom>(linker, |guest| guest.ctx().ctx.random())?;
    store::bodies::add_to_linker::<_, Host>(linker, |guest| guest)?;
    store::digest::add_to_linker::<_, HasSelf<Guest>>(linker, |guest| guest)?;
    store::config::add_to_linker::<_, HasSelf<Guest>>(linker, |guest| guest)?;
    store::credentials::add_to_linker::<_, HasSelf<Guest>>(linker, |guest| guest)?;
    store::durability::add_to_linker::<_, Host>(linker, |guest| guest)?;
    imports::bucket::add_to_linker(linker)
}

fn link_mst(linker: &mut Linker<Guest>) -> wasmtime::Result<()> {
    store::blocks::add_to_linker::<_, Host>(linker, |guest| guest)?;
    store::journal::add_to_linker::<_, Host>(linker, |guest| guest)?;
    store::rows::add_to_linker::<_, Host>(linker, |guest| guest)
}
