//! Copy on write: a folder as it would be, without touching it.
//!
//! Reads come from the real files, which are opened for reading only; whatever is written, cut,
//! made or removed is kept in memory, up to a bound. A file that was only read is closed with its
//! last user. Must never change a byte, make a file or take a lock of the folder below.

use std::collections::BTreeMap;
use std::fs;
use std::io;
use std::os::unix::fs::FileExt as _;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};

use crate::{Disk, File, Lock};

const PAGE_BYTES: usize = 4096;
const PAGE: u64 = PAGE_BYTES as u64;

type Page = [u8; PAGE_BYTES];

/// Pages that all files together may still have.
#[derive(Debug)]
struct Budget {
    pages_left: AtomicUsize,
}

impl Budget {
    fn take(&self) -> io::Result<()> {
        let less = |left: usize| left.checked_sub(1);
        let taken = self
            .pages_left
            .try_update(Ordering::Relaxed, Ordering::Relaxed, less);
        taken
            .map(drop)
            .map_err(|_| io::ErrorKind::StorageFull.into())
    }
}

/// What differs from the file below.
#[derive(Debug, Default)]
struct Layer {
    pages: BTreeMap<u64, Box<Page>>,
    length: u64,
    /// Bytes of the file below that are still to be seen.
    below: u64,
}

/// A view, a path in it, and the file there.
type Place = (Weak<Mutex<Entries>>, String, Weak<CowFile>);

/// A file with a layer over it.
#[derive(Debug)]
pub(crate) struct CowFile {
    base: Option<fs::File>,
    layer: Mutex<Layer>,
    budget: Arc<Budget>,
    /// Where it is to be remembered once it is changed: the view, its path and itself.
    place: Option<Place>,
}

impl CowFile {
    fn over(base: Option<(fs::File, u64)>, budget: &Arc<Budget>, place: Option<Place>) -> Self {
        let (base, length) = base.unzip();
        let length = length.unwrap_or(0);
        let layer = Layer {
            length,
            below: length,
            ..Layer::default()
        };
        Self {
            base,
            layer: Mutex::new(layer),
            budget: Arc::clone(budget),
            place,
        }
    }

    /// Remembers it in its view, if its path still leads to it: it is about to be changed. Must be
    /// called without the layer's lock.
    fn keep(&self) {
        let Some((view, path, this)) = &self.place else {
            return;
        };
        let (Some(view), Some(this)) = (view.upgrade(), this.upgrade()) else {
            return;
        };
        if let Some(entry @ Entry::Seen(_)) = entries(&view).get_mut(path)
            && matches!(entry, Entry::Seen(seen) if seen.ptr_eq(&Arc::downgrade(&this)))
        {
            *entry = Entry::File(this);
        }
    }

    fn layer(&self) -> MutexGuard<'_, Layer> {
        self.layer.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The bytes of a page as they were below; zeros where nothing was.
    fn page_below(&self, layer: &Layer, page: u64) -> io::Result<Box<Page>> {
        let mut out = Box::new([0; PAGE_BYTES]);
        let start = page * PAGE;
        let bytes = layer.below.saturating_sub(start).min(PAGE);
        if let (Some(file), Some(out)) = (&self.base, out.get_mut(..bytes as usize)) {
            read_full(file, out, start)?;
        }
        Ok(out)
    }

    fn write(&self, layer: &mut Layer, bytes: &[u8], offset: u64) -> io::Result<()> {
        let end = offset
            .checked_add(bytes.len() as u64)
            .ok_or(io::ErrorKind::InvalidInput)?;
        let mut at = offset;
        while at < end {
            let (page, inside) = (at / PAGE, (at % PAGE) as usize);
            if !layer.pages.contains_key(&page) {
                let below = self.page_below(layer, page)?;
                // I8: memory is bounded, whatever a recovery writes.
                self.budget.take()?;
                layer.pages.insert(page, below);
            }
            let count = (PAGE_BYTES - inside).min((end - at) as usize);
            let from = (at - offset) as usize;
            if let (Some(page), Some(bytes)) =
                (layer.pages.get_mut(&page), bytes.get(from..from + count))
                && let Some(room) = page.get_mut(inside..inside + count)
            {
                room.copy_from_slice(bytes);
            }
            at += count as u64;
            layer.length = layer.length.max(at);
        }
        Ok(())
    }

