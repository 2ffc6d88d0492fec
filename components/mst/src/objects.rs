//! Reading what is in a bucket.
//!
//! Must never change it; what `assemble` stages is named by nothing until `complete`.

use billet_bucket::{
    Assembler, Line, ObjectListing, PartListing, Progress, Query, Refusal, UploadListing, View,
    find, leading_spans, live_state, objects, spans,
};

use crate::bindings::billet::bucket::types;
use crate::bindings::billet::store::blocks;
use crate::bindings::billet::store::types::Span;
use crate::bindings::exports::billet::bucket::objects::{
    Assembly, Guest, Line as OutLine, ListingQuery, NamedPart, Page, PartPage, UploadPage,
};
use crate::changes::release;
use crate::fetch::{settle, standing};
use crate::{CACHES, Mst, convert};

/// Most lines of a listing.
const PAGE_MAX: u32 = 1000;

/// Most spans of one answer.
const SPANS_MAX: u32 = 4096;

/// Manifests that a listing looks at together.
const MANIFESTS_TOGETHER: usize = 32;

impl Guest for Mst {
    async fn lookup(log: String, key: String) -> Result<Found, types::Refusal> {
        lookup(&log, &key).await.map_err(convert::refusal)
    }

    async fn spans(
        root: Vec<u8>,
        offset: u64,
        length: u64,
        limit: u32,
    ) -> Result<Vec<Span>, types::Refusal> {
        let limit = limit.min(SPANS_MAX) as usize;
        let root = convert::cid(&root).map_err(|error| convert::refusal(error.into()))?;
        let mut view = View::new(&CACHES);
        let found = settle("", &mut view, |view| {
            spans(view, root, offset, length, limit)
        });
        let found = found.await.map_err(convert::refusal)?;
        Ok(found.into_iter().map(convert::span).collect())
    }

    async fn list_objects(log: String, query: ListingQuery) -> Result<Page, types::Refusal> {
        list_objects(&log, convert::query(query, PAGE_MAX))
            .await
            .map_err(convert::refusal)
    }

    async fn list_uploads(
        log: String,
        query: ListingQuery,
        after_id: Option<String>,
    ) -> Result<UploadPage, types::Refusal> {
        let query = convert::query(query, PAGE_MAX);
        let listed = list_uploads(&log, query, after_id.as_deref()).await;
        listed.map_err(convert::refusal)
    }

    async fn list_parts(
        log: String,
        key: String,
        upload: String,
        after: u32,
        limit: u32,
    ) -> Result<PartPage, types::Refusal> {
        let limit = limit.min(PAGE_MAX) as usize;
        let listed = list_parts(&log, &key, &upload, after, limit).await;
        listed.map_err(convert::refusal)
    }

    async fn assemble(
        log: String,
        key: String,
        upload: String,
        parts: Vec<NamedPart>,
    ) -> Result<Assembly, types::Refusal> {
        let mut claims = Vec::new();
        match assemble(&log, &key, &upload, parts, &mut claims).await {
            Ok((file, basis)) => Ok(Assembly {
                root: file.root.to_bytes().to_vec(),
                size: file.size,
                claims,
                basis,
            }),
            Err(refusal) => {
                release(claims).await;
                Err(convert::refusal(refusal))
            }
        }
    }
}

/// A bucket and what was found in it.
type Found = (types::Bucket, Result<types::Object, types::Refusal>);

async fn lookup(log: &str, key: &str) -> Result<Found, Refusal> {
    let mut view = View::new(&CACHES);
    let (standing, _) = standing(log).await?;
    let live = settle(log, &mut view, |view| live_state(view, &standing));
    let (state, head) = live.await?;
    let object = settle(log, &mut view, |view| {
        let object = find(view, head, key)?;
        Ok(convert::object(&object, leading_spans(view, &object)?))
    });
    let object = object.await.map_err(convert::refusal);
    Ok((convert::bucket(log, head, &state), object))
}

