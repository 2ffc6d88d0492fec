//! Files of the host's directory: read whole, written once, made durable.
//!
//! Must never give a name to a file whose sync failed, and never call a name durable before the
//! folder it is in was synced.

use std::rc::Rc;

use wit_bindgen::StreamResult;

use crate::bindings::billet::store::types::StoreError;
use crate::bindings::wasi::filesystem::types::{
    Descriptor, DescriptorFlags, DescriptorType, DirectoryEntry, ErrorCode, OpenFlags, PathFlags,
};
use crate::bindings::wasi::random::random::get_random_u64;
use crate::bindings::wit_stream;
use crate::memory;

/// What a file operation may end with.
pub(crate) type Result<T> = std::result::Result<T, ErrorCode>;

/// How often another name is tried for a temporary file.
const NAMES_TRIED_MAX: u32 = 16;

/// The error that a caller sees, with the reason on standard error where it is not plain.
pub(crate) fn told(what: &str, code: &ErrorCode) -> StoreError {
    match code {
        ErrorCode::InsufficientSpace | ErrorCode::Quota | ErrorCode::FileTooLarge => {
            StoreError::Full
        }
        _ => {
            eprintln!("billet: {what}: {code:?}");
            StoreError::Unavailable
        }
    }
}

/// The whole content of a file, or none where there is no such file. One longer than `bytes_max`
/// is `FileTooLarge`.
pub(crate) async fn read(path: &str, bytes_max: u64) -> Result<Option<Vec<u8>>> {
    let root = memory::root()?;
    let opened = root
        .open_at(
            PathFlags::empty(),
            path.to_owned(),
            OpenFlags::empty(),
            DescriptorFlags::READ,
        )
        .await;
    let file = match opened {
        Ok(file) => file,
        Err(ErrorCode::NoEntry | ErrorCode::NotDirectory) => return Ok(None),
        Err(code) => return Err(code),
    };
    let size = file.stat().await?.size;
    if size > bytes_max {
        return Err(ErrorCode::FileTooLarge);
    }
    let size = usize::try_from(size).map_err(|_| ErrorCode::FileTooLarge)?;
    // One byte more, so that the read that finds the end has room.
    let mut bytes = Vec::with_capacity(size.saturating_add(1));
    let (mut stream, end) = file.read_via_stream(0);
    loop {
        let (result, filled) = stream.read(bytes).await;
        bytes = filled;
        // A file never grows after it got its name: more than its size is not ours.
        if bytes.len() > size || !matches!(result, StreamResult::Complete(_)) {
            break;
        }
    }
    drop(stream);
    if bytes.len() > size {
        return Err(ErrorCode::FileTooLarge);
    }
    end.await?;
    Ok(Some(bytes))
}

/// A file with `bytes` in it, synced, under a name that nobody else has. Nothing finds it there.
pub(crate) async fn write_temporary(bytes: Vec<u8>) -> Result<String> {
    ensure(billet_plain::TEMPORARY).await?;
    let root = memory::root()?;
    for _ in 0..NAMES_TRIED_MAX {
        let path = format!("{}/{:016x}", billet_plain::TEMPORARY, get_random_u64());
        let opened = root
            .open_at(
                PathFlags::empty(),
                path.clone(),
                OpenFlags::CREATE | OpenFlags::EXCLUSIVE,
                DescriptorFlags::READ | DescriptorFlags::WRITE,
            )
            .await;
        let file = match opened {
            Ok(file) => file,
            Err(ErrorCode::Exist) => continue,
            Err(code) => return Err(code),
        };
        if let Err(code) = fill(&file, bytes).await {
            remove(&path).await;
            return Err(code);
        }
        return Ok(path);
    }
    Err(ErrorCode::Exist)
}

async fn fill(file: &Descriptor, bytes: Vec<u8>) -> Result<()> {
    let (mut writer, reader) = wit_stream::new::<u8>();
    let written = file.write_via_stream(reader, 0);
    let left = writer.write_all(bytes).await;
    drop(writer);
    written.await?;
    if !left.is_empty() {
        return Err(ErrorCode::Io);
    }
    file.sync().await
}

/// Removes a temporary file. One that stays costs room and nothing else.
pub(crate) async fn remove(path: &str) {
    if let Ok(root) = memory::root()
        && let Err(code) = root.unlink_file_at(path.to_owned()).await
    {
        eprintln!("billet: {path} stays: {code:?}");
    }
}

/// Gives a synced temporary file its name in place of whatever had it, at once. The name is
/// durable when its folder was synced.
pub(crate) async fn replace(temporary: &str, path: &str) -> Result<()> {
    let root = memory::root()?;
    let renamed = root
        .rename_at(temporary.to_owned(), &root, path.to_owned())
        .await;
    if renamed.is_err() {
        remove(temporary).await;
    }
    renamed
}

/// Gives a synced temporary file a second name, `Exist` where that is taken.
pub(crate) async fn link(temporary: &str, path: &str) -> Result<()> {
    let root = memory::root()?;
    root.link_at(
        PathFlags::empty(),
        temporary.to_owned(),
        &root,
        path.to_owned(),
    )
    .await
}

/// Whether there is surely nothing of that name.
pub(crate) async fn is_absent(path: &str) -> bool {
    let Ok(root) = memory::root() else {
        return false;
    };
    let found = root.stat_at(PathFlags::empty(), path.to_owned()).await;
    matches!(found, Err(ErrorCode::NoEntry))
}

/// Makes a folder, and those above it, where they are not there, and durable in any case: whoever
/// made them may have vanished before that.
pub(crate) async fn ensure(path: &str) -> Result<()> {
    let mut above = ".";
    for (end, _) in path.match_indices('/').chain([(path.len(), "")]) {
        let folder = path.get(..end).unwrap_or(path);
        if !memory::is_durable(folder) {
            match memory::root()?.create_directory_at(folder.to_owned()).await {
                Ok(()) | Err(ErrorCode::Exist) => {}
                Err(code) => return Err(code),
            }
            sync(above).await?;
            memory::set_durable(folder);
        }
        above = folder;
    }
    Ok(())
}

/// Makes the names in a folder durable.
pub(crate) async fn sync(folder: &str) -> Result<()> {
    open_folder(folder).await?.sync().await
}

/// What is in a folder; nothing where there is no such folder.
pub(crate) async fn list(folder: &str) -> Result<Vec<DirectoryEntry>> {
    let opened = match open_folder(folder).await {
        Ok(opened) => opened,
        Err(ErrorCode::NoEntry | ErrorCode::NotDirectory) => return Ok(Vec::new()),
        Err(code) => return Err(code),
    };
    let (mut entries, end) = opened.read_directory();
    let mut listed = Vec::new();
    while let Some(entry) = entries.next().await {
        listed.push(entry);
    }
    drop(entries);
    end.await?;
    Ok(listed)
}

/// The names of folders, and of what may lead to one.
pub(crate) fn folders(entries: &[DirectoryEntry]) -> impl Iterator<Item = &str> {
    let folders = entries
        .iter()
        .filter(|entry| !matches!(entry.type_, DescriptorType::RegularFile));
    folders.map(|entry| entry.name.as_str())
}

async fn open_folder(folder: &str) -> Result<Descriptor> {
    let root: Rc<Descriptor> = memory::root()?;
    root.open_at(
        PathFlags::empty(),
        folder.to_owned(),
        OpenFlags::DIRECTORY,
        DescriptorFlags::READ,
    )
    .await
}
