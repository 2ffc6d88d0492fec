//! What goes over HTTP, as values.
//!
//! Must never name a connection: the caller sends and receives.

use crate::blob::Blob;

/// The content type of containers in bodies; services compare it byte for byte.
pub const CONTENT_TYPE: &str = "application/vnd.ipld.dag-cbor";

/// The header that carries a container where the body is for bytes.
pub(crate) const CONTAINER_HEADER: &str = "x-ucan-container";

/// Headers, names in lower case.
pub type Headers = Vec<(String, String)>;

/// The HTTP method.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Method {
    /// `GET`
    Get,
    /// `POST`
    Post,
    /// `PUT`
    Put,
}

/// Where a request goes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Place {
    /// This path at the upload service.
    Service(String),
    /// This URL.
    Url(String),
}

/// What a request carries.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Body {
    /// Nothing.
    Empty,
    /// These bytes, with their length told.
    Bytes(Vec<u8>),
    /// The bytes of this blob, with their length told, never chunked.
    Blob(Blob),
}

/// One request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Request {
    /// The method.
    pub method: Method,
    /// Where to.
    pub place: Place,
    /// Beyond `host` and `content-length`.
    pub headers: Headers,
    /// What it carries.
    pub body: Body,
}

/// What came back.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Answer {
    /// Nothing whole: refused, timed out, cut off.
    Lost,
    /// A whole answer.
    Whole {
        /// The HTTP status.
        status: u16,
        /// The headers.
        headers: Headers,
        /// All of the body; at most 1 MiB is ever of use.
        body: Vec<u8>,
    },
}

pub(crate) fn header<'h>(headers: &'h Headers, name: &str) -> Option<&'h str> {
    let found = headers
        .iter()
        .find(|(other, _)| other.eq_ignore_ascii_case(name));
    found.map(|(_, value)| value.as_str())
}
