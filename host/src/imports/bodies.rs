//! `billet:store/bodies`: streams in and out. The work is in `put.rs` and `get.rs`.
//!
//! Must never hold more of a body than a few leaves, nor a document that is not small.

use http_body_util::{BodyExt, Full};
use wasmtime::component::{Accessor, FutureReader, StreamReader};

use super::{get, invalid, put};
use crate::bindings::billet::store::bodies::{self, Body, Span};
use crate::bindings::billet::store::types::StoreError;
use crate::buffers::SMALL_BYTES_MAX;
use crate::guest::{Guest, Host};

impl bodies::Host for Guest {}

type Stream = (StreamReader<u8>, FutureReader<Result<(), StoreError>>);

impl bodies::HostWithStore<Guest> for Host {
    async fn put(
        accessor: &Accessor<Guest, Self>,
        space: String,
        content: StreamReader<u8>,
        size: u64,
        digests: Vec<String>,
    ) -> wasmtime::Result<Result<Body, StoreError>> {
        put::put(accessor, space, content, size, digests).await
    }

    async fn get(
        accessor: &Accessor<Guest, Self>,
        first: Vec<Span>,
        rest: Option<StreamReader<Span>>,
    ) -> wasmtime::Result<Result<Stream, StoreError>> {
        get::get(accessor, first, rest).await
    }

    async fn document(
        accessor: &Accessor<Guest, Self>,
        content: Vec<u8>,
    ) -> wasmtime::Result<Result<StreamReader<u8>, StoreError>> {
        if content.len() > SMALL_BYTES_MAX {
            return Ok(Err(invalid("too long for a document")));
        }
        let body = Full::new(content.into()).map_err(|never| match never {});
        accessor.with(|mut access| get::stream_of(&mut access, body.boxed_unsync()).map(Ok))
    }
}
