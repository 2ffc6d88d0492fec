//! The rows of a bucket: their keys, and which limits uploads have.
//!
//! | key | value |
//! |---|---|
//! | `u/` S3 key, NUL, upload id | [`billet_manifest::UploadRow`] |
//! | `p/` upload id, `/`, number in five digits | [`billet_manifest::PartRow`] |
//! | `c/` upload id | [`billet_manifest::CompletedRow`] |
//!
//! An S3 key has no NUL, so uploads order by key and then by id; an id begins with the number of
//! the commit that made it. Must never read another kind of row.

use billet_block::sha256;

/// Most parts of an upload.
pub const PARTS_MAX: u32 = 10_000;

/// Least bytes of a part that others follow.
pub const PART_BYTES_MIN: u64 = 5 << 20;

/// Most bytes of a part.
pub const PART_BYTES_MAX: u64 = 5 << 30;

/// How long it is remembered that an upload was completed.
pub const COMPLETED_KEPT_MS: u64 = 7 * 24 * 60 * 60 * 1000;

/// Bytes of an upload's id.
const ID_BYTES: usize = 32;

/// What the keys of all uploads begin with.
pub(crate) const UPLOADS: &[u8] = b"u/";

/// What the keys of all notes of completed uploads begin with.
pub(crate) const COMPLETED: &[u8] = b"c/";

/// Greater than every byte of UTF-8.
pub(crate) const PAST_TEXT: u8 = 0xff;

/// The key of an upload's row.
pub(crate) fn upload(key: &str, id: &str) -> Vec<u8> {
    [UPLOADS, key.as_bytes(), b"\0", id.as_bytes()].concat()
}

/// The S3 key and the id of an upload's row.
pub(crate) fn read_upload(row: &[u8]) -> Option<(&str, &str)> {
    let text = std::str::from_utf8(row.strip_prefix(UPLOADS)?).ok()?;
    text.split_once('\0')
}

/// What the keys of an upload's parts begin with.
pub(crate) fn parts(id: &str) -> Vec<u8> {
    format!("p/{id}/").into_bytes()
}

/// The key of a part's row.
pub(crate) fn part(id: &str, number: u32) -> Vec<u8> {
    format!("p/{id}/{number:05}").into_bytes()
}

/// The number of a part's row.
pub(crate) fn read_part(row: &[u8]) -> Option<u32> {
    let digits = row.rsplit(|byte| *byte == b'/').next()?;
    std::str::from_utf8(digits).ok()?.parse().ok()
}

/// The key of the note that an upload was completed.
pub(crate) fn completed(id: &str) -> Vec<u8> {
    [COMPLETED, id.as_bytes()].concat()
}

/// The id of the upload that op `index` of the commit `seq` starts.
pub(crate) fn new_id(log: &str, seq: u64, index: usize) -> String {
    let digest = sha256(format!("billet upload {seq} {index} {log}").as_bytes());
    let mut id = format!("{seq:012x}{index:04x}{}", hex::encode(digest));
    id.truncate(ID_BYTES);
    id
}

/// Whether some text can be an id: rows are looked up by it.
pub(crate) fn is_id(text: &str) -> bool {
    text.len() == ID_BYTES && text.bytes().all(|byte| byte.is_ascii_hexdigit())
}
