//! The notes: what the shipper itself has to remember, as DAG-CBOR.
//!
//! Must never write two notes apart that are only true together.

use billet_block::{Cid, Digest, decode, encode};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use serde_bytes::ByteBuf;

use crate::bindings::billet::ship::notes::{self, Change};
use crate::convert::{Result, invalid};

/// Most notes of one look.
const PAGE: u32 = 1_000;

/// `window/<space>`: the window that is open in a space.
pub(crate) const WINDOW: &str = "window/";
/// The number of the newest window.
pub(crate) const NUMBER: &str = "number";
/// `published/<log>`: the newest publish block of a log.
pub(crate) const PUBLISHED: &str = "published/";
/// `seen/<log>`: the commit up to which the one plane that is shipped is on the network.
const SEEN: &str = "seen/";
/// `after/…`: what is left to do for things that are stored already.
pub(crate) const AFTER: &str = "after/";
/// `proof/<link>`: delegations.
pub(crate) const PROOF: &str = "proof/";
/// The login that is under way.
pub(crate) const LOGIN: &str = "login";
/// `provision/<space>`: provisionings that are under way.
pub(crate) const PROVISION: &str = "provision/";
/// `document/<did>`: documents of identities.
pub(crate) const DOCUMENT: &str = "document/";

/// A log in a window.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Head {
    pub(crate) log: String,
    pub(crate) seq: u64,
    pub(crate) commit: Cid,
    pub(crate) root: Cid,
    pub(crate) state: Cid,
    pub(crate) time_ms: u64,
    /// Root and state that are on the network, none before the first time.
    pub(crate) minus: Option<(Cid, Cid)>,
    /// The publish block, once it is packed.
    pub(crate) publish: Option<Cid>,
}

impl Head {
    /// Whether something of it differs from what is on the network.
    pub(crate) fn differs(&self) -> bool {
        self.minus != Some((self.root, self.state))
    }
}

/// How far a window is.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) enum Phase {
    /// Its shards are being packed; nothing was sent.
    Cut,
    /// Its shards are these; they are sent, and it is never cut again.
    Ship,
}

/// A window.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Window {
    pub(crate) number: u64,
    pub(crate) space: String,
    pub(crate) heads: Vec<Head>,
    pub(crate) phase: Phase,
    /// Both planes are shipped, so that its heads are published in the end.
    pub(crate) is_whole: bool,
    /// Its shards in the order of sending: data, then catalog.
    pub(crate) shards: Vec<u64>,
}

/// What is left to do for something that is stored already.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) enum After {
    /// The index of a shard is to be uploaded and added.
    Index {
        space: String,
        shard: u64,
        digest: Digest,
        size: u64,
        /// The state of the upload; none before its first step.
        upload: Option<ByteBuf>,
        /// It is uploaded.
        stored: bool,
    },
    /// A publish block is to be made findable.
    Upload {
        space: String,
        root: Cid,
        shards: Vec<Digest>,
    },
}

/// A document that was fetched.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Fetched {
    #[serde(with = "serde_bytes")]
    pub(crate) json: Vec<u8>,
    pub(crate) time_ms: u64,
}

/// The key of a log's note under [`SEEN`].
pub(crate) fn seen(log: &str) -> String {
    format!("{SEEN}{log}")
}

/// Reads a note. One that cannot be read is an error: it was written by another version.
pub(crate) async fn get<T: DeserializeOwned + Serialize>(key: &str) -> Result<Option<T>> {
    let value = notes::get(key.to_owned()).await?;
    value.map(|value| read(key, &value)).transpose()
}

fn read<T: DeserializeOwned + Serialize>(key: &str, value: &[u8]) -> Result<T> {
    decode(value).map_err(|error| invalid(format!("the note {key}: {error}")))
}

/// All notes under a prefix, at most `limit`.
pub(crate) async fn all<T: DeserializeOwned + Serialize>(
    prefix: &str,
    limit: usize,
) -> Result<Vec<(String, T)>> {
    let mut found = Vec::new();
    let mut after = None;
    while found.len() < limit {
        let page = notes::scan(prefix.to_owned(), after, PAGE).await?;
        let Some(last) = page.last() else {
            break;
        };
        after = Some(last.key.clone());
        for note in page {
            let value = read(&note.key, &note.value)?;
            found.push((note.key, value));
        }
    }
    found.truncate(limit);
    Ok(found)
}

/// A note to be set.
pub(crate) fn put<T: Serialize>(key: impl Into<String>, value: &T) -> Result<Change> {
    Ok(Change {
        key: key.into(),
        value: Some(encode(value).map_err(invalid)?),
    })
}

/// A note to be deleted.
pub(crate) fn delete(key: impl Into<String>) -> Change {
    Change {
        key: key.into(),
        value: None,
    }
}

/// Makes all changes or none, durably.
pub(crate) async fn set(changes: Vec<Change>) -> Result<()> {
    notes::set(changes).await
}
