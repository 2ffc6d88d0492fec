//! The table of settings. One line here is all that a new setting needs.
//!
//! Must never name a secret: values are shown by `billet config show`.

use super::value::Kind;

/// A setting: its name in the file, its kind, its default and what it is for.
#[derive(Debug)]
pub struct Setting {
    /// Dotted name, as in the file (`[limits] connections_max` is `limits.connections_max`).
    pub name: &'static str,
    /// What its value looks like.
    pub kind: Kind,
    /// The value where nobody sets it.
    pub default: &'static str,
    /// One sentence for people.
    pub help: &'static str,
}

impl Setting {
    /// The environment variable: `BILLET_` and the name in capitals, dots as underscores.
    pub fn variable(&self) -> String {
        format!("BILLET_{}", self.name.to_uppercase().replace('.', "_"))
    }
}

const fn setting(
    name: &'static str,
    kind: Kind,
    default: &'static str,
    help: &'static str,
) -> Setting {
    Setting {
        name,
        kind,
        default,
        help,
    }
}

/// All settings, in the order in which they are shown.
pub const SETTINGS: &[Setting] = &[
    setting(
        "data_dir",
        Kind::Path,
        "billet-data",
        "folder of segments, catalog and keys",
    ),
    setting(
        "listen",
        Kind::Address,
        "127.0.0.1:9000",
        "address of the S3 listener",
    ),
    setting(
        "admin_listen",
        Kind::Address,
        "127.0.0.1:9001",
        "address of health and metrics",
    ),
    setting(
        "region",
        Kind::Word,
        "us-east-1",
        "region of buckets and signatures",
    ),
    setting(
        "domains",
        Kind::List,
        "",
        "base domains of virtual-host style, by commas",
    ),
    setting(
        "space",
        Kind::Word,
        "default",
        "space of buckets that name none",
    ),
    setting(
        "credentials_file",
        Kind::Path,
        "",
        "key pairs, mode 0600; empty: credentials.toml in data_dir",
    ),
    setting(
        "log.level",
        Kind::Filter,
        "info",
        "error, warn, info, debug or trace",
    ),
    setting(
        "log.format",
        Kind::OneOf(&["auto", "text", "json"]),
        "auto",
        "text, json, or auto: text on a terminal",
    ),
    setting(
        "journal.seal_bytes",
        Kind::Bytes,
        "64MiB",
        "size at which a segment is sealed",
    ),
    setting(
        "journal.table_cache_bytes",
        Kind::Bytes,
        "64MiB",
        "memory for tables of segments",
    ),
    setting(
        "cache.block_bytes",
        Kind::Bytes,
        "64MiB",
        "memory for catalog blocks",
    ),
    setting(
        "buffers.count",
        Kind::Count,
        "256",
        "buffers of 1 MiB for bodies, both ways",
    ),
    setting(
        "limits.connections_max",
        Kind::Count,
        "4096",
        "connections at once",
    ),
    setting(
        "limits.connections_per_peer_max",
        Kind::Count,
        "256",
        "of one peer address",
    ),
    setting(
        "limits.header_read_ms",
        Kind::Millis,
        "10s",
        "time for a request's headers",
    ),
    setting(
        "limits.idle_ms",
        Kind::Millis,
        "60s",
        "time between requests of a connection",
    ),
    setting(
        "limits.rate_window_ms",
        Kind::Millis,
        "30s",
        "time over which a body's rate counts",
    ),
    setting(
        "limits.rate_min_bytes",
        Kind::Bytes,
        "1KiB",
        "least bytes a second of a body",
    ),
    setting(
        "limits.keep_alive_ms",
        Kind::Millis,
        "5s",
        "time after which a client hears a blank of an answer that takes long",
    ),
    setting(
        "limits.stop_ms",
        Kind::Millis,
        "25s",
        "time for requests to end at a stop",
    ),
    setting(
        "pools.reads_max",
        Kind::Count,
        "256",
        "GET and HEAD requests at once",
    ),
    setting(
        "pools.writes_max",
        Kind::Count,
        "128",
        "other requests at once",
    ),
    setting(
        "pools.mst_writers",
        Kind::Count,
        "2",
        "instances that change buckets",
    ),
    setting(
        "pools.mst_readers",
        Kind::Count,
        "2",
        "instances that look buckets up",
    ),
    setting(
        "ship.service_url",
        Kind::Text,
        "",
        "URL of the upload service; empty: nothing is shipped",
    ),
    setting(
        "ship.service_did",
        Kind::Text,
        "",
        "its DID; empty: did:web of the URL's host",
    ),
    setting(
        "ship.receipts_url",
        Kind::Text,
        "",
        "where receipts are asked for; empty: /receipt/ of the service",
    ),
    setting(
        "ship.indexer_url",
        Kind::Text,
        "",
        "URL of the indexer, where there is one",
    ),
    setting("ship.indexer_did", Kind::Text, "", "its DID"),
    setting(
        "ship.agent_key_file",
        Kind::Path,
        "",
        "key of this host, mode 0600; empty: keys/agent.pem in data_dir",
    ),
    setting(
        "ship.space_key_file",
        Kind::Path,
        "",
        "key of the space, mode 0600; empty: keys/space.pem in data_dir",
    ),
    setting(
        "ship.window_ms",
        Kind::Millis,
        "5s",
        "time from a commit to its window",
    ),
    setting(
        "ship.window_bytes",
        Kind::Bytes,
        "128MiB",
        "bytes of bodies after which a window begins",
    ),
    setting(
        "ship.timeout_ms",
        Kind::Millis,
        "30s",
        "longest wait for an answer of the network",
    ),
    setting(
        "ship.retry_ms",
        Kind::Millis,
        "1s",
        "wait after a first failure of the network; longer ones are in proportion",
    ),
    setting(
        "ship.settle_ms",
        Kind::Millis,
        "60s",
        "longest wait of a request for the network",
    ),
    setting(
        "ship.planes",
        Kind::OneOf(&["both", "data", "catalog", "none"]),
        "both",
        "what is shipped; without both nothing is published and all stays here",
    ),
    setting(
        "ship.retain_data",
        Kind::OneOf(&["newest", "all"]),
        "newest",
        "which shipped segments of bodies stay here",
    ),
    setting(
        "ship.retain_catalog",
        Kind::OneOf(&["newest", "all"]),
        "all",
        "which shipped segments of trees stay here; writes need them",
    ),
    setting(
        "ship.retain_segments",
        Kind::Number,
        "0",
        "newest: so many segments of a plane",
    ),
    setting(
        "ship.retain_bytes",
        Kind::Bytes,
        "16GiB",
        "newest: and so many bytes of a plane, if that is more",
    ),
    setting(
        "ship.backlog_bytes_max",
        Kind::Bytes,
        "16GiB",
        "bytes that wait for the network before writes are refused",
    ),
    setting(
        "ship.cache_bytes",
        Kind::Bytes,
        "256MiB",
        "memory for blocks that came from the network",
    ),
];