async fn list_objects(log: &str, query: Query) -> Result<Page, Refusal> {
    let mut view = View::new(&CACHES);
    let (standing, _) = standing(log).await?;
    let head = settle(log, &mut view, |view| {
        Ok(live_state(view, &standing)?.1.clone())
    });
    let mut listing = ObjectListing::new(head.await?.root, query);
    settle(log, &mut view, |view| listing.run(view)).await?;
    let (lines, truncated) = listing.finish();
    let mut page = Page {
        lines: Vec::with_capacity(lines.len()),
        truncated,
    };
    for lines in lines.chunks(MANIFESTS_TOGETHER) {
        view.forget_blocks();
        let cids = lines.iter().filter_map(|line| match line {
            Line::Object(_, cid) => Some(*cid),
            Line::Prefix(_) => None,
        });
        let cids: Vec<_> = cids.collect();
        let read = settle(log, &mut view, |view| objects(view, &cids)).await?;
        let mut read = read.into_iter();
        for line in lines {
            match line {
                Line::Prefix(prefix) => page.lines.push(OutLine::Prefix(prefix.clone())),
                Line::Object(key, _) => {
                    let object = read.next().map(|object| convert::listed(key, &object));
                    page.lines.extend(object.map(OutLine::Object));
                }
            }
        }
    }
    Ok(page)
}

async fn list_uploads(
    log: &str,
    query: Query,
    after_id: Option<&str>,
) -> Result<UploadPage, Refusal> {
    let mut view = View::new(&CACHES);
    let (standing, _) = standing(log).await?;
    let mut listing = UploadListing::new(query, after_id);
    settle(log, &mut view, |view| {
        live_state(view, &standing)?;
        listing.run(view)
    })
    .await?;
    let (lines, truncated) = listing.finish();
    Ok(UploadPage {
        lines: lines.into_iter().map(convert::upload_line).collect(),
        truncated,
    })
}

async fn list_parts(
    log: &str,
    key: &str,
    upload: &str,
    after: u32,
    limit: usize,
) -> Result<PartPage, Refusal> {
    let mut view = View::new(&CACHES);
    let (standing, _) = standing(log).await?;
    let listing = settle(log, &mut view, |view| {
        live_state(view, &standing)?;
        PartListing::read(view, key, upload, after, limit)
    });
    Ok(convert::part_page(listing.await?))
}

async fn assemble(
    log: &str,
    key: &str,
    upload: &str,
    parts: Vec<NamedPart>,
    claims: &mut Vec<u64>,
) -> Result<(billet_manifest::File, Vec<u8>), Refusal> {
    let parts: Vec<_> = parts.into_iter().map(convert::named_part).collect();
    let begun = match begin(log, key, upload, &parts).await {
        // Rows are read one after another: these may have gone with an upload that was completed
        // in between. Then its own row is gone by now, and the answer is another.
        Err(Refusal::InvalidPart(_)) => begin(log, key, upload, &parts).await,
        begun => begun,
    };
    let (mut assembler, space) = begun?;
    let mut view = View::new(&CACHES);
    loop {
        let progress = settle(log, &mut view, |view| assembler.run(view)).await?;
        let (made, whole) = match progress {
            Progress::Stage(made) => (made, None),
            Progress::Done(file, made) => (made, Some(file)),
        };
        if !made.is_empty() {
            let made = made.iter().map(convert::block).collect();
            let claim = blocks::stage(space.clone(), made).await;
            claims.push(claim.map_err(convert::store_error)?);
        }
        if let Some(file) = whole {
            return Ok((file, assembler.basis().to_vec()));
        }
        view.forget_blocks();
    }
}

/// Reads which parts there are, and the bucket's space.
async fn begin(
    log: &str,
    key: &str,
    upload: &str,
    parts: &[billet_bucket::NamedPart],
) -> Result<(Assembler, String), Refusal> {
    let mut view = View::new(&CACHES);
    let (standing, _) = standing(log).await?;
    let begun = settle(log, &mut view, |view| {
        let (_, head) = live_state(view, &standing)?;
        let space = head.space.clone();
        Ok((Assembler::new(view, key, upload, parts)?, space))
    });
    begun.await
}
