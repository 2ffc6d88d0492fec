//! Uploads in parts: the ops that begin, fill and end them.
//!
//! Until an upload is completed it is rows and held claims; neither root nor state know of it.
//! Must never adopt a claim of a part that the object is not made of.

use std::collections::BTreeMap;

use billet_block::sha256;
use billet_manifest::{
    Attributes, Checksum, CompletedRow, Content, File, ManifestError, Object, Part, PartRow,
    UploadRow, Value as _,
};

use crate::apply::OWNER_BYTES_MAX;
use crate::bodies::{self, Body};
use crate::decide::{Batch, OpenPart, OpenUpload, check_key, damaged, too_long};
use crate::need::{Row, Stop};
use crate::plan::{ClaimRef, Fate, NewRow, Outcome};
use crate::refusal::{Refusal, StoreError};
use crate::row::{self, COMPLETED_KEPT_MS, PART_BYTES_MAX, PART_BYTES_MIN, PARTS_MAX};
use crate::{Abort, Complete, CreateUpload, NamedPart, PutPart, checksum};

/// Notes of completed uploads that one completion looks at, to delete the old ones.
const NOTES_SCANNED: u32 = 8;

impl Batch<'_, '_> {
    pub(crate) fn create_upload(
        &mut self,
        create: &CreateUpload,
        index: usize,
    ) -> Result<Outcome, Stop> {
        self.live()?;
        check_key(&create.key)?;
        let algorithm = create.algorithm.iter();
        for text in algorithm.chain([&create.owner, &create.owner_name]) {
            if text.len() > OWNER_BYTES_MAX {
                return Err(Refusal::invalid("an owner or an algorithm that is too long").into());
            }
        }
        let mut row = UploadRow {
            started_ms: self.time_ms,
            owner: create.owner.clone(),
            owner_name: create.owner_name.clone(),
            algorithm: create.algorithm.clone(),
            kind: create.kind,
            attributes: Some(create.attributes.clone()),
            linked: None,
            claims: Vec::new(),
        };
        let mut claims = Vec::new();
        match row.to_bytes() {
            Ok(_) => {}
            Err(ManifestError::TooLong { .. }) => {
                let block = create.attributes.to_block().map_err(too_long)?;
                row.attributes = None;
                row.linked = Some(block.cid);
                claims = self.stage(vec![block]);
                self.decide(claims.iter().copied(), Fate::Hold);
            }
            Err(error) => return Err(too_long(error)),
        }
        let seq = self.standing.head.as_ref().map_or(0, |head| head.seq) + 1;
        let id = row::new_id(&self.standing.log, seq, index);
        let row = NewRow::Upload(row, claims);
        self.rows.insert(row::upload(&create.key, &id), Some(row));
        Ok(Outcome {
            upload: Some(id),
            ..Outcome::default()
        })
    }

    pub(crate) fn put_part(&mut self, put: &PutPart) -> Result<Outcome, Stop> {
        self.live()?;
        check_upload(&put.key, &put.upload)?;
        if !(1..=PARTS_MAX).contains(&put.number) || put.source.size > PART_BYTES_MAX {
            return Err(Refusal::invalid("a part's number or size that cannot be").into());
        }
        if !checksum::is_md5(&put.etag) {
            return Err(Refusal::invalid("a part's ETag is an MD5").into());
        }
        bodies::check_checksums(&put.checksums)?;
        let upload = self.upload(&put.key, &put.upload);
        let replaced = self.part(&put.upload, put.number);
        upload?.ok_or(Refusal::NoSuchUpload)?;
        let replaced = replaced?;
        let Body { file, blocks, .. } = bodies::build(&put.source)?;
        let row = PartRow {
            etag: put.etag.clone(),
            file,
            time_ms: self.time_ms,
            checksums: put.checksums.clone(),
            body: 0,
            claims: Vec::new(),
        };
        let claims = self.stage(blocks);
        let body = ClaimRef::Given(put.source.claim);
        let row = NewRow::Part(row, body, claims.clone());
        row.encode(&[]).map_err(too_long)?;
        if let Some(part) = replaced {
            self.drop_part(&part);
        }
        self.decide(claims.into_iter().chain([body]), Fate::Hold);
        self.rows
            .insert(row::part(&put.upload, put.number), Some(row));
        Ok(Outcome::default())
    }

    pub(crate) fn abort(&mut self, abort: &Abort) -> Result<Outcome, Stop> {
        self.live()?;
        check_upload(&abort.key, &abort.upload)?;
        let upload = self.upload(&abort.key, &abort.upload);
        let parts = self.parts(&abort.upload);
        let upload = upload?.ok_or(Refusal::NoSuchUpload)?;
        let parts = parts?;
        let is_it = |started_ms: u64| started_ms / 1000 == upload.row.started_ms / 1000;
        if !abort.started_ms.is_none_or(is_it) {
            return Err(Refusal::PreconditionFailed("If-Match-Initiated-Time").into());
        }
        self.end_upload(&abort.key, &abort.upload, &upload, &parts);
        Ok(Outcome::default())
    }

