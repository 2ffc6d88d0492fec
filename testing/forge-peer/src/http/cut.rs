//! A connection that is reset after a number of bytes.
//!
//! Must never pass a byte more than it was told.

use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::task::{Context, Poll};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;

/// How many bytes may still go out; negative: any number.
#[derive(Debug)]
pub(super) struct Cut(AtomicI64);

impl Default for Cut {
    fn default() -> Self {
        Self(AtomicI64::new(-1))
    }
}

impl Cut {
    pub(super) fn after(&self, bytes: u64) {
        let bytes = i64::try_from(bytes).unwrap_or(i64::MAX);
        self.0.store(bytes, Ordering::SeqCst);
    }
}

#[derive(Debug)]
pub(super) struct CutIo {
    stream: TcpStream,
    cut: Arc<Cut>,
}

impl CutIo {
    pub(super) fn new(stream: TcpStream, cut: Arc<Cut>) -> Self {
        Self { stream, cut }
    }

    /// The part that may go out, or the reset.
    fn allowed<'a>(&self, bytes: &'a [u8]) -> io::Result<&'a [u8]> {
        match self.cut.0.load(Ordering::SeqCst) {
            left if left < 0 => Ok(bytes),
            0 => Err(io::ErrorKind::ConnectionReset.into()),
            left => {
                let most = usize::try_from(left).unwrap_or(usize::MAX).min(bytes.len());
                Ok(bytes.get(..most).unwrap_or(bytes))
            }
        }
    }

    fn went(&self, result: &Poll<io::Result<usize>>) {
        if let Poll::Ready(Ok(count)) = result
            && self.cut.0.load(Ordering::SeqCst) > 0
        {
            let count = i64::try_from(*count).unwrap_or(i64::MAX);
            self.cut.0.fetch_sub(count, Ordering::SeqCst);
        }
    }
}

impl Drop for CutIo {
    fn drop(&mut self) {
        if self.cut.0.load(Ordering::SeqCst) >= 0 {
            // With nothing lingering the peer sees a reset and not an end.
            let _ = self.stream.set_zero_linger();
        }
    }
}

impl AsyncRead for CutIo {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_read(context, buffer)
    }
}

impl AsyncWrite for CutIo {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        let allowed = match self.allowed(bytes) {
            Ok(allowed) => allowed,
            Err(error) => return Poll::Ready(Err(error)),
        };
        let result = Pin::new(&mut self.stream).poll_write(context, allowed);
        self.went(&result);
        result
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        if self.cut.0.load(Ordering::SeqCst) >= 0 {
            return Poll::Ready(Ok(()));
        }
        Pin::new(&mut self.stream).poll_shutdown(context)
    }
}
