//! Proofs that a key is under a root, or is not: made of a store, checked with a file alone.
//!
//! Must never take a block of a proof that is not what its name says.

use std::io::Write;
use std::path::Path;
use std::sync::Arc;

use billet_block::Cid;
use billet_car::{Header, frame_header};
use serde::{Deserialize, Serialize};

use super::archive::Archive;
use super::inspector::{Inspector, failed};
use super::{Blocks, CarryError, Lost, Progress, blocking};
use crate::bindings::exports::billet::bucket::inspect::Promise;

/// What a root has under a key.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Proven {
    /// The CID of the manifest.
    pub manifest: String,
    /// The CID of the body.
    pub body: String,
    /// Bytes of the body.
    pub size: u64,
    /// Digests of the body, by algorithm, in hexadecimal.
    pub digests: Vec<(String, String)>,
}

impl Proven {
    fn of(promise: &Promise) -> Result<Self, CarryError> {
        let name = |cid: &[u8]| {
            let cid = Cid::from_bytes(cid).map_err(|error| CarryError::Failed(error.to_string()));
            cid.map(|cid| cid.to_string())
        };
        let digests = promise.digests.iter();
        let digests = digests.map(|one| (one.algorithm.clone(), hex::encode(&one.value)));
        Ok(Self {
            manifest: name(&promise.manifest)?,
            body: name(&promise.root)?,
            size: promise.size,
            digests: digests.collect(),
        })
    }
}

/// Writes a CAR of the nodes on the way to a key and, where the key is there, its manifest.
///
/// # Errors
/// `Damaged` when a block cannot be had.
pub async fn prove<W: Write + Send + 'static>(
    inspector: &Inspector,
    blocks: Arc<dyn Blocks>,
    root: Cid,
    key: &str,
    mut out: W,
) -> Result<(Option<Proven>, W), CarryError> {
    let wanted = key.to_owned();
    let run = inspector.run(Arc::clone(&blocks), async move |accessor, native| {
        let inspect = native.billet_bucket_inspect();
        let root = root.to_bytes().to_vec();
        let found = inspect
            .call_find(accessor, root.clone(), wanted.clone())
            .await?;
        let found = found.map_err(|error| failed(&error))?;
        let way = inspect.call_prove(accessor, root, wanted).await?;
        Ok((found, way.map_err(|error| failed(&error))?))
    });
    let (found, way) = run.await?;
    let broken = |error: billet_car::CarError| CarryError::Failed(error.to_string());
    let roots = vec![root];
    let mut archive = Header { roots }.encode().map_err(broken)?;
    let mut write = |cid: &Cid, bytes: &[u8]| {
        archive.extend(frame_header(cid, bytes.len()).map_err(broken)?);
        archive.extend(bytes);
        Ok::<_, CarryError>(())
    };
    for block in &way {
        let cid = Cid::from_bytes(&block.cid);
        let cid = cid.map_err(|error| CarryError::Failed(error.to_string()))?;
        write(&cid, &block.bytes)?;
    }
    if let Some(promise) = &found {
        let cid = Cid::from_bytes(&promise.manifest);
        let cid = cid.map_err(|error| CarryError::Failed(error.to_string()))?;
        let found = blocking(move || blocks.block(&cid)).await?;
        write(&cid, &found.map_err(|lost| lost_block(&cid, lost))?)?;
    }
    out.write_all(&archive)?;
    Ok((found.as_ref().map(Proven::of).transpose()?, out))
}

fn lost_block(cid: &Cid, lost: Lost) -> CarryError {
    CarryError::Damaged(format!("the block {cid}: {lost:?}"))
}

/// What a proof says of a key under a root; it needs nothing but the file.
///
/// # Errors
/// `Damaged` when it proves nothing.
pub async fn verify_proof(
    inspector: &Inspector,
    path: &Path,
    root: Cid,
    key: &str,
) -> Result<Option<Proven>, CarryError> {
    let file = path.to_owned();
    let (archive, first) = blocking(move || {
        let mut first = None;
        let archive = Archive::open(&file, &Progress::default(), &mut |fault| {
            first.get_or_insert(fault.reason);
        });
        (archive, first)
    })
    .await?;
    let archive = archive?;
    if let Some(reason) = first {
        return Err(CarryError::Damaged(reason));
    }
    if archive.roots() != [root] {
        return Err(CarryError::Damaged(format!("not a proof under {root}")));
    }
    let (blocks, key): (Arc<dyn Blocks>, _) = (Arc::new(archive), key.to_owned());
    // The empty tree is known to an instance without being read.
    let read = Arc::clone(&blocks);
    let found = blocking(move || read.block(&root)).await?;
    found.map_err(|lost| lost_block(&root, lost))?;
    let run = inspector.run(blocks, async move |accessor, native| {
        let inspect = native.billet_bucket_inspect();
        let found = inspect.call_find(accessor, root.to_bytes().to_vec(), key);
        found.await?.map_err(|error| failed(&error))
    });
    let found = run.await?;
    found.as_ref().map(Proven::of).transpose()
}
