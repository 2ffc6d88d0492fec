//! What a server is started with: plain numbers and names, already checked.
//!
//! Must never hold a secret.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::path::PathBuf;

use crate::ship::ShipSettings;

/// Limits of the S3 listener (I8).
#[derive(Debug, Clone)]
pub struct Limits {
    /// Connections at once.
    pub connections_max: usize,
    /// Connections at once of one peer address.
    pub connections_per_peer_max: usize,
    /// Time for a request's head, from its first byte on.
    pub header_read_ms: u64,
    /// Time between requests of a connection.
    pub idle_ms: u64,
    /// Time over which a body's rate counts.
    pub rate_window_ms: u64,
    /// Least bytes a second of a body.
    pub rate_min_bytes: u64,
    /// Time after which a client hears a blank of an answer that takes long.
    pub keep_alive_ms: u64,
    /// Time for requests to end at a stop.
    pub stop_ms: u64,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            connections_max: 4_096,
            connections_per_peer_max: 256,
            header_read_ms: 10_000,
            idle_ms: 60_000,
            rate_window_ms: 30_000,
            rate_min_bytes: 1_024,
            keep_alive_ms: 5_000,
            stop_ms: 25_000,
        }
    }
}

/// Everything a server is started with.
#[derive(Debug, Clone)]
pub struct Settings {
    /// The folder of segments and catalog.
    pub data_dir: PathBuf,
    /// Address of the S3 listener; port 0 takes any free one.
    pub listen: SocketAddr,
    /// Address of health and metrics.
    pub admin_listen: SocketAddr,
    /// Region of buckets and signatures.
    pub region: String,
    /// Base domains of virtual-host style.
    pub domains: Vec<String>,
    /// Values that the `Host` header may have had; needed only where it does not arrive.
    pub hosts: Vec<String>,
    /// Space of buckets that name none.
    pub space: String,
    /// Limits of the listener.
    pub limits: Limits,
    /// GET, HEAD and OPTIONS requests at once.
    pub reads_max: usize,
    /// Other requests at once.
    pub writes_max: usize,
    /// Instances that change buckets.
    pub mst_writers: usize,
    /// Instances that look buckets up.
    pub mst_readers: usize,
    /// Buffers of 1 MiB for bodies, both ways.
    pub buffers: usize,
    /// Memory for catalog blocks.
    pub block_cache_bytes: usize,
    /// Memory for tables of segments.
    pub table_cache_bytes: usize,
    /// Size at which a segment is sealed.
    pub seal_bytes: u64,
    /// None where nothing is shipped.
    pub ship: Option<ShipSettings>,
}

impl Settings {
    /// The defaults, with data in `data_dir` and both listeners on free ports of the loopback.
    pub fn local(data_dir: PathBuf) -> Self {
        let any = SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), 0);
        Self {
            data_dir,
            listen: any,
            admin_listen: any,
            region: "us-east-1".to_owned(),
            domains: Vec::new(),
            hosts: Vec::new(),
            space: "default".to_owned(),
            limits: Limits::default(),
            reads_max: 256,
            writes_max: 128,
            mst_writers: 2,
            mst_readers: 2,
            buffers: 256,
            block_cache_bytes: 64 << 20,
            table_cache_bytes: 64 << 20,
            seal_bytes: 64 << 20,
            ship: None,
        }
    }
}
