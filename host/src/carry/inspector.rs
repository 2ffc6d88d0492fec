//! Instances of `mst` that read blocks from wherever their caller says.
//!
//! An instance serves one command and is gone with it: nothing it keeps by name can come from
//! anywhere else. Must never reach a log: there is none.

use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use billet_block::Cid;
use futures::channel::{mpsc, oneshot};
use wasmtime::component::{
    Accessor, Component, FutureConsumer, FutureReader, HasData, InstancePre, Lift, Linker,
    ResourceTable, Source, StreamConsumer, StreamReader, StreamResult,
};
use wasmtime::{Store, StoreContextMut, StoreLimits, StoreLimitsBuilder, UpdateDeadline};
use wasmtime_wasi::{WasiCtx, WasiCtxBuilder, WasiCtxView, WasiView};

use super::{Blocks, CarryError, EXHAUSTED, Lost};
use crate::bindings::billet::store::{blocks, journal, rows, types};
use crate::bindings::{Native, NativePre};
use crate::{components, engine};

const MEMORY_BYTES: usize = 128 << 20;
const TABLE_ELEMENTS_MAX: usize = 10_000;
const INSTANCES_MAX: usize = 64;
/// What one call may make the host allocate; a manifest can name 10,000 parts.
const HOSTCALL_BYTES_MAX: usize = 64 << 20;
/// Bytes of blocks in one answer.
const ANSWER_BYTES_MAX: usize = 4 << 20;
/// Batches that wait between an instance and whoever reads its stream.
const BATCHES_AHEAD: usize = 2;

/// The component `mst`, compiled and linked to read only.
#[derive(Clone)]
pub struct Inspector {
    engine: wasmtime::Engine,
    mst: Arc<NativePre<Reader>>,
}

/// The data of an instance.
pub(crate) struct Reader {
    blocks: Arc<dyn Blocks>,
    table: ResourceTable,
    wasi: WasiCtx,
    limits: StoreLimits,
}

/// Names [`Reader`] as the data of host functions.
struct Names;

impl HasData for Names {
    type Data<'a> = &'a mut Reader;
}

impl WasiView for Reader {
    fn ctx(&mut self) -> WasiCtxView<'_> {
        WasiCtxView {
            ctx: &mut self.wasi,
            table: &mut self.table,
        }
    }
}

impl Inspector {
    /// Compiles `mst` in an engine of its own. Takes about a second.
    ///
    /// # Errors
    /// When the component does not compile or link.
    pub fn new() -> Result<Self, CarryError> {
        let engine = engine::bare()?;
        let component = Component::from_binary(&engine, components::MST)?;
        Ok(Self::of(&engine, &component)?)
    }

    /// Links a component that is compiled already.
    pub(crate) fn of(engine: &wasmtime::Engine, mst: &Component) -> wasmtime::Result<Self> {
        let mut linker = Linker::new(engine);
        engine::link_std(&mut linker)?;
        blocks::add_to_linker::<_, Names>(&mut linker, |reader| reader)?;
        journal::add_to_linker::<_, Names>(&mut linker, |reader| reader)?;
        rows::add_to_linker::<_, Names>(&mut linker, |reader| reader)?;
        let linked: InstancePre<Reader> = linker.instantiate_pre(mst)?;
        Ok(Self {
            engine: engine.clone(),
            mst: Arc::new(NativePre::new(linked)?),
        })
    }

