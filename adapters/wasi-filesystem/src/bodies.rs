//! Bytes of bodies, cut into leaves on their way in and checked on their way out, one leaf in
//! memory at a time.
//!
//! Must never pass on a byte of a leaf before the whole leaf was checked (I6).

use std::vec;

use billet_block::{Block, Cid, Codec, LEAF_BYTES_MAX};
use billet_digest::Hasher;
use billet_plain::leaf_room;
use wit_bindgen::{FutureReader, StreamReader, StreamResult, StreamWriter, spawn_local};

use crate::bindings::billet::store::types::{Digest, Span, StoreError};
use crate::bindings::exports::billet::store::bodies::{Body, Guest, Leaf};
use crate::bindings::{wit_future, wit_stream};
use crate::convert::{read_cid, write_cid};
use crate::{Adapter, memory, store};

/// The longest document.
const DOCUMENT_BYTES_MAX: usize = 64 << 10;

/// What a stream of bytes came to.
type Outcome = Result<(), StoreError>;

impl Guest for Adapter {
    async fn put(
        space: String,
        content: StreamReader<u8>,
        size: u64,
        digests: Vec<String>,
    ) -> Result<Body, StoreError> {
        let mut intake = Intake::new(size, &digests)?;
        intake.take(content).await?;
        store::settle(intake.leaves.iter().map(|(cid, _)| cid)).await?;
        let claim = memory::open_claim(&space)?;
        Ok(intake.finish(claim, digests))
    }

    async fn get(
        first: Vec<Span>,
        rest: Option<StreamReader<Span>>,
    ) -> Result<(StreamReader<u8>, FutureReader<Outcome>), StoreError> {
        let mut spans = Spans {
            first: first.into_iter(),
            rest,
        };
        let opening = match spans.next().await {
            Some(span) => Some(piece(&span).await?),
            None => None,
        };
        let (writer, reader) = wit_stream::new::<u8>();
        let (tell, told) = wit_future::new::<Outcome>(|| Err(StoreError::Unavailable));
        spawn_local(async move {
            let outcome = pour(opening, spans, writer).await;
            // Whoever does not want to know has closed it.
            let _ = tell.write(outcome).await;
        });
        Ok((reader, told))
    }

    async fn document(content: Vec<u8>) -> Result<StreamReader<u8>, StoreError> {
        if content.len() > DOCUMENT_BYTES_MAX {
            return Err(StoreError::Invalid("too long for a document".to_owned()));
        }
        let (mut writer, reader) = wit_stream::new::<u8>();
        spawn_local(async move {
            // What is left over belongs to somebody who does not read any more.
            let _ = writer.write_all(content).await;
        });
        Ok(reader)
    }
}

/// A body on its way in.
struct Intake {
    size: u64,
    taken: u64,
    hashers: Vec<Hasher>,
    leaves: Vec<(Cid, u32)>,
}

impl Intake {
    fn new(size: u64, digests: &[String]) -> Result<Self, StoreError> {
        let open = |name: &String| {
            Hasher::open(name).ok_or_else(|| StoreError::Invalid(format!("no algorithm {name}")))
        };
        Ok(Self {
            size,
            taken: 0,
            hashers: digests.iter().map(open).collect::<Result<_, _>>()?,
            leaves: Vec::new(),
        })
    }

    /// Reads the whole body. What was written of one that turns out wrong stays as files that
    /// nothing names.
    async fn take(&mut self, mut content: StreamReader<u8>) -> Outcome {
        let mut leaf = Vec::with_capacity(leaf_room(self.size, self.taken));
        loop {
            let before = leaf.len();
            let (result, filled) = content.read(leaf).await;
            leaf = filled;
            let added = leaf.get(before..).unwrap_or_default();
            self.taken = self.taken.saturating_add(added.len() as u64);
            if self.taken > self.size {
                return Err(StoreError::Invalid("more bytes than declared".to_owned()));
            }
            for hasher in &mut self.hashers {
                hasher.update(added);
            }
            if leaf.len() >= LEAF_BYTES_MAX {
                self.put_leaf(std::mem::take(&mut leaf)).await?;
                leaf = Vec::with_capacity(leaf_room(self.size, self.taken));
            }
            if !matches!(result, StreamResult::Complete(_)) {
                break;
            }
        }
        if self.taken < self.size {
            return Err(StoreError::Invalid("fewer bytes than declared".to_owned()));
        }
        if leaf.is_empty() {
            return Ok(());
        }
        self.put_leaf(leaf).await
    }

    async fn put_leaf(&mut self, bytes: Vec<u8>) -> Outcome {
        let length = u32::try_from(bytes.len()).unwrap_or(u32::MAX);
        let block = Block::new(Codec::Raw, bytes);
        self.leaves.push((block.cid, length));
        store::write(block).await
    }

    fn finish(mut self, claim: u64, digests: Vec<String>) -> Body {
        let values = self.hashers.iter_mut().map(Hasher::finish);
        let digests = digests.into_iter().zip(values);
        let leaves = self.leaves.iter();
        Body {
            claim,
            size: self.size,
            leaves: leaves
                .map(|(cid, length)| Leaf {
                    cid: write_cid(cid),
                    length: *length,
                })
                .collect(),
            digests: digests
                .map(|(algorithm, value)| Digest { algorithm, value })
                .collect(),
        }
    }
}

/// Spans, those at hand first.
struct Spans {
    first: vec::IntoIter<Span>,
    rest: Option<StreamReader<Span>>,
}

impl Spans {
    async fn next(&mut self) -> Option<Span> {
        if let Some(span) = self.first.next() {
            return Some(span);
        }
        self.rest.as_mut()?.next().await
    }
}

/// The bytes that a span names.
async fn piece(span: &Span) -> Result<Vec<u8>, StoreError> {
    let cid = read_cid(&span.cid)?;
    let mut bytes = store::demand(&cid).await?;
    let start = usize::try_from(span.offset).ok();
    let length = usize::try_from(span.length).ok();
    let end = start
        .zip(length)
        .and_then(|(start, length)| start.checked_add(length));
    match start.zip(end) {
        Some((start, end)) if end <= bytes.len() => {
            bytes.truncate(end);
            bytes.drain(..start);
            Ok(bytes)
        }
        _ => Err(StoreError::Invalid("a span beyond its block".to_owned())),
    }
}

/// Writes all spans in order. The stream ends before the outcome is told, so that a reader may
/// wait for either first.
async fn pour(opening: Option<Vec<u8>>, mut spans: Spans, mut writer: StreamWriter<u8>) -> Outcome {
    let mut bytes = opening.unwrap_or_default();
    loop {
        if !writer.write_all(bytes).await.is_empty() {
            // Nobody reads any more.
            return Ok(());
        }
        let Some(span) = spans.next().await else {
            return Ok(());
        };
        bytes = piece(&span).await?;
    }
}
