//! The head of a request as it came: method, raw target, headers in wire order. It must never
//! decode the path or the query, and never print a header's value.

use std::fmt;

use crate::error::{Result, S3Error};

/// A request without its body. Nothing in it is decoded or checked yet.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct RequestHead {
    /// The method in upper case, as received.
    pub method: String,
    /// The percent-encoded path as received, from its first `/`; without authority and query.
    pub raw_path: String,
    /// The percent-encoded query as received, without its `?`; `None` where there was no `?`.
    pub raw_query: Option<String>,
    headers: Vec<(String, Vec<u8>)>,
}

impl RequestHead {
    /// A head without headers.
    #[must_use]
    pub fn new(method: &str, raw_path: &str, raw_query: Option<&str>) -> Self {
        Self {
            method: method.to_owned(),
            raw_path: raw_path.to_owned(),
            raw_query: raw_query.map(str::to_owned),
            headers: Vec::new(),
        }
    }

    /// The same head with one more header.
    #[must_use]
    pub fn with_header(mut self, name: &str, value: impl Into<Vec<u8>>) -> Self {
        self.push_header(name, value);
        self
    }

    /// Adds a header after those there are. The name is kept in lower case; a repeated name stays
    /// a header of its own.
    pub fn push_header(&mut self, name: &str, value: impl Into<Vec<u8>>) {
        self.headers.push((name.to_ascii_lowercase(), value.into()));
    }

    /// All headers in wire order; names are in lower case.
    pub fn headers(&self) -> impl Iterator<Item = (&str, &[u8])> {
        self.headers
            .iter()
            .map(|(name, value)| (name.as_str(), value.as_slice()))
    }

    /// The values of all headers called `name` (lower case), in wire order.
    pub fn values<'a>(&'a self, name: &str) -> impl Iterator<Item = &'a [u8]> {
        self.headers()
            .filter(move |(each, _)| *each == name)
            .map(|(_, value)| value)
    }

    /// The one value of a header that may appear once, without the blanks around it.
    ///
    /// # Errors
    /// `InvalidRequest` when the header is repeated or is not UTF-8.
    pub fn once(&self, name: &str) -> Result<Option<&str>> {
        let mut values = self.values(name);
        let first = values.next();
        if values.next().is_some() {
            return Err(S3Error::invalid_request(format!(
                "The header {name} may be given only once."
            )));
        }
        let text = first.map(std::str::from_utf8).transpose();
        let text = text.map_err(|_| {
            S3Error::invalid_request(format!("The header {name} is not valid text."))
        })?;
        Ok(text.map(|value| value.trim_matches([' ', '\t'])))
    }
}

impl fmt::Debug for RequestHead {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let names: Vec<_> = self.headers().map(|(name, _)| name).collect();
        f.debug_struct("RequestHead")
            .field("method", &self.method)
            .field("raw_path", &self.raw_path)
            .field("headers", &names)
            .finish_non_exhaustive()
    }
}
