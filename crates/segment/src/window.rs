//! A window that moves over a file of any length.
//!
//! Must never keep more than a few sections in memory.

use std::convert::Infallible;

/// How much is read at once: two sections and more.
const WINDOW_BYTES: usize = 4 << 20;

/// What a scan reads.
pub trait Source {
    /// Why it could not be read.
    type Error;

    /// Reads into all of `out` from `offset` on; gives how many bytes there were, fewer only at
    /// the end.
    ///
    /// # Errors
    /// As the source says.
    fn read(&self, out: &mut [u8], offset: u64) -> Result<usize, Self::Error>;
}

impl Source for &[u8] {
    type Error = Infallible;

    fn read(&self, out: &mut [u8], offset: u64) -> Result<usize, Infallible> {
        let start = usize::try_from(offset).unwrap_or(usize::MAX);
        let found = self.get(start..).unwrap_or_default();
        let length = found.len().min(out.len());
        if let (Some(out), Some(found)) = (out.get_mut(..length), found.get(..length)) {
            out.copy_from_slice(found);
        }
        Ok(length)
    }
}

/// Bytes of a source from `start` on.
pub(crate) struct Window<S> {
    source: S,
    /// The source's.
    length: u64,
    start: u64,
    bytes: Vec<u8>,
}

impl<S: Source> Window<S> {
    pub(crate) const fn new(source: S, length: u64) -> Self {
        Self {
            source,
            length,
            start: 0,
            bytes: Vec::new(),
        }
    }

    /// `wanted` bytes from `at` on; fewer only at the end of the file.
    pub(crate) fn at(&mut self, at: u64, wanted: usize) -> Result<&[u8], S::Error> {
        let inside = at.checked_sub(self.start);
        let skip = inside.and_then(|skip| usize::try_from(skip).ok());
        let skip = match skip.filter(|skip| skip.saturating_add(wanted) <= self.bytes.len()) {
            Some(skip) => skip,
            None => {
                let left = usize::try_from(self.length.saturating_sub(at)).unwrap_or(usize::MAX);
                self.bytes.resize(wanted.max(WINDOW_BYTES).min(left), 0);
                let read = self.source.read(&mut self.bytes, at);
                // Nothing may be taken for what was read if it was not.
                self.bytes.truncate(*read.as_ref().unwrap_or(&0));
                self.start = at;
                read?;
                0
            }
        };
        let end = skip.saturating_add(wanted).min(self.bytes.len());
        Ok(self.bytes.get(skip..end).unwrap_or_default())
    }
}
