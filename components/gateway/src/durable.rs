//! How safe an answered change is: the level that the request or its bucket asks for. It must
//! never report a level that was not reached.

use billet_s3::head::RequestHead;
use billet_s3::{Code, S3Error};

use crate::bindings::billet::bucket::types::Bucket;
use crate::bindings::billet::store::durability::{self, Level};
use crate::refusal::{self, Result};
use crate::settings::Settings;

/// The header that asks for a level and tells it.
pub(crate) const HEADER: &str = "x-billet-durability";
/// The bucket's setting of the same meaning.
const SETTING: &str = "durability";

/// The level as its header spells it.
pub(crate) fn name(level: Level) -> &'static str {
    match level {
        Level::Local => "local",
        Level::Network => "network",
    }
}

/// The level to reach: the request's, else the bucket's, else `local`. One that this host can never
/// reach is refused, before anything is stored: a client would only try again.
pub(crate) fn wanted(head: &RequestHead, bucket: &Bucket, settings: &Settings) -> Result<Level> {
    let level = asked(head, bucket)?;
    if level == Level::Network && !settings.has_network {
        return Err(S3Error::new(Code::NotImplemented)
            .message("This host has no network to store a change on.")
            .into());
    }
    Ok(level)
}

fn asked(head: &RequestHead, bucket: &Bucket) -> Result<Level> {
    if let Some(text) = head.once(HEADER)? {
        return parse(text).ok_or_else(|| {
            let message = "x-billet-durability must be local or network";
            S3Error::invalid_argument(HEADER, text, message).into()
        });
    }
    let setting = bucket
        .settings
        .iter()
        .find(|setting| setting.name == SETTING);
    let setting = setting.and_then(|setting| std::str::from_utf8(&setting.value).ok());
    Ok(setting.and_then(parse).unwrap_or(Level::Local))
}

/// Waits until commit `seq` has reached the level. The change stands even if this fails.
pub(crate) async fn settle(log: &str, seq: u64, level: Level) -> Result<()> {
    match level {
        // What a commit promises already.
        Level::Local => Ok(()),
        Level::Network => durability::settle(log.to_owned(), seq, level)
            .await
            .map_err(refusal::settle),
    }
}

fn parse(text: &str) -> Option<Level> {
    match text {
        "local" => Some(Level::Local),
        "network" => Some(Level::Network),
        _ => None,
    }
}
