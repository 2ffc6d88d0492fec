//! A segment in memory: what a reader needs to find its blocks.
//!
//! Must never name a block before all of its bytes are in the file or wait in its tail.

use std::collections::HashMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, PoisonError, RwLock};

use billet_block::Cid;
use billet_segment::{Frame, SegmentId, Source};

use crate::File;
use crate::table::Filter;
use crate::tail::Tail;

/// A file to be scanned.
pub(crate) struct Bytes<'a>(pub(crate) &'a dyn File);

impl Source for Bytes<'_> {
    type Error = std::io::Error;

    fn read(&self, out: &mut [u8], offset: u64) -> std::io::Result<usize> {
        self.0.read_at(out, offset)
    }
}

/// The blocks of a segment that is still written.
#[derive(Default)]
pub(crate) struct OpenIndex {
    frames: Vec<Frame>,
    /// The newest frame of each block, and the space it was written for.
    places: HashMap<Cid, (usize, Arc<str>)>,
}

impl OpenIndex {
    pub(crate) fn add(&mut self, frame: Frame, space: &Arc<str>) {
        self.places
            .insert(frame.cid, (self.frames.len(), Arc::clone(space)));
        self.frames.push(frame);
    }

    pub(crate) fn get(&self, cid: &Cid) -> Option<Frame> {
        let (index, _) = self.places.get(cid)?;
        self.frames.get(*index).copied()
    }

    /// A block that was written for this very space: frames are not shared between spaces.
    pub(crate) fn get_of_space(&self, cid: &Cid, space: &str) -> Option<Frame> {
        let (index, owner) = self.places.get(cid)?;
        if owner.as_ref() == space {
            self.frames.get(*index).copied()
        } else {
            None
        }
    }

    pub(crate) fn frames(&self) -> &[Frame] {
        &self.frames
    }
}

/// Where a segment's blocks are found.
pub(crate) enum Content {
    /// Still written.
    Open { file: Arc<Tail>, index: OpenIndex },
    /// By table; the filter is made with the table, when it is first needed.
    Sealed { filter: Option<Arc<Filter>> },
}

/// A segment that readers may look into.
pub(crate) struct Segment {
    pub(crate) id: SegmentId,
    /// All bytes before this one are durable.
    synced: AtomicU64,
    pub(crate) content: RwLock<Content>,
}

impl Segment {
    pub(crate) fn open(id: SegmentId, file: Arc<Tail>, synced: u64) -> Self {
        let content = Content::Open {
            file,
            index: OpenIndex::default(),
        };
        Self {
            id,
            synced: AtomicU64::new(synced),
            content: RwLock::new(content),
        }
    }

    pub(crate) fn sealed(id: SegmentId) -> Self {
        let content = RwLock::new(Content::Sealed { filter: None });
        Self {
            id,
            synced: AtomicU64::new(u64::MAX),
            content,
        }
    }

    pub(crate) fn synced(&self) -> u64 {
        self.synced.load(Ordering::Acquire)
    }

    pub(crate) fn set_synced(&self, end: u64) {
        self.synced.fetch_max(end, Ordering::AcqRel);
    }

    pub(crate) fn read<T>(&self, look: impl FnOnce(&Content) -> T) -> T {
        look(&self.content.read().unwrap_or_else(PoisonError::into_inner))
    }

    pub(crate) fn change<T>(&self, change: impl FnOnce(&mut Content) -> T) -> T {
        change(&mut self.content.write().unwrap_or_else(PoisonError::into_inner))
    }

    /// Names blocks that are in the file now, or in its tail.
    pub(crate) fn add(&self, frames: &[Frame], space: &Arc<str>) {
        self.change(|content| {
            if let Content::Open { index, .. } = content {
                for frame in frames {
                    index.add(*frame, space);
                }
            }
        });
    }

    /// A block that may be shared with `space`.
    pub(crate) fn shared(&self, cid: &Cid, space: &str) -> Option<Frame> {
        self.read(|content| match content {
            Content::Open { index, .. } => index.get_of_space(cid, space),
            Content::Sealed { .. } => None,
        })
    }
}
