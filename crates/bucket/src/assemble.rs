//! One body out of the bodies of parts, before the upload is completed.
//!
//! The leaves of all parts run through one builder, so the file is the one of the leaves in their
//! order, however they were cut into parts. Must never hold more than a page of nodes.

use std::collections::{BTreeMap, VecDeque};

use billet_block::{Block, Codec};
use billet_manifest::{CompletedRow, File, PartRow, UploadRow, Value as _};
use billet_unixfs::{Builder, Leaf, Spans};

use crate::bodies;
use crate::decide::damaged;
use crate::lookup::{next_span, of_unixfs};
use crate::need::{Blocked, Need, Scan};
use crate::refusal::Refusal;
use crate::row::{self, PARTS_MAX};
use crate::session::{basis, check_upload, choose, completed};
use crate::{NamedPart, View};

/// Nodes in a page; each is at most 64 KiB.
const PAGE_NODES: usize = 32;

/// Parts whose root nodes are asked for together.
const PARTS_AHEAD: usize = 64;

/// How far an assembly got.
#[derive(Debug, PartialEq, Eq)]
pub enum Progress {
    /// Stage these, forget the blocks that were supplied, go on.
    Stage(Vec<Block>),
    /// Stage these; then the body is whole.
    Done(File, Vec<Block>),
}

/// A body under assembly.
pub struct Assembler {
    /// Those not begun.
    parts: VecDeque<File>,
    open: Option<Spans>,
    builder: Builder,
    page: Vec<Block>,
    basis: Vec<u8>,
}

impl Assembler {
    /// Reads which parts there are, and refuses what `complete` would refuse of them.
    ///
    /// # Errors
    /// `NoSuchUpload`, `Completed`, `InvalidPart`, `InvalidPartOrder`, `PartTooSmall`, `Invalid`.
    pub fn new(view: &View<'_>, key: &str, id: &str, named: &[NamedPart]) -> Result<Self, Blocked> {
        check_upload(key, id)?;
        let mut need = Need::default();
        let scan = Scan {
            prefix: row::parts(id),
            after: None,
            limit: PARTS_MAX,
        };
        let upload = view.row(&row::upload(key, id), &mut need);
        let rows = view.scan(&scan, &mut need);
        let Some((upload, rows)) = upload.zip(rows) else {
            return Err(Blocked::Need(need));
        };
        let Some(upload) = upload else {
            let note = view.row(&row::completed(id), &mut need);
            let note = note
                .ok_or(Blocked::Need(need))?
                .ok_or(Refusal::NoSuchUpload)?;
            let note = CompletedRow::from_bytes(note).map_err(damaged)?;
            let is_it = note.key == key;
            return Err(Blocked::Failed(if is_it {
                completed(note)
            } else {
                Refusal::NoSuchUpload
            }));
        };
        UploadRow::from_bytes(upload).map_err(damaged)?;
        let mut stored = BTreeMap::new();
        for (name, value) in rows {
            let number = row::read_part(name).ok_or(Refusal::invalid("a row of no part"))?;
            stored.insert(number, PartRow::from_bytes(value).map_err(damaged)?);
        }
        let stored = stored.iter().map(|(number, row)| (*number, row)).collect();
        let chosen = choose(named, &stored)?;
        let rows: Vec<&PartRow> = chosen.into_iter().map(|(_, row)| row).collect();
        Ok(Self {
            parts: rows.iter().map(|row| row.file).collect(),
            open: None,
            builder: Builder::new(),
            page: Vec::new(),
            basis: basis(&rows),
        })
    }

    /// Which parts the body is made of, for `complete`.
    pub fn basis(&self) -> &[u8] {
        &self.basis
    }

    /// Goes on until a page of nodes is full or the body is whole.
    ///
    /// # Errors
    /// `Need`: supply it and call again. `Failed` when a part cannot be read.
    pub fn run(&mut self, view: &View<'_>) -> Result<Progress, Blocked> {
        while self.page.len() < PAGE_NODES {
            let Some(open) = &mut self.open else {
                match self.parts.pop_front() {
                    Some(part) => {
                        let walk = Spans::whole(part.root, part.size).map_err(of_unixfs)?;
                        self.open = Some(walk);
                        continue;
                    }
                    None => return self.finish(),
                }
            };
            match next_span(view, open) {
                Ok(Some(span)) => {
                    let length = u32::try_from(span.length).unwrap_or(u32::MAX);
                    let leaf = Leaf {
                        cid: span.cid,
                        length,
                    };
                    self.builder.push(leaf).map_err(of_unixfs)?;
                    self.page.extend(self.builder.take_blocks());
                }
                Ok(None) => self.open = None,
                Err(Blocked::Need(mut need)) => {
                    self.look_ahead(view, &mut need);
                    return Err(Blocked::Need(need));
                }
                Err(failed) => return Err(failed),
            }
        }
        Ok(Progress::Stage(std::mem::take(&mut self.page)))
    }

    fn look_ahead(&self, view: &View<'_>, need: &mut Need) {
        let roots = self.parts.iter().take(PARTS_AHEAD).map(|part| part.root);
        for root in roots.filter(|root| root.codec() == Codec::DagPb) {
            view.file(&root, need);
        }
    }

    fn finish(&mut self) -> Result<Progress, Blocked> {
        let finished = std::mem::take(&mut self.builder).finish();
        let (root, last) = finished.map_err(of_unixfs)?;
        let mut blocks = std::mem::take(&mut self.page);
        blocks.extend(last);
        Ok(Progress::Done(bodies::file(root), blocks))
    }
}
