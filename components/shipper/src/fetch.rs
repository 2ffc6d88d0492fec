//! Reading from a storage node.
//!
//! Must never pass on a byte before the node's receipt was checked, and never more or fewer bytes
//! than were asked for without saying so.

use std::rc::Rc;

use billet_forge::{Commitment, Failure, Retrieval};
use wit_bindgen::{FutureReader, StreamReader, StreamResult, StreamWriter, spawn_local};

use crate::bindings::billet::store::types::StoreError;
use crate::bindings::exports::billet::forge::shipping::Range;
use crate::bindings::{wit_future, wit_stream};
use crate::convert::{Result, invalid, read_error};
use crate::http::{Incoming, NoAnswer, open};
use crate::session::Session;

/// Neighbours with at most so many bytes between them are asked for together.
const GAP_MAX: u64 = 64 << 10;
const RANGES_MAX: usize = 1_000;
const READ_BYTES: usize = 256 << 10;

/// Ranges that are asked for in one request.
struct Joined {
    offset: u64,
    end: u64,
    /// Starts and ends in the shard.
    wanted: Vec<(u64, u64)>,
}

pub(crate) async fn fetch(
    now_ms: u64,
    commitment: &[u8],
    ranges: &[Range],
) -> Result<(StreamReader<u8>, FutureReader<Result<()>>)> {
    let joined = join(ranges)?;
    let session = Session::open(now_ms).await?;
    let session = Rc::new(session.ok_or(StoreError::Unavailable)?);
    let commitment = Commitment::from_bytes(commitment).map_err(invalid)?;
    let mut joined = joined.into_iter();
    let (writer, bytes) = wit_stream::new::<u8>();
    let (end, ended) = wit_future::new::<Result<()>>(|| Err(StoreError::Unavailable));
    let Some(first) = joined.next() else {
        return Err(invalid("no range"));
    };
    let incoming = ask(&session, &commitment, &first).await?;
    spawn_local(async move {
        let told = copy_all(&session, &commitment, (first, incoming), joined, writer).await;
        // Whoever asked may have gone.
        let _ = end.write(told).await;
    });
    Ok((bytes, ended))
}

fn join(ranges: &[Range]) -> Result<Vec<Joined>> {
    if ranges.len() > RANGES_MAX {
        return Err(invalid("too many ranges"));
    }
    let mut joined: Vec<Joined> = Vec::new();
    for range in ranges {
        let end = range.offset.checked_add(range.length);
        let end = end.filter(|end| *end > range.offset);
        let end = end.ok_or_else(|| invalid("a range without bytes"))?;
        match joined.last_mut() {
            Some(last) if range.offset < last.end => {
                return Err(invalid("ranges that overlap"));
            }
            Some(last) if range.offset - last.end <= GAP_MAX => {
                last.end = end;
                last.wanted.push((range.offset, end));
            }
            _ => joined.push(Joined {
                offset: range.offset,
                end,
                wanted: vec![(range.offset, end)],
            }),
        }
    }
    Ok(joined)
}

/// Asks the node, at one of its places after another.
async fn ask(session: &Session, commitment: &Commitment, joined: &Joined) -> Result<Incoming> {
    let length = joined.end - joined.offset;
    let retrieval = Retrieval::new(commitment.clone(), joined.offset, length);
    let retrieval = retrieval.map_err(|failure| read_error(&failure))?;
    let mut trouble = Failure::Lost;
    for place in 0..commitment.urls().len() {
        let party = session.party();
        let request = retrieval.request(&party, &session.moment(), place);
        let (request, asked) = request.map_err(|failure| read_error(&failure))?;
        let incoming = match open(&session.route, request, None).await {
            Ok(incoming) => incoming,
            Err(NoAnswer) => continue,
        };
        let (status, headers) = (incoming.status, &incoming.headers);
        match retrieval.check(&party, &session.moment(), &asked, status, headers) {
            Ok(()) => return Ok(incoming),
            Err(failure) => trouble = failure,
        }
    }
    Err(read_error(&trouble))
}

async fn copy_all(
    session: &Session,
    commitment: &Commitment,
    first: (Joined, Incoming),
    more: impl Iterator<Item = Joined>,
    mut out: StreamWriter<u8>,
) -> Result<()> {
    if !copy(first.0, first.1, &mut out).await? {
        return Ok(());
    }
    for joined in more {
        let incoming = ask(session, commitment, &joined).await?;
        if !copy(joined, incoming, &mut out).await? {
            return Ok(());
        }
    }
    Ok(())
}

/// Copies what is wanted of an answer; `false` when nobody takes it.
async fn copy(joined: Joined, incoming: Incoming, out: &mut StreamWriter<u8>) -> Result<bool> {
    let mut bytes = incoming.bytes;
    let mut at = joined.offset;
    let mut buffer = Vec::with_capacity(READ_BYTES);
    loop {
        let (result, filled) = bytes.read(buffer).await;
        let end = at.saturating_add(filled.len() as u64);
        if end > joined.end {
            return Err(StoreError::Unavailable);
        }
        let (buffered, wanted) = cut(filled, at, &joined.wanted);
        at = end;
        buffer = buffered;
        if !wanted.is_empty() && !out.write_all(wanted).await.is_empty() {
            return Ok(false);
        }
        if !matches!(result, StreamResult::Complete(_)) {
            break;
        }
    }
    match at == joined.end {
        true => Ok(true),
        false => Err(StoreError::Unavailable),
    }
}

/// Those of the bytes at `at` that are wanted, and an empty buffer.
fn cut(mut bytes: Vec<u8>, at: u64, wanted: &[(u64, u64)]) -> (Vec<u8>, Vec<u8>) {
    let end = at.saturating_add(bytes.len() as u64);
    if wanted.iter().any(|(from, to)| *from <= at && end <= *to) {
        // The plain case: all of it, without a copy.
        return (Vec::with_capacity(READ_BYTES), bytes);
    }
    let mut found = Vec::new();
    for (from, to) in wanted {
        let (from, to) = ((*from).max(at), (*to).min(end));
        let place = |place: u64| usize::try_from(place.saturating_sub(at)).unwrap_or(usize::MAX);
        if from < to
            && let Some(some) = bytes.get(place(from)..place(to))
        {
            found.extend_from_slice(some);
        }
    }
    bytes.clear();
    (bytes, found)
}
