//! A small blocking HTTP client for this machine, one connection a request.
//!
//! Must never wait longer than its bound, nor read more than its bound.

use std::io::{self, BufRead as _, BufReader, Read as _, Write as _};
use std::net::{SocketAddr, TcpStream};
use std::time::Duration;

/// Longest wait for a byte.
const WAIT: Duration = Duration::from_secs(60);
/// Longest answer, in bytes.
const ANSWER_MAX: u64 = 512 << 20;

/// A whole answer.
#[derive(Debug, Default)]
pub struct Answer {
    /// Status code.
    pub status: u16,
    /// Names in lower case, in the order of the wire.
    pub headers: Vec<(String, String)>,
    /// The body.
    pub body: Vec<u8>,
}

impl Answer {
    /// The first header of that lower-case name.
    pub fn header(&self, name: &str) -> Option<&str> {
        let found = self.headers.iter().find(|(other, _)| other == name);
        found.map(|(_, value)| value.as_str())
    }
}

/// Sends one request with a length and reads the answer.
///
/// # Errors
/// The connection fails, or ends inside the answer.
pub fn send(
    address: SocketAddr,
    method: &str,
    path: &str,
    headers: &[(&str, &str)],
    body: &[u8],
) -> io::Result<Answer> {
    let length = body.len().to_string();
    let all: Vec<(&str, &str)> = headers
        .iter()
        .copied()
        .chain([("content-length", length.as_str())])
        .collect();
    send_raw(address, method, path, &all, body)
}

/// Sends exactly these headers (and `host`) and bytes, and reads the answer.
///
/// # Errors
/// As [`send`].
pub fn send_raw(
    address: SocketAddr,
    method: &str,
    path: &str,
    headers: &[(&str, &str)],
    bytes: &[u8],
) -> io::Result<Answer> {
    let mut stream = TcpStream::connect(address)?;
    stream.set_read_timeout(Some(WAIT))?;
    stream.set_write_timeout(Some(WAIT))?;
    let mut head = format!("{method} {path} HTTP/1.1\r\nhost: {address}\r\nconnection: close\r\n");
    for (name, value) in headers {
        head.push_str(&format!("{name}: {value}\r\n"));
    }
    head.push_str("\r\n");
    // A server may answer and close before it has read all: then its answer counts.
    let sent = stream
        .write_all(head.as_bytes())
        .and_then(|()| stream.write_all(bytes));
    let mut reader = BufReader::new(stream);
    match (read(&mut reader, method), sent) {
        (Ok(answer), _) => Ok(answer),
        (Err(_), Err(error)) | (Err(error), Ok(())) => Err(error),
    }
}

fn broken(what: &str) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, what.to_owned())
}

fn line(reader: &mut BufReader<TcpStream>) -> io::Result<String> {
    let mut line = String::new();
    if reader.take(1 << 16).read_line(&mut line)? == 0 {
        return Err(io::ErrorKind::UnexpectedEof.into());
    }
    Ok(line.trim_end().to_owned())
}

fn read(reader: &mut BufReader<TcpStream>, method: &str) -> io::Result<Answer> {
    let first = line(reader)?;
    let status = first.split(' ').nth(1).and_then(|text| text.parse().ok());
    let mut answer = Answer {
        status: status.ok_or_else(|| broken("no status"))?,
        ..Answer::default()
    };
    loop {
        let line = line(reader)?;
        if line.is_empty() {
            break;
        }
        let (name, value) = line.split_once(':').ok_or_else(|| broken("no header"))?;
        let pair = (name.to_ascii_lowercase(), value.trim().to_owned());
        answer.headers.push(pair);
    }
    if method == "HEAD" || answer.status == 204 {
        return Ok(answer);
    }
    if answer.header("transfer-encoding").is_some() {
        loop {
            let size = line(reader)?;
            let size = u64::from_str_radix(&size, 16).map_err(|_| broken("no chunk"))?;
            take(reader, size, &mut answer.body)?;
            line(reader).or_else(|error| {
                if size == 0 {
                    Ok(String::new())
                } else {
                    Err(error)
                }
            })?;
            if size == 0 {
                return Ok(answer);
            }
        }
    }
    let length = answer.header("content-length").map(str::parse);
    match length {
        Some(Ok(length)) => take(reader, length, &mut answer.body)?,
        Some(Err(_)) => return Err(broken("no length")),
        None => {
            reader.take(ANSWER_MAX).read_to_end(&mut answer.body)?;
        }
    }
    Ok(answer)
}

fn take(reader: &mut BufReader<TcpStream>, length: u64, body: &mut Vec<u8>) -> io::Result<()> {
    if length > ANSWER_MAX {
        return Err(broken("too long"));
    }
    let read = reader.take(length).read_to_end(body)?;
    if read as u64 == length {
        Ok(())
    } else {
        Err(io::ErrorKind::UnexpectedEof.into())
    }
}
