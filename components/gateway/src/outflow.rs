//! Bytes of a body on their way out, from the spans that a bucket names to a stream of the store.
//! It must never hold the bytes, nor more spans than a page.

use wit_bindgen::{FutureReader, StreamReader, StreamWriter, spawn_local};

use crate::bindings::billet::bucket::objects;
use crate::bindings::billet::bucket::types::{Content, Refusal};
use crate::bindings::billet::store::bodies;
use crate::bindings::billet::store::types::{Cid, Span, StoreError};
use crate::bindings::wit_stream;
use crate::refusal::{self, Place, Result};
use crate::reply;

/// How many spans are asked for at once.
const PAGE_SPANS: u32 = 1024;

/// A stream of the store with the future that tells whether it was whole.
pub(crate) type Flow = (
    StreamReader<u8>,
    FutureReader<std::result::Result<(), StoreError>>,
);

/// `length` bytes of a body from `offset` on, as the content of an answer.
pub(crate) async fn open(content: &Content, offset: u64, length: u64) -> Result<reply::Content> {
    let (bytes, failure) = flow(content, offset, length).await?;
    Ok(reply::Content::Stream {
        bytes,
        failure,
        length,
    })
}

/// `length` bytes of a body from `offset` on, which must lie inside it.
pub(crate) async fn flow(content: &Content, offset: u64, length: u64) -> Result<Flow> {
    let mut first = cut(&content.leading, offset, length);
    if first.is_empty() && length > 0 {
        let page = objects::spans(content.root.clone(), offset, length, PAGE_SPANS).await;
        first = page.map_err(|refusal| Place::default().refusal(refusal))?;
    }
    let covered = total(&first);
    let rest = (covered < length && covered > 0).then(|| {
        let (writer, reader) = wit_stream::new::<Span>();
        let (root, from) = (content.root.clone(), offset.saturating_add(covered));
        spawn_local(follow(root, from, length.saturating_sub(covered), writer));
        reader
    });
    bodies::get(first, rest).await.map_err(refusal::store)
}

/// Writes the spans that follow, page by page. A page that cannot be had ends them early, which
/// leaves the answer shorter than its length and so breaks it off.
async fn follow(root: Cid, mut offset: u64, mut length: u64, mut out: StreamWriter<Span>) {
    while length > 0 {
        let page: std::result::Result<Vec<Span>, Refusal> =
            objects::spans(root.clone(), offset, length, PAGE_SPANS).await;
        let Ok(page) = page else { return };
        let covered = total(&page);
        if covered == 0 || !out.write_all(page).await.is_empty() {
            return;
        }
        offset = offset.saturating_add(covered);
        length = length.saturating_sub(covered);
    }
}

/// The spans of `leading`, which begin at 0, that lie within the range.
fn cut(leading: &[Span], offset: u64, length: u64) -> Vec<Span> {
    let end = offset.saturating_add(length);
    let mut start = 0_u64;
    let mut found = Vec::new();
    for span in leading {
        let stop = start.saturating_add(span.length);
        let (from, to) = (start.max(offset), stop.min(end));
        if from < to {
            found.push(Span {
                cid: span.cid.clone(),
                offset: span.offset.saturating_add(from.saturating_sub(start)),
                length: to.saturating_sub(from),
            });
        }
        start = stop;
    }
    found
}

fn total(spans: &[Span]) -> u64 {
    spans.iter().map(|span| span.length).sum()
}
