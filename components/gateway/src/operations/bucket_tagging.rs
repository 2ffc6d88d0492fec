//! The tags of a bucket, kept as one of its settings. It must never keep a set it could not read.

use billet_s3::tag::{Tag, TagOwner};
use billet_s3::xml::request::{self, SMALL_BODY_MAX_BYTES};
use billet_s3::xml::response;
use billet_s3::{Code, S3Error};

use crate::bindings::billet::bucket::changes::Op;
use crate::bindings::billet::bucket::types::Setting;
use crate::call::Call;
use crate::intake::Body;
use crate::refusal::Result;
use crate::reply::Reply;

/// The setting's name.
const NAME: &str = "tagging";
/// The longest value of a setting.
const MAX_SETTING_BYTES: usize = 64 * 1024;
/// Between a key and its value: no tag may have a control character.
const BETWEEN: char = '\t';
/// Behind each value.
const BEHIND: char = '\n';

pub(crate) async fn get(call: &Call) -> Result<Reply> {
    let bucket = call.own_bucket().await?;
    let setting = bucket.settings.iter().find(|setting| setting.name == NAME);
    let Some(setting) = setting else {
        return Err(S3Error::of_bucket(Code::NoSuchTagSet, call.bucket()).into());
    };
    let tags = read(&setting.value).ok_or(Code::InternalError)?;
    Ok(Reply::xml(response::tagging(&tags)))
}

pub(crate) async fn put(call: &Call, body: Body) -> Result<Reply> {
    let bucket = call.own_bucket().await?;
    let document = body
        .document(&call.head, &call.identity, SMALL_BODY_MAX_BYTES)
        .await?;
    let tags = request::tagging(&document, TagOwner::Bucket)?;
    let op = Op::Configure(vec![setting(&tags)?]);
    let change = call.change(&bucket, &call.place(), op).await?;
    Ok(change.told(Reply::empty(204)))
}

pub(crate) async fn delete(call: &Call) -> Result<Reply> {
    let bucket = call.own_bucket().await?;
    let setting = Setting {
        name: NAME.to_owned(),
        value: Vec::new(),
    };
    let change = call
        .change(&bucket, &call.place(), Op::Configure(vec![setting]))
        .await?;
    Ok(change.told(Reply::empty(204)))
}

/// The setting that keeps a set. An empty set is kept by not being there.
pub(crate) fn setting(tags: &[Tag]) -> Result<Setting> {
    let mut value = String::new();
    for tag in tags {
        value.push_str(&tag.key);
        value.push(BETWEEN);
        value.push_str(&tag.value);
        value.push(BEHIND);
    }
    if value.len() > MAX_SETTING_BYTES {
        return Err(S3Error::new(Code::InvalidTag)
            .message("The tags are too long.")
            .into());
    }
    Ok(Setting {
        name: NAME.to_owned(),
        value: value.into_bytes(),
    })
}

fn read(value: &[u8]) -> Option<Vec<Tag>> {
    let text = std::str::from_utf8(value).ok()?;
    let lines = text
        .split_terminator(BEHIND)
        .map(|line| line.split_once(BETWEEN));
    let tag = |(key, value): (&str, &str)| Tag {
        key: key.to_owned(),
        value: value.to_owned(),
    };
    lines.map(|pair| pair.map(tag)).collect()
}
