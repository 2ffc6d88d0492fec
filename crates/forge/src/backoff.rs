//! How long to wait before the next attempt.
//!
//! Must never say that an attempt was the last.

use crate::failure::Remedy;

const FIRST_MS: u64 = 1_000;
const LONGEST_MS: u64 = 5 * 60 * 1_000;
const LATER_MS: u64 = 60 * 1_000;

/// Milliseconds to wait after so many failed attempts in a row: doubled each time, capped, and
/// shortened by up to a half as `chance` says, so that many do not come back at once.
pub(crate) fn wait_ms(attempts: u32, remedy: Remedy, chance: u64) -> u64 {
    let first_ms = match remedy {
        Remedy::Again => FIRST_MS,
        Remedy::Later | Remedy::Never => LATER_MS,
    };
    let doubled = first_ms.saturating_mul(1 << attempts.saturating_sub(1).min(20));
    let whole_ms = doubled.min(LONGEST_MS);
    whole_ms - chance % (whole_ms / 2 + 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn waits_grow_to_the_cap_and_stay_there() {
        let longest: Vec<u64> = (1..12)
            .map(|attempts| wait_ms(attempts, Remedy::Again, 0))
            .collect();
        assert_eq!(longest[..4], [1_000, 2_000, 4_000, 8_000]);
        assert_eq!(longest[10], LONGEST_MS);
        assert_eq!(wait_ms(u32::MAX, Remedy::Later, 0), LONGEST_MS);
        for chance in [1, 77, u64::MAX] {
            let wait_ms = wait_ms(5, Remedy::Again, chance);
            assert!((8_000..=16_000).contains(&wait_ms), "{wait_ms}");
        }
        assert_eq!(wait_ms(1, Remedy::Later, 0), LATER_MS);
    }
}
