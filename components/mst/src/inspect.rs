//! Looking through a bucket as blocks.
//!
//! Must never hold more of a walk than where it stands.

use billet_block::Cid;
use billet_bucket::{Blocked, Refusal, StoreError, Target, View, Walk, find_promise, states};
use billet_tree::{Diff, Difference, prove};

use crate::bindings::billet::store::types::StoreError as OutError;
use crate::bindings::exports::billet::bucket::inspect::{self, Block, Guest};
use crate::bindings::{wit_future, wit_stream};
use crate::fetch::{bytes, settle, supply};
use crate::{CACHES, Mst, check, convert, outline};
use wit_bindgen::rt::async_support::{FutureReader, StreamReader, StreamWriter, spawn_local};

/// Bytes of a page of a closure.
const PAGE_BYTES: usize = 64 << 10;

/// Most keys of one answer.
const DIFFERENCES_MAX: u32 = 1000;

impl Guest for Mst {
    async fn closure(
        targets: Vec<inspect::Target>,
        minus: Vec<inspect::Target>,
    ) -> Result<(StreamReader<u8>, FutureReader<Result<(), OutError>>), OutError> {
        let read = |targets: Vec<inspect::Target>| {
            let targets = targets.into_iter().map(target);
            targets
                .collect::<Result<Vec<_>, _>>()
                .map_err(convert::out_error)
        };
        let walk = Walk::new(&read(targets)?, &read(minus)?);
        let (writer, pages) = wit_stream::new::<u8>();
        let (end, ended) = wit_future::new::<Result<(), OutError>>(|| Err(OutError::Unavailable));
        spawn_local(async move {
            let told = write(walk, writer).await;
            // Whoever asked may have gone.
            let _ = end.write(told.map_err(convert::error_of)).await;
        });
        Ok((pages, ended))
    }

    async fn check(targets: Vec<inspect::Target>) -> Result<check::Told, OutError> {
        let targets = targets.into_iter().map(target);
        let targets: Result<Vec<_>, _> = targets.collect();
        Ok(check::start(&targets.map_err(convert::out_error)?))
    }

    async fn find(root: Vec<u8>, key: String) -> Result<Option<inspect::Promise>, OutError> {
        let root = convert::cid(&root).map_err(convert::out_error)?;
        let mut view = View::new(&CACHES);
        let found = settle("", &mut view, |view| find_promise(view, &root, &key)).await;
        let found = found.map_err(convert::error_of)?;
        Ok(found.map(check::promise))
    }

    async fn outline(root: Vec<u8>, prefix: String) -> Result<outline::Told, OutError> {
        let root = convert::cid(&root).map_err(convert::out_error)?;
        Ok(outline::start(root, &prefix))
    }

    async fn describe(state: Vec<u8>) -> Result<inspect::Description, OutError> {
        let cid = convert::cid(&state).map_err(convert::out_error)?;
        let mut view = View::new(&CACHES);
        let found = settle("", &mut view, |view| states(view, &[cid])).await;
        let state = found.map_err(convert::error_of)?.into_iter().next();
        state
            .map(|state| convert::description(&state))
            .ok_or(OutError::NotFound)
    }

    async fn diff(
        before: Option<Vec<u8>>,
        after: Vec<u8>,
        from_key: Option<String>,
        limit: u32,
    ) -> Result<Vec<inspect::Difference>, OutError> {
        let limit = limit.min(DIFFERENCES_MAX) as usize;
        let before = before.as_deref().map(convert::cid).transpose();
        let roots = before.and_then(|before| Ok((before, convert::cid(&after)?)));
        let (before, after) = roots.map_err(convert::out_error)?;
        let found = diff(before, after, from_key.as_deref(), limit).await;
        found.map_err(convert::error_of)
    }

    async fn prove(root: Vec<u8>, key: String) -> Result<Vec<Block>, OutError> {
        let root = convert::cid(&root).map_err(convert::out_error)?;
        let mut view = View::new(&CACHES);
        let path = settle("", &mut view, |view| {
            prove(view, &root, &key).map_err(Blocked::of_tree)
        });
        let path = path.await.map_err(convert::error_of)?;
        let found = bytes(&path).await.map_err(convert::out_error)?;
        let blocks = path.iter().zip(found);
        let blocks = blocks.map(|(cid, bytes)| Block {
            cid: cid.to_bytes().to_vec(),
            bytes,
        });
        Ok(blocks.collect())
    }
}

fn target(target: inspect::Target) -> Result<Target, StoreError> {
    Ok(match target {
        inspect::Target::Tree(root) => Target::Tree(convert::cid(&root)?),
        inspect::Target::State(cid) => Target::State(convert::cid(&cid)?),
    })
}

/// Writes a walk out, page by page, for as long as somebody reads.
async fn write(mut walk: Walk, mut writer: StreamWriter<u8>) -> Result<(), Refusal> {
    let mut view = View::new(&CACHES);
    let mut page = Vec::with_capacity(PAGE_BYTES);
    loop {
        match walk.next(&view) {
            Ok(Some(entry)) => {
                entry.write(&mut page);
                if page.len() < PAGE_BYTES {
                    continue;
                }
            }
            Ok(None) => {
                writer.write_all(page).await;
                return Ok(());
            }
            Err(Blocked::Failed(refusal)) => {
                writer.write_all(page).await;
                return Err(refusal);
            }
            Err(Blocked::Need(need)) => {
                supply("", &mut view, need).await?;
                continue;
            }
        }
        view.forget_blocks();
        let left = writer.write_all(std::mem::take(&mut page)).await;
        if !left.is_empty() {
            return Ok(());
        }
    }
}

async fn diff(
    before: Option<Cid>,
    after: Cid,
    from_key: Option<&str>,
    limit: usize,
) -> Result<Vec<inspect::Difference>, Refusal> {
    let mut view = View::new(&CACHES);
    let mut walk = Diff::new(before, Some(after));
    let mut found = Vec::new();
    while found.len() < limit {
        match walk.next(&view).map_err(Blocked::of_tree) {
            Ok(None) => break,
            Ok(Some(Difference::Edited(edit))) => {
                if from_key.is_none_or(|from| edit.key.as_str() > from) {
                    found.push(inspect::Difference {
                        key: edit.key,
                        before: edit.old.map(|cid| cid.to_bytes().to_vec()),
                        after: edit.new.map(|cid| cid.to_bytes().to_vec()),
                    });
                }
            }
            Ok(Some(_)) => {}
            Err(Blocked::Failed(refusal)) => return Err(refusal),
            Err(Blocked::Need(need)) => {
                view.forget_blocks();
                supply("", &mut view, need).await?;
            }
        }
    }
    Ok(found)
}
