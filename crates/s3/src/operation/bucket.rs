//! The parameters of operations on the service and on buckets. It must never read a body.

use super::limit::{self, Wording};
use crate::error::{Code, Result, S3Error};
use crate::head::RequestHead;
use crate::headers;
use crate::list;
use crate::query::Query;

/// The most buckets of a page, and the number where none is asked for.
pub const BUCKETS_PAGE_MAX: u32 = 10_000;

/// `GET /`
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ListBuckets {
    /// Only names that begin with this; empty is all.
    pub prefix: String,
    /// Only names after this one: what the continuation token said.
    pub after: Option<String>,
    /// 1 to [`BUCKETS_PAGE_MAX`].
    pub max_buckets: u32,
    /// Only buckets of this region.
    pub region: Option<String>,
}

impl ListBuckets {
    pub(super) fn parse(query: &Query) -> Result<Self> {
        let max_buckets = match query.filled("max-buckets") {
            None => BUCKETS_PAGE_MAX,
            Some(value) => {
                let number = limit::integer(value, "max-buckets", Wording::Range).ok();
                let number = number.filter(|number| (1..=BUCKETS_PAGE_MAX).contains(number));
                number.ok_or_else(|| {
                    let message = "Argument max-buckets must be an integer between 1 and 10000.";
                    S3Error::invalid_argument("max-buckets", value, message)
                })?
            }
        };
        Ok(Self {
            prefix: query.get("prefix").unwrap_or_default().to_owned(),
            after: query
                .filled("continuation-token")
                .map(list::decode_token)
                .transpose()?,
            max_buckets,
            region: query.filled("bucket-region").map(str::to_owned),
        })
    }
}

/// `PUT /b`: what the headers say. Everything that would switch a feature on is refused.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CreateBucket;

impl CreateBucket {
    pub(super) fn parse(head: &RequestHead) -> Result<Self> {
        let acl = head.once("x-amz-acl")?.filter(|acl| !acl.is_empty());
        let grants = head
            .headers()
            .any(|(name, value)| name.starts_with("x-amz-grant-") && !value.is_empty());
        if acl.is_some() && grants {
            return Err(S3Error::invalid_request(
                "Specifying both Canned ACLs and Header Grants is not allowed.",
            ));
        }
        if let Some(acl) = acl.filter(|acl| !headers::is_canned_acl(acl)) {
            return Err(S3Error::invalid_argument("x-amz-acl", acl, ""));
        }
        match head
            .once("x-amz-object-ownership")?
            .filter(|value| !value.is_empty())
        {
            None | Some("BucketOwnerEnforced") => {}
            Some("BucketOwnerPreferred" | "ObjectWriter") => {
                return Err(S3Error::not_implemented_header("x-amz-object-ownership"));
            }
            Some(other) => {
                let message = format!("Invalid x-amz-object-ownership header: {other}");
                return Err(S3Error::invalid_argument(
                    "x-amz-object-ownership",
                    "",
                    message,
                ));
            }
        }
        if grants || acl.is_some_and(|acl| acl != "private") {
            return Err(S3Error::new(Code::InvalidBucketAclWithObjectOwnership));
        }
        let lock = head.once("x-amz-bucket-object-lock-enabled")?;
        if lock.is_some_and(|value| value.eq_ignore_ascii_case("true")) {
            return Err(S3Error::not_implemented_header(
                "x-amz-bucket-object-lock-enabled",
            ));
        }
        Ok(Self)
    }
}

/// What all listings of a bucket share.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Listing {
    /// Only keys that begin with this; empty is all.
    pub prefix: String,
    /// Keys are rolled up at this text; empty counts as absent.
    pub delimiter: Option<String>,
    /// 0 to 1,000; the page size asked for, clamped.
    pub max_keys: u32,
    /// `encoding-type=url`: keys, prefixes, markers and the delimiter go out percent-encoded.
    pub encode_url: bool,
}

