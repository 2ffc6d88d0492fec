//! A node and its one encoding.
//!
//! `{e: [{k, p, t, v}…], l}` in DAG-CBOR: `k` is what a key adds to the `p` bytes it shares with
//! the key before it, `v` its value, `t` the subtree to its right, `l` the subtree to the left of
//! all. [`Node::decode`] must never accept bytes that [`Node::encode`] would not have written, nor
//! a node that no set of keys makes; it must never panic, whatever it is given.

use billet_block::{Cid, Codec};

use crate::codec::{Reader, put_cid, put_head, put_link};
use crate::level::{KeyError, check_key, common_prefix_bytes, key_level};
use crate::limits::NODE_BYTES_MAX;

/// Why some bytes are not a node, or a node is not the one that belongs in its place.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum NodeError {
    /// More bytes than [`NODE_BYTES_MAX`].
    #[error("{0} bytes are too many for a node")]
    TooLong(usize),
    /// Not the canonical DAG-CBOR of a node's shape.
    #[error("not the encoding of a node, at byte {0}")]
    Malformed(usize),
    /// A link that is not CIDv1 with SHA-256, or a subtree that is not DAG-CBOR.
    #[error("a link of the wrong kind, at byte {0}")]
    Link(usize),
    /// A shared prefix that is not exactly what the two keys share.
    #[error("entry {0} does not share the longest prefix")]
    Prefix(usize),
    /// A key that does not come after the one before it.
    #[error("entry {0} is out of order")]
    Order(usize),
    /// A key that is not UTF-8.
    #[error("entry {0} is not UTF-8")]
    Utf8(usize),
    /// A key that cannot be stored.
    #[error("entry {0}: {1}")]
    Key(usize, KeyError),
    /// Keys of two levels in one node, or a level that is not the parent's less one.
    #[error("a key of level {found} in a node of level {wanted}")]
    Level {
        /// The level of the key.
        found: u8,
        /// The level the node must have.
        wanted: u8,
    },
    /// A subtree below the lowest level.
    #[error("a subtree below level 0")]
    TooDeep,
    /// Keys outside the gap of the parent.
    #[error("keys outside the bounds its parent gives")]
    Bounds,
    /// A root without keys above another node.
    #[error("a root that should have been trimmed")]
    Untrimmed,
    /// A node without anything in it that is not the root.
    #[error("an empty node below the root")]
    Hollow,
}

/// One key of a node.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Entry<'a> {
    /// The whole key.
    pub key: &'a str,
    /// What the key names.
    pub value: Cid,
    /// The subtree between this key and the next.
    pub right: Option<Cid>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
struct Slot {
    /// Where the key ends in `Node::keys`; it begins where the one before it ends.
    end: usize,
    value: Cid,
    right: Option<Cid>,
}

/// A decoded node. What can be checked without its parent has been checked.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Node {
    keys: String,
    slots: Vec<Slot>,
    left: Option<Cid>,
    level: Option<u8>,
}

impl Node {
    /// Reads a node. Does not check that the bytes belong to any CID.
    ///
    /// # Errors
    /// As the variants of [`NodeError`] say.
    pub fn decode(bytes: &[u8]) -> Result<Self, NodeError> {
        if bytes.len() > NODE_BYTES_MAX {
            return Err(NodeError::TooLong(bytes.len()));
        }
        let mut reader = Reader::new(bytes);
        reader.literal(&[0xa2, 0x61, b'e'])?;
        let count = reader.head(4)?;
        let (keys, slots) = read_entries(&mut reader, count)?;
        reader.literal(&[0x61, b'l'])?;
        let left = reader.subtree()?;
        reader.end()?;
        let mut node = Self {
            keys: keys_text(keys, &slots)?,
            slots,
            left,
            level: None,
        };
        node.check_keys()?;
        Ok(node)
    }

    /// Checks each key by itself and sets the level they all must have.
    fn check_keys(&mut self) -> Result<(), NodeError> {
        let mut level = None;
        for (index, entry) in self.entries().enumerate() {
            check_key(entry.key).map_err(|error| NodeError::Key(index, error))?;
            let found = key_level(entry.key);
            let wanted = *level.get_or_insert(found);
            if found != wanted {
                return Err(NodeError::Level { found, wanted });
            }
        }
        if level == Some(0) && self.children().next().is_some() {
            return Err(NodeError::TooDeep);
        }
        self.level = level;
        Ok(())
    }

