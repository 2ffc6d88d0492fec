//! How long to wait before the next attempt.
//!
//! Must never say that an attempt was the last.

use crate::failure::Remedy;

/// The longest wait, and the first where it helps to come back later, in first waits.
const LONGEST: u64 = 5 * 60;
const LATER: u64 = 60;

/// Milliseconds to wait after so many failed attempts in a row, where `retry_ms` is the first
/// wait: doubled each time, capped, and shortened by up to a half as `chance` says, so that many
/// do not come back at once.
pub(crate) fn wait_ms(attempts: u32, remedy: Remedy, chance: u64, retry_ms: u64) -> u64 {
    let first = match remedy {
        Remedy::Again => 1,
        Remedy::Later | Remedy::Never => LATER,
    };
    let doubled = first << attempts.saturating_sub(1).min(20);
    let whole_ms = retry_ms.saturating_mul(doubled.min(LONGEST));
    whole_ms - chance % (whole_ms / 2 + 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn waits_grow_to_the_cap_and_stay_there() {
        let longest: Vec<u64> = (1..12)
            .map(|attempts| wait_ms(attempts, Remedy::Again, 0, 1_000))
            .collect();
        assert_eq!(longest[..4], [1_000, 2_000, 4_000, 8_000]);
        assert_eq!(longest[10], 300_000);
        assert_eq!(wait_ms(u32::MAX, Remedy::Later, 0, 1_000), 300_000);
        for chance in [1, 77, u64::MAX] {
            let wait_ms = wait_ms(5, Remedy::Again, chance, 1_000);
            assert!((8_000..=16_000).contains(&wait_ms), "{wait_ms}");
        }
        assert_eq!(wait_ms(1, Remedy::Later, 0, 1_000), 60_000);
        assert_eq!(wait_ms(1, Remedy::Later, 0, 10), 600);
        assert_eq!(wait_ms(9, Remedy::Again, 0, u64::MAX), u64::MAX);
    }
}
