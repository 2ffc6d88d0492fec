//! Listing a bucket's objects: one ascending row of keys and rolled-up prefixes.
//!
//! Must never read what lies under a prefix that was rolled up.

use billet_block::Cid;
use billet_tree::{Cursor, Nodes, Position};

use crate::need::Blocked;

/// What to list.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Query {
    /// What the keys begin with.
    pub prefix: String,
    /// Keys with this text after the prefix are rolled up into one prefix; none where empty.
    pub delimiter: String,
    /// Only keys after this one. A rolled-up prefix equal to it is passed over as a whole.
    pub after: Option<String>,
    /// Most lines; 0 answers nothing.
    pub limit: usize,
}

impl Query {
    /// The prefix into which a key is rolled up, if it is.
    pub(crate) fn rolled<'k>(&self, key: &'k str) -> Option<&'k str> {
        if self.delimiter.is_empty() {
            return None;
        }
        let rest = key.strip_prefix(self.prefix.as_str())?;
        let end = rest.find(self.delimiter.as_str())? + self.delimiter.len();
        key.get(..self.prefix.len() + end)
    }

    /// Where the listing begins, when that is behind a rolled-up prefix.
    pub(crate) fn past(&self) -> Option<&str> {
        let after = self.after.as_deref()?;
        self.rolled(after).filter(|rolled| *rolled == after)
    }
}

/// One line of a listing.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Line {
    /// A key and its manifest.
    Object(String, Cid),
    /// All keys that begin so.
    Prefix(String),
}

/// A page of a listing under way.
pub struct ObjectListing {
    query: Query,
    cursor: Cursor,
    lines: Vec<Line>,
    is_truncated: bool,
}

impl ObjectListing {
    /// A page of the tree's keys.
    pub fn new(root: Cid, query: Query) -> Self {
        let from = match (query.past(), &query.after) {
            (Some(prefix), _) => Position::PastPrefix(prefix.to_owned()),
            (None, Some(after)) => Position::After(after.clone()),
            (None, None) => Position::Start,
        };
        Self {
            cursor: Cursor::within(root, &query.prefix, from),
            query,
            lines: Vec::new(),
            is_truncated: false,
        }
    }

    /// Goes on until the page is done.
    ///
    /// # Errors
    /// `Need`: supply it and call again. `Failed` when a node is damaged.
    pub fn run(&mut self, nodes: &impl Nodes) -> Result<(), Blocked> {
        while self.query.limit > 0 && !self.is_truncated {
            let Some((key, cid)) = self
                .cursor
                .next(nodes)
                .map_err(|error| self.blocked(error))?
            else {
                break;
            };
            if self.lines.len() == self.query.limit {
                self.is_truncated = true;
            } else if let Some(prefix) = self.query.rolled(&key) {
                let prefix = prefix.to_owned();
                self.cursor.seek(Position::PastPrefix(prefix.clone()));
                self.lines.push(Line::Prefix(prefix));
            } else {
                self.lines.push(Line::Object(key, cid));
            }
        }
        Ok(())
    }

    /// The lines, and whether more follow.
    pub fn finish(self) -> (Vec<Line>, bool) {
        (self.lines, self.is_truncated)
    }

    /// With a delimiter most of what follows a node is probably skipped.
    fn blocked(&self, error: billet_tree::TreeError) -> Blocked {
        let mut blocked = Blocked::of_tree(error);
        if let (Blocked::Need(need), false) = (&mut blocked, self.query.delimiter.is_empty()) {
            need.hints.clear();
        }
        blocked
    }
}
