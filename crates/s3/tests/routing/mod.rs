//! A request on its way to its operation, for the tests of what becomes of it.
//!
//! Must never judge a request by itself: what the crate says of it is what is tested.
#![allow(
    dead_code,
    unreachable_pub,
    reason = "each test file uses its own part"
)]

use billet_s3::query::Query;
use billet_s3::target::{Domains, Target};
use billet_s3::{Operation, RequestHead, Result, route};

/// The operation of a request whose time does not matter.
pub fn send(method: &str, path: &str, headers: &[(&str, &str)]) -> Result<Operation> {
    send_at(0, method, path, headers)
}

/// The operation of a request that comes at this time, Unix milliseconds.
pub fn send_at(
    now_ms: u64,
    method: &str,
    path: &str,
    headers: &[(&str, &str)],
) -> Result<Operation> {
    let (path, query) = path
        .split_once('?')
        .map_or((path, None), |(p, q)| (p, Some(q)));
    let mut head = RequestHead::new(method, path, query);
    for (name, value) in headers {
        head.push_header(name, *value);
    }
    let target = Target::parse(None, path, &Domains::default())?;
    route(&head, &target, &Query::parse(query)?, now_ms)
}
