//! One request whose signer is known: what every operation is given. It must never be built before
//! the signature was confirmed.

use billet_s3::Code;
use billet_s3::head::RequestHead;
use billet_s3::headers;
use billet_s3::operation::require_null_version;
use billet_s3::target::Target;

use crate::bindings::billet::bucket::buckets;
use crate::bindings::billet::bucket::changes::{self, Done, Op};
use crate::bindings::billet::bucket::objects;
use crate::bindings::billet::bucket::types::{Bucket, Object, Refusal};
use crate::bindings::billet::store::durability::Level;
use crate::convert;
use crate::durable;
use crate::identity::Identity;
use crate::refusal::{Place, Result};
use crate::reply::Reply;
use crate::settings::Settings;

/// A request that somebody signed.
pub(crate) struct Call {
    /// Who.
    pub(crate) identity: Identity,
    /// The head, with what a presigned URL carries in its query.
    pub(crate) head: RequestHead,
    /// Bucket and key.
    pub(crate) target: Target,
    /// What is configured.
    pub(crate) settings: &'static Settings,
    /// Unix milliseconds.
    pub(crate) now_ms: u64,
}

/// A change that was done, and how safe it is.
pub(crate) struct Change {
    /// What became of it.
    pub(crate) done: Done,
    level: Level,
}

impl Change {
    /// The answer with what every change tells.
    pub(crate) fn told(&self, reply: Reply) -> Reply {
        let reply = reply.header(durable::HEADER, durable::name(self.level));
        reply.header("x-billet-root", convert::cid(&self.done.root))
    }
}

impl Call {
    /// The bucket's name.
    pub(crate) fn bucket(&self) -> &str {
        self.target.bucket.as_deref().unwrap_or_default()
    }

    /// The key.
    pub(crate) fn key(&self) -> &str {
        self.target.key.as_deref().unwrap_or_default()
    }

    /// The words for errors.
    pub(crate) fn place(&self) -> Place<'_> {
        Place {
            bucket: self.bucket(),
            key: self.key(),
            caller: self.identity.id(),
            ..Place::default()
        }
    }

    /// The bucket, if it is the caller's.
    pub(crate) async fn own_bucket(&self) -> Result<Bucket> {
        let bucket = buckets::head(self.bucket().to_owned()).await;
        let bucket = bucket.map_err(|refusal| self.place().refusal(refusal))?;
        self.check_owner(&bucket)?;
        self.check_expected(&bucket)?;
        Ok(bucket)
    }

    /// The bucket, if it is the caller's, and what is under the key. Nobody else is told anything
    /// of the object.
    pub(crate) async fn found(&self) -> Result<(Bucket, Result<Object>)> {
        let found = objects::lookup(self.bucket().to_owned(), self.key().to_owned()).await;
        let (bucket, object) = found.map_err(|refusal| self.place().refusal(refusal))?;
        self.check_owner(&bucket)?;
        self.check_expected(&bucket)?;
        let object = object.map_err(|refusal| self.place().refusal(refusal));
        Ok((bucket, object))
    }

    /// The bucket, if it is the caller's, and its object, if the version is the only one.
    pub(crate) async fn own_object(&self, version_id: Option<&str>) -> Result<(Bucket, Object)> {
        let (bucket, object) = self.found().await?;
        require_null_version(self.key(), version_id)?;
        Ok((bucket, object?))
    }

    /// Refuses a bucket of somebody else's.
    pub(crate) fn check_owner(&self, bucket: &Bucket) -> Result<()> {
        if bucket.owner != self.identity.id() {
            return Err(Code::AccessDenied.into());
        }
        Ok(())
    }

    /// Whether the bucket is whose the client takes it to be.
    fn check_expected(&self, bucket: &Bucket) -> Result<()> {
        let expected = headers::expected_bucket_owner(&self.head)?;
        if expected.is_some_and(|expected| expected != bucket.owner) {
            return Err(Code::AccessDenied.into());
        }
        Ok(())
    }

    /// Does one change and waits until it is as safe as was asked for.
    pub(crate) async fn change(
        &self,
        bucket: &Bucket,
        place: &Place<'_>,
        op: Op,
    ) -> Result<Change> {
        let outcome = self.attempt(bucket, op).await?;
        outcome.map_err(|refusal| place.refusal(refusal))
    }

    /// The same for an operation that has an answer of its own to some refusals.
    pub(crate) async fn attempt(
        &self,
        bucket: &Bucket,
        op: Op,
    ) -> Result<std::result::Result<Change, Refusal>> {
        let level = durable::wanted(&self.head, bucket, self.settings)?;
        let done = match apply(&bucket.name, vec![op]).await.pop() {
            Some(Ok(done)) => done,
            Some(Err(refusal)) => return Ok(Err(refusal)),
            None => return Err(Code::InternalError.into()),
        };
        durable::settle(&bucket.name, done.seq, level).await?;
        Ok(Ok(Change { done, level }))
    }
}

/// Does changes in one commit.
pub(crate) async fn apply(log: &str, ops: Vec<Op>) -> Vec<std::result::Result<Done, Refusal>> {
    changes::apply(log.to_owned(), ops).await
}
