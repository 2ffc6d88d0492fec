//! Sealing segments, letting go of what nobody claims, and closing.
//!
//! Must never delete a key before its files are gone durably (I4), nor empty the overlay before
//! the table has it.

use std::collections::BTreeSet;
use std::sync::Arc;

use billet_segment::{Event, FileKind, Frame, SegmentId, SegmentRow, State};

use crate::segment::Content;
use crate::store::lock;
use crate::table::{Table, sidecars_of};
use crate::writing::{Current, Writer, next_state};
use crate::{File, KvChange, Store, StoreError};

impl Store {
    /// What is to be done now and then: forgets old claims, seals what is full, lets go of
    /// segments that nobody claims. [`crate::Committer`] does it every second.
    ///
    /// # Errors
    /// `Full` and `Unavailable` when something is put off; `Fatal`.
    pub fn tick(&self) -> Result<(), StoreError> {
        self.check_alive()?;
        let mut catalog = lock(&self.catalog);
        let now_ms = self.clock.now_ms();
        self.with_book(|book| book.expire(now_ms));
        self.close_shipped()?;
        self.seal(&mut catalog, false)?;
        self.sweep()?;
        self.prune()
    }

    /// Seals both planes. The store can be used on; the next block opens new segments.
    ///
    /// # Errors
    /// `Full` and `Unavailable` when a segment could not be sealed: recovery will; `Fatal`.
    pub fn close(&self) -> Result<(), StoreError> {
        self.check_alive()?;
        let mut catalog = lock(&self.catalog);
        self.seal(&mut catalog, true)?;
        self.prune()
    }

    /// Seals what is full, between groups. What does not work now is tried again later.
    pub(crate) fn seal_full(&self) -> Result<(), StoreError> {
        let mut catalog = lock(&self.catalog);
        self.seal_full_locked(&mut catalog)
    }

    pub(crate) fn seal_full_locked(&self, catalog: &mut Writer) -> Result<(), StoreError> {
        self.check_alive()?;
        match self.seal(catalog, false).and_then(|()| self.prune()) {
            Err(fatal @ StoreError::Fatal(_)) => Err(fatal),
            Err(error) => {
                tracing::warn!(%error, "sealing is put off");
                Ok(())
            }
            Ok(()) => Ok(()),
        }
    }

    /// Seals full segments, or all.
    fn seal(&self, catalog: &mut Writer, is_all: bool) -> Result<(), StoreError> {
        let mut list = {
            let mut data = lock(&self.data);
            let current = if is_all { data.current.take() } else { None };
            data.full.extend(current);
            std::mem::take(&mut data.full)
        };
        let is_due = |current: &mut Current| is_all || current.end >= self.config.seal_bytes;
        list.extend(catalog.current.take_if(is_due));
        if list.is_empty() {
            return Ok(());
        }
        let result = self.seal_files(&mut list);
        if result.is_err() {
            for current in list {
                match current.segment.id.plane {
                    billet_segment::Plane::Catalog => catalog.current = Some(current),
                    billet_segment::Plane::Data => lock(&self.data).full.push(current),
                }
            }
        }
        result
    }

    fn seal_files(&self, list: &mut [Current]) -> Result<(), StoreError> {
        for current in &mut *list {
            let disk = |error: std::io::Error| StoreError::of_disk(&error);
            current.file.write_out().map_err(disk)?;
            current.file.set_len(current.end).map_err(disk)?;
            current.allocated = current.end;
            let id = current.segment.id;
            // I1: what the table is about to call sealed is whole on the disk.
            self.counters.syncs.add(1);
            let synced = current.file.sync_all();
            synced.map_err(|error| self.die(format!("sync of {id}: {error}")))?;
            current.segment.set_synced(current.end);
        }
        let sealed: Vec<_> = list
            .iter()
            .map(|current| {
                let frames = current.segment.read(|content| match content {
                    Content::Open { index, .. } => index.frames().to_vec(),
                    Content::Sealed { .. } => Vec::new(),
                });
                (current.segment.id, current.end, frames)
            })
            .collect();
        let lengths = sealed
            .iter()
            .map(|(id, end, frames)| (*id, *end, frames.len() as u64));
        self.write_table(&lengths.collect::<Vec<_>>(), &[])?;
        for (current, (_, end, frames)) in list.iter().zip(&sealed) {
            self.show_sealed(
                &current.segment,
                Arc::clone(current.file.file()),
                frames,
                *end,
            );
        }
        Ok(())
    }

    /// One batch: these segments (with their bytes and blocks) are sealed, and the table has all
    /// that is newer than it. Must be called between groups.
    pub(crate) fn write_table(
        &self,
        sealed: &[(SegmentId, u64, u64)],
        others: &[KvChange],
    ) -> Result<(), StoreError> {
        let mut rows: Vec<(u64, SegmentRow)> = Vec::new();
        let mut changes: Vec<KvChange> = others.to_vec();
        {
            let book = self.book();
            let newer = book.overlay.iter();
            changes.extend(newer.map(|(key, value)| (key.to_vec(), value.map(<[u8]>::to_vec))));
            for account in book.accounts.values() {
                let seal = sealed.iter().find(|(id, ..)| *id == account.id);
                if seal.is_none() && !account.is_dirty {
                    continue;
                }
                let mut row = account.row.clone();
                if let Some((_, bytes, blocks)) = seal {
                    row.state = next_state(row.state, Event::Seal)?;
                    (row.bytes, row.blocks) = (*bytes, *blocks);
                }
                changes.push((account.id.key().into_bytes(), Some(row.to_bytes())));
                rows.push((account.id.number, row));
            }
        }
        self.kv
            .batch(&changes)
            .map_err(|error| self.batch_error(error))?;
        self.with_book(|book| {
            book.overlay.clear();
            for (number, row) in rows {
                if let Some(account) = book.accounts.get_mut(&number) {
                    account.row = row;
                    account.is_dirty = false;
                }
            }
        });
        Ok(())
    }

