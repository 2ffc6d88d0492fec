//! What a run does, and each of its requests.
//!
//! Must never make a request whose target needs encoding that it does not do.

use std::net::SocketAddr;

use crate::random::Random;
use crate::schedule::Pace;
use crate::sign::Keys;

/// Keys in one page of a listing.
const PAGE_KEYS: u32 = 1_000;

/// A kind of request, or a mixture.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub enum Operation {
    /// PUT under keys that nobody used before.
    Put,
    /// PUT of the keys that `get`, `head` and `list` expect, once each.
    Fill,
    /// GET of random keys of the filled ones.
    Get,
    /// HEAD of random keys of the filled ones.
    Head,
    /// ListObjectsV2 over the filled keys, page after page of 1,000.
    List,
    /// 60 % GET, 25 % PUT, 10 % HEAD, 5 % LIST.
    Mixed,
    /// OPTIONS as a browser asks it, without a signature: a request that needs no store.
    Trivial,
}

impl Operation {
    /// Its name in reports.
    pub fn name(self) -> &'static str {
        match self {
            Self::Put => "put",
            Self::Fill => "fill",
            Self::Get => "get",
            Self::Head => "head",
            Self::List => "list",
            Self::Mixed => "mixed",
            Self::Trivial => "trivial",
        }
    }

    /// The operation of the next request.
    pub fn draw(self, random: &mut Random) -> Self {
        match self {
            Self::Mixed => match random.below(100) {
                0..60 => Self::Get,
                60..85 => Self::Put,
                85..95 => Self::Head,
                _ => Self::List,
            },
            one => one,
        }
    }
}

/// A run.
#[derive(Clone, Debug)]
pub struct Plan {
    /// The server.
    pub address: SocketAddr,
    /// The key pair.
    pub keys: Keys,
    /// The bucket; a PUT of it comes first unless the run is of trivial requests.
    pub bucket: String,
    /// What is done.
    pub operation: Operation,
    /// Bytes of each body.
    pub size: u64,
    /// How many objects `fill` makes and the readers expect.
    pub objects: u64,
    /// Connections at once.
    pub connections: usize,
    /// Closed or open loop.
    pub pace: Pace,
    /// What is not measured at first.
    pub warmup_ms: u64,
    /// What is measured.
    pub duration_ms: u64,
    /// Ends earlier after so many requests.
    pub count_max: Option<u64>,
    /// Whether payloads are hashed and signed.
    pub signed_payload: bool,
    /// The longest time of one request.
    pub timeout_ms: u64,
}

/// A request's line, before it is signed.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Target {
    /// The method.
    pub method: &'static str,
    /// The encoded path.
    pub path: String,
    /// The encoded query, sorted; empty for none.
    pub query: String,
}

impl Plan {
    /// The target of request `number`; `token` continues a listing.
    pub fn target(
        &self,
        operation: Operation,
        nonce: u64,
        number: u64,
        random: &mut Random,
        token: Option<&str>,
    ) -> Target {
        let bucket = &self.bucket;
        let filled = |number: u64| format!("/{bucket}/k/{number:08}");
        let (method, path) = match operation {
            Operation::Put | Operation::Mixed => {
                ("PUT", format!("/{bucket}/p/{nonce:016x}-{number:08}"))
            }
            Operation::Fill => ("PUT", filled(number)),
            Operation::Get => ("GET", filled(random.below(self.objects))),
            Operation::Head => ("HEAD", filled(random.below(self.objects))),
            Operation::List => ("GET", format!("/{bucket}")),
            Operation::Trivial => ("OPTIONS", format!("/{bucket}/k")),
        };
        let mut query = String::new();
        if operation == Operation::List {
            if let Some(token) = token {
                query = format!("continuation-token={}&", encode(token));
            }
            query.push_str(&format!("list-type=2&max-keys={PAGE_KEYS}&prefix=k%2F"));
        }
        Target {
            method,
            path,
            query,
        }
    }
}

/// Percent encoding as SigV4 wants it in a query.
pub fn encode(text: &str) -> String {
    let mut encoded = String::with_capacity(text.len());
    for byte in text.bytes() {
        match byte {
            b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' => {
                encoded.push(char::from(byte));
            }
            _ => encoded.push_str(&format!("%{byte:02X}")),
        }
    }
    encoded
}

/// How many keys a page lists, and the token of the next one.
pub fn read_page(page: &[u8]) -> (u64, Option<String>) {
    let text = String::from_utf8_lossy(page);
    let keys = text.matches("<Key>").count();
    let token = text.split_once("<NextContinuationToken>");
    let token = token
        .and_then(|(_, rest)| rest.split_once('<'))
        .map(|(token, _)| {
            let entities = [
                ("&#43;", "+"),
                ("&#x2F;", "/"),
                ("&#34;", "\""),
                ("&amp;", "&"),
            ];
            entities
                .iter()
                .fold(token.to_owned(), |text, (entity, plain)| {
                    text.replace(entity, plain)
                })
        });
    (u64::try_from(keys).unwrap_or(u64::MAX), token)
}
