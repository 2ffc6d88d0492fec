//! PutBucketAcl and PutObjectAcl where ACLs are switched off. It must never accept a grant that
//! nobody gets, nor the loss of the one that stands.

use super::{SMALL_BODY_MAX_BYTES, set_once};
use crate::error::{Code, Result, S3Error};
use crate::head::RequestHead;
use crate::headers;
use crate::xml::read::{Xml, malformed};

const PERMISSIONS: &[&str] = &["FULL_CONTROL", "READ", "WRITE", "READ_ACP", "WRITE_ACP"];

struct Policy {
    owner: String,
    grants: Vec<Grant>,
}

struct Grant {
    /// The canonical id of a user; nothing for a group and for an address.
    user: Option<String>,
    permission: String,
}

/// Checks that an ACL, canned in a header or written in the body, says only what always holds:
/// `owner`, the canonical id of the bucket's owner, has full control, and nobody else has anything.
///
/// # Errors
/// `AccessControlListNotSupported` for every other ACL, `MalformedACLError`,
/// `MaxMessageLengthExceeded`, `MissingSecurityHeader` where neither is given, `UnexpectedContent`
/// where both are, and what [`headers::refuse_acl`] says.
pub fn check_acl(head: &RequestHead, body: &[u8], owner: &str) -> Result<()> {
    headers::refuse_acl(head)?;
    let canned = head.once("x-amz-acl")?.is_some_and(|acl| !acl.is_empty());
    match (canned, body.is_empty()) {
        (true, true) => return Ok(()),
        (true, false) => return Err(S3Error::new(Code::UnexpectedContent)),
        (false, true) => {
            let missing = S3Error::new(Code::MissingSecurityHeader);
            return Err(missing.field("MissingHeaderName", "x-amz-acl"));
        }
        (false, false) => {}
    }
    let policy = policy(body).map_err(|error| match error.code {
        Code::MalformedXml => S3Error::new(Code::MalformedAclError),
        _ => error,
    })?;
    match policy.grants.as_slice() {
        [grant]
            if policy.owner == owner
                && grant.user.as_deref() == Some(owner)
                && grant.permission == "FULL_CONTROL" =>
        {
            Ok(())
        }
        _ => Err(S3Error::new(Code::AccessControlListNotSupported)),
    }
}

fn policy(body: &[u8]) -> Result<Policy> {
    let mut xml = Xml::open(body, SMALL_BODY_MAX_BYTES, "AccessControlPolicy")?;
    let (mut owner, mut grants) = (None, None);
    while let Some(name) = xml.child()? {
        match name.as_str() {
            "Owner" if owner.is_none() => owner = Some(party(&mut xml, &["ID"])?),
            "AccessControlList" if grants.is_none() => grants = Some(grant_list(&mut xml)?),
            _ => return Err(malformed()),
        }
    }
    xml.finish()?;
    Ok(Policy {
        owner: owner.flatten().ok_or_else(malformed)?,
        grants: grants.ok_or_else(malformed)?,
    })
}

fn grant_list(xml: &mut Xml<'_>) -> Result<Vec<Grant>> {
    let mut grants = Vec::new();
    while let Some(name) = xml.child()? {
        if name != "Grant" {
            return Err(malformed());
        }
        let (mut user, mut permission) = (None, None);
        while let Some(name) = xml.child()? {
            match name.as_str() {
                "Grantee" if user.is_none() => {
                    user = Some(party(xml, &["ID", "URI", "EmailAddress"])?);
                }
                "Permission" => set_once(&mut permission, xml.text()?)?,
                _ => return Err(malformed()),
            }
        }
        let known = permission.filter(|name| PERMISSIONS.contains(&name.as_str()));
        let (user, permission) = user.zip(known).ok_or_else(malformed)?;
        grants.push(Grant { user, permission });
    }
    Ok(grants)
}

/// Reads an owner or a grantee, who is told by one of these elements; the id if it is that one.
fn party(xml: &mut Xml<'_>, told_by: &[&str]) -> Result<Option<String>> {
    let (mut told, mut name) = (None, None);
    while let Some(element) = xml.child()? {
        match element.as_str() {
            "DisplayName" => set_once(&mut name, xml.text()?)?,
            known if told.is_none() && told_by.contains(&known) => {
                let text = xml.text()?;
                told = Some((known == "ID").then_some(text));
            }
            _ => return Err(malformed()),
        }
    }
    told.ok_or_else(malformed)
}