    /// A node that holds nothing but, perhaps, a subtree. Entries follow by [`Node::push`].
    pub(crate) fn with_left(left: Option<Cid>) -> Self {
        Self {
            left,
            ..Self::default()
        }
    }

    /// Adds an entry of the given level; false if its key does not come after the last one.
    #[must_use]
    pub(crate) fn push(&mut self, level: u8, entry: Entry<'_>) -> bool {
        let last = self.slots.len().checked_sub(1);
        if last
            .and_then(|index| self.key(index))
            .is_some_and(|last| last >= entry.key)
        {
            return false;
        }
        self.keys.push_str(entry.key);
        self.slots.push(Slot {
            end: self.keys.len(),
            value: entry.value,
            right: entry.right,
        });
        self.level = Some(level);
        true
    }

    /// Links a subtree to the right of the last entry, or to the left of all when there is none.
    pub(crate) fn set_last_child(&mut self, child: Cid) {
        match self.slots.last_mut() {
            Some(slot) => slot.right = Some(child),
            None => self.left = Some(child),
        }
    }

    /// The one encoding.
    pub fn encode(&self) -> Vec<u8> {
        let mut out = Vec::with_capacity(64 + self.keys.len() + 100 * self.slots.len());
        out.extend_from_slice(&[0xa2, 0x61, b'e']);
        put_head(&mut out, 4, self.slots.len());
        let mut previous = "";
        for entry in self.entries() {
            put_entry(&mut out, previous, &entry);
            previous = entry.key;
        }
        out.extend_from_slice(&[0x61, b'l']);
        put_link(&mut out, self.left.as_ref());
        out
    }

    /// Bytes that the entry of `key` has in the encoding; without such an entry, those of the link
    /// to a subtree.
    pub(crate) fn encoded_bytes_of(&self, key: &str) -> usize {
        let mut out = Vec::new();
        match self.find(key).map(|index| (index, self.entry(index))) {
            Ok((index, Some(entry))) => {
                let previous = index.checked_sub(1).and_then(|before| self.key(before));
                put_entry(&mut out, previous.unwrap_or_default(), &entry);
            }
            _ => put_cid(&mut out, &Cid::new(Codec::DagCbor, [0; 32])),
        }
        out.len()
    }

    /// The level of its keys; `None` in a node without keys, whose parent knows it.
    pub const fn level(&self) -> Option<u8> {
        self.level
    }

    /// The subtree to the left of all entries.
    pub const fn left(&self) -> Option<&Cid> {
        self.left.as_ref()
    }

    /// How many entries it has.
    pub const fn len(&self) -> usize {
        self.slots.len()
    }

    /// Whether it has no entries. It may still have a subtree.
    pub const fn is_empty(&self) -> bool {
        self.slots.is_empty()
    }

    /// Whether it is the root of a tree without keys.
    pub(crate) const fn is_hollow(&self) -> bool {
        self.slots.is_empty() && self.left.is_none()
    }

    /// The key of an entry.
    pub fn key(&self, index: usize) -> Option<&str> {
        let end = self.slots.get(index)?.end;
        let start = match index.checked_sub(1) {
            Some(before) => self.slots.get(before)?.end,
            None => 0,
        };
        self.keys.get(start..end)
    }

    /// An entry.
    pub fn entry(&self, index: usize) -> Option<Entry<'_>> {
        let slot = self.slots.get(index)?;
        Some(Entry {
            key: self.key(index)?,
            value: slot.value,
            right: slot.right,
        })
    }

    /// All entries, in order.
    pub fn entries(&self) -> impl Iterator<Item = Entry<'_>> {
        (0..self.slots.len()).filter_map(|index| self.entry(index))
    }

    /// The subtree of a gap: gap 0 is left of all entries, gap `n` right of entry `n - 1`.
    pub(crate) fn child(&self, gap: usize) -> Option<&Cid> {
        match gap.checked_sub(1) {
            None => self.left.as_ref(),
            Some(index) => self.slots.get(index)?.right.as_ref(),
        }
    }

    /// All subtrees, in order.
    pub fn children(&self) -> impl Iterator<Item = &Cid> {
        (0..=self.slots.len()).filter_map(|gap| self.child(gap))
    }

    /// How many keys, from the first on, satisfy `holds`, which is true up to some key only.
    pub(crate) fn count_while(&self, holds: impl Fn(&str) -> bool) -> usize {
        let (mut low, mut high) = (0, self.slots.len());
        while low < high {
            let middle = low.midpoint(high);
            if self.key(middle).is_some_and(&holds) {
                low = middle + 1;
            } else {
                high = middle;
            }
        }
        low
    }

    /// The index of `key`, or of the gap it would be in.
    pub(crate) fn find(&self, key: &str) -> Result<usize, usize> {
        let index = self.count_while(|other| other < key);
        if self.key(index) == Some(key) {
            Ok(index)
        } else {
            Err(index)
        }
    }

    /// At least as many bytes its encoding has, so that a node cannot grow without bound before it
    /// is encoded.
    pub(crate) const fn encoded_bytes_min(&self) -> usize {
        /// An entry whose key adds nothing and has no subtree.
        const ENTRY_BYTES_MIN: usize = 50;
        ENTRY_BYTES_MIN * self.slots.len()
    }

    /// Bytes of memory it takes, roughly.
    pub fn memory_bytes(&self) -> usize {
        size_of::<Self>() + self.keys.capacity() + self.slots.capacity() * size_of::<Slot>()
    }
}

