//! Preconditions.
//!
//! Must never look at anything but the object that is there when the change is decided.

use billet_manifest::Object;

use crate::{Condition, Refusal};

/// The name of the first condition that does not hold.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Failed {
    /// There is no object to compare with.
    Missing,
    /// By its name.
    Condition(&'static str),
}

impl Failed {
    /// As a condition on the key that changes.
    pub(crate) fn of_target(self) -> Refusal {
        match self {
            Self::Missing => Refusal::NoSuchKey,
            Self::Condition(name) => Refusal::PreconditionFailed(name),
        }
    }

    /// As a condition on the source of a copy.
    pub(crate) fn of_source(self) -> Refusal {
        match self {
            Self::Missing => Refusal::NoSuchSource,
            Self::Condition(name) => Refusal::SourcePreconditionFailed(name),
        }
    }
}

/// Checks conditions in order. A date is not looked at beside a condition on the ETag of its kind
/// (RFC 9110, 13.2.2), and without an object it holds.
pub(crate) fn check(conditions: &[Condition], object: Option<&Object>) -> Result<(), Failed> {
    let has_match = conditions
        .iter()
        .any(|condition| matches!(condition, Condition::IfMatch(_)));
    let has_none_match = conditions
        .iter()
        .any(|condition| matches!(condition, Condition::IfNoneMatch(_)));
    for condition in conditions {
        let (holds, name) = match condition {
            Condition::IfMatch(etags) => {
                let object = object.ok_or(Failed::Missing)?;
                (matches(etags, object), "If-Match")
            }
            Condition::IfNoneMatch(etags) => {
                let none = object.is_none_or(|object| !matches(etags, object));
                (none, "If-None-Match")
            }
            Condition::IfModifiedSince(_) if has_none_match => continue,
            Condition::IfUnmodifiedSince(_) if has_match => continue,
            Condition::IfModifiedSince(time_ms) => {
                let newer = object.is_none_or(|object| is_newer(object, *time_ms));
                (newer, "If-Modified-Since")
            }
            Condition::IfUnmodifiedSince(time_ms) => {
                let old = object.is_none_or(|object| !is_newer(object, *time_ms));
                (old, "If-Unmodified-Since")
            }
        };
        if !holds {
            return Err(Failed::Condition(name));
        }
    }
    Ok(())
}

fn matches(etags: &[String], object: &Object) -> bool {
    etags.iter().any(|etag| etag == "*" || *etag == object.etag)
}

const fn is_newer(object: &Object, time_ms: u64) -> bool {
    object.time_ms / 1000 > time_ms / 1000
}
