//! GetObject and HeadObject, which differ in their body alone. It must never send bytes that the
//! conditions forbid, nor a checksum of other bytes than those sent.

use billet_s3::operation::{GetObject, ResponseOverrides};
use billet_s3::range::Range;
use billet_s3::{Code, S3Error, date, etag};

use crate::attributes;
use crate::bindings::billet::bucket::types::{Checksum, ChecksumKind, Object};
use crate::call::Call;
use crate::refusal::Result;
use crate::reply::{Content, Reply};
use crate::{checksums, convert, outflow};

/// The bytes that were asked for.
struct Selection {
    range: Range,
    /// The part that they are, where one was asked for by number.
    part: Option<u32>,
}

pub(crate) async fn handle(call: &Call, asked: GetObject, is_head: bool) -> Result<Reply> {
    let (_, object) = call.own_object(asked.version_id.as_deref()).await?;
    match asked
        .conditions
        .check_read(&object.etag, object.time_ms, call.now_ms)
    {
        Ok(()) => {}
        Err(error) if error.code == Code::NotModified => {
            return Ok(named(Reply::empty(304), &object));
        }
        Err(error) => return Err(error.into()),
    }
    let selection = Selection::read(&asked, &object)?;
    let size = object.content.size;
    let (offset, length) = selection.range.offset_length(size);
    let status = if selection.range == Range::Whole {
        200
    } else {
        206
    };
    let content = if is_head {
        Content::Absent { length }
    } else if length == 0 {
        Content::Empty
    } else {
        outflow::open(&object.content, offset, length).await?
    };
    let mut reply = named(Reply::new(status, content), &object)
        .headers(described(&asked.overrides, &object))
        .header("Accept-Ranges", "bytes")
        .header("x-ipfs-cid", convert::cid(&object.content.root))
        .optional("Content-Range", selection.range.content_range(size));
    if selection.part.is_some() && !object.parts.is_empty() {
        reply = reply.header("x-amz-mp-parts-count", object.parts.len().to_string());
    }
    if asked.checksum_mode {
        reply = reply.headers(selection.checksums(&object));
    }
    Ok(reply)
}

/// The headers that tell which object this is, 304 included.
fn named(reply: Reply, object: &Object) -> Reply {
    reply
        .header("ETag", etag::quote(&object.etag))
        .header("Last-Modified", date::http(object.time_ms))
}

/// What was kept beside the bytes, with what the reader wants to see instead.
fn described(overrides: &ResponseOverrides, object: &Object) -> Vec<(String, String)> {
    let mut told = attributes::told(&object.attributes);
    told.retain(|(name, _)| overrides.get(name).is_none());
    let instead = overrides.headers.iter();
    told.extend(instead.map(|(name, value)| ((*name).to_owned(), value.clone())));
    told
}

impl Selection {
    fn read(asked: &GetObject, object: &Object) -> Result<Self> {
        if let Some(number) = asked.part_number {
            return Self::part(number, object);
        }
        let if_range = asked.if_range.as_ref();
        let honoured = if_range.is_none_or(|each| each.holds(&object.etag, object.time_ms));
        let header = asked.range.as_deref().filter(|_| honoured);
        let range = Range::resolve(header, object.content.size)?;
        Ok(Self { range, part: None })
    }

    /// The part of an object by its number; an object that was put in one piece has one.
    fn part(number: u32, object: &Object) -> Result<Self> {
        let whole = [object.content.size];
        let sizes: Vec<u64> = object.parts.iter().map(|part| part.size).collect();
        let sizes = if sizes.is_empty() { &whole[..] } else { &sizes };
        let before = number.saturating_sub(1) as usize;
        let Some(size) = sizes.get(before) else {
            let count = u32::try_from(sizes.len()).unwrap_or(u32::MAX);
            return Err(S3Error::invalid_part_number(number, count).into());
        };
        let first: u64 = sizes.iter().take(before).sum();
        let range = match size.checked_sub(1) {
            Some(rest) => Range::Part {
                first,
                last: first.saturating_add(rest),
            },
            None => Range::Whole,
        };
        Ok(Self {
            range,
            part: Some(number),
        })
    }

    /// The checksums of the bytes that are sent, where there are any.
    fn checksums(&self, object: &Object) -> Vec<(String, String)> {
        // Parts keep their own checksums only under a composite one.
        let composite =
            |kept: &&Vec<Checksum>| kept.iter().any(|each| each.kind == ChecksumKind::Composite);
        let of_part = |number: u32| -> Option<&Vec<Checksum>> {
            Some(&object.checksums).filter(composite)?;
            let at = number.saturating_sub(1) as usize;
            object.parts.get(at).map(|part| &part.checksums)
        };
        match (self.part, self.range) {
            (Some(number), _) if !object.parts.is_empty() => of_part(number)
                .map(|kept| checksums::of_part(kept))
                .unwrap_or_default(),
            (Some(_), _) | (None, Range::Whole) => {
                checksums::headers(&object.checksums, object.parts.len())
            }
            (None, Range::Part { .. }) => Vec::new(),
        }
    }
}