impl Listing {
    fn parse(query: &Query, limit_name: &'static str, wording: Wording) -> Result<Self> {
        let encode_url = match query.filled("encoding-type") {
            None => false,
            Some(kind) if kind.eq_ignore_ascii_case("url") => true,
            Some(other) => {
                return Err(S3Error::invalid_argument(
                    "encoding-type",
                    other,
                    "Invalid Encoding Method specified in Request",
                ));
            }
        };
        Ok(Self {
            prefix: query.get("prefix").unwrap_or_default().to_owned(),
            delimiter: query.filled("delimiter").map(str::to_owned),
            max_keys: limit::page(query.get(limit_name), limit_name, wording)?,
            encode_url,
        })
    }
}

/// `GET /b`, the first version.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ListObjects {
    /// What all listings share.
    pub listing: Listing,
    /// Only what comes after this key or rolled-up prefix; empty is from the start.
    pub marker: String,
}

impl ListObjects {
    pub(super) fn parse(query: &Query) -> Result<Self> {
        Ok(Self {
            listing: Listing::parse(query, "max-keys", Wording::Range)?,
            marker: query.get("marker").unwrap_or_default().to_owned(),
        })
    }
}

/// `GET /b?list-type=2`
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ListObjectsV2 {
    /// What all listings share.
    pub listing: Listing,
    /// The token as it came, to be given back.
    pub continuation_token: Option<String>,
    /// The key as it came, to be given back.
    pub start_after: Option<String>,
    /// Only what comes after this key or rolled-up prefix: the token's place, else `start_after`.
    pub after: Option<String>,
    /// Whether each object names its owner.
    pub fetch_owner: bool,
}

impl ListObjectsV2 {
    pub(super) fn parse(query: &Query) -> Result<Self> {
        let continuation_token = query.get("continuation-token").map(str::to_owned);
        let start_after = query.filled("start-after").map(str::to_owned);
        // An empty token says nothing, but is given back.
        let after = match continuation_token.as_deref() {
            None | Some("") => start_after.clone(),
            Some(token) => Some(list::decode_token(token)?),
        };
        Ok(Self {
            listing: Listing::parse(query, "max-keys", Wording::Range)?,
            continuation_token,
            start_after,
            after,
            fetch_owner: query
                .get("fetch-owner")
                .is_some_and(|value| value.eq_ignore_ascii_case("true")),
        })
    }
}

/// `GET /b?versions`
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ListObjectVersions {
    /// What all listings share.
    pub listing: Listing,
    /// Only what comes after this key; empty is from the start.
    pub key_marker: String,
    /// Together with `key_marker`: only what comes after this version of it.
    pub version_id_marker: Option<String>,
}

impl ListObjectVersions {
    pub(super) fn parse(query: &Query) -> Result<Self> {
        let key_marker = query.get("key-marker").unwrap_or_default().to_owned();
        let version_id_marker = query.filled("version-id-marker").map(str::to_owned);
        if let Some(version) = version_id_marker
            .as_deref()
            .filter(|_| key_marker.is_empty())
        {
            return Err(S3Error::invalid_argument(
                "version-id-marker",
                version,
                "A version-id marker cannot be specified without a key marker.",
            ));
        }
        let listing = Listing::parse(query, "max-keys", Wording::Negative)?;
        Ok(Self {
            listing,
            key_marker,
            version_id_marker,
        })
    }
}

/// `GET /b?uploads`
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ListMultipartUploads {
    /// What all listings share; `max_keys` is `max-uploads`.
    pub listing: Listing,
    /// Only what comes after this key; empty is from the start.
    pub key_marker: String,
    /// Together with `key_marker`: uploads of that very key with a greater id follow, too. It is
    /// ignored without a `key_marker`.
    pub upload_id_marker: Option<String>,
}

impl ListMultipartUploads {
    pub(super) fn parse(query: &Query) -> Result<Self> {
        Ok(Self {
            listing: Listing::parse(query, "max-uploads", Wording::Range)?,
            key_marker: query.get("key-marker").unwrap_or_default().to_owned(),
            upload_id_marker: query.filled("upload-id-marker").map(str::to_owned),
        })
    }
}
