//! CopyObject. It must never move bytes where a reference to them will do.

use billet_s3::S3Error;
use billet_s3::checksum::{Algorithm, Type};
use billet_s3::headers::ObjectHeaders;
use billet_s3::operation::{CopyObject, MetadataDirective};
use billet_s3::payload::MAX_UPLOAD_BYTES;
use billet_s3::xml::response::{self, CopyResult};

use super::{source, write_conditions};
use crate::bindings::billet::bucket::changes::{Copying, Op, Put};
use crate::bindings::billet::bucket::types::{
    Attributes, Bucket, Condition, Entry, Object, Refusal,
};
use crate::call::{Call, Change};
use crate::refusal::{Place, Result};
use crate::reply::Reply;
use crate::{attributes, convert, intake, transfer};

/// A copy whose source was found.
struct Plan {
    asked: CopyObject,
    object: Object,
    /// None keeps those of the source.
    attributes: Option<Attributes>,
    conditions: Vec<Condition>,
}

pub(crate) async fn handle(call: &Call, mut asked: CopyObject) -> Result<Reply> {
    let bucket = call.own_bucket().await?;
    let object = source::find(call, &asked.source, &asked.source_conditions).await?;
    let attributes = match std::mem::replace(&mut asked.metadata, MetadataDirective::Copy) {
        MetadataDirective::Copy => redirected(call, &object)?,
        MetadataDirective::Replace(headers) => Some(attributes::kept(headers)),
    };
    let itself = asked.source.bucket == call.bucket() && asked.source.key == call.key();
    let rehash = rehash(&asked, &object);
    if let Some(algorithm) = rehash {
        intake::offered(algorithm)?;
    }
    if itself && attributes.is_none() && rehash.is_none() {
        return Err(CopyObject::onto_itself().into());
    }
    if object.content.size > MAX_UPLOAD_BYTES {
        return Err(S3Error::invalid_request(format!(
            "The specified copy source is larger than the maximum allowable size for a copy \
             source: {MAX_UPLOAD_BYTES}"
        ))
        .into());
    }
    let conditions = write_conditions::early(call, &bucket, asked.condition.clone()).await?;
    let plan = Plan {
        asked,
        object,
        attributes,
        conditions,
    };
    let change = match rehash {
        Some(algorithm) => plan.by_bytes(call, &bucket, algorithm).await?,
        None => plan.by_reference(call, &bucket).await?,
    };
    let object = change.done.object.as_ref().unwrap_or(&plan.object);
    let checksum = convert::first(&object.checksums);
    let parts = u32::try_from(object.parts.len()).unwrap_or(u32::MAX);
    let result = CopyResult {
        etag: object.etag.clone(),
        modified_ms: change.done.time_ms,
        part_count: checksum
            .as_ref()
            .filter(|(_, kind)| *kind == Type::Composite)
            .map(|_| parts),
        checksum,
    };
    let reply = Reply::xml(response::copy_object(&result))
        .header("x-ipfs-cid", convert::cid(&object.content.root));
    Ok(change.told(reply))
}

/// The attributes of a copy that keeps those of its source: a website redirect is not among
/// what is kept, the request's own takes its place. None where nothing changes by that.
fn redirected(call: &Call, object: &Object) -> Result<Option<Attributes>> {
    let wanted = ObjectHeaders::parse(&call.head)?.website_redirect_location;
    let is_redirect = |entry: &Entry| entry.name == attributes::REDIRECT;
    let found = object
        .attributes
        .headers
        .iter()
        .find(|entry| is_redirect(entry));
    if found.map(|entry| &entry.value) == wanted.as_ref() {
        return Ok(None);
    }
    let mut kept = object.attributes.clone();
    kept.headers.retain(|entry| !is_redirect(entry));
    kept.headers.extend(wanted.map(|value| Entry {
        name: attributes::REDIRECT.to_owned(),
        value,
    }));
    Ok(Some(kept))
}

/// The algorithm to compute anew: one that was asked for and that the source has not.
fn rehash(asked: &CopyObject, object: &Object) -> Option<Algorithm> {
    let wanted = asked.checksum_algorithm?;
    let name = wanted.digest_name();
    let has = object.checksums.iter().any(|each| each.algorithm == name);
    (!has).then_some(wanted)
}

impl Plan {
    async fn by_reference(&self, call: &Call, bucket: &Bucket) -> Result<Change> {
        let source = &self.asked.source;
        let copy = Copying {
            key: call.key().to_owned(),
            source_log: source.bucket.clone(),
            source_key: source.key.clone(),
            source_conditions: self.source_conditions(),
            attributes: self.attributes.clone(),
            conditions: self.conditions.clone(),
        };
        match call.attempt(bucket, Op::Copy(copy)).await? {
            Ok(change) => Ok(change),
            Err(Refusal::SourceElsewhere) => {
                let kept = self.object.checksums.first();
                let algorithm = kept.and_then(|each| convert::algorithm(&each.algorithm));
                self.by_bytes(call, bucket, algorithm.unwrap_or(Algorithm::Crc64Nvme))
                    .await
            }
            Err(other) => Err(self.place(call).refusal(other)),
        }
    }

    /// Whatever was asked of the source was found true of this very object.
    fn source_conditions(&self) -> Vec<Condition> {
        let conditions = &self.asked.source_conditions;
        let any = conditions.if_match.is_some()
            || conditions.if_none_match.is_some()
            || conditions.if_modified_since.is_some()
            || conditions.if_unmodified_since.is_some();
        let same = || Condition::IfMatch(vec![self.object.etag.clone()]);
        any.then(same).into_iter().collect()
    }

    async fn by_bytes(&self, call: &Call, bucket: &Bucket, algorithm: Algorithm) -> Result<Change> {
        let content = &self.object.content;
        let stored = transfer::put(content, 0, content.size, &bucket.space, algorithm).await?;
        let attributes = self.attributes.clone();
        let put = Put {
            key: call.key().to_owned(),
            etag: stored.etag(),
            attributes: attributes.unwrap_or_else(|| self.object.attributes.clone()),
            checksums: stored.kept(),
            source: stored.source,
            conditions: self.conditions.clone(),
        };
        call.change(bucket, &self.place(call), Op::Put(put)).await
    }

    fn place<'a>(&'a self, call: &'a Call) -> Place<'a> {
        let source = &self.asked.source;
        Place {
            source: (&source.bucket, &source.key),
            ..call.place()
        }
    }
}
