//! Putting the keys of CBOR maps in order.
//!
//! Must never judge: what is wrong with the bytes besides their order stays wrong, and is for the
//! strict decoder to see.

use billet_block::DEPTH_MAX;

/// The same items with the keys of all maps in the order of DAG-CBOR; `None` when the bytes are
/// not one whole item, or are nested too deeply.
pub(crate) fn in_order(bytes: &[u8]) -> Option<Vec<u8>> {
    let mut out = Vec::with_capacity(bytes.len());
    // Tags count as a level here, so that a row of them ends, too.
    let rest = put(bytes, 2 * DEPTH_MAX, &mut out)?;
    rest.is_empty().then_some(out)
}

/// Appends the item at the start of `bytes`; gives what is behind it.
fn put<'a>(bytes: &'a [u8], levels: usize, out: &mut Vec<u8>) -> Option<&'a [u8]> {
    let levels = levels.checked_sub(1)?;
    let first = bytes.first()?;
    let more = match first & 0x1f {
        0..24 => 0,
        long @ 24..28 => 1 << (long - 24),
        _ => return None,
    };
    let (head, mut rest) = bytes.split_at_checked(1 + more)?;
    let argument = match head.get(1..)? {
        [] => u64::from(first & 0x1f),
        long => long.iter().fold(0, |sum, byte| sum << 8 | u64::from(*byte)),
    };
    out.extend_from_slice(head);
    match first >> 5 {
        2 | 3 => {
            let (text, behind) = rest.split_at_checked(usize::try_from(argument).ok()?)?;
            out.extend_from_slice(text);
            rest = behind;
        }
        4 => {
            for _ in 0..argument {
                rest = put(rest, levels, out)?;
            }
        }
        5 => {
            let mut entries = Vec::new();
            for _ in 0..argument {
                let (mut key, mut value) = (Vec::new(), Vec::new());
                rest = put(rest, levels, &mut key)?;
                rest = put(rest, levels, &mut value)?;
                entries.push((key, value));
            }
            // With its length in front, a shorter key is a smaller one.
            entries.sort();
            out.extend(
                entries
                    .into_iter()
                    .flat_map(|(key, value)| [key, value])
                    .flatten(),
            );
        }
        6 => rest = put(rest, levels, out)?,
        _ => {}
    }
    Some(rest)
}
