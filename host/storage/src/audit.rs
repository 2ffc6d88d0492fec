//! Looking at the store from outside: segments, and keys against files.
//!
//! Must never change anything.

use std::io::Error;
use std::path::Path;

use billet_segment::{FileKind, SegmentId, State};

use crate::error::is_exhausted;
use crate::{Store, StoreError};

/// A segment, for people.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SegmentInfo {
    /// Its name.
    pub id: SegmentId,
    /// Where it is in its life.
    pub state: State,
    /// Bytes of its CAR; up to the last block while it is open.
    pub bytes: u64,
    /// Blocks in it.
    pub blocks: u64,
    /// Logs that adopted something in it.
    pub logs: usize,
    /// Held claims in it.
    pub held: usize,
    /// Pending claims and bodies under way in it.
    pub pending: usize,
}

/// Where keys and files differ.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum AuditFinding {
    /// A key without its file.
    NoFile(String),
    /// A file shorter or longer than its key says.
    OtherLength(String),
    /// A file without a key.
    NoKey(String),
}

impl Store {
    /// All segments, in the order of their numbers.
    pub fn segments(&self) -> Vec<SegmentInfo> {
        let info = |account: &crate::book::Account| SegmentInfo {
            id: account.id,
            state: account.row.state,
            bytes: account.row.bytes,
            blocks: account.row.blocks,
            logs: account.row.logs.len(),
            held: account.held,
            pending: account.pending,
        };
        let mut segments: Vec<_> = self.book().accounts.values().map(info).collect();
        for segment in &mut segments {
            if let Some((bytes, blocks)) = self.open_extent(segment.id) {
                (segment.bytes, segment.blocks) = (bytes, blocks);
            }
        }
        segments
    }

    /// Compares the keys with the files of their own, and with `found`: paths of all files below
    /// the root's folder (see [`list_files`]), relative to the store's.
    ///
    /// # Errors
    /// `Unavailable` when the disk cannot be asked.
    pub fn audit(&self, found: &[String]) -> Result<Vec<AuditFinding>, StoreError> {
        let mut out = Vec::new();
        let segments = self.segments();
        for segment in &segments {
            let path = segment.id.path(&self.root, FileKind::Car);
            let length = self
                .disk
                .length(&path)
                .map_err(|error| StoreError::of_disk(&error))?;
            match (segment.state, length) {
                (State::Open | State::Sealed | State::Compacting, None) => {
                    out.push(AuditFinding::NoFile(path));
                }
                (State::Sealed | State::Compacting, Some(bytes)) if bytes != segment.bytes => {
                    out.push(AuditFinding::OtherLength(path));
                }
                _ => {}
            }
        }
        let of_root = format!("{}/", self.root);
        for path in found.iter().filter(|path| path.starts_with(&of_root)) {
            let is_keyed = SegmentId::parse_path(path).is_ok_and(|(_, id, kind)| {
                segments.iter().any(|segment| {
                    segment.id == id && (kind == FileKind::Car || segment.state != State::Opening)
                })
            });
            if !is_keyed {
                out.push(AuditFinding::NoKey(path.clone()));
            }
        }
        out.sort();
        Ok(out)
    }
}

/// All files below a folder, or below `under` in it, relative to the folder. For audits only:
/// nothing else lists folders.
///
/// # Errors
/// What the system says, of which folder; none where there is no `under`.
pub fn list_files(folder: &Path, under: &str) -> std::io::Result<Vec<String>> {
    let mut out = Vec::new();
    let first = folder.join(under);
    let mut folders = Vec::new();
    if under.is_empty() || first.try_exists()? {
        folders.push(first);
    }
    while let Some(next) = folders.pop() {
        let named = |error| of_folder(&next, error);
        for entry in std::fs::read_dir(&next).map_err(named)? {
            let entry = entry.map_err(named)?;
            if entry.file_type()?.is_dir() {
                folders.push(entry.path());
            } else if let Ok(path) = entry.path().strip_prefix(folder) {
                out.push(path.display().to_string());
            }
        }
    }
    out.sort();
    Ok(out)
}

/// The same error, saying of which folder; that the process is at a limit says nothing of it.
fn of_folder(folder: &Path, error: Error) -> Error {
    if is_exhausted(&error) {
        return error;
    }
    Error::new(error.kind(), format!("{}: {error}", folder.display()))
}
