//! One step: whatever is due, as far as it goes now.
//!
//! Must never publish a log before the network has every shard of the window that covers it.

use std::rc::Rc;

use billet_forge::{Blob, Upload};
use wit_bindgen::{FutureReader, StreamReader, spawn_local};

use crate::bindings::billet::ship::shards::{self, Shard, ShardState};
use crate::bindings::billet::store::types::{Plane, StoreError};
use crate::bindings::exports::billet::forge::shipping::{Guest, Range};
use crate::convert::{Result, digest, invalid};
use crate::cut::{cut, index_of};
use crate::notes::{self, AFTER, After, PUBLISHED, Phase, Window};
use crate::session::{Effects, Session, Stop, run};
use crate::{Shipper, after, fetch, identity, status, uploads, window};

/// How many shards are sent at once.
const UPLOADS_AT_ONCE: usize = 4;

/// After how long a step comes back, so that it is not blind to what changed meanwhile.
const STEP_MS: u64 = 30_000;

impl Guest for Shipper {
    async fn step(now_ms: u64) -> Result<u64> {
        step(now_ms).await
    }

    async fn retry() -> Result<()> {
        uploads::retry();
        Ok(())
    }

    async fn status(now_ms: u64) -> Result<String> {
        status::status(now_ms).await
    }

    async fn fetch(
        now_ms: u64,
        commitment: Vec<u8>,
        ranges: Vec<Range>,
    ) -> Result<(StreamReader<u8>, FutureReader<Result<()>>)> {
        fetch::fetch(now_ms, &commitment, &ranges).await
    }
}

/// The earliest of some times.
struct Wake(u64);

impl Wake {
    fn at(&mut self, time_ms: Option<u64>) {
        self.0 = time_ms.map_or(self.0, |time_ms| time_ms.min(self.0));
    }
}

async fn step(now_ms: u64) -> Result<u64> {
    let mut wake = Wake(now_ms.saturating_add(window::period_ms()));
    let Some(mut session) = Session::open(now_ms).await? else {
        return Ok(wake.0);
    };
    wake.at(identity::pursue(&mut session).await?);
    if window::is_paused() {
        return Ok(wake.0);
    }
    wake.at(window::begin(session.clock.now_ms()).await?);
    let windows = notes::all::<Window>(notes::WINDOW, usize::MAX).await?;
    for (_, window) in &windows {
        identity::ensure_right(&mut session, &window.space).await?;
    }
    let session = Rc::new(session);
    for (key, mut window) in windows {
        if uploads::until_ms(&key) > session.clock.now_ms() {
            wake.at(Some(uploads::until_ms(&key)));
            continue;
        }
        match drive(&session, &mut window).await {
            Ok(until_ms) => {
                uploads::forget(&key);
                // After one that is published the next may be due at once.
                wake.at(until_ms.or(Some(session.clock.now_ms())));
            }
            Err(error) => {
                // It is resumed; the other spaces go on.
                let now_ms = session.clock.now_ms();
                wake.at(Some(uploads::failed(&key, now_ms, &format!("{error:?}"))));
            }
        }
    }
    wake.at(after::pursue(&session).await?);
    Ok(wake.0)
}

/// Takes a window as far as it goes; when to go on, none when it is published.
async fn drive(session: &Rc<Session>, window: &mut Window) -> Result<Option<u64>> {
    if window.phase == Phase::Cut {
        cut(window).await?;
    }
    let mut packed = Vec::with_capacity(window.shards.len());
    for number in &window.shards {
        packed.push(shards::get(*number).await?);
    }
    for plane in [Plane::Data, Plane::Catalog] {
        let waiting = packed
            .iter()
            .filter(|shard| shard.plane == plane && shard.state != ShardState::Accepted);
        let waiting: Vec<Shard> = waiting.cloned().collect();
        let until_ms = send(session, &waiting).await?;
        if until_ms.is_some() {
            return Ok(until_ms);
        }
    }
    publish(session, window, &packed).await?;
    Ok(None)
}

