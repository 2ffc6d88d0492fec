//! The S3 gateway component: HTTP in, calls of the contract out. It must never know trees, files
//! or networks, and never hold a key or a whole body.

mod attributes;
mod bindings;
mod call;
mod checksums;
mod convert;
mod durable;
mod identity;
mod ids;
mod intake;
mod operations;
mod outflow;
mod patience;
mod refusal;
mod reply;
mod request;
mod settings;
mod transfer;
mod unframe;

use std::rc::Rc;
use std::sync::Once;

use billet_s3::Code;
use billet_s3::head::RequestHead;
use billet_s3::operation::route;
use billet_s3::query::Query;
use billet_s3::target::Target;

use crate::bindings::exports::wasi::http::handler::Guest;
use crate::bindings::wasi::http::types::{ErrorCode, Request, Response};
use crate::call::Call;
use crate::identity::Sender;
use crate::ids::Ids;
use crate::intake::Body;
use crate::refusal::{Failure, Result};
use crate::reply::Reply;
use crate::settings::Settings;

/// The component.
struct Gateway;

impl Guest for Gateway {
    async fn handle(request: Request) -> std::result::Result<Response, ErrorCode> {
        let ids = Ids::draw();
        let head = request::head(&request);
        let is_head = head.method == "HEAD";
        let resource = head.raw_path.clone();
        let outcome = serve(head, Body::new(request), &ids).await;
        let reply =
            outcome.unwrap_or_else(|failure| Reply::failure(&failure, is_head, &resource, &ids));
        reply.send(&resource, ids).await
    }
}

/// Finds out who asks, then what for, and does it.
async fn serve(head: RequestHead, body: Body, ids: &Ids) -> Result<Reply> {
    let now_ms = request::now_ms();
    let settings = Settings::get();
    if head.values("host").next().is_none() && settings.policy.hosts.is_empty() {
        tell_unnamed();
    }
    if head.method == "OPTIONS" {
        // A browser asks without a signature, and no bucket has rules that would let it.
        return refuse(&head, settings, now_ms);
    }
    let (identity, head) = match identity::authenticate(head, now_ms, &settings.policy)? {
        Sender::Somebody(identity, head) => (*identity, head),
        Sender::Nobody(head) => return refuse(&head, settings, now_ms),
    };
    let target = Target::parse(identity.host(), &head.raw_path, &settings.domains)?;
    let query = Query::parse(head.raw_query.as_deref())?;
    let operation = route(&head, &target, &query, now_ms)?;
    let call = Rc::new(Call {
        identity,
        head,
        target,
        settings,
        now_ms,
    });
    let outcome = operations::perform(&call, operation, body).await;
    if let Err(failure) = &outcome {
        tell_damage(&call, failure, ids);
    }
    outcome
}

/// Where a host passes on no name that a client may have signed, every request is denied, and only
/// whoever runs this can mend it. Once is enough: it stays so, or it was one old client.
#[allow(clippy::print_stderr, reason = "the host's log")]
fn tell_unnamed() {
    static TOLD: Once = Once::new();
    TOLD.call_once(|| {
        eprintln!("a request came without a Host, and no hosts are set that it may have named");
    });
}

/// What is lost is told to whoever runs this by the names that its users know.
#[allow(clippy::print_stderr, reason = "the host's log")]
fn tell_damage(call: &Call, failure: &Failure, ids: &Ids) {
    if let Some(block) = failure.damaged() {
        let (block, request) = (convert::cid(block), ids.request());
        let (bucket, key) = (call.bucket(), call.key());
        // One line is one write: pieces would be lines of their own.
        let line = format!(
            "damaged data was not served: bucket {bucket:?} key {key:?} block {block} \
             request {request}\n"
        );
        eprint!("{line}");
    }
}

/// The answer to a request that nobody signed: what is wrong with it for everybody, else that it
/// is denied. It depends on nothing that is stored.
fn refuse(head: &RequestHead, settings: &Settings, now_ms: u64) -> Result<Reply> {
    let target = Target::parse(head.once("host")?, &head.raw_path, &settings.domains)?;
    let query = Query::parse(head.raw_query.as_deref())?;
    route(head, &target, &query, now_ms)?;
    Err(Code::AccessDenied.into())
}

/// What the linker sees of the component.
#[allow(unsafe_code, unreachable_pub, reason = "generated")]
mod export {
    use crate::{Gateway, bindings};

    bindings::export!(Gateway with_types_in bindings);
}
