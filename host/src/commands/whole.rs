//! Files that commands write: whole under their name, or not at all.
//!
//! Must never change what is under a name before the new bytes are whole, nor share a file under
//! way with another process.

use std::fs::File;
use std::io::{BufWriter, Error, ErrorKind};
use std::os::fd::AsRawFd as _;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use rustix::fs::{AtFlags, CWD};

use super::look::Print;

/// Bytes of a name that nobody else has.
const UNIQUE_BYTES: usize = 8;
/// Links that are followed one after the other.
const LINKS_MAX: usize = 40;

/// Has a file written beside its place, and puts it there when it is whole and synced. What is no
/// file, such as a pipe, is written as it is.
///
/// # Errors
/// A sentence that says what to do; what was under that name is still there.
pub(super) fn write_whole(
    path: &Path,
    work: impl FnOnce(Print) -> Result<ExitCode, String>,
) -> Result<ExitCode, String> {
    let failed = |error: Error| format!("{}: {error}", path.display());
    // A link stays one, and what it leads to is replaced, or made.
    let target = path.canonicalize().unwrap_or_else(|_| leads_to(path));
    let found = match target.metadata() {
        Ok(found) if !found.is_file() => {
            let file = File::options().write(true).open(&target).map_err(failed)?;
            return work(Print::Raw(Box::new(BufWriter::new(file))));
        }
        Ok(found) => Some(found.permissions()),
        Err(error) if error.kind() == ErrorKind::NotFound => None,
        Err(error) => return Err(failed(error)),
    };
    let part = Part::beside(&target).map_err(failed)?;
    if let Some(permissions) = found {
        part.file.set_permissions(permissions).map_err(failed)?;
    }
    let out = part.file.try_clone().map_err(failed)?;
    let done = work(Print::Raw(Box::new(BufWriter::new(out))))?;
    if done == ExitCode::SUCCESS {
        part.keep(&target).map_err(failed)?;
    }
    Ok(done)
}

/// Where links lead to nothing: what they name. What is there but has no such path, as a pipe that
/// is standard output, is left to the system.
fn leads_to(path: &Path) -> PathBuf {
    let mut target = path.to_owned();
    for _ in 0..LINKS_MAX {
        match target.read_link() {
            Ok(named) if !target.exists() => target = target.with_file_name(named),
            _ => break,
        }
    }
    target
}

/// A file under way; it is gone with this unless it is kept.
struct Part {
    path: PathBuf,
    file: File,
    /// Whether it is at `path` already.
    is_named: bool,
}

impl Part {
    /// A new file in the folder of `target`, under a name that nobody else has.
    fn beside(target: &Path) -> std::io::Result<Self> {
        if target.file_name().is_none() {
            return Err(Error::new(ErrorKind::InvalidInput, "-o names no file"));
        }
        let mut unique = [0; UNIQUE_BYTES];
        getrandom::fill(&mut unique).map_err(Error::other)?;
        let path = target.with_file_name(format!("billet-{}.part", hex::encode(unique)));
        let (file, is_named) = match unnamed(target) {
            Some(file) => (file, false),
            None => {
                let mut options = File::options();
                (options.write(true).create_new(true).open(&path)?, true)
            }
        };
        Ok(Self {
            path,
            file,
            is_named,
        })
    }

    /// Puts the file in its place.
    fn keep(self, target: &Path) -> std::io::Result<()> {
        // No invariant of the store: a file under its name must not turn out empty later.
        self.file.sync_all()?;
        if !self.is_named {
            let follow = AtFlags::SYMLINK_FOLLOW;
            rustix::fs::linkat(CWD, handle(&self.file), CWD, &self.path, follow)?;
        }
        std::fs::rename(&self.path, target)
    }
}

/// A new file in the folder of `target` that has no name yet: however this process ends, nothing
/// of it stays. None where the system or the folder's cannot have such files; what a signal ends
/// stays there.
#[cfg(target_os = "linux")]
fn unnamed(target: &Path) -> Option<File> {
    use rustix::fs::{Mode, OFlags, open};
    let flags = OFlags::TMPFILE | OFlags::WRONLY | OFlags::CLOEXEC;
    let file = File::from(open(target.with_file_name("."), flags, Mode::from(0o666)).ok()?);
    handle(&file).exists().then_some(file)
}

