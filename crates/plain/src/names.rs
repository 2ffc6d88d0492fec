//! Where each file lies. Must never make two names of one, nor a path out of a name.

use billet_block::Cid;

/// The folder of blocks.
pub const BLOCKS: &str = "blocks";
/// The folder of logs.
pub const LOGS: &str = "logs";
/// The folder of files that are being written.
pub const TEMPORARY: &str = "temporary";
/// The file in a log's folder that tells where to begin reading.
pub const CHECKPOINT: &str = "checkpoint";

/// Most bytes of a log's folder name; file systems take 255.
pub const LOG_NAME_BYTES_MAX: usize = 240;

/// How many records lie in one folder.
pub const RECORDS_IN_FOLDER: u64 = 1000;

/// The folder under [`BLOCKS`] that a block lies in: the last two characters of its name, of which
/// there are 256 (a CID is 288 bits, base32 leaves eight for them).
pub fn block_folder(cid: &Cid) -> String {
    let name = cid.to_string();
    name.get(name.len().saturating_sub(2)..)
        .unwrap_or_default()
        .to_owned()
}

/// The folder in a log's folder that the record `seq` lies in.
pub fn record_folder(seq: u64) -> u64 {
    seq / RECORDS_IN_FOLDER
}

/// The last folder of records, of the names in a log's folder.
pub fn last_record_folder<'a>(names: impl IntoIterator<Item = &'a str>) -> Option<u64> {
    names.into_iter().filter_map(number).max()
}

/// The last record that was linked for sure, of the names in a folder of records. Whoever made the
/// folder had seen the record before its first one.
pub fn last_record<'a>(folder: u64, names: impl IntoIterator<Item = &'a str>) -> u64 {
    let records = names.into_iter().filter_map(number);
    let last = records.filter(|seq| record_folder(*seq) == folder).max();
    last.unwrap_or_else(|| folder.saturating_mul(RECORDS_IN_FOLDER).saturating_sub(1))
}

/// A number as the names of records and of their folders are written.
fn number(name: &str) -> Option<u64> {
    let number: u64 = name.parse().ok()?;
    (number.to_string() == name).then_some(number)
}

/// The folder under [`LOGS`] of a log: its name where that is plain, with `%xx` for every other
/// byte, upper-case letters among them, since some file systems take both cases for one.
/// `None` for an empty name and for one that becomes longer than [`LOG_NAME_BYTES_MAX`].
pub fn log_folder(log: &str) -> Option<String> {
    let mut name = String::with_capacity(log.len());
    for (at, byte) in log.bytes().enumerate() {
        let plain = byte.is_ascii_lowercase()
            || byte.is_ascii_digit()
            || byte == b'-'
            || byte == b'_'
            // A leading dot hides a file, and two of them leave the folder.
            || (byte == b'.' && at > 0);
        if plain {
            name.push(char::from(byte));
        } else {
            name.push('%');
            name.extend([byte >> 4, byte & 15].map(digit));
        }
    }
    (!name.is_empty() && name.len() <= LOG_NAME_BYTES_MAX).then_some(name)
}

/// The log whose folder has that name; `None` for anything that [`log_folder`] does not make.
pub fn log_of_folder(name: &str) -> Option<String> {
    let mut bytes = Vec::with_capacity(name.len());
    let mut rest = name.as_bytes();
    while let Some((first, behind)) = rest.split_first() {
        rest = behind;
        if *first != b'%' {
            bytes.push(*first);
            continue;
        }
        let (pair, behind) = rest.split_first_chunk::<2>()?;
        rest = behind;
        let [high, low] = pair.map(|byte| char::from(byte).to_digit(16));
        bytes.push(u8::try_from(high? << 4 | low?).ok()?);
    }
    let log = String::from_utf8(bytes).ok()?;
    (log_folder(&log)? == name).then_some(log)
}

fn digit(value: u8) -> char {
    char::from_digit(u32::from(value), 16).unwrap_or('0')
}
