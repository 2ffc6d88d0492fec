//! SigV4 in the `Authorization` header.
//!
//! Must never use code of the gateway: it is what the gateway is checked against.

use hmac::{Hmac, KeyInit, Mac};
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, percent_encode};
use sha2::{Digest, Sha256};
use time::macros::format_description;

use crate::{Body, Request};

/// What stays as it is in a query; in a path the slash does, too.
const QUERY: &AsciiSet = &NON_ALPHANUMERIC
    .remove(b'-')
    .remove(b'.')
    .remove(b'_')
    .remove(b'~');
const PATH: &AsciiSet = &QUERY.remove(b'/');

/// A key pair and its region.
#[derive(Clone, Debug)]
pub struct Keys {
    /// Access key id.
    pub access: String,
    /// Secret access key.
    pub secret: String,
    /// Region, as `us-east-1`.
    pub region: String,
}

impl Keys {
    /// The head of the request, signed: request line and headers up to the empty line.
    pub(crate) fn sign(&self, request: &Request<'_>, host: &str) -> String {
        let now = time::OffsetDateTime::now_utc();
        let stamp = now
            .format(format_description!(
                "[year][month][day]T[hour][minute][second]Z"
            ))
            .unwrap_or_default();
        let day = stamp.get(..8).unwrap_or_default();
        const PAYLOAD: &str = "x-amz-content-sha256";
        let named = request.headers.iter().find(|(name, _)| *name == PAYLOAD);
        let payload = match &request.body {
            _ if named.is_some() => named.map_or("", |(_, value)| value).to_owned(),
            Body::Bytes(bytes) => hex::encode(Sha256::digest(bytes)),
            Body::Repeat { .. } => "UNSIGNED-PAYLOAD".to_owned(),
        };
        let mut headers: Vec<(String, String)> = vec![
            ("host".to_owned(), host.to_owned()),
            (PAYLOAD.to_owned(), payload.clone()),
            ("x-amz-date".to_owned(), stamp.clone()),
        ];
        let more = request
            .headers
            .iter()
            .filter(|(name, _)| *name != PAYLOAD)
            .map(|(name, value)| ((*name).into(), (*value).into()));
        headers.extend(more);
        headers.sort();
        let path = percent_encode(request.path.as_bytes(), PATH).to_string();
        let query = canonical_query(request.query);
        let names: Vec<&str> = headers.iter().map(|(name, _)| name.as_str()).collect();
        let names = names.join(";");
        let lines: String = headers
            .iter()
            .map(|(name, value)| format!("{name}:{}\n", value.trim()))
            .collect();
        let method = request.method;
        let canonical = format!("{method}\n{path}\n{query}\n{lines}\n{names}\n{payload}");
        let scope = format!("{day}/{}/s3/aws4_request", self.region);
        let digest = hex::encode(Sha256::digest(canonical));
        let to_sign = format!("AWS4-HMAC-SHA256\n{stamp}\n{scope}\n{digest}");
        let signature = hex::encode(self.mac(day, to_sign.as_bytes()));
        let target = if query.is_empty() {
            path
        } else {
            format!("{path}?{query}")
        };
        let mut head = format!("{method} {target} HTTP/1.1\r\n");
        for (name, value) in &headers {
            head.push_str(&format!("{name}: {value}\r\n"));
        }
        head.push_str(&format!(
            "authorization: AWS4-HMAC-SHA256 Credential={}/{scope}, SignedHeaders={names}, \
             Signature={signature}\r\n",
            self.access
        ));
        let bare = matches!(request.method, "GET" | "HEAD") && request.body.len() == 0;
        if !bare {
            head.push_str(&format!("content-length: {}\r\n", request.body.len()));
        }
        head.push_str("\r\n");
        head
    }

    fn mac(&self, day: &str, message: &[u8]) -> Vec<u8> {
        let mut key = format!("AWS4{}", self.secret).into_bytes();
        for step in [day, &self.region, "s3", "aws4_request"] {
            key = hmac(&key, step.as_bytes());
        }
        hmac(&key, message)
    }
}

fn canonical_query(query: &[(&str, &str)]) -> String {
    let encode = |text: &str| percent_encode(text.as_bytes(), QUERY).to_string();
    let mut pairs: Vec<String> = query
        .iter()
        .map(|(name, value)| format!("{}={}", encode(name), encode(value)))
        .collect();
    pairs.sort();
    pairs.join("&")
}

fn hmac(key: &[u8], message: &[u8]) -> Vec<u8> {
    Hmac::<Sha256>::new_from_slice(key)
        .map(|mac| mac.chain_update(message).finalize().into_bytes().to_vec())
        .unwrap_or_default()
}
