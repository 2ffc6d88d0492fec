//! Listing uploads under way and their parts.
//!
//! Must never show a row that is no upload's.

use std::sync::Arc;

use billet_manifest::{Attributes, PartRow, UploadRow, Value as _};
use billet_tree::KEY_BYTES_MAX;

use crate::decide::damaged;
use crate::need::{Blocked, Need, Scan};
use crate::refusal::Refusal;
use crate::row::{self, PARTS_MAX, PAST_TEXT};
use crate::session::check_upload;
use crate::{Query, View};

/// Most rows of one scan.
const SCANNED_ROWS_MAX: usize = 1000;

/// An upload under way.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Upload {
    /// The key.
    pub key: String,
    /// Its id.
    pub id: String,
    /// What else is known of it.
    pub row: UploadRow,
    /// Headers and metadata, wherever they are kept.
    pub attributes: Attributes,
}

/// One line of a listing of uploads.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum UploadLine {
    /// An upload.
    Upload(Box<Upload>),
    /// All uploads of keys that begin so.
    Prefix(String),
}

/// A page of a listing of uploads under way.
pub struct UploadListing {
    query: Query,
    /// The row that the next scan follows.
    after: Option<Vec<u8>>,
    lines: Vec<UploadLine>,
    is_truncated: bool,
    is_done: bool,
}

impl UploadListing {
    /// A page of the uploads by key and then by id. With `after_id` uploads of the key `after`
    /// with a greater id are among them.
    pub fn new(query: Query, after_id: Option<&str>) -> Self {
        let after = query.after.as_ref().map(|key| {
            let bytes = key.as_bytes();
            let (key, id) = match bytes.split_at_checked(KEY_BYTES_MAX) {
                // Every key is shorter, so it lies before or after this one as it does here.
                Some((key, [_, ..])) => (key, None),
                _ => (bytes, after_id.filter(|_| query.past().is_none())),
            };
            let mut after = [row::UPLOADS, key].concat();
            match id {
                _ if query.past().is_some() => after.push(PAST_TEXT),
                Some(id) => {
                    after.push(0);
                    after.extend(id.bytes().take(KEY_BYTES_MAX / 8));
                }
                None => after.extend([0, PAST_TEXT]),
            }
            after
        });
        Self {
            is_done: query.limit == 0 || query.prefix.len() > KEY_BYTES_MAX,
            after,
            query,
            lines: Vec::new(),
            is_truncated: false,
        }
    }

    /// Goes on until the page is done.
    ///
    /// # Errors
    /// `Need`: supply it and call again. `Failed` when a row cannot be read.
    pub fn run(&mut self, view: &View<'_>) -> Result<(), Blocked> {
        while !self.is_done {
            let prefix = [row::UPLOADS, self.query.prefix.as_bytes()].concat();
            let limit = SCANNED_ROWS_MAX.min(self.query.limit + 1);
            let scan = Scan {
                prefix,
                after: self.after.clone(),
                limit: u32::try_from(limit).unwrap_or(u32::MAX),
            };
            let mut need = Need::default();
            let rows = view.scan(&scan, &mut need).ok_or(Blocked::Need(need))?;
            for (name, value) in rows {
                self.row(name, value)?;
            }
            self.is_done |= rows.len() < limit;
        }
        self.fill_in(view)
    }

    fn row(&mut self, name: &[u8], value: &[u8]) -> Result<(), Blocked> {
        let is_passed = self.after.as_deref().is_some_and(|after| name <= after);
        let Some((key, id)) = row::read_upload(name).filter(|_| !is_passed && !self.is_done) else {
            return Ok(());
        };
        if self.lines.len() == self.query.limit {
            (self.is_truncated, self.is_done) = (true, true);
        } else if let Some(prefix) = self.query.rolled(key) {
            let mut past = [row::UPLOADS, prefix.as_bytes()].concat();
            past.push(PAST_TEXT);
            self.after = Some(past);
            self.lines.push(UploadLine::Prefix(prefix.to_owned()));
        } else {
            self.after = Some(name.to_vec());
            self.lines.push(UploadLine::Upload(Box::new(Upload {
                key: key.to_owned(),
                id: id.to_owned(),
                row: UploadRow::from_bytes(value).map_err(damaged)?,
                attributes: Attributes::default(),
            })));
        }
        Ok(())
    }

    fn fill_in(&mut self, view: &View<'_>) -> Result<(), Blocked> {
        let mut need = Need::default();
        for line in &mut self.lines {
            if let UploadLine::Upload(upload) = line
                && let Some(attributes) = attributes(view, &upload.row, &mut need)
            {
                upload.attributes = Attributes::clone(&*attributes?);
            }
        }
        if need.is_empty() {
            Ok(())
        } else {
            Err(Blocked::Need(need))
        }
    }

    /// The lines, and whether more follow.
    pub fn finish(self) -> (Vec<UploadLine>, bool) {
        (self.lines, self.is_truncated)
    }
}

fn attributes(
    view: &View<'_>,
    row: &UploadRow,
    need: &mut Need,
) -> Option<Result<Arc<Attributes>, crate::StoreError>> {
    match row.linked {
        Some(cid) => view.attributes(&cid, need),
        None => Some(Ok(Arc::new(row.attributes.clone().unwrap_or_default()))),
    }
}

/// One line of a listing of parts.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PartLine {
    /// 1 to 10,000.
    pub number: u32,
    /// What is known of it.
    pub row: PartRow,
}

/// A page of an upload's parts.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PartListing {
    /// The upload they belong to.
    pub upload: Upload,
    /// By number.
    pub parts: Vec<PartLine>,
    /// Whether more follow.
    pub is_truncated: bool,
}

impl PartListing {
    /// Parts with numbers greater than `after`, at most `limit`.
    ///
    /// # Errors
    /// `NoSuchUpload`.
    pub fn read(
        view: &View<'_>,
        key: &str,
        id: &str,
        after: u32,
        limit: usize,
    ) -> Result<Self, Blocked> {
        check_upload(key, id)?;
        let mut need = Need::default();
        let limit = limit.min(SCANNED_ROWS_MAX - 1);
        let scan = Scan {
            prefix: row::parts(id),
            after: Some(row::part(id, after.min(PARTS_MAX))),
            limit: u32::try_from(limit + 1).unwrap_or(u32::MAX),
        };
        let found = view.row(&row::upload(key, id), &mut need);
        let rows = view.scan(&scan, &mut need);
        let Some((found, rows)) = found.zip(rows) else {
            return Err(Blocked::Need(need));
        };
        let row = UploadRow::from_bytes(found.ok_or(Refusal::NoSuchUpload)?).map_err(damaged)?;
        let attributes = attributes(view, &row, &mut need).ok_or(Blocked::Need(need))??;
        let mut parts = Vec::with_capacity(rows.len());
        for (name, value) in rows.iter().take(limit) {
            let number = row::read_part(name).ok_or(Refusal::invalid("a row of no part"))?;
            let row = PartRow::from_bytes(value).map_err(damaged)?;
            parts.push(PartLine { number, row });
        }
        Ok(Self {
            upload: Upload {
                key: key.to_owned(),
                id: id.to_owned(),
                row,
                attributes: Attributes::clone(&attributes),
            },
            parts,
            is_truncated: limit > 0 && rows.len() > limit,
        })
    }
}
