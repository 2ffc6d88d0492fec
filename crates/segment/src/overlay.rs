//! What is newer than the durable table, over it.
//!
//! Must never show an older value than it holds, nor a row that it knows to be deleted.

use std::collections::BTreeMap;
use std::ops::Bound;

/// A key with its value.
pub type Pair = (Vec<u8>, Vec<u8>);

/// Rows that are set or deleted since the table was last written.
#[derive(Clone, Debug, Default)]
pub struct Overlay {
    rows: BTreeMap<Vec<u8>, Option<Vec<u8>>>,
}

impl Overlay {
    /// Sets a row, or deletes it where `value` is none.
    pub fn put(&mut self, key: Vec<u8>, value: Option<Vec<u8>>) {
        self.rows.insert(key, value);
    }

    /// What is known of a row: `None` to ask the table, else its value or that it is deleted.
    pub fn get(&self, key: &[u8]) -> Option<Option<&[u8]>> {
        self.rows.get(key).map(Option::as_deref)
    }

    /// All that is newer, in order.
    pub fn iter(&self) -> impl Iterator<Item = (&[u8], Option<&[u8]>)> {
        self.rows
            .iter()
            .map(|(key, value)| (key.as_slice(), value.as_deref()))
    }

    /// Forgets everything: the table has it now.
    pub fn clear(&mut self) {
        self.rows.clear();
    }

    /// How many rows are newer.
    pub fn len(&self) -> usize {
        self.rows.len()
    }

    /// Whether nothing is newer.
    pub fn is_empty(&self) -> bool {
        self.rows.is_empty()
    }

    /// At most `limit` rows whose key begins with `prefix` and is greater than `after`, in order,
    /// of the table with this over it. `fetch(after, limit)` asks the table the same question
    /// for that prefix.
    ///
    /// # Errors
    /// What `fetch` says.
    pub fn scan<E>(
        &self,
        prefix: &[u8],
        after: Option<&[u8]>,
        limit: usize,
        mut fetch: impl FnMut(Option<&[u8]>, usize) -> Result<Vec<Pair>, E>,
    ) -> Result<Vec<Pair>, E> {
        let mut out = Vec::new();
        let mut after = after.map(<[u8]>::to_vec);
        while out.len() < limit {
            let wanted = limit - out.len();
            let page = fetch(after.as_deref(), wanted)?;
            // Beyond a full page the table may have more: nothing of ours past it may be given.
            let is_last = page.len() < wanted;
            let end = page.last().filter(|_| !is_last).map(|(key, _)| key.clone());
            out.extend(self.merged(prefix, after.as_deref(), end.as_deref(), page));
            if is_last {
                break;
            }
            after = end;
        }
        out.truncate(limit);
        Ok(out)
    }

    fn merged(
        &self,
        prefix: &[u8],
        after: Option<&[u8]>,
        end: Option<&[u8]>,
        page: Vec<Pair>,
    ) -> Vec<Pair> {
        let start = match after {
            Some(after) if after >= prefix => Bound::Excluded(after),
            _ => Bound::Included(prefix),
        };
        let mut rows: BTreeMap<Vec<u8>, Vec<u8>> = page.into_iter().collect();
        let ours = self.rows.range::<[u8], _>((start, Bound::Unbounded));
        let ours = ours.take_while(|(key, _)| key.starts_with(prefix));
        for (key, value) in ours.take_while(|(key, _)| end.is_none_or(|end| key.as_slice() <= end))
        {
            match value {
                Some(value) => rows.insert(key.clone(), value.clone()),
                None => rows.remove(key),
            };
        }
        rows.into_iter().collect()
    }
}
