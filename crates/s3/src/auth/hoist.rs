//! Presigned URLs may carry `x-amz-*` headers as query parameters. It must never let a parameter
//! stand beside a header of the same name.

use super::query::OWN;
use crate::error::{Result, S3Error};
use crate::head::RequestHead;
use crate::query::Query;

/// The head with the `x-amz-*` parameters of its query added as headers, without the signature's
/// own parameters. For requests that [`super::parse`] found to be `Presented::Query` only: there
/// the signature covers the query.
///
/// # Errors
/// `InvalidRequest` when a parameter is repeated or has control characters, or when the header is
/// there, too; `InvalidURI` when the query cannot be decoded.
pub fn with_hoisted(head: &RequestHead) -> Result<RequestHead> {
    let query = Query::parse(head.raw_query.as_deref())?;
    let mut found = head.clone();
    for (name, value) in query.pairs() {
        let lower = name.to_ascii_lowercase();
        if !lower.starts_with("x-amz-") || is_own(name) {
            continue;
        }
        if value.bytes().any(|byte| byte.is_ascii_control()) {
            return Err(S3Error::invalid_request(format!(
                "The header {lower} is not valid text."
            )));
        }
        if found.values(&lower).next().is_some() {
            return Err(S3Error::invalid_request(format!(
                "The header {lower} may be given only once."
            )));
        }
        found.push_header(&lower, value);
    }
    Ok(found)
}

fn is_own(name: &str) -> bool {
    OWN.iter().any(|own| own.eq_ignore_ascii_case(name))
}
