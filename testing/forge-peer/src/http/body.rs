//! The bytes of a blob as a body, read from its file piece by piece.
//!
//! Must never hold more than one piece in memory.

use std::fs::File;
use std::io::{self, Read as _, Seek as _, SeekFrom};
use std::path::Path;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use bytes::Bytes;
use http_body::{Body, Frame, SizeHint};

use crate::world::World;

/// Bytes of one piece.
const PIECE: u64 = 256 << 10;

/// A part of a file that counts what is sent of it.
#[derive(Debug)]
pub(super) struct FileBody {
    file: File,
    left: u64,
    /// The first byte of every piece is another.
    lies: bool,
    world: Arc<World>,
}

impl FileBody {
    pub(super) fn open(
        path: &Path,
        start: u64,
        length: u64,
        lies: bool,
        world: Arc<World>,
    ) -> io::Result<Self> {
        let mut file = File::open(path)?;
        file.seek(SeekFrom::Start(start))?;
        Ok(Self {
            file,
            left: length,
            lies,
            world,
        })
    }
}

impl Body for FileBody {
    type Data = Bytes;
    type Error = io::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        _: &mut Context<'_>,
    ) -> Poll<Option<io::Result<Frame<Bytes>>>> {
        let want = self.left.min(PIECE);
        if want == 0 {
            return Poll::Ready(None);
        }
        let mut piece = vec![0; usize::try_from(want).unwrap_or(0)];
        if let Err(error) = self.file.read_exact(&mut piece) {
            return Poll::Ready(Some(Err(error)));
        }
        if let (true, Some(first)) = (self.lies, piece.first_mut()) {
            *first ^= 0xff;
        }
        self.left -= want;
        self.world.counters().bytes_served += want;
        Poll::Ready(Some(Ok(Frame::data(piece.into()))))
    }

    fn is_end_stream(&self) -> bool {
        self.left == 0
    }

    fn size_hint(&self) -> SizeHint {
        SizeHint::with_exact(self.left)
    }
}
