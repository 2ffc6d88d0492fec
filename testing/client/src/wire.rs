//! HTTP/1.1 over one connection, as little of it as S3 needs.
//!
//! Must never read past the answer it waits for.

use std::io::{self, BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::time::Duration;

/// Longest wait for a byte; a server that hangs fails a test instead of holding it up.
const WAIT: Duration = Duration::from_secs(120);

/// What is sent.
#[derive(Debug)]
pub enum Body<'a> {
    /// These bytes, signed.
    Bytes(&'a [u8]),
    /// `block` again and again up to `size` bytes, not signed.
    Repeat {
        /// What is repeated; not empty.
        block: &'a [u8],
        /// Bytes in all.
        size: u64,
    },
}

impl Default for Body<'_> {
    fn default() -> Self {
        Self::Bytes(&[])
    }
}

impl Body<'_> {
    pub(crate) fn len(&self) -> u64 {
        match self {
            Self::Bytes(bytes) => bytes.len() as u64,
            Self::Repeat { size, .. } => *size,
        }
    }

    fn write(&self, stream: &mut TcpStream) -> io::Result<()> {
        match self {
            Self::Bytes(bytes) => stream.write_all(bytes),
            Self::Repeat { block, size } => {
                let mut left = *size;
                while left > 0 {
                    let piece = left.min(block.len() as u64) as usize;
                    stream.write_all(block.get(..piece).unwrap_or(block))?;
                    left -= piece as u64;
                }
                Ok(())
            }
        }
    }
}

/// A whole answer.
#[derive(Debug)]
pub struct Response {
    /// Status code.
    pub status: u16,
    /// Names in lower case, in the order of the wire.
    pub headers: Vec<(String, String)>,
    /// The body.
    pub body: Vec<u8>,
}

impl Response {
    /// The first header of that lower-case name.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers
            .iter()
            .find(|(other, _)| other == name)
            .map(|(_, value)| value.as_str())
    }

    /// The body as text.
    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }

    /// The text of the first XML element of that name.
    pub fn element(&self, name: &str) -> Option<String> {
        let text = self.text();
        let (_, rest) = text.split_once(&format!("<{name}>"))?;
        Some(rest.split_once('<')?.0.to_owned())
    }

    pub(crate) fn closes(&self) -> bool {
        self.header("connection")
            .is_some_and(|value| value.eq_ignore_ascii_case("close"))
    }
}

/// One open connection.
#[derive(Debug)]
pub(crate) struct Connection {
    stream: TcpStream,
    reader: BufReader<TcpStream>,
}

impl Connection {
    pub(crate) fn open(address: SocketAddr) -> io::Result<Self> {
        let stream = TcpStream::connect(address)?;
        stream.set_nodelay(true)?;
        stream.set_read_timeout(Some(WAIT))?;
        stream.set_write_timeout(Some(WAIT))?;
        let reader = BufReader::with_capacity(1 << 16, stream.try_clone()?);
        Ok(Self { stream, reader })
    }

    pub(crate) fn exchange(
        &mut self,
        method: &str,
        head: &str,
        body: &Body<'_>,
        sink: Option<&mut dyn Write>,
    ) -> io::Result<Response> {
        match body {
            Body::Bytes(bytes) if bytes.len() < 1 << 16 => {
                self.stream.write_all(&[head.as_bytes(), bytes].concat())?;
            }
            _ => {
                self.stream.write_all(head.as_bytes())?;
                // A server may answer and close before it has read all: its answer counts.
                if let Err(error) = body.write(&mut self.stream) {
                    return self.read(method, sink).map_err(|_| error);
                }
            }
        }
        self.read(method, sink)
    }

    fn read(&mut self, method: &str, sink: Option<&mut dyn Write>) -> io::Result<Response> {
        loop {
            let (status, headers) = self.read_head()?;
            if status == 100 {
                continue;
            }
            let mut response = Response {
                status,
                headers,
                body: Vec::new(),
            };
            let length = response
                .header("content-length")
                .and_then(|text| text.parse().ok());
            let chunked = response.header("transfer-encoding").is_some();
            if method == "HEAD" || status == 204 || status == 304 {
                return Ok(response);
            }
            if let (200..300, Some(length), Some(sink)) = (status, length, sink) {
                let copied = io::copy(&mut (&mut self.reader).take(length), sink)?;
                let whole = copied == length;
                return if whole {
                    Ok(response)
                } else {
                    Err(io::ErrorKind::UnexpectedEof.into())
                };
            }
            response.body = match (length, chunked) {
                (Some(length), _) => self.read_exactly(length as usize)?,
                (None, true) => self.read_chunks()?,
                (None, false) => {
                    let mut body = Vec::new();
                    self.reader.read_to_end(&mut body)?;
                    body
                }
            };
            return Ok(response);
        }
    }

    fn read_head(&mut self) -> io::Result<(u16, Vec<(String, String)>)> {
        let line = self.line()?;
        let status = line
            .split(' ')
            .nth(1)
            .and_then(|text| text.parse().ok())
            .ok_or_else(|| io::Error::new(io::ErrorKind::UnexpectedEof, line.clone()))?;
        let mut headers = Vec::new();
        loop {
            let line = self.line()?;
            match line.split_once(':') {
                Some((name, value)) => {
                    headers.push((name.to_ascii_lowercase(), value.trim().to_owned()));
                }
                None => return Ok((status, headers)),
            }
        }
    }

    fn read_exactly(&mut self, length: usize) -> io::Result<Vec<u8>> {
        let mut body = vec![0; length];
        self.reader.read_exact(&mut body)?;
        Ok(body)
    }

    fn read_chunks(&mut self) -> io::Result<Vec<u8>> {
        let mut body = Vec::new();
        loop {
            let line = self.line()?;
            let size = usize::from_str_radix(line.trim(), 16)
                .map_err(|_| io::Error::new(io::ErrorKind::InvalidData, line))?;
            body.extend(self.read_exactly(size)?);
            self.line()?;
            if size == 0 {
                return Ok(body);
            }
        }
    }

    fn line(&mut self) -> io::Result<String> {
        let mut line = String::new();
        if self.reader.read_line(&mut line)? == 0 {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        Ok(line.trim_end().to_owned())
    }
}
