//! The values of a bucket: what its tree's keys lead to, its state, and the rows of its uploads.
//!
//! Each is strict DAG-CBOR: a map of one entry whose key names the format and whose value is a map
//! of named fields. A reader that does not know the format says so ([`ManifestError::Newer`])
//! instead of guessing. Fields that are absent are left out, never null.
//!
//! | format | what | where |
//! |---|---|---|
//! | `/billet/object/1` | [`Object`] | block under a key of the tree |
//! | `/billet/state/1` | [`State`] | block that each commit of the log names |
//! | `/billet/attributes/1` | [`Attributes`] too long for a row | block held by a row |
//! | `/billet/upload/1` | [`UploadRow`] | row |
//! | `/billet/part/1` | [`PartRow`] | row |
//! | `/billet/completed/1` | [`CompletedRow`] | row |
//!
//! Must never do I/O, and never accept bytes that it would not have written.

mod object;
mod row;
mod state;
mod union;

pub use object::{Attributes, Checksum, ChecksumKind, Content, File, Object, Part};
pub use row::{CompletedRow, PartRow, ROW_VALUE_BYTES_MAX, UploadRow};
pub use state::{SETTING_NAME_BYTES_MAX, SETTING_VALUE_BYTES_MAX, STATE_BYTES_MAX, State};
pub use union::{ManifestError, Value};