    fn cut(&self, layer: &mut Layer, bytes: u64) {
        if bytes < layer.length {
            layer.below = layer.below.min(bytes);
            let gone = layer.pages.split_off(&bytes.div_ceil(PAGE)).len();
            self.budget.pages_left.fetch_add(gone, Ordering::Relaxed);
            let inside = (bytes % PAGE) as usize;
            if let Some(page) = layer.pages.get_mut(&(bytes / PAGE))
                && let Some(rest) = page.get_mut(inside..)
            {
                rest.fill(0);
            }
        }
        layer.length = bytes;
    }
}

impl Drop for CowFile {
    fn drop(&mut self) {
        let pages = self.layer().pages.len();
        self.budget.pages_left.fetch_add(pages, Ordering::Relaxed);
    }
}

/// Reads as much of `out` as the file has.
fn read_full(file: &fs::File, out: &mut [u8], offset: u64) -> io::Result<usize> {
    let mut done = 0;
    while let Some(rest) = out.get_mut(done..).filter(|rest| !rest.is_empty()) {
        match file.read_at(rest, offset + done as u64) {
            Ok(0) => break,
            Ok(bytes) => done += bytes,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    Ok(done)
}

impl File for CowFile {
    fn read_at(&self, out: &mut [u8], offset: u64) -> io::Result<usize> {
        let layer = self.layer();
        let room = layer.length.saturating_sub(offset);
        let count = out.len().min(usize::try_from(room).unwrap_or(usize::MAX));
        let Some(out) = out.get_mut(..count) else {
            return Ok(0);
        };
        let seen = layer.below.saturating_sub(offset).min(count as u64) as usize;
        if let (Some(file), Some(out)) = (&self.base, out.get_mut(..seen)) {
            read_full(file, out, offset)?;
        }
        if let Some(rest) = out.get_mut(seen..) {
            rest.fill(0);
        }
        let end = offset + count as u64;
        for (page, bytes) in layer.pages.range(offset / PAGE..end.div_ceil(PAGE)) {
            let start = page * PAGE;
            let (from, to) = (start.max(offset), (start + PAGE).min(end));
            let own = bytes.get((from - start) as usize..(to - start) as usize);
            let room = out.get_mut((from - offset) as usize..(to - offset) as usize);
            if let (Some(own), Some(room)) = (own, room) {
                room.copy_from_slice(own);
            }
        }
        Ok(count)
    }

    fn write_at(&self, bytes: &[u8], offset: u64) -> io::Result<()> {
        self.keep();
        self.write(&mut self.layer(), bytes, offset)
    }

    fn sync_data(&self) -> io::Result<()> {
        Ok(())
    }

    fn sync_all(&self) -> io::Result<()> {
        Ok(())
    }

    fn set_len(&self, bytes: u64) -> io::Result<()> {
        self.keep();
        self.cut(&mut self.layer(), bytes);
        Ok(())
    }

    fn allocate(&self, bytes: u64) -> io::Result<()> {
        self.keep();
        let mut layer = self.layer();
        layer.length = layer.length.max(bytes);
        Ok(())
    }

    fn length(&self) -> io::Result<u64> {
        Ok(self.layer().length)
    }
}

/// What became of a path.
#[derive(Debug)]
enum Entry {
    /// It was made or changed.
    File(Arc<CowFile>),
    /// It was only read: all who have it open share one layer.
    Seen(Weak<CowFile>),
    Removed,
}

type Entries = BTreeMap<String, Entry>;

fn entries(entries: &Mutex<Entries>) -> MutexGuard<'_, Entries> {
    entries.lock().unwrap_or_else(PoisonError::into_inner)
}

/// A folder that is only looked at. Clones share what was written.
#[derive(Debug, Clone)]
pub struct CowDisk {
    folder: PathBuf,
    entries: Arc<Mutex<Entries>>,
    budget: Arc<Budget>,
}

impl CowDisk {
    /// The folder, which must be there. Up to `memory_bytes_max` of writes are kept; more answer
    /// `StorageFull`.
    ///
    /// # Errors
    /// What the system says.
    pub fn new(folder: &Path, memory_bytes_max: usize) -> io::Result<Self> {
        let budget = Budget {
            pages_left: AtomicUsize::new(memory_bytes_max / PAGE_BYTES),
        };
        Ok(Self {
            folder: folder.canonicalize()?,
            entries: Arc::default(),
            budget: Arc::new(budget),
        })
    }

    /// All files as they would be, or those below `under`, relative to the folder. For audits only.
    ///
    /// # Errors
    /// What the system says.
    pub fn list_files(&self, under: &str) -> io::Result<Vec<String>> {
        let mut files = crate::list_files(&self.folder, under)?;
        let entries = self.entries();
        files.retain(|path| !matches!(entries.get(path), Some(Entry::Removed)));
        for (path, entry) in entries.iter() {
            let is_under = Path::new(path).starts_with(under);
            if is_under && matches!(entry, Entry::File(_)) && !files.contains(path) {
                files.push(path.clone());
            }
        }
        files.sort();
        Ok(files)
    }

    fn entries(&self) -> MutexGuard<'_, Entries> {
        entries(&self.entries)
    }

    /// The file as it is now; what is below is opened for reading.
    pub(crate) fn file(&self, path: &str) -> io::Result<Option<Arc<CowFile>>> {
        let mut entries = self.entries();
        match entries.get(path) {
            Some(Entry::File(file)) => return Ok(Some(Arc::clone(file))),
            Some(Entry::Removed) => return Ok(None),
            Some(Entry::Seen(file)) => {
                if let Some(file) = file.upgrade() {
                    return Ok(Some(file));
                }
            }
            None => {}
        }
        let base = match fs::File::open(self.folder.join(path)) {
            Ok(base) => base,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(error),
        };
        let length = base.metadata()?.len();
        let view = Arc::downgrade(&self.entries);
        let file = Arc::new_cyclic(|this| {
            let place = (view, path.to_owned(), Weak::clone(this));
            CowFile::over(Some((base, length)), &self.budget, Some(place))
        });
        entries.insert(path.to_owned(), Entry::Seen(Arc::downgrade(&file)));
        Ok(Some(file))
    }
}