    /// Runs `work` in an instance that reads these blocks.
    pub(crate) async fn run<R: Send + 'static>(
        &self,
        blocks: Arc<dyn Blocks>,
        work: impl AsyncFnOnce(&Accessor<Reader>, &Native) -> Result<R, CarryError> + Send,
    ) -> Result<R, CarryError> {
        let reader = Reader {
            blocks,
            table: ResourceTable::new(),
            wasi: WasiCtxBuilder::new()
                .allow_tcp(false)
                .allow_udp(false)
                .build(),
            limits: StoreLimitsBuilder::new()
                .memory_size(MEMORY_BYTES)
                .table_elements(TABLE_ELEMENTS_MAX)
                .instances(INSTANCES_MAX)
                .build(),
        };
        let mut store = Store::new(&self.engine, reader);
        store.limiter(|reader| &mut reader.limits);
        store.set_hostcall_fuel(HOSTCALL_BYTES_MAX);
        store.set_epoch_deadline(1);
        store.epoch_deadline_callback(|_| Ok(UpdateDeadline::Yield(1)));
        let native = self.mst.instantiate_async(&mut store).await?;
        store
            .run_concurrent(async |accessor| work(accessor, &native).await)
            .await?
    }
}

/// What a stream brings, batch by batch, and how it ended.
pub(crate) struct Flow<T> {
    pub(crate) batches: mpsc::Receiver<Vec<T>>,
    pub(crate) ended: oneshot::Receiver<Result<(), types::StoreError>>,
}

/// Reads a stream of an instance in batches of at most `batch` items.
pub(crate) fn flow<T: Lift + Send + Sync + 'static>(
    accessor: &Accessor<Reader>,
    stream: StreamReader<T>,
    end: FutureReader<Result<(), types::StoreError>>,
    batch: usize,
) -> wasmtime::Result<Flow<T>> {
    let (sender, batches) = mpsc::channel(BATCHES_AHEAD);
    let (told, ended) = oneshot::channel();
    accessor.with(|mut access| {
        stream.pipe(&mut access, Batches { sender, batch })?;
        end.pipe(&mut access, End(Some(told)))
    })?;
    Ok(Flow { batches, ended })
}

struct Batches<T> {
    sender: mpsc::Sender<Vec<T>>,
    batch: usize,
}

impl<T: Lift + Send + Sync + 'static> StreamConsumer<Reader> for Batches<T> {
    type Item = T;

    fn poll_consume(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        mut store: StoreContextMut<'_, Reader>,
        mut source: Source<'_, T>,
        finish: bool,
    ) -> Poll<wasmtime::Result<StreamResult>> {
        match self.sender.poll_ready(cx) {
            Poll::Ready(Ok(())) => {}
            Poll::Ready(Err(_)) => return Poll::Ready(Ok(StreamResult::Dropped)),
            Poll::Pending if finish => return Poll::Ready(Ok(StreamResult::Cancelled)),
            Poll::Pending => return Poll::Pending,
        }
        let mut batch = Vec::with_capacity(self.batch);
        source.read(&mut store, &mut batch)?;
        if !batch.is_empty() && self.sender.try_send(batch).is_err() {
            return Poll::Ready(Ok(StreamResult::Dropped));
        }
        Poll::Ready(Ok(StreamResult::Completed))
    }
}

struct End(Option<oneshot::Sender<Result<(), types::StoreError>>>);

impl FutureConsumer<Reader> for End {
    type Item = Result<(), types::StoreError>;

    fn poll_consume(
        mut self: Pin<&mut Self>,
        _cx: &mut Context<'_>,
        mut store: StoreContextMut<'_, Reader>,
        mut source: Source<'_, Self::Item>,
        _finish: bool,
    ) -> Poll<wasmtime::Result<()>> {
        let mut told = None;
        source.read(&mut store, &mut told)?;
        if let (Some(told), Some(sender)) = (told, self.0.take()) {
            // Whoever asked may have gone.
            let _ = sender.send(told);
        }
        Poll::Ready(Ok(()))
    }
}

/// An error of the contract, for people.
pub(crate) fn failed(error: &types::StoreError) -> CarryError {
    match error {
        types::StoreError::NotFound => {
            CarryError::Damaged("a block on the way is missing".to_owned())
        }
        types::StoreError::Corrupt(cid) => match Cid::from_bytes(cid) {
            Ok(cid) => CarryError::Damaged(format!("{cid} is missing or damaged")),
            Err(_) => CarryError::Damaged("a block is damaged".to_owned()),
        },
        types::StoreError::Unavailable => CarryError::Elsewhere,
        types::StoreError::Busy(_) => CarryError::Failed(EXHAUSTED.to_owned()),
        types::StoreError::Invalid(text) => CarryError::Refused(text.clone()),
        error => CarryError::Failed(format!("{error:?}")),
    }
}

