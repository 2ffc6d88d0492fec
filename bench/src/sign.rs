//! SigV4 in the `Authorization` header, as cheap as a load generator needs it.
//!
//! The day key and the second's stamp are kept. Must never encode: targets come encoded and
//! queries sorted.

use hmac::{Hmac, KeyInit, Mac};
use sha2::{Digest, Sha256};
use time::OffsetDateTime;
use time::macros::format_description;

/// A payload that is not hashed.
pub const UNSIGNED: &str = "UNSIGNED-PAYLOAD";

/// The names of the headers that are signed, sorted.
const SIGNED_HEADERS: &str = "host;x-amz-content-sha256;x-amz-date";

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

/// What is signed of a request.
#[derive(Clone, Copy, Debug)]
pub struct Parts<'a> {
    /// `GET`, `PUT`, …
    pub method: &'a str,
    /// The encoded path.
    pub path: &'a str,
    /// The encoded query, sorted by name, `name=value`; empty for none.
    pub query: &'a str,
    /// Hexadecimal SHA-256 of the body, or [`UNSIGNED`].
    pub payload: &'a str,
}

/// Signs requests to one host.
#[derive(Clone, Debug)]
pub struct Signer {
    keys: Keys,
    host: String,
    second: u64,
    /// `20130524T000000Z`
    stamp: String,
    /// `20130524/us-east-1/s3/aws4_request`
    scope: String,
    /// Keyed with the day key.
    mac: Option<Hmac<Sha256>>,
    text: String,
}

impl Signer {
    /// A signer for the value of `Host`.
    pub fn new(keys: Keys, host: String) -> Self {
        let empty = String::new;
        let (stamp, scope, text) = (empty(), empty(), empty());
        Self {
            keys,
            host,
            second: u64::MAX,
            stamp,
            scope,
            mac: None,
            text,
        }
    }

    /// Appends the head's lines from `host` to `authorization`, at Unix time `now_s`, to `head`.
    pub fn sign(&mut self, now_s: u64, parts: &Parts<'_>, head: &mut String) {
        self.turn(now_s);
        let Parts {
            method,
            path,
            query,
            payload,
        } = parts;
        let (host, stamp, scope) = (&self.host, &self.stamp, &self.scope);
        let lines = format!("host:{host}\nx-amz-content-sha256:{payload}\nx-amz-date:{stamp}\n");
        self.text.clear();
        for piece in [
            method,
            "\n",
            path,
            "\n",
            query,
            "\n",
            &lines,
            "\n",
            SIGNED_HEADERS,
            "\n",
        ] {
            self.text.push_str(piece);
        }
        self.text.push_str(payload);
        let digest = hex::encode(Sha256::digest(self.text.as_bytes()));
        let to_sign = format!("AWS4-HMAC-SHA256\n{stamp}\n{scope}\n{digest}");
        let mac = self
            .mac
            .clone()
            .map(|mac| mac.chain_update(to_sign).finalize().into_bytes());
        let signature = mac.map(hex::encode).unwrap_or_default();
        for piece in [
            "host: ",
            host,
            "\r\nx-amz-content-sha256: ",
            payload,
            "\r\nx-amz-date: ",
            stamp,
            "\r\nauthorization: AWS4-HMAC-SHA256 Credential=",
            &self.keys.access,
            "/",
            scope,
            ", SignedHeaders=",
            SIGNED_HEADERS,
            ", Signature=",
            &signature,
            "\r\n",
        ] {
            head.push_str(piece);
        }
    }

    /// Makes stamp, scope and key fit the second.
    fn turn(&mut self, now_s: u64) {
        if self.second == now_s {
            return;
        }
        let now = i64::try_from(now_s).ok();
        let now = now.and_then(|now| OffsetDateTime::from_unix_timestamp(now).ok());
        let format = format_description!("[year][month][day]T[hour][minute][second]Z");
        self.stamp = now
            .and_then(|now| now.format(format).ok())
            .unwrap_or_default();
        self.second = now_s;
        let day = self.stamp.get(..8).unwrap_or_default();
        if self.scope.get(..8) != Some(day) || self.mac.is_none() {
            self.scope = format!("{day}/{}/s3/aws4_request", self.keys.region);
            let mut key = format!("AWS4{}", self.keys.secret).into_bytes();
            for step in [day, &self.keys.region, "s3", "aws4_request"] {
                let mac = Hmac::<Sha256>::new_from_slice(&key).ok();
                let mac = mac.map(|mac| mac.chain_update(step).finalize().into_bytes());
                key = mac.map(|bytes| bytes.to_vec()).unwrap_or_default();
            }
            self.mac = Hmac::new_from_slice(&key).ok();
        }
    }
}
