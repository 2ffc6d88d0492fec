//! Folders of mixed files: made the same each time, and compared.
//!
//! Must never follow a link.

use std::collections::BTreeSet;
use std::io;
use std::path::{Path, PathBuf};

/// Sizes in bytes that come again and again.
const SIZES: [usize; 8] = [0, 1, 17, 1_024, 4_096, 16_384, 65_537, 200_000];
/// One file in so many is of just over a leaf; what is over is like nothing else.
const LARGE_EACH: u64 = 100;
const LARGE: usize = (1 << 20) + 9;
/// The first files are larger than what clients send in one piece.
const LARGEST: [usize; 4] = [5 << 20, (8 << 20) + 3, 17 << 20, 30 << 20];
const NAMES: [&str; 6] = [
    "plain",
    "with space",
    "plus+plus",
    "per%cent",
    "ümläut",
    "日本",
];

/// Makes so many files; the bytes of all that differ.
///
/// # Errors
/// The system's.
pub fn make(folder: &Path, files: u64) -> io::Result<u64> {
    let mut seen = BTreeSet::new();
    let mut distinct = 0_u64;
    for index in 0..files {
        let bytes = content(index);
        let name = pick(&NAMES, index).copied().unwrap_or_default();
        let folder = folder.join(format!("d{}/e{}", index % 7, index % 31));
        std::fs::create_dir_all(&folder)?;
        std::fs::write(folder.join(format!("{name}-{index}.bin")), &bytes)?;
        let length = bytes.len() as u64;
        // Longer ones are never the same.
        if length > 8 || seen.insert(bytes) {
            distinct = distinct.saturating_add(length);
        }
    }
    Ok(distinct)
}

fn pick<T>(list: &[T], index: u64) -> Option<&T> {
    list.get(usize::try_from(index).unwrap_or(0) % list.len())
}

fn content(index: u64) -> Vec<u8> {
    let largest = usize::try_from(index).ok().and_then(|at| LARGEST.get(at));
    let size = match largest {
        Some(size) => *size,
        None if index.is_multiple_of(LARGE_EACH) => LARGE,
        None => pick(&SIZES, index).copied().unwrap_or_default(),
    };
    // Marsaglia's xorshift: nothing here has to be hard to guess.
    let mut state = index.wrapping_add(1).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    let words = std::iter::repeat_with(|| {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        state.to_le_bytes()
    });
    let mut bytes: Vec<u8> = words.take(size.div_ceil(8)).flatten().collect();
    bytes.truncate(size);
    bytes
}

/// The files below a folder, relative to it, in order.
///
/// # Errors
/// The system's.
pub fn files(folder: &Path) -> io::Result<Vec<PathBuf>> {
    let mut found = Vec::new();
    let mut left = vec![PathBuf::new()];
    while let Some(inner) = left.pop() {
        for entry in std::fs::read_dir(folder.join(&inner))? {
            let entry = entry?;
            let path = inner.join(entry.file_name());
            let kind = entry.file_type()?;
            if kind.is_dir() {
                left.push(path);
            } else if kind.is_file() {
                found.push(path);
            }
        }
    }
    found.sort();
    Ok(found)
}

/// How many files two folders have alike; 0 where one has a file that the other does not have so.
///
/// # Errors
/// The system's.
pub fn same(left: &Path, right: &Path) -> io::Result<u64> {
    let names = files(left)?;
    if names != files(right)? {
        return Ok(0);
    }
    for name in &names {
        if std::fs::read(left.join(name))? != std::fs::read(right.join(name))? {
            return Ok(0);
        }
    }
    Ok(names.len() as u64)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_byte_or_a_name_more_is_told() {
        let folder = crate::target().join("tree-test");
        let _ = std::fs::remove_dir_all(&folder);
        let (left, right) = (folder.join("left"), folder.join("right"));
        let distinct = make(&left, 12).unwrap();
        assert_eq!(distinct, make(&right, 12).unwrap());
        assert_eq!(same(&left, &right).unwrap(), 12);
        let name = files(&left).unwrap().pop().unwrap();
        let bytes = std::fs::read(right.join(&name)).unwrap();
        std::fs::write(right.join(&name), [bytes.as_slice(), b"x"].concat()).unwrap();
        assert_eq!(same(&left, &right).unwrap(), 0);
        std::fs::write(right.join(&name), &bytes).unwrap();
        std::fs::write(right.join("more"), b"").unwrap();
        assert_eq!(same(&left, &right).unwrap(), 0);
    }
}
