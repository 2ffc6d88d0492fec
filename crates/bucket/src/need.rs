//! What must be fetched before a call can be answered.
//!
//! Must never name what was already supplied.

use std::collections::{BTreeMap, BTreeSet};

use billet_block::Cid;
use billet_tree::{KeyError, Missing, TreeError};

use crate::refusal::{Refusal, StoreError};

/// How a block will be read.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Kind {
    /// A node of a tree.
    Node,
    /// An object's manifest.
    Object,
    /// A bucket's state.
    State,
    /// The attributes of an upload.
    Attributes,
    /// An inner node of a body.
    File,
}

/// Rows in order of key.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Scan {
    /// What the keys begin with.
    pub prefix: Vec<u8>,
    /// They are greater than this.
    pub after: Option<Vec<u8>>,
    /// Most rows; may be more than a store answers at once.
    pub limit: u32,
}

/// A row: its key and its value.
pub type Row = (Vec<u8>, Vec<u8>);

/// What to fetch and to supply before calling again. All of it is needed, but for the hints.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Need {
    /// Blocks, by how they will be read.
    pub blocks: BTreeMap<Cid, Kind>,
    /// Nodes of a tree that will probably be needed soon; nearest first.
    pub hints: Vec<Cid>,
    /// Rows by key.
    pub rows: BTreeSet<Vec<u8>>,
    /// Rows by prefix.
    pub scans: BTreeSet<Scan>,
    /// Logs to pin.
    pub pins: BTreeSet<String>,
}

impl Need {
    /// Whether nothing is needed.
    pub fn is_empty(&self) -> bool {
        self.blocks.is_empty()
            && self.rows.is_empty()
            && self.scans.is_empty()
            && self.pins.is_empty()
    }

    pub(crate) fn add_nodes(&mut self, missing: Missing) {
        let nodes = missing.need.into_iter().map(|cid| (cid, Kind::Node));
        self.blocks.extend(nodes);
        self.hints.extend(missing.hints);
    }
}

/// Why a call gave no answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Blocked {
    /// Fetch and supply all this, then call again.
    Need(Need),
    /// There will be none.
    Failed(Refusal),
}

impl Blocked {
    /// Of an error of the tree.
    pub fn of_tree(error: TreeError) -> Self {
        match error {
            TreeError::Missing(missing) => {
                let mut need = Need::default();
                need.add_nodes(missing);
                Self::Need(need)
            }
            TreeError::Damaged { cid, .. } => Self::Failed(StoreError::Corrupt(cid).into()),
            TreeError::Key {
                error: KeyError::TooLong(_),
                ..
            } => Self::Failed(Refusal::KeyTooLong),
            error => Self::Failed(Refusal::Invalid(error.to_string())),
        }
    }
}

impl From<Refusal> for Blocked {
    fn from(refusal: Refusal) -> Self {
        Self::Failed(refusal)
    }
}

impl From<StoreError> for Blocked {
    fn from(error: StoreError) -> Self {
        Self::Failed(error.into())
    }
}

/// Why one op of a list has no answer yet.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Stop {
    /// It is refused.
    Refused(Refusal),
    /// What it needs was noted.
    Pending,
}

impl From<Refusal> for Stop {
    fn from(refusal: Refusal) -> Self {
        Self::Refused(refusal)
    }
}

impl From<StoreError> for Stop {
    fn from(error: StoreError) -> Self {
        Self::Refused(error.into())
    }
}
