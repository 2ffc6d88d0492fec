//! Calls the shipper: when it asked to be called, or when somebody waits.
//!
//! Must never call it twice at once, nor give up.

use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use super::Network;
use crate::mst::Lost;

/// Whatever it asks for, it is called not more often than this and not more rarely than that.
const PAUSE_MS_MIN: u64 = 10;
const PAUSE_MS_MAX: u64 = 60_000;
/// The first wait after an error; it doubles with each further one.
const RETRY_MS: u64 = 500;

/// Unix milliseconds.
pub(super) fn now_ms() -> u64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH);
    u64::try_from(since.unwrap_or_default().as_millis()).unwrap_or(u64::MAX)
}

/// Calls it until the task is ended.
pub(super) async fn drive(network: Arc<Network>) {
    let mut failures = 0_u32;
    loop {
        let now = now_ms();
        let pause_ms = match step(&network, now).await {
            Ok(next) => {
                failures = 0;
                next.saturating_sub(now_ms())
            }
            Err(reason) => {
                tracing::warn!(reason, "a step of shipping failed");
                failures = failures.saturating_add(1);
                retry_ms(failures)
            }
        };
        let pause = Duration::from_millis(pause_ms.clamp(PAUSE_MS_MIN, PAUSE_MS_MAX));
        tokio::select! {
            () = tokio::time::sleep(pause) => {}
            // What somebody waits for does not cut short the pause after a failure.
            () = network.waiting.woken(), if failures == 0 => {}
        }
    }
}

async fn step(network: &Network, now: u64) -> Result<u64, String> {
    let lost = |Lost| "the instance ended".to_owned();
    let queue = network.queue().map_err(lost)?;
    let stepped = queue.call(move |accessor, shipper| {
        Box::pin(async move {
            let shipping = shipper.billet_forge_shipping();
            shipping.call_step(accessor, now).await
        })
    });
    let stepped = stepped.await.map_err(lost)?;
    stepped.map_err(|error| format!("{error:?}"))
}

fn retry_ms(failures: u32) -> u64 {
    let factor = 2_u64.saturating_pow(failures);
    RETRY_MS.saturating_mul(factor).min(PAUSE_MS_MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_wait_doubles_up_to_a_minute() {
        let waits: Vec<_> = [1, 2, 3, 7, 8, u32::MAX].map(retry_ms).to_vec();
        assert_eq!(waits, [1_000, 2_000, 4_000, 60_000, 60_000, 60_000]);
    }
}
