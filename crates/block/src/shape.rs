//! A look at the outline of CBOR before anything is made of it: depth and lengths.
//!
//! Must never allocate by what the bytes say, nor recurse: a decoder makes room for as many items
//! as a list claims, and once more in each list inside of it.

use crate::CborError;
use crate::limits::DEPTH_MAX;

/// Refuses values nested deeper than [`DEPTH_MAX`] and lengths beyond the end of the bytes. All
/// else is left to the decoder.
pub(crate) fn check_shape(bytes: &[u8]) -> Result<(), CborError> {
    let malformed = |what: &str| Err(CborError::Malformed(what.to_owned()));
    // How many items each list or map on the way down still lacks.
    let mut missing = [0_u64; DEPTH_MAX];
    let mut depth = 0;
    let mut rest = bytes;
    while let Some((major, argument, behind)) = read_head(rest) {
        rest = behind;
        let items = match major {
            2 | 3 => {
                let length = usize::try_from(argument).unwrap_or(usize::MAX);
                let Some(behind) = rest.get(length..) else {
                    return malformed("fewer bytes than a length says");
                };
                rest = behind;
                0
            }
            4 => argument,
            5 => argument.saturating_mul(2),
            // A tag belongs to the item behind it.
            6 => continue,
            _ => 0,
        };
        if items > rest.len() as u64 {
            return malformed("fewer items than a length says");
        }
        if items > 0 {
            let Some(slot) = missing.get_mut(depth) else {
                return malformed("nested too deeply");
            };
            *slot = items;
            depth += 1;
            continue;
        }
        // An item is done, and with a last item the list that it is in.
        while let Some(slot) = depth.checked_sub(1).and_then(|top| missing.get_mut(top)) {
            *slot -= 1;
            if *slot > 0 {
                break;
            }
            depth -= 1;
        }
    }
    if rest.is_empty() {
        Ok(())
    } else {
        malformed("a length that is cut off or indefinite")
    }
}

/// Major type and argument of the item at the start of `bytes`, and what is behind them. `None` at
/// the end, and for a head that is cut off or of no definite length.
fn read_head(bytes: &[u8]) -> Option<(u8, u64, &[u8])> {
    let (first, rest) = bytes.split_first()?;
    let (argument, rest) = match first & 0x1f {
        short @ 0..24 => (u64::from(short), rest),
        long @ 24..28 => {
            let (argument, rest) = rest.split_at_checked(1 << (long - 24))?;
            let argument = argument
                .iter()
                .fold(0, |sum, byte| sum << 8 | u64::from(*byte));
            (argument, rest)
        }
        _ => return None,
    };
    Some((first >> 5, argument, rest))
}
