//! What makes stored things easier to find: indexes, and publish blocks as uploads.
//!
//! Best effort, and for as long as it takes. Must never hold up a window, nor stand in the way of
//! one another.

use std::cell::Cell;
use std::rc::Rc;

use billet_forge::{Asked, Blob, Failure, Request, Upload, index_add, upload_add};
use serde_bytes::ByteBuf;
use wit_bindgen::{StreamReader, spawn_local};

use crate::bindings::billet::ship::shards;
use crate::bindings::billet::store::types::StoreError;
use crate::convert::{Result, did, invalid};
use crate::cut::index_of;
use crate::http::{exchange, stream_of};
use crate::notes::{self, AFTER, After};
use crate::session::{Effects, Session, Stop, run};
use crate::{uploads, window};

/// Most notes that are looked at, and how many are worked on at once.
const LOOKED_AT: usize = 1_000;
const AT_ONCE: usize = 4;

thread_local! {
    static IS_AT_WORK: Cell<bool> = const { Cell::new(false) };
}

/// The one task that works on what is due, as long as it is there.
struct AtWork;

impl AtWork {
    /// None while there is one.
    fn begin() -> Option<Self> {
        let is_other = IS_AT_WORK.replace(true);
        (!is_other).then(|| Self)
    }
}

impl Drop for AtWork {
    fn drop(&mut self) {
        IS_AT_WORK.set(false);
    }
}

/// Begins to work on what is due, in a task of its own that outlives the step; when to look
/// again, none when nothing is left.
pub(crate) async fn pursue(session: &Rc<Session>) -> Result<Option<u64>> {
    let Some(at_work) = AtWork::begin() else {
        return Ok(Some(session.clock.soon_ms()));
    };
    let (mut due, mut until_ms): (Vec<(String, After)>, Option<u64>) = (Vec::new(), None);
    for (key, after) in notes::all::<After>(AFTER, LOOKED_AT).await? {
        match uploads::until_ms(&key) {
            wait_ms if wait_ms > session.clock.now_ms() => {
                until_ms = [until_ms, Some(wait_ms)].into_iter().flatten().min();
            }
            _ => due.push((key, after)),
        }
    }
    if due.is_empty() {
        return Ok(until_ms);
    }
    let this = Rc::clone(session);
    spawn_local(async move {
        let _at_work = at_work;
        let mut due = due.into_iter();
        while !window::is_paused() {
            let some = due.by_ref().take(AT_ONCE).map(|(key, after)| {
                let session = Rc::clone(&this);
                spawn_local(async move { pursue_one(&session, &key, after).await })
            });
            let some: Vec<_> = some.collect();
            if some.is_empty() {
                break;
            }
            for one in some {
                one.await;
            }
        }
    });
    Ok(Some(session.clock.soon_ms()))
}

/// Works on one thing; what becomes of it is in its note, and when it is due again is remembered.
async fn pursue_one(session: &Session, key: &str, after: After) {
    let worked = match work(session, key, after).await {
        Ok(None) => match notes::set(vec![notes::delete(key)]).await {
            Ok(()) => {
                uploads::forget(key);
                Ok(())
            }
            Err(error) => Err(error),
        },
        Ok(Some(_)) => Ok(()),
        Err(error) => Err(error),
    };
    if let Err(error) = worked {
        uploads::failed(key, session.clock.now_ms(), &format!("{error:?}"));
    }
}

/// Does one thing as far as it goes; when to go on, none when it is done or pointless.
async fn work(session: &Session, key: &str, after: After) -> Result<Option<u64>> {
    match &after {
        After::Upload {
            space,
            root,
            shards,
        } => {
            let space = did(space)?;
            let moment = session.moment();
            let asked = upload_add(&session.party(), &moment, &space, root, shards, None);
            ask(session, key, asked).await
        }
        After::Index {
            stored: false,
            shard,
            ..
        } => {
            let shard = match shards::get(*shard).await {
                Ok(shard) => shard,
                // It was taken off the network: nothing is left to be found.
                Err(StoreError::NotFound) => return Ok(None),
                Err(error) => return Err(error),
            };
            let bytes = index_of(&shard).await?;
            store_index(session, key, after.clone(), bytes).await
        }
        After::Index { space, digest, .. } => {
            let space = did(space)?;
            let asked = index_add(&session.party(), &session.moment(), &space, digest);
            ask(session, key, asked).await
        }
    }
}

/// Asks the service once.
async fn ask(
    session: &Session,
    key: &str,
    asked: std::result::Result<(Request, Asked), Failure>,
) -> Result<Option<u64>> {
    let told = match asked {
        Ok((request, asked)) => {
            let answer = exchange(&session.route, request, None).await;
            let read = session.party().read(&session.moment(), &asked, &answer);
            read.map(|_| ())
        }
        Err(failure) => Err(failure),
    };
    match told {
        Ok(()) => Ok(None),
        // A service without an indexer will not have one because it is asked again.
        Err(failure) if failure.name() == "IndexerNotConfigured" => Ok(None),
        Err(failure) => {
            let now_ms = session.clock.now_ms();
            Ok(Some(uploads::troubled(key, now_ms, &failure)))
        }
    }
}

/// What the upload of an index needs of the host.
struct OfIndex<'a> {
    key: &'a str,
    after: &'a After,
    bytes: &'a [u8],
}

impl Effects for OfIndex<'_> {
    async fn record(&self, state: Vec<u8>) -> Result<()> {
        let mut after = self.after.clone();
        if let After::Index { upload, .. } = &mut after {
            *upload = Some(ByteBuf::from(state));
        }
        notes::set(vec![notes::put(self.key, &after)?]).await
    }

    async fn blob(&self) -> Result<Option<StreamReader<u8>>> {
        Ok(Some(stream_of(self.bytes.to_vec())))
    }
}

async fn store_index(
    session: &Session,
    key: &str,
    mut after: After,
    bytes: Vec<u8>,
) -> Result<Option<u64>> {
    let After::Index {
        space,
        digest,
        size,
        upload,
        ..
    } = &after
    else {
        return Ok(None);
    };
    let mut machine = match (uploads::take(key), upload) {
        (Some(machine), _) => machine,
        (None, Some(state)) => Upload::resume(state).map_err(invalid)?,
        (None, None) => {
            let blob = Blob {
                digest: *digest,
                size: *size,
            };
            Upload::new(did(space)?, blob).map_err(invalid)?
        }
    };
    let effects = OfIndex {
        key,
        after: &after,
        bytes: &bytes,
    };
    match run(session, &mut machine, &effects).await? {
        Stop::Until(until_ms) => {
            uploads::wait(key, until_ms, Some(machine));
            Ok(Some(until_ms))
        }
        Stop::Done(_) => {
            if let After::Index { stored, upload, .. } = &mut after {
                (*stored, *upload) = (true, None);
            }
            notes::set(vec![notes::put(key, &after)?]).await?;
            uploads::forget(key);
            // The next step adds it.
            Ok(Some(session.clock.now_ms()))
        }
    }
}