    pub(crate) fn complete(&mut self, complete: &Complete) -> Result<Outcome, Stop> {
        self.live()?;
        check_upload(&complete.key, &complete.upload)?;
        let upload = self.upload(&complete.key, &complete.upload);
        let parts = self.parts(&complete.upload);
        let notes = self.scan(row::COMPLETED, NOTES_SCANNED);
        let existed = self.check_target(&complete.key, &complete.conditions);
        let Some(upload) = upload? else {
            return Err(self
                .completed_before(&complete.key, &complete.upload)?
                .into());
        };
        let attributes = self.attributes(&upload.row)?;
        let (mut parts, notes, existed) = (parts?, notes?, existed?);
        let stored = parts
            .iter()
            .map(|(number, part)| (*number, &part.row))
            .collect();
        let used = choose(&complete.parts, &stored)?;
        let object = self.assembled(complete, &upload.row, attributes, &used)?;
        let note = note(&object);
        NewRow::Completed(note.clone())
            .encode(&[])
            .map_err(too_long)?;
        let object = self.set(object)?;
        for named in &complete.parts {
            if let Some(part) = parts.remove(&named.number) {
                self.rows
                    .insert(row::part(&complete.upload, named.number), None);
                self.decide([part.body], Fate::Adopt);
                self.decide(part.claims, Fate::Drop);
            }
        }
        self.end_upload(&complete.key, &complete.upload, &upload, &parts);
        let assembled = complete.assembly.claims.iter();
        self.decide(assembled.copied().map(ClaimRef::Given), Fate::Adopt);
        self.forget_notes(notes);
        let note = NewRow::Completed(note);
        self.rows
            .insert(row::completed(&complete.upload), Some(note));
        Ok(Outcome {
            existed,
            object: Some(object),
            upload: None,
        })
    }

    /// The object that the chosen parts make, when it is the one that was declared.
    fn assembled(
        &self,
        complete: &Complete,
        upload: &UploadRow,
        attributes: Attributes,
        used: &[(u32, &PartRow)],
    ) -> Result<Object, Stop> {
        let rows: Vec<&PartRow> = used.iter().map(|(_, row)| *row).collect();
        let size: u64 = rows.iter().map(|row| row.file.size).sum();
        let assembly = &complete.assembly;
        if assembly.basis != basis(&rows) || assembly.size != size {
            return Err(StoreError::Conflict.into());
        }
        if complete.size.is_some_and(|declared| declared != size) {
            return Err(Refusal::Mismatch("size".to_owned()).into());
        }
        let algorithm = checksum::algorithm(upload.algorithm.as_deref());
        let whole = checksum::of_whole(&rows, algorithm, upload.kind);
        if let Some(declared) = &complete.checksum {
            let is_it = |whole: &Checksum| {
                whole.algorithm == declared.algorithm && whole.value == declared.value
            };
            if !whole.as_ref().is_some_and(is_it) {
                return Err(Refusal::Mismatch(declared.algorithm.clone()).into());
            }
        }
        let etag = checksum::etag(&rows);
        let parts = used.iter().map(|(number, row)| Part {
            number: *number,
            size: row.file.size,
            checksum: checksum::of_part(row, algorithm).map(|checksum| checksum.value.clone()),
        });
        let parts: Vec<Part> = parts.collect();
        let has_checksums = parts.iter().any(|part| part.checksum.is_some());
        let root = assembly.root;
        Ok(Object {
            key: complete.key.clone(),
            content: Content::Unixfs(File { root, size }),
            etag: etag.ok_or(Refusal::invalid("a part's ETag is no MD5"))?,
            time_ms: self.time_ms,
            headers: attributes.headers,
            metadata: attributes.metadata,
            checksums: whole.into_iter().collect(),
            sha256: None,
            parts,
            part_algorithm: has_checksums.then(|| algorithm.to_owned()),
        })
    }

    /// What to answer for an upload without a row.
    fn completed_before(&mut self, key: &str, id: &str) -> Result<Refusal, Stop> {
        let note = self.completed(id)?.filter(|note| note.key == key);
        Ok(note.map_or(Refusal::NoSuchUpload, completed))
    }

    /// The attributes of an upload, wherever they are.
    fn attributes(&mut self, upload: &UploadRow) -> Result<Attributes, Stop> {
        let Some(cid) = upload.linked else {
            return Ok(upload.attributes.clone().unwrap_or_default());
        };
        let attributes = self.view.attributes(&cid, &mut self.need);
        Ok(Attributes::clone(&*attributes.ok_or(Stop::Pending)??))
    }

    /// Deletes the rows of an upload and of these parts of it, and lets go of what they held.
    fn end_upload(
        &mut self,
        key: &str,
        id: &str,
        upload: &OpenUpload,
        parts: &BTreeMap<u32, OpenPart>,
    ) {
        for (number, part) in parts {
            self.drop_part(part);
            self.rows.insert(row::part(id, *number), None);
        }
        self.decide(upload.claims.iter().copied(), Fate::Drop);
        self.rows.insert(row::upload(key, id), None);
    }

