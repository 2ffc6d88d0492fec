//! What is kept beside an object's bytes, from request headers into the bucket and back. It must
//! never change a value on the way.

use billet_s3::headers::{CONTENT_TYPE_DEFAULT, ObjectHeaders};

use crate::bindings::billet::bucket::types::{Attributes, Entry};

/// The prefix of user metadata.
const META_PREFIX: &str = "x-amz-meta-";
/// The header that is not carried along by a copy.
pub(crate) const REDIRECT: &str = "x-amz-website-redirect-location";

/// What the bucket keeps of an upload's headers.
pub(crate) fn kept(headers: ObjectHeaders) -> Attributes {
    let system = [
        ("content-type", headers.content_type),
        ("cache-control", headers.cache_control),
        ("content-disposition", headers.content_disposition),
        ("content-encoding", headers.content_encoding),
        ("content-language", headers.content_language),
        ("expires", headers.expires),
        (REDIRECT, headers.website_redirect_location),
    ];
    let entry = |name: &str, value| Entry {
        name: name.to_owned(),
        value,
    };
    let system = system
        .into_iter()
        .filter_map(|(name, value)| Some(entry(name, value?)));
    let metadata = headers
        .metadata
        .into_iter()
        .map(|(name, value)| Entry { name, value });
    Attributes {
        headers: system.collect(),
        metadata: metadata.collect(),
    }
}

/// The response headers that give back what was kept.
pub(crate) fn told(attributes: &Attributes) -> Vec<(String, String)> {
    let mut headers = Vec::new();
    if !attributes
        .headers
        .iter()
        .any(|entry| entry.name == "content-type")
    {
        headers.push(("content-type".to_owned(), CONTENT_TYPE_DEFAULT.to_owned()));
    }
    for entry in &attributes.headers {
        headers.push((entry.name.clone(), entry.value.clone()));
    }
    for entry in &attributes.metadata {
        headers.push((format!("{META_PREFIX}{}", entry.name), entry.value.clone()));
    }
    headers
}