#[cfg(not(target_os = "linux"))]
const fn unnamed(_: &Path) -> Option<File> {
    None
}

/// Where an open file can be named anew.
fn handle(file: &File) -> PathBuf {
    PathBuf::from(format!("/proc/self/fd/{}", file.as_raw_fd()))
}

impl Drop for Part {
    fn drop(&mut self) {
        // Outside the store: what is not whole does not stay. After `keep` there is none.
        let _ = std::fs::remove_file(&self.path);
    }
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use super::*;

    fn raw(print: Print) -> Box<dyn Write> {
        match print {
            Print::Raw(out) => out,
            _ => panic!("lines"),
        }
    }

    fn names(folder: &Path) -> Vec<String> {
        let entries = std::fs::read_dir(folder).unwrap();
        let names = entries.map(|entry| entry.unwrap().file_name().into_string().unwrap());
        names.collect()
    }

    #[test]
    fn two_at_a_time_do_not_meet() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("file");
        let done = write_whole(&path, |print| {
            let mut first = raw(print);
            first.write_all(b"the first").unwrap();
            let second = write_whole(&path, |print| {
                let mut second = raw(print);
                second.write_all(b"second").unwrap();
                second.flush().unwrap();
                Ok(ExitCode::SUCCESS)
            });
            assert_eq!(second, Ok(ExitCode::SUCCESS));
            assert_eq!(std::fs::read(&path).unwrap(), b"second");
            first.write_all(b", and more").unwrap();
            first.flush().unwrap();
            Ok(ExitCode::SUCCESS)
        });
        assert_eq!(done, Ok(ExitCode::SUCCESS));
        assert_eq!(std::fs::read(&path).unwrap(), b"the first, and more");
        assert_eq!(names(folder.path()), ["file"]);
    }

    #[test]
    fn what_fails_leaves_what_was_there() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("file");
        std::fs::write(&path, b"before").unwrap();
        for end in [Err("no".to_owned()), Ok(ExitCode::from(3))] {
            let done = write_whole(&path, |print| {
                raw(print).write_all(b"half").unwrap();
                end.clone()
            });
            assert_eq!(done, end);
            assert_eq!(std::fs::read(&path).unwrap(), b"before");
            assert_eq!(names(folder.path()), ["file"]);
        }
    }

    #[test]
    fn what_takes_the_place_of_a_file_has_its_mode() {
        use std::os::unix::fs::PermissionsExt;
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("file");
        let mode = || path.metadata().unwrap().permissions().mode() & 0o777;
        std::fs::write(&path, b"before").unwrap();
        for before in [0o600, 0o640, 0o444] {
            std::fs::set_permissions(&path, PermissionsExt::from_mode(before)).unwrap();
            let done = write_whole(&path, |_| Ok(ExitCode::SUCCESS));
            assert_eq!(done, Ok(ExitCode::SUCCESS));
            assert_eq!(std::fs::read(&path).unwrap(), b"");
            assert_eq!(mode(), before);
        }
    }

    #[test]
    fn links_and_what_is_no_file_stay_what_they_are() {
        let folder = tempfile::tempdir().unwrap();
        let (path, link) = (folder.path().join("file"), folder.path().join("link"));
        std::fs::write(&path, b"before").unwrap();
        std::os::unix::fs::symlink(&path, &link).unwrap();
        let write = |path: &Path| {
            write_whole(path, |print| {
                let mut out = raw(print);
                out.write_all(b"after").unwrap();
                out.flush().unwrap();
                Ok(ExitCode::SUCCESS)
            })
        };
        for _ in 0..2 {
            assert_eq!(write(&link), Ok(ExitCode::SUCCESS));
            assert!(link.is_symlink());
            assert_eq!(std::fs::read(&path).unwrap(), b"after");
            // The second time there is nothing where it leads to.
            std::fs::remove_file(&path).unwrap();
        }
        let (one, other) = (folder.path().join("one"), folder.path().join("other"));
        std::os::unix::fs::symlink(&one, &other).unwrap();
        std::os::unix::fs::symlink("other", &one).unwrap();
        assert!(write(&one).is_err(), "a circle");
        assert!(one.is_symlink() && other.is_symlink());
        assert_eq!(write(Path::new("/dev/null")), Ok(ExitCode::SUCCESS));
        assert!(!Path::new("/dev/null").is_file());
        assert!(write(folder.path()).is_err(), "a folder");
    }
}
