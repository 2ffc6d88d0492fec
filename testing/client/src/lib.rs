//! A small blocking S3 client for tests and measurements: one connection, SigV4, no retries.
//!
//! Written from AWS's description of the signature and sharing no code with the gateway, so that
//! it can stand as an oracle. Must never hide what the server did: no retry, no redirect, no
//! clean-up of keys.

pub mod daemon;
pub mod second;
mod sign;
mod wire;

use std::io::{self, Write};
use std::net::SocketAddr;

pub use sign::Keys;
pub use wire::{Body, Response};

/// A client of one server. Clones have connections of their own.
#[derive(Debug)]
pub struct Client {
    address: SocketAddr,
    keys: Keys,
    connection: Option<wire::Connection>,
}

impl Clone for Client {
    fn clone(&self) -> Self {
        Self::new(self.address, self.keys.clone())
    }
}

/// A request before it is signed.
#[derive(Debug, Default)]
pub struct Request<'a> {
    /// `GET`, `PUT`, …
    pub method: &'a str,
    /// The path before encoding: `/bucket/key`.
    pub path: &'a str,
    /// The query before encoding.
    pub query: &'a [(&'a str, &'a str)],
    /// More headers, lower case. An `x-amz-content-sha256` stands for the body's own.
    pub headers: &'a [(&'a str, &'a str)],
    /// The body.
    pub body: Body<'a>,
}

impl Client {
    /// A client that signs with `keys`.
    pub fn new(address: SocketAddr, keys: Keys) -> Self {
        Self {
            address,
            keys,
            connection: None,
        }
    }

    /// Sends a signed request and reads the whole answer.
    ///
    /// # Errors
    /// What the connection said. It is not used again.
    pub fn send(&mut self, request: Request<'_>) -> io::Result<Response> {
        self.exchange(&request, None)
    }

    /// Sends a signed request and writes the body of a success to `sink` as it comes.
    ///
    /// # Errors
    /// As [`Client::send`]; a body shorter than its length is `UnexpectedEof`.
    pub fn send_to(&mut self, request: Request<'_>, sink: &mut dyn Write) -> io::Result<Response> {
        self.exchange(&request, Some(sink))
    }

    fn exchange(
        &mut self,
        request: &Request<'_>,
        sink: Option<&mut dyn Write>,
    ) -> io::Result<Response> {
        let mut connection = match self.connection.take() {
            Some(connection) => connection,
            None => wire::Connection::open(self.address)?,
        };
        let head = self.keys.sign(request, &self.address.to_string());
        let response = connection.exchange(request.method, &head, &request.body, sink)?;
        if !response.closes() {
            self.connection = Some(connection);
        }
        Ok(response)
    }

    /// PUT of some bytes.
    ///
    /// # Errors
    /// As [`Client::send`].
    pub fn put(&mut self, path: &str, bytes: &[u8]) -> io::Result<Response> {
        let body = Body::Bytes(bytes);
        self.send(Request {
            method: "PUT",
            path,
            body,
            ..Request::default()
        })
    }

    /// GET.
    ///
    /// # Errors
    /// As [`Client::send`].
    pub fn get(&mut self, path: &str) -> io::Result<Response> {
        self.send(Request {
            method: "GET",
            path,
            ..Request::default()
        })
    }

    /// DELETE.
    ///
    /// # Errors
    /// As [`Client::send`].
    pub fn delete(&mut self, path: &str) -> io::Result<Response> {
        self.send(Request {
            method: "DELETE",
            path,
            ..Request::default()
        })
    }
}
