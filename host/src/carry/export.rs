//! A bucket as a CARv1: the tree first, then the bodies, the same bytes each time.
//!
//! ```text
//! header   roots: the tree's, then the state's where the bucket has one
//! blocks   nodes, manifests and inner nodes of bodies, in the order of keys; the state
//! blocks   leaves, in the order of keys and offsets
//! ```
//!
//! Must never hold more than a few blocks.

use std::io::Write;
use std::sync::Arc;

use billet_block::{CID_BYTES, Cid};
use billet_car::{Header, frame_header};
use futures::executor::block_on_stream;

use super::inspector::{Flow, Inspector, failed, flow};
use super::{Blocks, CarryError, EXHAUSTED, Lost, Progress, blocking};
use crate::bindings::exports::billet::bucket::inspect::Target;

/// Bytes of a closure that are taken at once.
const PAGE_BYTES: usize = 64 << 10;

/// Bytes of an entry before its key: CID, plane, length of the key.
const ENTRY_HEAD_BYTES: usize = CID_BYTES + 3;

/// Writes all that a root and a state reach; the bytes that were written.
///
/// # Errors
/// `Damaged` when a block cannot be had.
pub async fn export<W: Write + Send + 'static>(
    inspector: &Inspector,
    blocks: Arc<dyn Blocks>,
    (root, state): (Cid, Option<Cid>),
    out: W,
    progress: Arc<Progress>,
) -> Result<(u64, W), CarryError> {
    let roots: Vec<Cid> = [root].into_iter().chain(state).collect();
    let header = Header { roots }.encode();
    let header = header.map_err(|error| CarryError::Failed(error.to_string()))?;
    progress.begin(0);
    let mut writer = Writer {
        blocks: Arc::clone(&blocks),
        out,
        written: 0,
        leaves: 0,
        progress,
    };
    writer.write(&header)?;
    for leaves in [false, true] {
        let mut targets = vec![Target::Tree(root.to_bytes().to_vec())];
        targets.extend(state.map(|state| Target::State(state.to_bytes().to_vec())));
        let run = inspector.run(Arc::clone(&blocks), async move |accessor, native| {
            let inspect = native.billet_bucket_inspect();
            let started = inspect.call_closure(accessor, targets, Vec::new()).await?;
            let (stream, end) = started.map_err(|error| failed(&error))?;
            let Flow { batches, ended } = flow(accessor, stream, end, PAGE_BYTES)?;
            let writer = blocking(move || {
                let done = writer.take(block_on_stream(batches), leaves);
                done.map(|()| writer)
            });
            let writer = writer.await??;
            let ended = ended.await;
            ended
                .map_err(|_| CarryError::Failed("a walk broke off".to_owned()))?
                .map_err(|error| failed(&error))?;
            Ok(writer)
        });
        writer = run.await?;
        writer.progress.begin(writer.leaves);
    }
    Ok((writer.written, writer.out))
}

struct Writer<W> {
    blocks: Arc<dyn Blocks>,
    out: W,
    written: u64,
    /// Leaves that a walk has named.
    leaves: u64,
    progress: Arc<Progress>,
}

impl<W: Write> Writer<W> {
    /// Writes the leaves, or all other blocks, that the pages of a closure name.
    fn take(
        &mut self,
        pages: impl Iterator<Item = Vec<u8>>,
        leaves: bool,
    ) -> Result<(), CarryError> {
        let mut rest: Vec<u8> = Vec::new();
        for page in pages {
            rest.extend(page);
            let mut used = 0;
            while let Some((cid, is_leaf, length)) = rest.get(used..).and_then(entry) {
                self.progress.go_on()?;
                used += length;
                self.leaves += u64::from(is_leaf);
                if is_leaf == leaves {
                    self.block(&cid)?;
                }
            }
            rest.drain(..used);
        }
        if rest.is_empty() {
            Ok(())
        } else {
            Err(CarryError::Failed("a walk broke off".to_owned()))
        }
    }

    fn block(&mut self, cid: &Cid) -> Result<(), CarryError> {
        let bytes = self.blocks.block(cid).map_err(|lost| {
            let how = match lost {
                Lost::Missing => "missing",
                Lost::Damaged => "damaged",
                Lost::Elsewhere => return CarryError::Elsewhere,
                Lost::Exhausted => return CarryError::Failed(EXHAUSTED.to_owned()),
            };
            CarryError::Damaged(format!(
                "the block {cid} is {how}; `billet verify` tells more"
            ))
        })?;
        let head = frame_header(cid, bytes.len());
        self.write(&head.map_err(|error| CarryError::Failed(error.to_string()))?)?;
        self.progress.add(1);
        self.write(&bytes)
    }

    fn write(&mut self, bytes: &[u8]) -> Result<(), CarryError> {
        self.out.write_all(bytes)?;
        self.written += bytes.len() as u64;
        Ok(())
    }
}

/// The entry at the start of some bytes, and how many it takes.
fn entry(bytes: &[u8]) -> Option<(Cid, bool, usize)> {
    let head = bytes.get(..ENTRY_HEAD_BYTES)?;
    let (cid, rest) = head.split_at(CID_BYTES);
    let &[plane, low, high] = rest else {
        return None;
    };
    let length = ENTRY_HEAD_BYTES + usize::from(u16::from_le_bytes([low, high]));
    bytes.get(..length)?;
    Some((Cid::from_bytes(cid).ok()?, plane == 0, length))
}