/// Sends shards, some at once; when to go on, none when all are accepted.
async fn send(session: &Rc<Session>, waiting: &[Shard]) -> Result<Option<u64>> {
    let mut until_ms: Option<u64> = None;
    for some in waiting.chunks(UPLOADS_AT_ONCE) {
        if session.clock.passed_ms() > STEP_MS || window::is_paused() {
            return Ok(Some(session.clock.now_ms()));
        }
        let sending = some.iter().map(|shard| {
            let (session, shard) = (Rc::clone(session), shard.clone());
            spawn_local(async move { upload(&session, &shard).await })
        });
        let sending: Vec<_> = sending.collect();
        for one in sending {
            let stop = one.await.ok_or(StoreError::Unavailable)?;
            until_ms = [until_ms, stop].into_iter().flatten().min();
        }
    }
    Ok(until_ms)
}

/// What an upload of a shard needs of the host.
struct OfShard<'a>(&'a Shard);

impl Effects for OfShard<'_> {
    async fn record(&self, state: Vec<u8>) -> Result<()> {
        shards::record_step(self.0.number, state).await
    }

    async fn blob(&self) -> Result<Option<StreamReader<u8>>> {
        // Bytes that are missing make the request too short, and so fail it.
        let (bytes, _) = shards::read(self.0.number, 0, self.0.size).await?;
        Ok(Some(bytes))
    }
}

/// Uploads a shard as far as it goes; when to go on, none when it is accepted.
async fn upload(session: &Session, shard: &Shard) -> Option<u64> {
    let key = format!("shard/{}", shard.number);
    let now_ms = session.clock.now_ms();
    let until_ms = uploads::until_ms(&key);
    if until_ms > now_ms {
        return Some(until_ms);
    }
    match try_upload(session, shard, &key).await {
        Ok(None) => {
            uploads::forget(&key);
            None
        }
        Ok(until_ms) => until_ms,
        Err(error) => Some(uploads::failed(
            &key,
            session.clock.now_ms(),
            &format!("{error:?}"),
        )),
    }
}

async fn try_upload(session: &Session, shard: &Shard, key: &str) -> Result<Option<u64>> {
    let mut upload = match (uploads::take(key), shards::step(shard.number).await?) {
        (Some(upload), _) => upload,
        (None, Some(state)) => Upload::resume(&state).map_err(invalid)?,
        (None, None) => {
            let blob = Blob {
                digest: digest(&shard.digest)?,
                size: shard.size,
            };
            Upload::new(session.space(&shard.space)?, blob).map_err(invalid)?
        }
    };
    match run(session, &mut upload, &OfShard(shard)).await? {
        Stop::Done(commitment) => {
            shards::accept(shard.number, commitment.bytes().to_vec()).await?;
            Ok(None)
        }
        Stop::Until(until_ms) => {
            uploads::wait(key, until_ms, Some(upload));
            Ok(Some(until_ms))
        }
    }
}

/// Moves the published heads if all under them was sent, then ends the window and notes what is
/// left to do for its shards.
async fn publish(session: &Session, window: &Window, packed: &[Shard]) -> Result<()> {
    for head in window.heads.iter().filter(|_| window.is_whole) {
        let commit = head.commit.to_bytes().to_vec();
        match shards::publish(head.log.clone(), commit).await {
            // It is further already.
            Ok(()) | Err(StoreError::Conflict) => {}
            Err(error) => return Err(error),
        }
    }
    let space = session.space(&window.space)?.to_string();
    let mut digests = Vec::with_capacity(packed.len());
    let mut changes = vec![notes::delete(window::key(&window.space))];
    for shard in packed {
        digests.push(digest(&shard.digest)?);
        let index = index_of(shard).await?;
        let after = After::Index {
            space: space.clone(),
            shard: shard.number,
            digest: billet_block::sha256(&index),
            size: index.len() as u64,
            upload: None,
            stored: false,
        };
        changes.push(notes::put(
            format!("{AFTER}index/{:020}", shard.number),
            &after,
        )?);
    }
    for head in &window.heads {
        if !window.is_whole {
            changes.push(notes::put(notes::seen(&head.log), &head.commit)?);
        }
        let Some(root) = head.publish else {
            continue;
        };
        changes.push(notes::put(format!("{PUBLISHED}{}", head.log), &root)?);
        let after = After::Upload {
            space: space.clone(),
            root,
            shards: digests.clone(),
        };
        changes.push(notes::put(
            format!("{AFTER}upload/{}/{:020}", head.log, head.seq),
            &after,
        )?);
    }
    notes::set(changes).await
}
