//! Walking a file: which leaves hold a range of its bytes, in order.
//!
//! Must never fetch anything, never recurse, and never lose its place over a block that is not at
//! hand.

use std::vec;

use billet_block::{Cid, Codec};

use crate::{Link, Node, UnixfsError};

/// Most nodes on the way from a root to a leaf. Four are enough for 2^64 bytes in full leaves;
/// what others build may have fewer links a node.
pub const DEPTH_MAX: usize = 16;

/// Most nodes that [`Step::NeedBlock`] names beyond the one it needs.
pub const AHEAD_MAX: usize = 16;

/// What [`Spans::next`] came to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Step {
    /// The next bytes of the range.
    Span {
        /// The leaf that holds them.
        cid: Cid,
        /// Where they begin in the leaf.
        offset: u64,
        /// How many they are, at least 1.
        length: u64,
    },
    /// A node is not at hand. Nothing has changed: fetch it and call again.
    NeedBlock {
        /// The node.
        cid: Cid,
        /// Nodes that will be needed soon after it, in that order.
        ahead: Vec<Cid>,
    },
    /// The range is done.
    End,
}

/// A cursor over the leaves of a file. Holds at most 1,024 links a level.
#[derive(Clone, Debug)]
pub struct Spans {
    /// The links still to be visited of each node on the way down; the root's own link first.
    stack: Vec<vec::IntoIter<Link>>,
    /// Where the first link of the stack's top begins in the file.
    position: u64,
    start: u64,
    end: u64,
}

impl Spans {
    /// Over `length` bytes from `offset` of the file `root` of `size` bytes.
    ///
    /// # Errors
    /// `Invalid` for a range that is not inside the file and a root that cannot be one.
    pub fn new(root: Cid, size: u64, offset: u64, length: u64) -> Result<Self, UnixfsError> {
        let end = offset.checked_add(length).filter(|end| *end <= size);
        let end = end.ok_or(UnixfsError::Invalid("a range beyond the end of the file"))?;
        // What is under the root besides the file's bytes is known when its block is there.
        let tsize = match root.codec() {
            Codec::Raw => size,
            Codec::DagPb | Codec::DagCbor => u64::MAX,
        };
        let link = Link {
            cid: root,
            size,
            tsize,
        };
        if link.check().is_err() && !(size == 0 && root.codec() == Codec::Raw) {
            return Err(UnixfsError::Invalid("not the root of a file of this size"));
        }
        Ok(Self {
            stack: vec![vec![link].into_iter()],
            position: 0,
            start: offset,
            end,
        })
    }

    /// Over a whole file: every span is a whole leaf.
    ///
    /// # Errors
    /// `Invalid` for a root that cannot be one.
    pub fn whole(root: Cid, size: u64) -> Result<Self, UnixfsError> {
        Self::new(root, size, 0, size)
    }

    /// Where in the file the next span begins; a new cursor from here goes on like this one.
    pub fn offset(&self) -> u64 {
        self.position.clamp(self.start, self.end)
    }

    /// The next span, or what is needed to find it. `nodes` gives the bytes of a node whose name
    /// has been checked, or `None` where it is not at hand.
    ///
    /// # Errors
    /// `Mismatch` for a block that is not the node its link says; calling again says the same.
    pub fn next<B: AsRef<[u8]>>(
        &mut self,
        nodes: impl Fn(&Cid) -> Option<B>,
    ) -> Result<Step, UnixfsError> {
        while self.offset() < self.end {
            let Some(top) = self.stack.last_mut() else {
                break;
            };
            let Some(link) = top.as_slice().first().copied() else {
                self.stack.pop();
                continue;
            };
            if link.size <= self.start.saturating_sub(self.position) {
                self.position += link.size;
                top.next();
                continue;
            }
            if link.cid.codec() == Codec::Raw {
                top.next();
                return Ok(self.span(&link));
            }
            let Some(bytes) = nodes(&link.cid) else {
                return Ok(self.need(link.cid));
            };
            let below = self.open(&link, bytes.as_ref())?.into_links();
            if let Some(top) = self.stack.last_mut() {
                top.next();
            }
            self.stack.push(below.into_iter());
        }
        Ok(Step::End)
    }

    /// The part of a leaf that is in the range, with the position moved behind the leaf.
    fn span(&mut self, leaf: &Link) -> Step {
        let offset = self.start.saturating_sub(self.position);
        let length = leaf.size.min(self.end - self.position) - offset;
        self.position += leaf.size;
        Step::Span {
            cid: leaf.cid,
            offset,
            length,
        }
    }

    /// The missing node and its next siblings within the range.
    fn need(&self, cid: Cid) -> Step {
        let mut begins = self.position;
        let links = self.stack.last().map_or(&[][..], vec::IntoIter::as_slice);
        let ahead = links
            .iter()
            .take_while(|link| {
                let inside = begins < self.end;
                begins = begins.saturating_add(link.size);
                inside
            })
            .skip(1)
            .filter(|link| link.cid.codec() == Codec::DagPb)
            .map(|link| link.cid)
            .take(AHEAD_MAX)
            .collect();
        Step::NeedBlock { cid, ahead }
    }

    /// Reads the node behind a link and checks it against the link.
    fn open(&self, link: &Link, bytes: &[u8]) -> Result<Node, UnixfsError> {
        let node = Node::decode(bytes).map_err(|_| UnixfsError::Mismatch(link.cid))?;
        let is_root = self.stack.len() == 1;
        let same = node.size() == link.size && (is_root || node.tsize() == link.tsize);
        if same && self.stack.len() <= DEPTH_MAX {
            Ok(node)
        } else {
            Err(UnixfsError::Mismatch(link.cid))
        }
    }
}
