//! Tags: their grammar, their limits, and the `x-amz-tagging` header. It must never store one.

use crate::error::{Code, Result, S3Error};
use crate::percent;

/// The longest tag key, in characters.
pub const KEY_MAX_CHARS: usize = 128;
/// The longest tag value, in characters.
pub const VALUE_MAX_CHARS: usize = 256;
/// The most tags of an object.
pub const OBJECT_TAGS_MAX: usize = 10;
/// The most tags of a bucket.
pub const BUCKET_TAGS_MAX: usize = 50;

/// A tag.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Tag {
    /// 1 to [`KEY_MAX_CHARS`] characters.
    pub key: String,
    /// At most [`VALUE_MAX_CHARS`] characters.
    pub value: String,
}

/// What carries a set of tags, which decides how many there may be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TagOwner {
    /// A bucket: [`BUCKET_TAGS_MAX`].
    Bucket,
    /// An object: [`OBJECT_TAGS_MAX`].
    Object,
}

/// Checks a whole set: count, grammar, no key twice.
///
/// # Errors
/// `BadRequest` for too many, `InvalidTag` with the tag otherwise.
pub fn check_set(tags: &[Tag], owner: TagOwner) -> Result<()> {
    let (limit, message) = match owner {
        TagOwner::Bucket => (
            BUCKET_TAGS_MAX,
            "Bucket tag count cannot be greater than 50",
        ),
        TagOwner::Object => (OBJECT_TAGS_MAX, "Object tags cannot be greater than 10"),
    };
    if tags.len() > limit {
        return Err(S3Error::new(Code::BadRequest).message(message));
    }
    let mut keys = std::collections::BTreeSet::new();
    for tag in tags {
        check(tag)?;
        if !keys.insert(&tag.key) {
            return Err(S3Error::new(Code::InvalidTag)
                .message("Cannot provide multiple Tags with the same key"));
        }
    }
    Ok(())
}

/// Checks one tag.
///
/// # Errors
/// `InvalidTag` with the tag.
pub fn check(tag: &Tag) -> Result<()> {
    let key_chars = tag.key.chars().count();
    if key_chars == 0 || key_chars > KEY_MAX_CHARS || !tag.key.chars().all(is_tag_char) {
        return Err(S3Error::new(Code::InvalidTag).field("TagKey", &tag.key));
    }
    let value_chars = tag.value.chars().count();
    if value_chars > VALUE_MAX_CHARS || !tag.value.chars().all(is_tag_char) {
        return Err(S3Error::new(Code::InvalidTag)
            .message("The TagValue you have provided is invalid")
            .field("TagKey", &tag.key)
            .field("TagValue", &tag.value));
    }
    Ok(())
}

fn is_tag_char(character: char) -> bool {
    character.is_alphanumeric()
        || (character.is_whitespace() && !character.is_control())
        || matches!(character, '_' | '.' | ':' | '/' | '=' | '+' | '-' | '@')
}

/// Reads the `x-amz-tagging` header: URL query pairs.
///
/// # Errors
/// `InvalidArgument` for a broken encoding or a key that comes twice, else as [`check_set`].
pub fn parse_header(header: &str) -> Result<Vec<Tag>> {
    let malformed = || {
        S3Error::invalid_argument(
            "x-amz-tagging",
            header,
            "The header 'x-amz-tagging' shall be encoded as UTF-8 then URLEncoded URL query \
             parameters without tag name duplicates.",
        )
    };
    let mut tags: Vec<Tag> = Vec::new();
    for piece in header.split('&').filter(|piece| !piece.is_empty()) {
        let (key, value) = piece.split_once('=').unwrap_or((piece, ""));
        let key = percent::decode(key, true)
            .filter(|key| !key.is_empty())
            .ok_or_else(malformed)?;
        let value = percent::decode(value, true).ok_or_else(malformed)?;
        let tag = Tag { key, value };
        check(&tag)?;
        if tags.iter().any(|each| each.key == tag.key) {
            return Err(malformed());
        }
        tags.push(tag);
        if tags.len() > OBJECT_TAGS_MAX {
            break;
        }
    }
    check_set(&tags, TagOwner::Object)?;
    Ok(tags)
}
