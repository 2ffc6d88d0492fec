//! A body on its way in, as Billet's host takes it: leaves of 1 MiB, each hashed and appended
//! while the next one is filled, the digests of the whole on threads beside it.
//!
//! Must never hold more than three leaves of a body.

use std::io;
use std::sync::Arc;

use crc_fast::CrcAlgorithm;
use http_body_util::BodyExt;
use hyper::body::Incoming;
use md5::Md5;
use sha2::{Digest as _, Sha256};
use tokio::sync::mpsc;

use crate::baseline::files::{Files, Span};
use crate::baseline::pool::{Buffer, Pool};
use crate::body::LEAF_BYTES;

/// An object, durable.
#[derive(Debug)]
pub struct Object {
    /// Its leaves in order.
    pub spans: Vec<Span>,
    /// Its size in bytes.
    pub size: u64,
    /// MD5 in hexadecimal.
    pub etag: String,
}

/// The digests that the gateway asks for: of the whole, each on a thread of its own.
enum Digester {
    Md5(Md5),
    Sha256(Sha256),
    Crc64Nvme(crc_fast::Digest),
}

impl Digester {
    fn update(&mut self, bytes: &[u8]) {
        match self {
            Self::Md5(state) => state.update(bytes),
            Self::Sha256(state) => state.update(bytes),
            Self::Crc64Nvme(state) => state.update(bytes),
        }
    }
}

/// Stores a body and makes it durable.
///
/// # Errors
/// The connection's or the disk's.
pub async fn take_in(
    mut body: Incoming,
    files: &Arc<Files>,
    pool: &Arc<Pool>,
) -> io::Result<Object> {
    let (leaves, filled) = mpsc::channel(1);
    let digesting = tokio::spawn(digest(filled, Arc::clone(files)));
    let mut leaf = pool.take_empty();
    while let Some(frame) = body.frame().await {
        let frame = frame.map_err(io::Error::other)?;
        let mut data = frame
            .data_ref()
            .map(|data| data.as_ref())
            .unwrap_or_default();
        while !data.is_empty() {
            let room = LEAF_BYTES.saturating_sub(leaf.bytes.len());
            let (now, later) = data.split_at(room.min(data.len()));
            leaf.bytes.extend_from_slice(now);
            data = later;
            if leaf.bytes.len() == LEAF_BYTES {
                let full = std::mem::replace(&mut leaf, pool.take_empty());
                // It fails where the digests did, which tell why below.
                let _ = leaves.send(full).await;
            }
        }
    }
    if !leaf.bytes.is_empty() {
        let _ = leaves.send(leaf).await;
    }
    drop(leaves);
    let object = digesting.await.map_err(io::Error::other)??;
    files.sync(&object.spans).await?;
    Ok(object)
}

async fn digest(mut filled: mpsc::Receiver<Buffer>, files: Arc<Files>) -> io::Result<Object> {
    let mut states = vec![
        Digester::Md5(Md5::new()),
        Digester::Sha256(Sha256::new()),
        Digester::Crc64Nvme(crc_fast::Digest::new(CrcAlgorithm::Crc64Nvme)),
    ];
    let mut object = Object {
        spans: Vec::new(),
        size: 0,
        etag: String::new(),
    };
    while let Some(leaf) = filled.recv().await {
        let leaf = Arc::new(leaf);
        let (files, bytes) = (Arc::clone(&files), Arc::clone(&leaf));
        let append = tokio::task::spawn_blocking(move || {
            let bytes = (*bytes).as_ref();
            std::hint::black_box(Sha256::digest(bytes));
            files.append(bytes, crc_fast::checksum(CrcAlgorithm::Crc64Nvme, bytes))
        });
        let mut others = Vec::new();
        for mut state in states.drain(..) {
            let bytes = Arc::clone(&leaf);
            others.push(tokio::task::spawn_blocking(move || {
                state.update((*bytes).as_ref());
                state
            }));
        }
        object.spans.push(append.await.map_err(io::Error::other)??);
        for other in others {
            states.push(other.await.map_err(io::Error::other)?);
        }
        object.size = object.size.saturating_add((*leaf).as_ref().len() as u64);
    }
    for state in states {
        match state {
            Digester::Md5(state) => object.etag = hex::encode(state.finalize()),
            Digester::Sha256(state) => drop(std::hint::black_box(state.finalize())),
            Digester::Crc64Nvme(state) => drop(std::hint::black_box(state.finalize())),
        }
    }
    Ok(object)
}
