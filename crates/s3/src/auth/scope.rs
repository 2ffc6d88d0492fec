//! A credential: access key and scope, `AKID/yyyyMMdd/region/s3/aws4_request`. It must never
//! accept a scope that another service, day or region could have signed.

use super::stamp::{self, Stamp};
use super::{AuthPolicy, MAX_ACCESS_KEY_BYTES, SERVICE, TERMINAL};
use crate::error::{Code, Result, S3Error};

/// Where the credential was found: it decides how errors are worded.
#[derive(Debug, Clone, Copy)]
pub(super) enum Place {
    Header,
    Query,
}

/// A credential whose scope is this service's and whose day is in the calendar.
#[derive(Debug)]
pub(super) struct Scope<'a> {
    pub(super) access_key: &'a str,
    pub(super) day: &'a str,
    pub(super) region: &'a str,
    place: Place,
}

impl<'a> Scope<'a> {
    pub(super) fn parse(text: &'a str, place: Place) -> Result<Self> {
        let mut parts = text.split('/');
        let mut next = || parts.next();
        let all = (next(), next(), next(), next(), next(), next());
        let (Some(access_key), Some(day), Some(region), Some(service), Some(terminal), None) = all
        else {
            return Err(malformed(place));
        };
        if access_key.is_empty() || !access_key.bytes().all(|byte| byte.is_ascii_graphic()) {
            return Err(malformed(place));
        }
        if service != SERVICE {
            return Err(place.error(format!(
                "incorrect service {service:?}. This endpoint belongs to \"s3\"."
            )));
        }
        if terminal != TERMINAL {
            return Err(place.error(format!(
                "incorrect terminal {terminal:?}. This endpoint uses \"aws4_request\"."
            )));
        }
        if !stamp::is_day(day) {
            return Err(place.error(format!(
                "incorrect date format {day:?}. This date in the credential must be in the \
                 format \"yyyyMMdd\"."
            )));
        }
        if access_key.len() > MAX_ACCESS_KEY_BYTES {
            return Err(S3Error::new(Code::InvalidAccessKeyId).field("AWSAccessKeyId", access_key));
        }
        Ok(Self {
            access_key,
            day,
            region,
            place,
        })
    }

    pub(super) fn check_region(&self, policy: &AuthPolicy) -> Result<()> {
        if policy.regions.iter().any(|region| region == self.region) {
            return Ok(());
        }
        let expected = policy.regions.first().map_or("", String::as_str);
        let text = format!(
            "the region {:?} is wrong; expecting {expected:?}",
            self.region
        );
        let error = self.place.error(text);
        match self.place {
            Place::Header if !expected.is_empty() => Err(error.field("Region", expected)),
            Place::Header | Place::Query => Err(error),
        }
    }

    /// The scope's day has to be the day of the request's time.
    pub(super) fn check_day(&self, stamp: &Stamp) -> Result<()> {
        if stamp.day() == self.day {
            return Ok(());
        }
        Err(match self.place {
            // AWS repeats the first half of this sentence.
            Place::Header => self.place.error(
                "The authorization header is malformed; Invalid credential date. Date is not \
                 the same as X-Amz-Date."
                    .to_owned(),
            ),
            Place::Query => query_error(format!(
                "Invalid credential date {:?}. This date is not the same as X-Amz-Date: {:?}.",
                self.day,
                stamp.day(),
            )),
        })
    }
}

impl Place {
    /// An error about the credential, worded for the place.
    fn error(self, detail: String) -> S3Error {
        match self {
            Self::Header => header_error(&detail),
            Self::Query => query_error(format!(
                "Error parsing the X-Amz-Credential parameter; {detail}"
            )),
        }
    }
}

/// `AuthorizationHeaderMalformed`.
pub(super) fn header_error(detail: &str) -> S3Error {
    S3Error::new(Code::AuthorizationHeaderMalformed)
        .message(format!("The authorization header is malformed; {detail}"))
}

/// `AuthorizationQueryParametersError`.
pub(super) fn query_error(text: impl Into<std::borrow::Cow<'static, str>>) -> S3Error {
    S3Error::new(Code::AuthorizationQueryParametersError).message(text)
}

fn malformed(place: Place) -> S3Error {
    place.error(
        "the Credential is mal-formed; expecting \
         \"<YOUR-AKID>/YYYYMMDD/REGION/SERVICE/aws4_request\"."
            .to_owned(),
    )
}
