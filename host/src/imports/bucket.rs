//! `billet:bucket` for the gateway: each call goes to an instance of `mst` as it came.
//!
//! Must never read what passes through.

use std::sync::Arc;

use wasmtime::component::{Accessor, ComponentNamedList, Lift, Linker, Lower};

use crate::apply::{self, Outcome};
use crate::bindings::Native;
use crate::bindings::exports::billet::bucket::buckets::Bucket;
use crate::bindings::exports::billet::bucket::changes::Op;
use crate::bindings::exports::billet::bucket::objects::{
    Assembly, ListingQuery, NamedPart, Object, Page, PartPage, Refusal, Span, UploadPage,
};
use crate::guest::Guest;
use crate::mst::{Lost, Mst, Running};

/// What is answered for a look-up whose instance ended.
const LOST_READ: &str = "the instance ended before it answered";
/// What is answered for a change whose instance ended: a fault, never "nothing changed".
const LOST_CHANGE: &str = "the instance ended: the change may have taken effect";

type Answer<T> = Result<T, Refusal>;

/// Links the three interfaces.
pub(crate) fn add_to_linker(linker: &mut Linker<Guest>) -> wasmtime::Result<()> {
    link_buckets(linker)?;
    link_objects(linker)?;
    link_changes(linker)
}

fn link_buckets(linker: &mut Linker<Guest>) -> wasmtime::Result<()> {
    let mut buckets = linker.instance("billet:bucket/buckets@0.1.0")?;
    read(
        &mut buckets,
        "head",
        |accessor, native, (name,): (String,)| {
            Box::pin(async move {
                native
                    .billet_bucket_buckets()
                    .call_head(accessor, name)
                    .await
            })
        },
    )?;
    type Listing = (String, Option<String>, u32);
    read(
        &mut buckets,
        "list-buckets",
        |accessor, native, (prefix, after, limit): Listing| {
            Box::pin(async move {
                let buckets = native.billet_bucket_buckets();
                let page: Answer<(Vec<Bucket>, bool)> = buckets
                    .call_list_buckets(accessor, prefix, after, limit)
                    .await?;
                Ok(page)
            })
        },
    )
}

fn link_objects(linker: &mut Linker<Guest>) -> wasmtime::Result<()> {
    let mut objects = linker.instance("billet:bucket/objects@0.1.0")?;
    read(
        &mut objects,
        "lookup",
        |accessor, native, (log, key): (String, String)| {
            Box::pin(async move {
                let found: Answer<(Bucket, Answer<Object>)> = native
                    .billet_bucket_objects()
                    .call_lookup(accessor, log, key)
                    .await?;
                Ok(found)
            })
        },
    )?;
    type Range = (Vec<u8>, u64, u64, u32);
    read(
        &mut objects,
        "spans",
        |accessor, native, (root, offset, length, limit): Range| {
            Box::pin(async move {
                let objects = native.billet_bucket_objects();
                let spans: Answer<Vec<Span>> = objects
                    .call_spans(accessor, root, offset, length, limit)
                    .await?;
                Ok(spans)
            })
        },
    )?;
    read(
        &mut objects,
        "list-objects",
        |accessor, native, (log, query): (String, ListingQuery)| {
            Box::pin(async move {
                let page: Answer<Page> = native
                    .billet_bucket_objects()
                    .call_list_objects(accessor, log, query)
                    .await?;
                Ok(page)
            })
        },
    )?;
    link_uploads(&mut objects)
}

fn link_uploads(objects: &mut Instance<'_>) -> wasmtime::Result<()> {
    type Uploads = (String, ListingQuery, Option<String>);
    read(
        objects,
        "list-uploads",
        |accessor, native, (log, query, after): Uploads| {
            Box::pin(async move {
                let objects = native.billet_bucket_objects();
                let page: Answer<UploadPage> = objects
                    .call_list_uploads(accessor, log, query, after)
                    .await?;
                Ok(page)
            })
        },
    )?;
    type Parts = (String, String, String, u32, u32);
    read(
        objects,
        "list-parts",
        |accessor, native, (log, key, upload, after, limit): Parts| {
            Box::pin(async move {
                let objects = native.billet_bucket_objects();
                let page: Answer<PartPage> = objects
                    .call_list_parts(accessor, log, key, upload, after, limit)
                    .await?;
                Ok(page)
            })
        },
    )?;
    type Assemble = (String, String, String, Vec<NamedPart>);
    read(
        objects,
        "assemble",
        |accessor, native, (log, key, upload, parts): Assemble| {
            Box::pin(async move {
                let objects = native.billet_bucket_objects();
                let assembly: Answer<Assembly> = objects
                    .call_assemble(accessor, log, key, upload, parts)
                    .await?;
                Ok(assembly)
            })
        },
    )
}

fn link_changes(linker: &mut Linker<Guest>) -> wasmtime::Result<()> {
    let mut changes = linker.instance("billet:bucket/changes@0.1.0")?;
    changes.func_wrap_concurrent("apply", |accessor, (log, ops): (String, Vec<Op>)| {
        Box::pin(async move {
            let (mst, metrics) = accessor.with(|mut store| {
                let guest = store.get();
                Ok::<_, wasmtime::Error>((mst(guest)?, Arc::clone(&guest.effects.metrics)))
            })?;
            let count = ops.len();
            let outcomes = apply::apply(&mst, &metrics, log, ops).await;
            Ok((outcomes.unwrap_or_else(|Lost| lost_changes(count)),))
        })
    })
}

fn lost_changes(count: usize) -> Vec<Outcome> {
    let mut outcomes = Vec::with_capacity(count);
    outcomes.resize_with(count, || Err(Refusal::Invalid(LOST_CHANGE.to_owned())));
    outcomes
}

fn mst(guest: &Guest) -> wasmtime::Result<Arc<Mst>> {
    Ok(Arc::clone(&guest.front()?.mst))
}

type Instance<'a> = wasmtime::component::LinkerInstance<'a, Guest>;

/// Links a function that a reader instance answers.
fn read<P, R, F>(instance: &mut Instance<'_>, name: &str, call: F) -> wasmtime::Result<()>
where
    P: ComponentNamedList + Lift + Send + 'static,
    R: Send + 'static,
    Answer<R>: Lower + Lift,
    F: for<'a> Fn(&'a Accessor<Guest>, &'a Native, P) -> Running<'a, wasmtime::Result<Answer<R>>>
        + Copy
        + Send
        + Sync
        + 'static,
{
    instance.func_wrap_concurrent(name, move |accessor, parameters: P| {
        Box::pin(async move {
            let mst = accessor.with(|mut store| mst(store.get()))?;
            let answer = mst
                .read(move |accessor, native| call(accessor, native, parameters))
                .await;
            let lost = |Lost| Err(Refusal::Invalid(LOST_READ.to_owned()));
            Ok((answer.unwrap_or_else(lost),))
        })
    })
}