    /// Readers find a sealed segment's blocks by table from now on.
    pub(crate) fn show_sealed(
        &self,
        segment: &crate::segment::Segment,
        file: Arc<dyn File>,
        frames: &[Frame],
        bytes: u64,
    ) {
        self.write_sidecars(segment.id, frames, bytes);
        let table = Arc::new(Table::of_frames(file, frames));
        let filter = Some(Arc::new(table.filter()));
        lock(&self.tables).put(segment.id.number, Arc::clone(&table), table.bytes());
        segment.change(|content| *content = Content::Sealed { filter });
        segment.set_synced(u64::MAX);
    }

    /// Best effort and without a sync: what is missing or damaged is made anew from the CAR.
    pub(crate) fn write_sidecars(&self, id: SegmentId, frames: &[Frame], bytes: u64) {
        let sidecars = sidecars_of(frames, bytes);
        for (kind, content) in [
            (FileKind::Idx, &sidecars.idx),
            (FileKind::Sum, &sidecars.sum),
        ] {
            let file = self.disk.create(&id.path(&self.root, kind));
            if let Err(error) = file.and_then(|file| file.write_at(content, 0)) {
                tracing::warn!(%error, %id, "no index beside the segment");
            }
        }
    }

    /// Lets go of segments without any claim, and finishes what was begun.
    pub(crate) fn prune(&self) -> Result<(), StoreError> {
        let held = {
            let book = self.book();
            let bytes_max = self.config.retain.backlog_bytes_max;
            let held = lock(&self.readers).held(&book.retiring, bytes_max);
            if !book.has_any_to_go(&held) {
                return Ok(());
            }
            held
        };
        // No shard is packed from a segment between the choice and its new state.
        let mut ship = lock(&self.ship);
        let mut rows = Vec::new();
        {
            let book = self.book();
            let begun = book
                .accounts
                .values()
                .filter(|a| a.row.state == State::Pruning);
            rows.extend(begun.map(|account| (account.id, account.row.clone())));
            for account in book.released(&held) {
                let mut row = account.row.clone();
                row.state = next_state(row.state, Event::Release)?;
                rows.push((account.id, row));
            }
        }
        if rows.is_empty() {
            return Ok(());
        }
        let mut changes: Vec<KvChange> = rows
            .iter()
            .map(|(id, row)| (id.key().into_bytes(), Some(row.to_bytes())))
            .collect();
        let totals = self.count_retired(ship.totals, &rows, &mut changes);
        self.kv
            .batch(&changes)
            .map_err(|error| self.batch_error(error))?;
        ship.totals = totals;
        let gone: BTreeSet<u64> = rows.iter().map(|(id, _)| id.number).collect();
        self.change_readable(|list| list.retain(|segment| !gone.contains(&segment.id.number)));
        self.with_book(|book| {
            for (id, row) in &rows {
                if let Some(account) = book.accounts.get_mut(&id.number) {
                    account.row = row.clone();
                }
            }
        });
        drop(ship);
        let mut folders = BTreeSet::new();
        // Whoever loads a table now sees the new state, and makes no file anew.
        let loading = lock(&self.loading);
        for (id, _) in &rows {
            lock(&self.tables).remove(&id.number);
            for kind in FileKind::ALL {
                let removed = self.disk.remove(&id.path(&self.root, kind));
                removed.map_err(|error| StoreError::of_disk(&error))?;
            }
            folders.insert(id.folder(&self.root));
        }
        drop(loading);
        self.forget_segments(&rows, &folders)
    }

    fn forget_segments(
        &self,
        rows: &[(SegmentId, SegmentRow)],
        folders: &BTreeSet<String>,
    ) -> Result<(), StoreError> {
        for folder in folders {
            // I4: the unlinks are durable before the keys go. A folder that was never made holds
            // no file.
            match self.disk.sync_folder(folder) {
                Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
                    return Err(self.die(format!("sync of folder {folder:?}: {error}")));
                }
                _ => {}
            }
        }
        let mut changes = Vec::new();
        for (id, row) in rows {
            next_state(row.state, Event::Unlinked)?;
            changes.push((id.key().into_bytes(), None));
        }
        self.kv
            .batch(&changes)
            .map_err(|error| self.batch_error(error))?;
        for (id, _) in rows {
            lock(&self.readers).forget(id.number);
        }
        self.with_book(|book| {
            rows.iter().for_each(|(id, _)| {
                book.accounts.remove(&id.number);
                book.retiring.remove(&id.number);
            })
        });
        Ok(())
    }
}
