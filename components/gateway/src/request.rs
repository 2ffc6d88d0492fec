//! The head of a request as the host hands it over. It must never decode, drop or reorder what a
//! signature may cover.

use billet_s3::head::RequestHead;

use crate::bindings::wasi::clocks::system_clock;
use crate::bindings::wasi::http::types::{Method, Request};

/// The head as it came. Where the host took the `Host` header away, the authority stands for it.
pub(crate) fn head(request: &Request) -> RequestHead {
    let target = request.get_path_with_query().unwrap_or_default();
    let (path, query) = match target.split_once('?') {
        Some((path, query)) => (path, Some(query)),
        None => (target.as_str(), None),
    };
    let path = if path.is_empty() { "/" } else { path };
    let mut head = RequestHead::new(&method(request.get_method()), path, query);
    for (name, value) in request.get_headers().copy_all() {
        head.push_header(&name, value);
    }
    if head.values("host").next().is_none()
        && let Some(authority) = request.get_authority()
    {
        head.push_header("host", authority);
    }
    head
}

/// Unix milliseconds.
pub(crate) fn now_ms() -> u64 {
    let now = system_clock::now();
    let seconds = u64::try_from(now.seconds).unwrap_or(0);
    seconds
        .saturating_mul(1000)
        .saturating_add(u64::from(now.nanoseconds / 1_000_000))
}

fn method(method: Method) -> String {
    let name = match method {
        Method::Get => "GET",
        Method::Head => "HEAD",
        Method::Post => "POST",
        Method::Put => "PUT",
        Method::Delete => "DELETE",
        Method::Connect => "CONNECT",
        Method::Options => "OPTIONS",
        Method::Trace => "TRACE",
        Method::Patch => "PATCH",
        Method::Other(name) => return name,
    };
    name.to_owned()
}