fn none() -> types::StoreError {
    types::StoreError::Invalid("there is no log here".to_owned())
}

impl types::Host for Reader {}
impl blocks::Host for Reader {}
impl journal::Host for Reader {}
impl rows::Host for Reader {}

type Answer<T> = wasmtime::Result<Result<T, types::StoreError>>;

impl blocks::HostWithStore<Reader> for Names {
    async fn stage(_: &Accessor<Reader, Self>, _: String, _: Vec<blocks::Block>) -> Answer<u64> {
        Ok(Err(none()))
    }

    async fn get_many(
        accessor: &Accessor<Reader, Self>,
        cids: Vec<Vec<u8>>,
        max_bytes: u32,
    ) -> Answer<Vec<blocks::Answer>> {
        let source = accessor.with(|mut access| Arc::clone(&access.get().blocks));
        let room = usize::try_from(max_bytes).unwrap_or(usize::MAX);
        let room = room.min(ANSWER_BYTES_MAX);
        let answers = tokio::task::spawn_blocking(move || get_all(&*source, &cids, room));
        Ok(answers.await?)
    }
}

fn get_all(
    source: &dyn Blocks,
    cids: &[Vec<u8>],
    mut room: usize,
) -> Result<Vec<blocks::Answer>, types::StoreError> {
    let mut answers: Vec<blocks::Answer> = Vec::with_capacity(cids.len());
    for cid in cids {
        if room == 0 && !answers.is_empty() {
            answers.push(blocks::Answer::Skipped);
            continue;
        }
        let cid = Cid::from_bytes(cid);
        let cid = cid.map_err(|error| types::StoreError::Invalid(error.to_string()))?;
        answers.push(match source.block(&cid) {
            Ok(bytes) => {
                room = room.saturating_sub(bytes.len());
                blocks::Answer::Found(bytes.to_vec())
            }
            Err(Lost::Missing) => blocks::Answer::NotFound,
            Err(Lost::Damaged) => blocks::Answer::Corrupt,
            Err(Lost::Elsewhere) => return Err(types::StoreError::Unavailable),
            Err(Lost::Exhausted) => return Err(types::StoreError::Busy(0)),
        });
    }
    Ok(answers)
}

impl journal::HostWithStore<Reader> for Names {
    async fn head(_: &Accessor<Reader, Self>, _: String) -> Answer<journal::Standing> {
        Ok(Err(none()))
    }

    async fn heads(
        _: &Accessor<Reader, Self>,
        _: Option<String>,
        _: u32,
    ) -> Answer<Vec<journal::Position>> {
        Ok(Err(none()))
    }

    async fn commit(
        _: &Accessor<Reader, Self>,
        _: String,
        _: Option<Vec<u8>>,
        _: Option<journal::Change>,
        _: Vec<u64>,
        _: Vec<u64>,
        _: Vec<u64>,
        _: Vec<journal::RowChange>,
    ) -> Answer<journal::Committed> {
        Ok(Err(none()))
    }

    async fn discard(_: &Accessor<Reader, Self>, _: Vec<u64>) -> Answer<()> {
        Ok(Err(none()))
    }

    async fn pin(_: &Accessor<Reader, Self>, _: String) -> Answer<(u64, journal::Position)> {
        Ok(Err(none()))
    }
}

impl rows::HostWithStore<Reader> for Names {
    async fn get(_: &Accessor<Reader, Self>, _: String, _: Vec<u8>) -> Answer<Option<Vec<u8>>> {
        Ok(Err(none()))
    }

    async fn scan(
        _: &Accessor<Reader, Self>,
        _: String,
        _: Vec<u8>,
        _: Option<Vec<u8>>,
        _: u32,
    ) -> Answer<Vec<rows::Row>> {
        Ok(Err(none()))
    }
}
