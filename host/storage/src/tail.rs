//! The end of an open segment's file: small appends wait in memory, to be written in one call.
//!
//! Must never let a byte reach the file before those that were appended ahead of it.

use std::io;
use std::sync::{Arc, Mutex};

use crate::File;
use crate::store::lock;

/// Most bytes that wait.
const WAITING_BYTES_MAX: usize = 1 << 20;

/// A file that is appended to. What waits is read as if it were in the file, and is not yet what a
/// sync makes durable: [`Tail::write_out`] comes first.
pub(crate) struct Tail {
    file: Arc<dyn File>,
    waiting: Mutex<Waiting>,
}

#[derive(Default)]
struct Waiting {
    /// Where they go.
    start: u64,
    bytes: Vec<u8>,
}

impl Waiting {
    fn end(&self) -> u64 {
        self.start + self.bytes.len() as u64
    }

    /// `length` bytes from `offset` on, where all of them wait.
    fn get(&self, offset: u64, length: usize) -> Option<&[u8]> {
        let at = usize::try_from(offset.checked_sub(self.start)?).ok()?;
        self.bytes.get(at..at.checked_add(length)?)
    }

    fn write_out(&mut self, file: &dyn File) -> io::Result<()> {
        if !self.bytes.is_empty() {
            file.write_at(&self.bytes, self.start)?;
            self.bytes.clear();
        }
        Ok(())
    }
}

impl Tail {
    pub(crate) fn new(file: Arc<dyn File>) -> Self {
        let waiting = Mutex::default();
        Self { file, waiting }
    }

    /// The file alone, for when nothing is appended any more.
    pub(crate) fn file(&self) -> &Arc<dyn File> {
        &self.file
    }

    /// Has bytes wait to be written at `offset`: whether there is room for them, they follow upon
    /// what waits, and nobody is at it just now. Never waits for the disk.
    pub(crate) fn keep(&self, bytes: &[u8], offset: u64) -> bool {
        let Ok(mut waiting) = self.waiting.try_lock() else {
            return false;
        };
        if waiting.bytes.is_empty() {
            waiting.start = offset;
        }
        let fits = waiting.bytes.len() + bytes.len() <= WAITING_BYTES_MAX;
        let is_next = fits && waiting.end() == offset;
        if is_next {
            waiting.bytes.extend_from_slice(bytes);
        }
        is_next
    }

    /// Writes what waits. After an error it still waits.
    ///
    /// # Errors
    /// What the system says.
    pub(crate) fn write_out(&self) -> io::Result<()> {
        lock(&self.waiting).write_out(&*self.file)
    }
}

impl File for Tail {
    fn read_at(&self, out: &mut [u8], offset: u64) -> io::Result<usize> {
        let waiting = lock(&self.waiting);
        if let Some(bytes) = waiting.get(offset, out.len()) {
            out.copy_from_slice(bytes);
            return Ok(bytes.len());
        }
        drop(waiting);
        self.file.read_at(out, offset)
    }

    fn read_now(&self, out: &mut [u8], offset: u64) -> io::Result<()> {
        let Ok(waiting) = self.waiting.try_lock() else {
            return Err(io::ErrorKind::WouldBlock.into());
        };
        if let Some(bytes) = waiting.get(offset, out.len()) {
            out.copy_from_slice(bytes);
            return Ok(());
        }
        drop(waiting);
        self.file.read_now(out, offset)
    }

    fn write_at(&self, bytes: &[u8], offset: u64) -> io::Result<()> {
        let mut waiting = lock(&self.waiting);
        waiting.write_out(&*self.file)?;
        self.file.write_at(bytes, offset)
    }

    fn sync_data(&self) -> io::Result<()> {
        self.file.sync_data()
    }

    fn sync_all(&self) -> io::Result<()> {
        self.file.sync_all()
    }

    fn set_len(&self, bytes: u64) -> io::Result<()> {
        self.file.set_len(bytes)
    }

    fn allocate(&self, bytes: u64) -> io::Result<()> {
        self.file.allocate(bytes)
    }

    fn length(&self) -> io::Result<u64> {
        self.file.length()
    }
}
