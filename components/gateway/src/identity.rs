//! Who asks. An [`Identity`] exists only where a signature was confirmed; it must never be made in
//! any other way, and nothing but the anonymous answer may be reached without one.

use billet_s3::auth::{self, AuthPolicy, Claim, Presented, Signed};
use billet_s3::head::RequestHead;
use billet_s3::payload::Payload;
use billet_s3::{Code, S3Error};

use crate::bindings::billet::store::credentials::{self, Principal, Refusal, Signature};
use crate::refusal::Result;

/// Somebody whose signature was confirmed, with the request that it covers.
pub(crate) struct Identity {
    principal: Principal,
    presented: Presented,
    host: Option<String>,
}

impl Identity {
    /// The canonical id.
    pub(crate) fn id(&self) -> &str {
        &self.principal.id
    }

    /// The name for display.
    pub(crate) fn name(&self) -> &str {
        &self.principal.name
    }

    /// How the body is protected and framed.
    pub(crate) fn payload(&self) -> &Payload {
        self.presented.payload()
    }

    /// What was signed.
    pub(crate) fn signed(&self) -> Option<&Signed> {
        self.presented.signed()
    }

    /// The value of `Host` that was signed.
    pub(crate) fn host(&self) -> Option<&str> {
        self.host.as_deref()
    }
}

/// Who sent a request.
pub(crate) enum Sender {
    /// Nobody who says so. Nothing is public yet, so there is nothing to be done for them.
    Nobody(RequestHead),
    /// Somebody, with the head and what a presigned URL carries in its query.
    Somebody(Box<Identity>, RequestHead),
}

/// Confirms whoever signed `head`. A signature that is not confirmed is an error, and so is
/// everything that is neither a signature nor the absence of one.
pub(crate) fn authenticate(head: RequestHead, now_ms: u64, policy: &AuthPolicy) -> Result<Sender> {
    let presented = auth::parse(&head, now_ms, policy)?;
    let (principal, host, head) = match &presented {
        Presented::Anonymous(_) => return Ok(Sender::Nobody(head)),
        Presented::Header(signed) => {
            let (principal, host) = confirm(signed)?;
            (principal, host, head)
        }
        Presented::Query(signed) => {
            let (principal, host) = confirm(signed)?;
            (principal, host, auth::with_hoisted(&head)?)
        }
    };
    let identity = Identity {
        principal,
        presented,
        host,
    };
    Ok(Sender::Somebody(Box::new(identity), head))
}

/// Tries the values of `Host` that the client may have signed.
fn confirm(signed: &Signed) -> Result<(Principal, Option<String>)> {
    let mut refused = S3Error::new(Code::AccessDenied);
    for host in signed.hosts() {
        match verify(signed.claim(host)) {
            Ok(principal) => {
                let host = String::from_utf8(host.clone()).ok();
                return Ok((principal, host.filter(|host| !host.is_empty())));
            }
            Err(Refusal::Mismatch) => refused = signed.refused(reason(Refusal::Mismatch)),
            Err(other) => return Err(signed.refused(reason(other)).into()),
        }
    }
    Err(refused.into())
}

/// Checks one claim of a request that was confirmed, as a chunk's.
pub(crate) fn confirm_claim(claim: Claim) -> std::result::Result<(), auth::Refusal> {
    verify(claim).map(|_| ()).map_err(reason)
}

fn verify(claim: Claim) -> std::result::Result<Principal, Refusal> {
    credentials::verify(&Signature {
        algorithm: claim.algorithm.to_owned(),
        access_key: claim.access_key,
        session_token: claim.session_token,
        date: claim.date,
        region: claim.region,
        service: claim.service.to_owned(),
        message: claim.message.into_bytes(),
        mac: claim.mac.to_vec(),
    })
}

fn reason(refusal: Refusal) -> auth::Refusal {
    match refusal {
        Refusal::UnknownKey => auth::Refusal::UnknownKey,
        Refusal::Mismatch => auth::Refusal::Mismatch,
        Refusal::Expired => auth::Refusal::Expired,
        Refusal::Disabled => auth::Refusal::Disabled,
    }
}
