//! Walking a tree in key order, from anywhere, and skipping ahead.
//!
//! A cursor that answers `Missing` has not moved: fetch, and ask again. It must never return a
//! key twice, nor read nodes that hold only keys it was told to skip.

use billet_block::Cid;

use crate::cache::Nodes;
use crate::error::{Missing, TreeError};
use crate::limits::HINTS_MAX;
use crate::path::{Path, Step};

/// A place between keys.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub enum Position {
    /// Before the first key.
    #[default]
    Start,
    /// Before this key, whether it exists or not.
    At(String),
    /// After this key, whether it exists or not.
    After(String),
    /// After all keys that begin with this text, whether there are any or not. The empty text is
    /// the end.
    PastPrefix(String),
}

impl Position {
    /// Whether `key` lies before it.
    fn is_past(&self, key: &str) -> bool {
        match self {
            Self::Start => false,
            Self::At(at) => key < at.as_str(),
            Self::After(after) => key <= after.as_str(),
            Self::PastPrefix(prefix) => key < prefix.as_str() || key.starts_with(prefix.as_str()),
        }
    }

    /// Whether all that lies before `other` lies before it, too.
    fn covers(&self, other: &Self) -> bool {
        match (self, other) {
            (_, Self::Start) => true,
            (Self::Start, _) => false,
            (Self::At(own) | Self::After(own), Self::At(key)) => own >= key,
            (_, Self::After(key)) => self.is_past(key),
            (Self::PastPrefix(own), Self::At(key)) => own >= key || self.is_past(key),
            (Self::PastPrefix(own), Self::PastPrefix(prefix)) => {
                prefix.starts_with(own.as_str())
                    || (own > prefix && !own.starts_with(prefix.as_str()))
            }
            (Self::At(own) | Self::After(own), Self::PastPrefix(prefix)) => {
                own > prefix && !own.starts_with(prefix.as_str())
            }
        }
    }
}

/// An ordered walk.
pub struct Cursor {
    root: Cid,
    /// `None` before the root was read.
    path: Option<Path>,
    position: Position,
    prefix: String,
}

impl Cursor {
    /// A walk over all keys from `from` on.
    pub const fn new(root: Cid, from: Position) -> Self {
        Self {
            root,
            path: None,
            position: from,
            prefix: String::new(),
        }
    }

    /// A walk over the keys from `from` on that begin with `prefix`.
    pub fn within(root: Cid, prefix: &str, from: Position) -> Self {
        let mut cursor = Self::new(root, from);
        prefix.clone_into(&mut cursor.prefix);
        cursor.seek(Position::At(prefix.to_owned()));
        cursor
    }

    /// Goes forward to `to`, reading nothing. A place behind the cursor leaves it where it is.
    pub fn seek(&mut self, to: Position) {
        if self.position.covers(&to) {
            return;
        }
        if let Some(path) = &mut self.path {
            path.skip_while(|key| to.is_past(key));
        }
        self.position = to;
    }

    /// The next key and its value, or `None` at the end.
    ///
    /// # Errors
    /// `Missing`, with hints for reading on: give some or all of them to the cache, too, unless
    /// most of what follows is to be skipped. `Damaged`.
    pub fn next(&mut self, nodes: &impl Nodes) -> Result<Option<(String, Cid)>, TreeError> {
        let path = match &mut self.path {
            Some(path) => path,
            None => {
                let mut path = Path::at_root(nodes, &self.root)?;
                path.skip_while(|key| self.position.is_past(key));
                self.path.insert(path)
            }
        };
        loop {
            match path.step() {
                Step::End => return Ok(None),
                Step::Entry(index) => {
                    let Some(entry) = path.entry(index) else {
                        return Ok(None);
                    };
                    if !entry.key.starts_with(self.prefix.as_str()) {
                        path.frames.clear();
                        return Ok(None);
                    }
                    let found = (entry.key.to_owned(), entry.value);
                    path.advance();
                    return Ok(Some(found));
                }
                Step::Child(child) => {
                    let entered = path.enter(nodes, &child);
                    entered.map_err(|error| with_hints(error, path, nodes, &self.prefix))?;
                    path.skip_while(|key| self.position.is_past(key));
                }
            }
        }
    }
}

/// Adds what comes next to the node that is missing.
pub(crate) fn with_hints(
    error: TreeError,
    path: &Path,
    nodes: &impl Nodes,
    prefix: &str,
) -> TreeError {
    let TreeError::Missing(Missing { need, .. }) = error else {
        return error;
    };
    let past = |key: &str| key > prefix && !key.starts_with(prefix);
    let mut hints = path.ahead(nodes, &past);
    hints.retain(|cid| !need.contains(cid));
    hints.truncate(HINTS_MAX);
    TreeError::Missing(Missing { need, hints })
}
