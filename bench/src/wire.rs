//! HTTP/1.1 over one connection, as little of it as measuring S3 needs.
//!
//! Must never read past the answer it waits for, nor keep a body that nobody asked for.

use std::io::{self, ErrorKind};
use std::net::SocketAddr;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use crate::body::Bodies;

const READ_BYTES: usize = 256 << 10;
const HEAD_BYTES_MAX: usize = 64 << 10;
/// Heads and bodies up to this size leave in one write.
const JOINED_BYTES_MAX: usize = 64 << 10;

/// The head of an answer, as far as it matters, and the length of its body.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Answer {
    /// Status code.
    pub status: u16,
    /// Bytes of the body that were read.
    pub bytes: u64,
    /// Whether the connection can be used again.
    pub keeps: bool,
}

/// One open connection.
#[derive(Debug)]
pub struct Connection {
    stream: TcpStream,
    /// What was read; `start..` is not used yet.
    buffer: Vec<u8>,
    start: usize,
}

impl Connection {
    /// Connects, without Nagle's algorithm.
    ///
    /// # Errors
    /// The system's.
    pub async fn open(address: SocketAddr) -> io::Result<Self> {
        let stream = TcpStream::connect(address).await?;
        stream.set_nodelay(true)?;
        Ok(Self {
            stream,
            buffer: Vec::with_capacity(READ_BYTES),
            start: 0,
        })
    }

    /// Sends a head and, where there is one, the body of a number. Head and first bytes leave
    /// together.
    ///
    /// # Errors
    /// The system's.
    pub async fn send(&mut self, head: &str, body: Option<(&mut Bodies, u64)>) -> io::Result<()> {
        let Some((bodies, number)) = body else {
            return self.stream.write_all(head.as_bytes()).await;
        };
        if bodies.size() <= JOINED_BYTES_MAX as u64 {
            let joined = [head.as_bytes(), bodies.leaf(number, 0)].concat();
            return self.stream.write_all(&joined).await;
        }
        for index in 0..bodies.leaves() {
            let leaf = bodies.leaf(number, index);
            let mut left = leaf;
            if index == 0 {
                let (first, rest) = leaf.split_at(leaf.len().min(JOINED_BYTES_MAX));
                self.stream
                    .write_all(&[head.as_bytes(), first].concat())
                    .await?;
                left = rest;
            }
            self.stream.write_all(left).await?;
        }
        Ok(())
    }

    /// Reads a whole answer; its body is appended to `sink` or thrown away.
    ///
    /// # Errors
    /// The system's; `UnexpectedEof` for a short answer, `InvalidData` for no HTTP.
    pub async fn receive(
        &mut self,
        without_body: bool,
        mut sink: Option<&mut Vec<u8>>,
    ) -> io::Result<Answer> {
        let head = loop {
            let head = self.head().await?;
            if head.status != 100 {
                break head;
            }
        };
        let empty = without_body || matches!(head.status, 204 | 304);
        let bytes = match head.length {
            _ if empty => 0,
            Length::Bytes(bytes) => self.body(bytes, &mut sink).await?,
            Length::Chunked => self.chunks(&mut sink).await?,
            Length::ToTheEnd => return Err(ErrorKind::InvalidData.into()),
        };
        Ok(Answer {
            status: head.status,
            bytes,
            keeps: head.keeps,
        })
    }

    async fn head(&mut self) -> io::Result<Head> {
        loop {
            let unread = self.buffer.get(self.start..).unwrap_or_default();
            if let Some(end) = find(unread, b"\r\n\r\n") {
                let head = Head::parse(unread.get(..end).unwrap_or_default());
                self.start = self.start.saturating_add(end).saturating_add(4);
                return head.ok_or_else(|| ErrorKind::InvalidData.into());
            }
            if unread.len() > HEAD_BYTES_MAX {
                return Err(ErrorKind::InvalidData.into());
            }
            self.more().await?;
        }
    }

    async fn body(&mut self, bytes: u64, sink: &mut Option<&mut Vec<u8>>) -> io::Result<u64> {
        let mut left = bytes;
        loop {
            let unread = self.buffer.get(self.start..).unwrap_or_default();
            let length = usize::try_from(left)
                .unwrap_or(usize::MAX)
                .min(unread.len());
            if let Some(sink) = sink {
                sink.extend_from_slice(unread.get(..length).unwrap_or_default());
            }
            self.start = self.start.saturating_add(length);
            left = left.saturating_sub(length as u64);
            if left == 0 {
                return Ok(bytes);
            }
            self.more().await?;
        }
    }

    async fn chunks(&mut self, sink: &mut Option<&mut Vec<u8>>) -> io::Result<u64> {
        let mut bytes = 0_u64;
        loop {
            let line = self.line().await?;
            let size = line.split(|byte| *byte == b';').next().unwrap_or_default();
            let size = std::str::from_utf8(size).ok().map(str::trim);
            let size = size.and_then(|size| u64::from_str_radix(size, 16).ok());
            let size = size.ok_or(ErrorKind::InvalidData)?;
            if size == 0 {
                while !self.line().await?.is_empty() {}
                return Ok(bytes);
            }
            bytes = bytes.saturating_add(self.body(size, sink).await?);
            self.line().await?;
        }
    }

    /// A line without its end.
    async fn line(&mut self) -> io::Result<Vec<u8>> {
        loop {
            let unread = self.buffer.get(self.start..).unwrap_or_default();
            if let Some(end) = find(unread, b"\r\n") {
                let line = unread.get(..end).unwrap_or_default().to_vec();
                self.start = self.start.saturating_add(end).saturating_add(2);
                return Ok(line);
            }
            if unread.len() > HEAD_BYTES_MAX {
                return Err(ErrorKind::InvalidData.into());
            }
            self.more().await?;
        }
    }

    async fn more(&mut self) -> io::Result<()> {
        self.buffer.drain(..self.start);
        self.start = 0;
        match self.stream.read_buf(&mut self.buffer).await? {
            0 => Err(ErrorKind::UnexpectedEof.into()),
            _ => Ok(()),
        }
    }
}

enum Length {
    Bytes(u64),
    Chunked,
    ToTheEnd,
}

struct Head {
    status: u16,
    length: Length,
    keeps: bool,
}

impl Head {
    fn parse(bytes: &[u8]) -> Option<Self> {
        let text = std::str::from_utf8(bytes).ok()?;
        let mut lines = text.split("\r\n");
        let status = lines
            .next()?
            .strip_prefix("HTTP/1.1 ")?
            .get(..3)?
            .parse()
            .ok()?;
        let mut head = Self {
            status,
            length: Length::ToTheEnd,
            keeps: true,
        };
        for line in lines {
            let (name, value) = line.split_once(':')?;
            if name.eq_ignore_ascii_case("content-length") {
                head.length = Length::Bytes(value.trim().parse().ok()?);
            } else if name.eq_ignore_ascii_case("transfer-encoding") {
                head.length = Length::Chunked;
            } else if name.eq_ignore_ascii_case("connection") {
                head.keeps = !value.trim().eq_ignore_ascii_case("close");
            }
        }
        Some(head)
    }
}

/// Where `wanted` begins.
pub(crate) fn find(bytes: &[u8], wanted: &[u8]) -> Option<usize> {
    bytes
        .windows(wanted.len())
        .position(|window| window == wanted)
}