/// Writes an entry that follows the key `previous`.
fn put_entry(out: &mut Vec<u8>, previous: &str, entry: &Entry<'_>) {
    let key = entry.key.as_bytes();
    let shared = common_prefix_bytes(previous.as_bytes(), key);
    let suffix = key.get(shared..).unwrap_or_default();
    out.extend_from_slice(&[0xa4, 0x61, b'k']);
    put_head(out, 2, suffix.len());
    out.extend_from_slice(suffix);
    out.extend_from_slice(&[0x61, b'p']);
    put_head(out, 0, shared);
    out.extend_from_slice(&[0x61, b't']);
    put_link(out, entry.right.as_ref());
    out.extend_from_slice(&[0x61, b'v']);
    put_cid(out, &entry.value);
}

/// Reads the entries into one run of whole keys and a slot for each.
fn read_entries(reader: &mut Reader<'_>, count: usize) -> Result<(Vec<u8>, Vec<Slot>), NodeError> {
    let (mut keys, mut slots) = (Vec::new(), Vec::new());
    let mut last = 0..0;
    for index in 0..count {
        reader.literal(&[0xa4, 0x61, b'k'])?;
        let length = reader.head(2)?;
        let suffix = reader.take(length)?;
        reader.literal(&[0x61, b'p'])?;
        let shared = reader.head(0)?;
        reader.literal(&[0x61, b't'])?;
        let right = reader.subtree()?;
        reader.literal(&[0x61, b'v'])?;
        let value = reader.cid()?;
        let previous = keys.get(last.clone()).unwrap_or_default();
        check_step(previous, shared, suffix, index)?;
        let start = keys.len();
        keys.extend_from_within(last.start..last.start + shared);
        keys.extend_from_slice(suffix);
        last = start..keys.len();
        slots.push(Slot {
            end: last.end,
            value,
            right,
        });
    }
    Ok((keys, slots))
}

/// Checks that a key made of `shared` bytes of `previous` and `suffix` comes after `previous`,
/// is no longer than a key may be, and that they share no byte more.
fn check_step(
    previous: &[u8],
    shared: usize,
    suffix: &[u8],
    index: usize,
) -> Result<(), NodeError> {
    if shared > previous.len() {
        return Err(NodeError::Prefix(index));
    }
    let bytes = shared + suffix.len();
    if bytes > crate::limits::KEY_BYTES_MAX {
        return Err(NodeError::Key(index, KeyError::TooLong(bytes)));
    }
    match (previous.get(shared), suffix.first()) {
        (Some(old), Some(new)) if old == new => Err(NodeError::Prefix(index)),
        (Some(old), Some(new)) if old < new => Ok(()),
        (None, Some(_)) => Ok(()),
        (None, None) if index == 0 => Err(NodeError::Key(index, KeyError::Empty)),
        _ => Err(NodeError::Order(index)),
    }
}

/// The run of keys as text, if each key by itself is.
fn keys_text(keys: Vec<u8>, slots: &[Slot]) -> Result<String, NodeError> {
    let index_of = |offset: usize| slots.partition_point(|slot| slot.end <= offset);
    let keys = String::from_utf8(keys)
        .map_err(|error| NodeError::Utf8(index_of(error.utf8_error().valid_up_to())))?;
    let broken = slots
        .iter()
        .position(|slot| !keys.is_char_boundary(slot.end));
    match broken {
        Some(index) => Err(NodeError::Utf8(index)),
        None => Ok(keys),
    }
}

/// Whether a link may be that of a node.
pub(crate) const fn is_node_link(cid: &Cid) -> bool {
    matches!(cid.codec(), Codec::DagCbor)
}