    fn drop_part(&mut self, part: &OpenPart) {
        self.decide(part.claims.iter().copied().chain([part.body]), Fate::Drop);
    }

    /// Deletes notes of uploads that were completed long ago.
    fn forget_notes(&mut self, notes: &[Row]) {
        for (name, bytes) in notes {
            let old = CompletedRow::from_bytes(bytes)
                .is_ok_and(|note| note.time_ms.saturating_add(COMPLETED_KEPT_MS) < self.time_ms);
            if old {
                self.rows.insert(name.clone(), None);
            }
        }
    }

    /// Deletes all rows, these committed ones and new ones, and lets go of what they held.
    pub(crate) fn delete_rows(&mut self, committed: &[Row]) -> Result<(), Stop> {
        let mut held = Vec::new();
        for (name, bytes) in committed {
            match name.get(..2) {
                _ if self.rows.contains_key(name) => {}
                Some(b"u/") => {
                    held.extend(UploadRow::from_bytes(bytes).map_err(damaged)?.claims);
                }
                Some(b"p/") => {
                    let part = PartRow::from_bytes(bytes).map_err(damaged)?;
                    held.extend(part.claims);
                    held.push(part.body);
                }
                _ => {}
            }
        }
        let held = self.hold(&held);
        self.decide(held, Fate::Drop);
        let names = committed.iter().map(|(name, _)| name.clone());
        let names: Vec<_> = names.chain(self.rows.keys().cloned()).collect();
        for name in names {
            match self.rows.insert(name, None).flatten() {
                Some(NewRow::Upload(_, claims)) => self.decide(claims, Fate::Drop),
                Some(NewRow::Part(_, body, claims)) => {
                    self.decide(claims.into_iter().chain([body]), Fate::Drop);
                }
                Some(NewRow::Completed(_)) | None => {}
            }
        }
        Ok(())
    }
}

/// Refuses what cannot name an upload.
pub(crate) fn check_upload(key: &str, id: &str) -> Result<(), Refusal> {
    check_key(key)?;
    if row::is_id(id) {
        Ok(())
    } else {
        Err(Refusal::NoSuchUpload)
    }
}

/// The rows of the parts that somebody named, in order.
pub(crate) fn choose<'r>(
    named: &[NamedPart],
    stored: &BTreeMap<u32, &'r PartRow>,
) -> Result<Vec<(u32, &'r PartRow)>, Refusal> {
    if named.is_empty() || named.len() > PARTS_MAX as usize {
        return Err(Refusal::invalid("no or too many parts"));
    }
    let numbers = named.iter().zip(named.iter().skip(1));
    if numbers
        .into_iter()
        .any(|(one, next)| one.number >= next.number)
    {
        return Err(Refusal::InvalidPartOrder);
    }
    let mut chosen = Vec::with_capacity(named.len());
    for part in named {
        let row = stored.get(&part.number).filter(|row| is_named(row, part));
        chosen.push((part.number, *row.ok_or(Refusal::InvalidPart(part.number))?));
    }
    let before_last = chosen.len() - 1;
    for (number, row) in chosen.iter().take(before_last) {
        if row.file.size < PART_BYTES_MIN {
            return Err(Refusal::PartTooSmall {
                number: *number,
                size: row.file.size,
                least: PART_BYTES_MIN,
                etag: row.etag.clone(),
            });
        }
    }
    Ok(chosen)
}

/// Whether a part has the ETag and the checksums that it is named by.
fn is_named(row: &PartRow, named: &NamedPart) -> bool {
    let has = |checksum: &Checksum| {
        let own = checksum::of_part(row, &checksum.algorithm);
        own.is_some_and(|own| own.value == checksum.value)
    };
    row.etag == named.etag && named.checksums.iter().all(has)
}

/// Which parts a body was made of.
pub(crate) fn basis(parts: &[&PartRow]) -> Vec<u8> {
    let roots = parts.iter().flat_map(|row| row.file.root.to_bytes());
    sha256(&roots.collect::<Vec<u8>>()).to_vec()
}

fn note(object: &Object) -> CompletedRow {
    CompletedRow {
        key: object.key.clone(),
        etag: object.etag.clone(),
        file: object.content.file(),
        time_ms: object.time_ms,
        checksums: object.checksums.clone(),
    }
}

/// The answer to whoever completes an upload again.
pub(crate) fn completed(note: CompletedRow) -> Refusal {
    Refusal::Completed(Box::new(Object {
        key: note.key,
        content: Content::Unixfs(note.file),
        etag: note.etag,
        time_ms: note.time_ms,
        headers: BTreeMap::new(),
        metadata: BTreeMap::new(),
        checksums: note.checksums,
        sha256: None,
        parts: Vec::new(),
        part_algorithm: None,
    }))
}
