//! ListBuckets. It must never name a bucket of somebody else.

use billet_s3::operation::ListBuckets;
use billet_s3::xml::response::{self, ListedBucket, Owner};

use crate::bindings::billet::bucket::buckets;
use crate::bindings::billet::bucket::types::Bucket;
use crate::call::Call;
use crate::refusal::Result;
use crate::reply::Reply;

/// How many buckets are asked for at once.
const PAGE_BUCKETS: u32 = 1000;

pub(crate) async fn handle(call: &Call, asked: ListBuckets) -> Result<Reply> {
    let wanted = asked.max_buckets as usize;
    let mut found: Vec<Bucket> = Vec::new();
    let mut after = asked.after.clone();
    // One more than asked for tells whether more follow.
    while found.len() <= wanted {
        let page = buckets::list_buckets(asked.prefix.clone(), after.clone(), PAGE_BUCKETS).await;
        let (page, more) = page.map_err(|refusal| call.place().refusal(refusal))?;
        let Some(last) = page.last() else { break };
        after = Some(last.name.clone());
        found.extend(page.into_iter().filter(|bucket| {
            let region = asked.region.as_ref();
            bucket.owner == call.identity.id()
                && region.is_none_or(|region| *region == bucket.region)
        }));
        if !more {
            break;
        }
    }
    let truncated = found.len() > wanted;
    found.truncate(wanted);
    let next = found
        .last()
        .filter(|_| truncated)
        .map(|bucket| bucket.name.clone());
    let listed: Vec<_> = found.into_iter().map(listed).collect();
    let owner = Owner {
        id: call.identity.id().to_owned(),
        name: call.identity.name().to_owned(),
    };
    let prefix = &asked.prefix;
    Ok(Reply::xml(response::list_buckets(
        &owner,
        &listed,
        prefix,
        next.as_deref(),
    )))
}

fn listed(bucket: Bucket) -> ListedBucket {
    ListedBucket {
        name: bucket.name,
        created_ms: bucket.created_ms,
        region: bucket.region,
    }
}
