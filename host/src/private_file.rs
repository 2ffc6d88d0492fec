//! Files that hold secrets: read where only their owner may, made once and durably.
//!
//! Must never take secrets from a file that others can read, write over a file, or keep what was
//! read behind a dropped value.

use std::fs::File;
use std::io::{Error, ErrorKind, Read, Write};
use std::os::unix::fs::{MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use zeroize::Zeroizing;

/// Why a private file cannot be used. No variant holds what is in it.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum PrivateFileError {
    /// The file cannot be read or written.
    #[error("{path}: {source}", path = .path.display())]
    Io {
        /// The file.
        path: PathBuf,
        /// What the system said.
        source: Error,
    },
    /// Others can read the file.
    #[error("{path} can be read by others (mode {mode:03o}); run: chmod 600 {path}",
        path = .path.display())]
    Exposed {
        /// The file.
        path: PathBuf,
        /// Its permission bits.
        mode: u32,
    },
    /// The file is longer than any of its kind.
    #[error("{path} is longer than {bytes_max} bytes: it is not what it should be",
        path = .path.display())]
    TooLong {
        /// The file.
        path: PathBuf,
        /// The most that is read.
        bytes_max: u64,
    },
}

impl PrivateFileError {
    /// What the system said of a file.
    pub(crate) fn io(path: &Path, source: Error) -> Self {
        let path = path.to_path_buf();
        Self::Io { path, source }
    }
}

/// The text of a file that only its owner may read, of at most so many bytes; none where there is
/// no file.
///
/// # Errors
/// `Exposed` where others can read it, `TooLong` for a longer one, `Io` where it cannot be read as
/// text.
pub(crate) fn read(
    path: &Path,
    bytes_max: u64,
) -> Result<Option<Zeroizing<String>>, PrivateFileError> {
    let failed = |source| PrivateFileError::io(path, source);
    let file = match File::open(path) {
        Ok(file) => file,
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(failed(error)),
    };
    let metadata = file.metadata().map_err(failed)?;
    let mode = metadata.mode() & 0o777;
    if mode & 0o077 != 0 {
        let path = path.to_path_buf();
        return Err(PrivateFileError::Exposed { path, mode });
    }
    if metadata.len() > bytes_max {
        let path = path.to_path_buf();
        return Err(PrivateFileError::TooLong { path, bytes_max });
    }
    let mut text = Zeroizing::new(String::new());
    let mut file = file.take(bytes_max);
    file.read_to_string(&mut text).map_err(failed)?;
    Ok(Some(text))
}

/// Makes a file of mode 0600, durable before anybody learns what is in it, and its folder where
/// there is none.
///
/// # Errors
/// `Io` where the file is already there or cannot be written.
pub(crate) fn make(path: &Path, bytes: &[u8]) -> Result<(), PrivateFileError> {
    write(path, bytes).map_err(|source| PrivateFileError::io(path, source))
}

fn write(path: &Path, bytes: &[u8]) -> std::io::Result<()> {
    let folder = match path.parent() {
        Some(folder) if folder != Path::new("") => folder,
        _ => Path::new("."),
    };
    std::fs::create_dir_all(folder)?;
    let mut options = File::options();
    let mut file = options
        .write(true)
        .create_new(true)
        .mode(0o600)
        .open(path)?;
    file.write_all(bytes)?;
    // I1: a secret that was shown to its owner, or that something was signed with, must still be
    // there after a crash: it and its entry are durable before it is used.
    file.sync_all()?;
    File::open(folder)?.sync_all()
}
