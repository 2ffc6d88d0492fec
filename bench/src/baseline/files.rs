//! Leaves appended to files of 64 MiB, made durable in groups.
//!
//! Must never answer for bytes that no returned `fdatasync` covers.

use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};

use rustix::fs::FallocateFlags;
use tokio::sync::{mpsc, oneshot};

/// A file takes no more leaves past this size.
const FILE_BYTES_MAX: u64 = 64 << 20;

/// Where a leaf is.
#[derive(Clone, Debug)]
pub struct Span {
    /// Its file.
    pub file: Arc<File>,
    /// Where it begins.
    pub offset: u64,
    /// Its bytes.
    pub length: usize,
    /// CRC64NVME of its bytes.
    pub crc: u64,
}

/// The files of a folder.
#[derive(Debug)]
pub struct Files {
    folder: PathBuf,
    open: Mutex<Option<Open>>,
    waiting: mpsc::UnboundedSender<Waiting>,
}

#[derive(Debug)]
struct Open {
    file: Arc<File>,
    end: u64,
    number: u64,
}

/// Whoever waits for files to be durable.
type Waiting = (Vec<Arc<File>>, oneshot::Sender<io::Result<()>>);

impl Files {
    /// Files in a folder that exists; a task syncs them until this is dropped.
    pub fn new(folder: PathBuf) -> Self {
        let (waiting, queue) = mpsc::unbounded_channel();
        tokio::spawn(sync_groups(queue));
        Self {
            folder,
            open: Mutex::new(None),
            waiting,
        }
    }

    /// Appends a leaf. Blocks.
    ///
    /// # Errors
    /// The system's.
    pub fn append(&self, bytes: &[u8], crc: u64) -> io::Result<Span> {
        let (file, offset) = self.reserve(bytes.len() as u64)?;
        file.write_all_at(bytes, offset)?;
        Ok(Span {
            file,
            offset,
            length: bytes.len(),
            crc,
        })
    }

    fn reserve(&self, length: u64) -> io::Result<(Arc<File>, u64)> {
        let mut open = self.open.lock().unwrap_or_else(PoisonError::into_inner);
        let full = open
            .as_ref()
            .is_none_or(|open| open.end > 0 && open.end.saturating_add(length) > FILE_BYTES_MAX);
        if full {
            let number = open
                .as_ref()
                .map_or(0, |open| open.number.saturating_add(1));
            let path = self.folder.join(format!("leaves-{number:08}"));
            let file = File::options()
                .read(true)
                .write(true)
                .create_new(true)
                .open(path)?;
            rustix::fs::fallocate(&file, FallocateFlags::empty(), 0, FILE_BYTES_MAX)?;
            *open = Some(Open {
                file: Arc::new(file),
                end: 0,
                number,
            });
        }
        let open = open.as_mut().ok_or(io::ErrorKind::NotFound)?;
        let offset = open.end;
        open.end = offset.saturating_add(length);
        Ok((Arc::clone(&open.file), offset))
    }

    /// Waits until all leaves are durable.
    ///
    /// # Errors
    /// The system's.
    pub async fn sync(&self, spans: &[Span]) -> io::Result<()> {
        let mut files: Vec<Arc<File>> = Vec::new();
        for span in spans {
            add(&mut files, &span.file);
        }
        let (told, done) = oneshot::channel();
        let gone = || io::Error::from(io::ErrorKind::BrokenPipe);
        self.waiting.send((files, told)).map_err(|_| gone())?;
        done.await.map_err(|_| gone())?
    }
}

fn add(files: &mut Vec<Arc<File>>, file: &Arc<File>) {
    if !files.iter().any(|other| Arc::ptr_eq(other, file)) {
        files.push(Arc::clone(file));
    }
}

/// Everyone who waits while a sync runs shares the next one.
async fn sync_groups(mut queue: mpsc::UnboundedReceiver<Waiting>) {
    while let Some(first) = queue.recv().await {
        let mut group = vec![first];
        while let Ok(next) = queue.try_recv() {
            group.push(next);
        }
        let mut files = Vec::new();
        for file in group.iter().flat_map(|(files, _)| files) {
            add(&mut files, file);
        }
        let sync = move || files.iter().try_for_each(|file| file.sync_data());
        let synced = tokio::task::spawn_blocking(sync).await;
        let synced = synced.unwrap_or_else(|error| Err(io::Error::other(error)));
        for (_, told) in group {
            // Whoever went away does not need to know.
            let _ = told.send(match &synced {
                Ok(()) => Ok(()),
                Err(error) => Err(error.kind().into()),
            });
        }
    }
}
