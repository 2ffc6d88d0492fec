//! Looking inside a store: requests, and what answers them.
//!
//! One function, [`answer`], answers every request over one store. The daemon calls it for whoever
//! asks at `<data_dir>/admin.sock` ([`socket`]); without a daemon the command line calls it itself,
//! over a copy-on-write view of the folder ([`here`]). Both end in the same messages, which the
//! command line prints ([`crate::commands`]).
//!
//! How a command is added: a variant in [`Request`]; a function in a file of its own here that
//! writes lines or bytes to [`Out`], and its line in [`answer`]; a file in `commands/` with its
//! flags and what a line looks like in a table; its variant in `cli.rs` and its line in
//! `commands.rs`. What it knows of trees it asks `mst` ([`Inside::mst`]). Bytes that a command
//! sends along arrive in [`Input`].
//!
//! An answer ends soon when nobody reads it any more: what takes long is done under [`telling`],
//! and its threads ask `Progress::go_on`.
//!
//! What changes the store, and all that asks the shipper, needs the store's lock where no daemon
//! runs. Must never change a byte of the store where [`Request::writes`] says that nothing is
//! written, nor know what a tree looks like.

mod block;
mod bucket;
mod carry;
mod client;
mod everywhere;
mod frames;
mod fsck;
mod here;
mod identity;
mod inside;
mod log;
mod out;
mod request;
mod segment;
mod ship;
mod socket;
mod space;
mod tree;

pub(crate) use carry::{faults, proof_line, summary, telling};
pub(crate) use client::ask;
pub(crate) use frames::{End, Message};
pub(crate) use inside::Inside;
pub(crate) use out::{Failure, Input, Out, Verdict};
pub(crate) use request::Request;
pub(crate) use socket::{Socket, remove};

/// Answers a request: writes messages until it is done, and says how it went.
///
/// # Errors
/// A sentence for people, and whether it means damage.
pub(crate) async fn answer(
    request: Request,
    input: Input,
    inside: &Inside,
    out: &Out,
) -> Result<Verdict, Failure> {
    // What a look finds now stays for it, even if it is overwritten or shipped meanwhile. What may
    // wait without end looks at no blocks.
    let _reading = (!request.writes()).then(|| inside.storage().store().reading());
    match request {
        Request::BucketList => bucket::list(inside, out).await,
        Request::BucketRoot { bucket } => bucket::root(inside, &bucket, out).await,
        Request::BucketSet { bucket, durability } => {
            bucket::set(inside, &bucket, durability, out).await
        }
        Request::BucketAcceptLoss { bucket } => bucket::accept_loss(inside, bucket, out).await,
        Request::SegmentList => segment::list(inside, out).await,
        Request::SegmentShow { number } => segment::show(inside, number, out).await,
        Request::SegmentVerify { number } => segment::verify(inside, number, out).await,
        Request::Log {
            bucket,
            limit,
            keys,
        } => log::log(inside, &bucket, limit, keys, out).await,
        Request::Tree {
            bucket,
            prefix,
            root,
        } => tree::tree(inside, &bucket, &prefix, root.as_deref(), out).await,
        Request::Fsck => fsck::fsck(inside, out).await,
        Request::BlockGet { cid } => block::get(inside, &cid, out).await,
        Request::Export { bucket, root } => {
            carry::export(inside, &bucket, root.as_deref(), out).await
        }
        Request::Verify { bucket, root } => {
            carry::verify(inside, &bucket, root.as_deref(), out).await
        }
        Request::Prove { bucket, key, root } => {
            carry::prove(inside, &bucket, &key, root.as_deref(), out).await
        }
        Request::Import { path, bucket } => carry::import(inside, path, bucket, out).await,
        Request::Login { email, wait } => identity::login(inside, email, wait, out).await,
        Request::Whoami => identity::whoami(inside, out).await,
        Request::SpaceGenerate {
            name,
            provision_to,
            grant_to,
            force,
            raw,
        } => {
            let wish = space::Wish {
                name: name.unwrap_or_default(),
                provision_to,
                grant_to,
                force,
                raw,
            };
            space::generate(inside, wish, out).await
        }
        Request::SpaceList => space::list(inside, out).await,
        Request::SpaceInfo { space } => space::info(inside, space.as_deref(), out).await,
        Request::ProofAdd => identity::add_proof(inside, input, out).await,
        Request::ShipStatus { watch } => ship::status(inside, watch, out).await,
        Request::ShipRetry => ship::retry(inside, out).await,
        Request::ShipPause { paused } => ship::pause(inside, paused, out).await,
    }
}
