//! The few answers that the host makes by itself, when no component can or may: one table.
//!
//! The host knows nothing of S3 but this file. It has to: a client of S3 reads `Code` to decide
//! whether it tries again, and asks for help with a request id, also where no instance could be
//! had. Must never grow an answer that a component could give.

use std::fmt::Write as _;

use bytes::Bytes;
use http::header::{self, HeaderName, HeaderValue};
use http::{Response, StatusCode};
use http_body_util::{BodyExt, Full};
use wasmtime_wasi_http::WasiBody;

const REQUEST_ID: HeaderName = HeaderName::from_static("x-amz-request-id");
const HOST_ID: HeaderName = HeaderName::from_static("x-amz-id-2");

/// An answer of the host's own: what S3 calls it, and what happens to the connection.
#[derive(Debug)]
pub(crate) struct Own {
    status: StatusCode,
    code: &'static str,
    message: &'static str,
    retry_after_s: Option<&'static str>,
    closes: bool,
}

const fn refused(code: &'static str, message: &'static str) -> Own {
    Own {
        status: StatusCode::BAD_REQUEST,
        code,
        message,
        retry_after_s: None,
        closes: true,
    }
}

/// No instance was free in time.
pub(crate) const BUSY: Own = Own {
    status: StatusCode::SERVICE_UNAVAILABLE,
    code: "SlowDown",
    message: "Please reduce your request rate.",
    retry_after_s: Some("1"),
    closes: false,
};

/// The instance ended before it answered. A change may have taken effect.
pub(crate) const FAILED: Own = Own {
    status: StatusCode::INTERNAL_SERVER_ERROR,
    code: "InternalError",
    message: "We encountered an internal error. Please try again.",
    retry_after_s: None,
    closes: false,
};

/// The head is too long, or its target is.
pub(crate) const HEAD_TOO_LONG: Own = refused(
    "RequestHeaderSectionTooLarge",
    "Your request header section exceeds the maximum allowed size.",
);

/// The head did not come in time.
pub(crate) const HEAD_LATE: Own = refused(
    "RequestTimeout",
    "Your socket connection to the server was not read from or written to within the timeout \
     period. Idle connections will be closed.",
);

/// The head says two things of its body's length.
pub(crate) const AMBIGUOUS_LENGTH: Own = refused(
    "BadRequest",
    "The request states the length of its body more than once.",
);

/// It is no head of HTTP.
pub(crate) const MALFORMED: Own = refused(
    "BadRequest",
    "An error occurred when parsing the HTTP request.",
);

/// There is no `Host`, more than one, or one that is none.
pub(crate) const BAD_HOST: Own = refused("BadRequest", "The request needs exactly one valid Host.");

impl Own {
    /// The answer, under a new request id.
    pub(crate) fn answer(&self) -> Response<WasiBody> {
        let (response, document) = self.parts();
        let body = Full::new(Bytes::from(document)).map_err(|never| match never {});
        response.map(|()| body.boxed_unsync())
    }

    /// The same as bytes for a connection that has no request; and the request id.
    pub(crate) fn on_wire(&self) -> (String, String) {
        let (response, document) = self.parts();
        let mut text = format!("HTTP/1.1 {}\r\n", response.status());
        for (name, value) in response.headers() {
            let value = value.to_str().unwrap_or_default();
            // Writing to a string cannot fail.
            let _ = write!(text, "{name}: {value}\r\n");
        }
        let _ = write!(text, "content-length: {}\r\n\r\n{document}", document.len());
        (text, request_id(&response).to_owned())
    }

    fn parts(&self) -> (Response<()>, String) {
        let (request, host) = (hex::encode_upper(drawn::<8>()), hex::encode(drawn::<32>()));
        let document = format!(
            "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<Error><Code>{}</Code>\
             <Message>{}</Message><RequestId>{request}</RequestId><HostId>{host}</HostId></Error>",
            self.code, self.message
        );
        let mut response = Response::new(());
        *response.status_mut() = self.status;
        let headers = response.headers_mut();
        let kind = HeaderValue::from_static("application/xml");
        headers.insert(header::CONTENT_TYPE, kind);
        for (name, value) in [(REQUEST_ID, request), (HOST_ID, host)] {
            // Hexadecimal digits are a value.
            headers.extend(HeaderValue::try_from(value).ok().map(|value| (name, value)));
        }
        if let Some(seconds) = self.retry_after_s {
            headers.insert(header::RETRY_AFTER, HeaderValue::from_static(seconds));
        }
        if self.closes {
            headers.insert(header::CONNECTION, HeaderValue::from_static("close"));
        }
        (response, document)
    }
}

/// The name under which an answer is found in the log.
pub(crate) fn request_id<B>(response: &Response<B>) -> &str {
    let value = response.headers().get(REQUEST_ID);
    value.and_then(|id| id.to_str().ok()).unwrap_or("-")
}

/// Random bytes; zeros where the system has none, as an answer is worth more than its name.
fn drawn<const N: usize>() -> [u8; N] {
    let mut bytes = [0; N];
    getrandom::fill(&mut bytes).map_or([0; N], |()| bytes)
}
