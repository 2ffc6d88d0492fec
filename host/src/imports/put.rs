//! A body on its way in: from the stream into leaves, from leaves into digests and the store.
//!
//! The stream's consumer fills one buffer while the one before is hashed and appended on other
//! threads. Must never claim a body that is shorter or longer than declared.

use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use billet_block::{Cid, Codec};
use billet_digest::Hasher;
use billet_storage::BodyWriter;
use futures::StreamExt;
use futures::channel::mpsc;
use tokio::sync::oneshot;
use wasmtime::StoreContextMut;
use wasmtime::component::{Accessor, Source, StreamConsumer, StreamReader, StreamResult};

use super::{invalid, task_ended, unknown_algorithm};
use crate::bindings::billet::store::bodies::{Body, Leaf};
use crate::bindings::billet::store::types::{Digest, StoreError};
use crate::buffers::{BUFFER_BYTES, Buffer, Buffers, NoBuffer, SMALL_BYTES_MAX};
use crate::effects::Effects;
use crate::guest::{Guest, Host};
use crate::peers::Peer;

/// Leaves up to this size are hashed where they come in: the way to another thread and back costs
/// more.
const SHORT_BYTES_MAX: usize = 16 << 10;

/// Digests that one call may ask for.
const DIGESTS_MAX: usize = 8;

/// Stores a body.
pub(super) async fn put(
    accessor: &Accessor<Guest, Host>,
    space: String,
    mut content: StreamReader<u8>,
    size: u64,
    algorithms: Vec<String>,
) -> wasmtime::Result<Result<Body, StoreError>> {
    let hashers = match open_hashers(&algorithms) {
        Ok(hashers) => hashers,
        Err(error) => {
            content.close_with(accessor)?;
            return Ok(Err(error));
        }
    };
    let (leaves, filled) = mpsc::channel(0);
    let (end, ended) = oneshot::channel();
    let effects = accessor.with(|mut access| {
        let guest = access.get();
        let (peer, effects) = (guest.peer(), Arc::clone(&guest.effects));
        let consumer = Cutter {
            buffers: Arc::clone(&effects.buffers),
            peer,
            left: size,
            filling: None,
            taking: None,
            leaves,
            end: Some(end),
            ending: Ending::Short,
        };
        content.pipe(access, consumer)?;
        Ok::<_, wasmtime::Error>(effects)
    })?;
    let body = Intake {
        effects,
        hashers,
        leaves: Vec::new(),
    };
    Ok(body.take_in(space, size, &algorithms, filled, ended).await)
}

fn open_hashers(algorithms: &[String]) -> Result<Vec<Hasher>, StoreError> {
    if algorithms.len() > DIGESTS_MAX {
        return Err(invalid("too many digests"));
    }
    let open = |name: &String| Hasher::open(name).ok_or_else(|| unknown_algorithm(name));
    algorithms.iter().map(open).collect()
}

/// How a stream ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Ending {
    /// All bytes came.
    Whole,
    /// Fewer bytes came than declared.
    Short,
    /// More bytes came than declared.
    Long,
    /// No buffer was free for a leaf.
    NoBuffer,
}

type Taking = Pin<Box<dyn Future<Output = Result<Buffer, NoBuffer>> + Send>>;

/// Cuts a stream into leaves.
struct Cutter {
    buffers: Arc<Buffers>,
    peer: Option<Arc<Peer>>,
    /// Bytes that are still to come.
    left: u64,
    filling: Option<Buffer>,
    taking: Option<Taking>,
    leaves: mpsc::Sender<Buffer>,
    end: Option<oneshot::Sender<Ending>>,
    ending: Ending,
}

impl Cutter {
    /// The size of the leaf that comes next.
    fn leaf_bytes(&self) -> usize {
        usize::try_from(self.left)
            .unwrap_or(usize::MAX)
            .min(BUFFER_BYTES)
    }

    /// Makes sure that there is a buffer with room.
    fn poll_room(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Ending>> {
        if self.filling.is_some() {
            return Poll::Ready(Ok(()));
        }
        // The one before must be on its way first: one is filled, one waits, one is worked on.
        if ready!(self.leaves.poll_ready(cx)).is_err() {
            return Poll::Ready(Err(Ending::Short));
        }
        let bytes = self.leaf_bytes();
        let taking = self.taking.get_or_insert_with(|| {
            Box::pin(Arc::clone(&self.buffers).take(bytes, self.peer.clone()))
        });
        let taken = ready!(taking.as_mut().poll(cx));
        self.taking = None;
        match taken {
            Ok(mut buffer) => {
                buffer.bytes_mut().clear();
                self.filling = Some(buffer);
                Poll::Ready(Ok(()))
            }
            Err(NoBuffer) => Poll::Ready(Err(Ending::NoBuffer)),
        }
    }

    /// Takes bytes into the leaf; how many, or how the stream ends here.
    fn fill(&mut self, bytes: &[u8]) -> Result<usize, Ending> {
        let Some(buffer) = &mut self.filling else {
            return Ok(0);
        };
        let leaf = buffer.bytes_mut();
        let whole = usize::try_from(self.left)
            .unwrap_or(usize::MAX)
            .min(BUFFER_BYTES.saturating_sub(leaf.len()));
        let count = bytes.len().min(whole);
        leaf.extend_from_slice(bytes.get(..count).unwrap_or_default());
        self.left = self
            .left
            .saturating_sub(u64::try_from(count).unwrap_or(u64::MAX));
        let full = leaf.len() == BUFFER_BYTES || self.left == 0;
        if full && let Some(buffer) = self.filling.take() {
            self.leaves.try_send(buffer).map_err(|_| Ending::Short)?;
        }
        Ok(count)
    }
}

impl StreamConsumer<Guest> for Cutter {
    type Item = u8;

