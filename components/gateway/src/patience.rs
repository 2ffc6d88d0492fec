//! Work that may take longer than a connection stays open without a byte. It must never be dropped
//! for that: what was begun is done.

use std::future::poll_fn;
use std::pin::{Pin, pin};
use std::task::Poll;

use crate::bindings::wasi::clocks::monotonic_clock;

/// Something under way.
pub(crate) type Work<T> = Pin<Box<dyn Future<Output = T>>>;

/// The outcome, if it is there within so many milliseconds; else the work can be waited for again.
pub(crate) async fn within<T>(work: &mut Work<T>, ms: u64) -> Option<T> {
    let mut end = pin!(monotonic_clock::wait_for(ms.saturating_mul(1_000_000)));
    poll_fn(|context| match work.as_mut().poll(context) {
        Poll::Ready(outcome) => Poll::Ready(Some(outcome)),
        Poll::Pending => end.as_mut().poll(context).map(|()| None),
    })
    .await
}
