//! Answers without a daemon: over a view of the folder in which every write stays in memory.
//!
//! Recovery runs as it would at a start, but in the view only. The store's lock is not taken: a
//! daemon may start meanwhile, which writes the table of keys at once; so whether that file is
//! still the same tells whether the answer is of one store. Must never change a byte.

use std::fs::Metadata;
use std::io;
use std::os::unix::fs::MetadataExt as _;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;

use billet_storage::{CowDisk, KvError, OpenError, StoreError};
use tokio::sync::mpsc;
use tokio::task::JoinError;

use super::{Failure, Input, Inside, Message, Out, Request, answer};
use crate::buffers::Buffers;
use crate::effects::Effects;
use crate::settings::Settings;
use crate::storage::Storage;

/// What recovery and rebuilt indexes may take of memory.
const MEMORY_BYTES_MAX: usize = 256 << 20;

/// Which state of the table of keys this is.
#[derive(PartialEq, Eq)]
struct Mark(u64, u64, i64, i64);

fn mark(folder: &Path) -> io::Result<Mark> {
    let of = |at: Metadata| Mark(at.ino(), at.len(), at.mtime(), at.mtime_nsec());
    std::fs::metadata(folder.join("catalog.redb")).map(of)
}

/// Answers a request over the settings' folder.
///
/// # Errors
/// When there is no store, or a daemon has it.
pub(super) async fn ask(
    settings: &Settings,
    request: Request,
    input: Input,
) -> Result<mpsc::Receiver<Message>, Failure> {
    if request.writes() {
        return change(settings, request, input).await;
    }
    let folder = settings.data_dir.clone();
    let before = mark(&folder).map_err(|error| no_store(&folder, &error))?;
    let is_locked = billet_storage::is_locked(&folder);
    if is_locked.map_err(|error| Failure::new(format!("{}: {error}", folder.display())))? {
        return Err(Failure::new(format!(
            "a process has {} but does not answer at its admin.sock: wait until it is ready, or \
             stop it",
            folder.display()
        )));
    }
    let inside = open(settings.clone()).await?;
    let (out, messages) = Out::new();
    tokio::spawn(async move {
        let result = answer(request, input, &inside, &out).await;
        let is_same = mark(&folder).is_ok_and(|now| now == before);
        let changed = "a daemon was started meanwhile and changed the store: ask again";
        out.end(if is_same {
            result
        } else {
            Err(Failure::new(changed))
        })
        .await;
    });
    Ok(messages)
}

fn no_store(folder: &Path, error: &io::Error) -> Failure {
    if error.kind() == io::ErrorKind::NotFound {
        let folder = folder.display();
        return Failure::new(format!(
            "there is no store in {folder}: name its folder with --data-dir"
        ));
    }
    Failure::new(format!("{}: {error}", folder.display()))
}

/// Does what changes a store, in the folder itself and under its lock.
async fn change(
    settings: &Settings,
    request: Request,
    input: Input,
) -> Result<mpsc::Receiver<Message>, Failure> {
    if request.needs_store() {
        let folder = &settings.data_dir;
        mark(folder).map_err(|error| no_store(folder, &error))?;
    }
    let inside = open_to_write(settings.clone()).await?;
    let (out, messages) = Out::new();
    tokio::spawn(async move {
        let result = answer(request, input, &inside, &out).await;
        let storage = Arc::clone(inside.storage());
        inside.stop();
        drop(inside);
        let closed = tokio::task::spawn_blocking(move || storage.close()).await;
        if !matches!(closed, Ok(Ok(()))) {
            // What was acknowledged is safe all the same: the next start recovers it.
            tracing::warn!("the store could not be closed");
        }
        out.end(result).await;
    });
    Ok(messages)
}

/// Opens the store as a daemon would, with its lock; makes one where there is none.
async fn open_to_write(settings: Settings) -> Result<Inside, Failure> {
    let folder = settings.data_dir.display().to_string();
    let opened = tokio::task::spawn_blocking(move || {
        std::fs::create_dir_all(&settings.data_dir)
            .map_err(|error| Failure::new(error.to_string()))?;
        let storage = Storage::open(&settings).map_err(|error| Failure::new(error.to_string()))?;
        let effects = Effects {
            storage: Arc::new(storage),
            buffers: Arc::new(Buffers::new(settings.buffers)),
            metrics: Arc::default(),
            stopping: AtomicBool::new(false),
            network: std::sync::OnceLock::new(),
        };
        let ship = settings.ship.clone();
        let files =
            Arc::new(move |under: &str| billet_storage::list_files(&settings.data_dir, under));
        Ok::<_, Failure>(Inside::new(Arc::new(effects), None, files, ship))
    });
    let opened = opened
        .await
        .map_err(|error| Failure::new(error.to_string()))?;
    opened.map_err(|failure| failure.about(&folder))
}

async fn open(settings: Settings) -> Result<Inside, Failure> {
    let folder = settings.data_dir.clone();
    let opened = tokio::task::spawn_blocking(move || {
        let disk = CowDisk::new(&settings.data_dir, MEMORY_BYTES_MAX)
            .map_err(|error| no_store(&settings.data_dir, &error))?;
        let storage = Storage::look(&settings, &disk).map_err(|error| {
            let folder = settings.data_dir.display();
            Failure {
                text: format!("the store in {folder} cannot be read: {error}"),
                is_damage: is_damage(&error),
            }
        })?;
        let effects = Effects {
            storage: Arc::new(storage),
            buffers: Arc::new(Buffers::new(settings.buffers)),
            metrics: Arc::default(),
            stopping: AtomicBool::new(false),
            network: std::sync::OnceLock::new(),
        };
        let files = Arc::new(move |under: &str| disk.list_files(under));
        Ok(Inside::new(Arc::new(effects), None, files, None))
    });
    // All that is read without a check of its bytes is the table: a wrong one may end the thread.
    let failed = |error: JoinError| {
        let folder = folder.display();
        Failure::damage(format!("{folder}: the table of keys is damaged: {error}"))
    };
    opened.await.map_err(failed)?
}

/// Whether a store that is only looked at cannot be opened because of what is in its table. No
/// write fails there but for want of memory, which is no `Fatal`.
const fn is_damage(error: &OpenError) -> bool {
    use OpenError::{Key, Kv, Row, Store};
    matches!(
        error,
        Key(_) | Row(_) | Kv(KvError::Damaged(_)) | Store(StoreError::Fatal(_))
    )
}