    fn poll_consume(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        store: StoreContextMut<'_, Guest>,
        source: Source<'_, u8>,
        finish: bool,
    ) -> Poll<wasmtime::Result<StreamResult>> {
        let mut source = source.as_direct(store);
        if self.left == 0 {
            // Whatever comes now is too much; none may come, too.
            if source.remaining().is_empty() {
                return Poll::Ready(Ok(StreamResult::Completed));
            }
            self.ending = Ending::Long;
            return Poll::Ready(Ok(StreamResult::Dropped));
        }
        match self.poll_room(cx) {
            Poll::Ready(Ok(())) => {}
            Poll::Ready(Err(ending)) => {
                self.ending = ending;
                return Poll::Ready(Ok(StreamResult::Dropped));
            }
            Poll::Pending if finish => return Poll::Ready(Ok(StreamResult::Cancelled)),
            Poll::Pending => return Poll::Pending,
        }
        match self.fill(source.remaining()) {
            Ok(count) => {
                source.mark_read(count);
                Poll::Ready(Ok(StreamResult::Completed))
            }
            Err(ending) => {
                self.ending = ending;
                Poll::Ready(Ok(StreamResult::Dropped))
            }
        }
    }
}

impl Drop for Cutter {
    fn drop(&mut self) {
        let whole = self.left == 0 && self.ending == Ending::Short;
        if let Some(end) = self.end.take() {
            // Nobody waits any more where the instance has ended.
            let _ = end.send(if whole { Ending::Whole } else { self.ending });
        }
    }
}

/// What becomes of the leaves.
struct Intake {
    effects: Arc<Effects>,
    hashers: Vec<Hasher>,
    leaves: Vec<Leaf>,
}

impl Intake {
    async fn take_in(
        mut self,
        space: String,
        size: u64,
        algorithms: &[String],
        mut filled: mpsc::Receiver<Buffer>,
        ended: oneshot::Receiver<Ending>,
    ) -> Result<Body, StoreError> {
        let storage = Arc::clone(&self.effects.storage);
        let begun = storage.store().begin_body(&space);
        let mut writer = begun.map_err(|error| storage.tell(error))?;
        while let Some(leaf) = filled.next().await {
            writer = self.add(writer, leaf).await?;
        }
        match ended.await.unwrap_or(Ending::Short) {
            Ending::Whole => {}
            Ending::Short => return Err(invalid("fewer bytes than declared")),
            Ending::Long => return Err(invalid("more bytes than declared")),
            Ending::NoBuffer => return Err(NoBuffer.into()),
        }
        let digests = algorithms
            .iter()
            .zip(self.hashers.drain(..))
            .map(|(name, mut state)| Digest {
                algorithm: name.clone(),
                value: state.finish(),
            });
        let digests = digests.collect();
        let claim = writer.finish().map_err(|error| storage.tell(error))?;
        let leaves = std::mem::take(&mut self.leaves);
        Ok(Body {
            claim,
            size,
            leaves,
            digests,
        })
    }

    /// Hashes a leaf and appends it: a short one here and now, where the store takes it so.
    async fn add(
        &mut self,
        mut writer: BodyWriter,
        leaf: Buffer,
    ) -> Result<BodyWriter, StoreError> {
        let bytes = leaf.as_ref();
        if bytes.len() > SHORT_BYTES_MAX {
            return self.add_on_threads(writer, leaf).await;
        }
        let cid = Cid::of(Codec::Raw, bytes);
        let storage = &self.effects.storage;
        let appended = writer.append_now(cid, bytes);
        if !appended.map_err(|error| storage.tell(error))? {
            return self.add_on_threads(writer, leaf).await;
        }
        for hasher in &mut self.hashers {
            hasher.update(bytes);
        }
        self.list(cid, bytes.len())?;
        Ok(writer)
    }

    /// The same elsewhere; digests of the whole go on beside it, each on a thread of its own, as
    /// MD5 alone takes longer than all else. For a small leaf one thread does it all.
    async fn add_on_threads(
        &mut self,
        mut writer: BodyWriter,
        leaf: Buffer,
    ) -> Result<BodyWriter, StoreError> {
        let leaf = Arc::new(leaf);
        let length = (*leaf).as_ref().len();
        let small = length <= SMALL_BYTES_MAX;
        let mut beside = Vec::new();
        let mut along = Vec::new();
        for mut hasher in self.hashers.drain(..) {
            if small {
                along.push(hasher);
                continue;
            }
            let bytes = Arc::clone(&leaf);
            beside.push(tokio::task::spawn_blocking(move || {
                hasher.update((*bytes).as_ref());
                hasher
            }));
        }
        let append = self.effects.storage.run(move |_| {
            let bytes = (*leaf).as_ref();
            along.iter_mut().for_each(|hasher| hasher.update(bytes));
            let cid = Cid::of(Codec::Raw, bytes);
            writer.append(cid, bytes)?;
            Ok((writer, cid, along))
        });
        let (writer, cid, along) = append.await?;
        self.hashers = along;
        for hasher in beside {
            self.hashers
                .push(hasher.await.map_err(|error| task_ended(&error))?);
        }
        self.list(cid, length)?;
        Ok(writer)
    }

    fn list(&mut self, cid: Cid, length: usize) -> Result<(), StoreError> {
        let length = u32::try_from(length).map_err(|_| invalid("leaf too long"))?;
        self.leaves.push(Leaf {
            cid: cid.to_bytes().to_vec(),
            length,
        });
        Ok(())
    }
}