struct NoLock;

impl Lock for NoLock {}

impl Disk for CowDisk {
    fn name(&self) -> String {
        self.folder.display().to_string()
    }

    /// Takes nothing: the folder below stays as free as it was.
    fn lock(&self) -> io::Result<Option<Box<dyn Lock>>> {
        Ok(Some(Box::new(NoLock)))
    }

    fn create(&self, path: &str) -> io::Result<Arc<dyn File>> {
        let file = Arc::new(CowFile::over(None, &self.budget, None));
        self.entries()
            .insert(path.to_owned(), Entry::File(Arc::clone(&file)));
        Ok(file)
    }

    fn open(&self, path: &str) -> io::Result<Option<Arc<dyn File>>> {
        Ok(self.file(path)?.map(|file| file as Arc<dyn File>))
    }

    fn length(&self, path: &str) -> io::Result<Option<u64>> {
        match self.entries().get(path) {
            Some(Entry::File(file)) => return Ok(Some(file.layer().length)),
            Some(Entry::Removed) => return Ok(None),
            Some(Entry::Seen(_)) | None => {}
        }
        match fs::metadata(self.folder.join(path)) {
            Ok(metadata) => Ok(Some(metadata.len())),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(error),
        }
    }

    fn make_folder(&self, _path: &str) -> io::Result<()> {
        Ok(())
    }

    fn sync_folder(&self, _path: &str) -> io::Result<()> {
        Ok(())
    }

    fn rename(&self, from: &str, to: &str) -> io::Result<()> {
        let file = self.file(from)?.ok_or(io::ErrorKind::NotFound)?;
        let mut entries = self.entries();
        entries.insert(from.to_owned(), Entry::Removed);
        entries.insert(to.to_owned(), Entry::File(file));
        Ok(())
    }

    fn remove(&self, path: &str) -> io::Result<()> {
        self.entries().insert(path.to_owned(), Entry::Removed);
        Ok(())
    }
}
