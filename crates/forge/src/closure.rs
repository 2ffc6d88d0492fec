//! Entries of a walk over what a root reaches, as `billet:bucket/inspect` streams them: a CID, a
//! byte for its plane, the length of a key as two bytes, the lesser first, and the key.
//!
//! Must never take part of an entry for a whole one: pieces end wherever they are cut off.

use billet_block::CID_BYTES;

/// The CIDs of a plane among whole entries, and how many bytes those take. Planes are numbered as
/// in entries: 0 is data, 1 is the catalog.
pub fn cids_of_plane(entries: &[u8], wanted: u8) -> (usize, Vec<u8>) {
    let (mut used, mut cids) = (0, Vec::new());
    let mut rest = entries;
    while let Some((cid, behind)) = rest.split_first_chunk::<CID_BYTES>()
        && let Some((&[plane, low, high], behind)) = behind.split_first_chunk::<3>()
        && let Some((_, behind)) = behind.split_at_checked(u16::from_le_bytes([low, high]).into())
    {
        if plane == wanted {
            cids.extend_from_slice(cid);
        }
        used += rest.len() - behind.len();
        rest = behind;
    }
    (used, cids)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn entries_are_split_wherever_they_are_cut_off() {
        let mut entries = Vec::new();
        let mut expected = Vec::new();
        for number in 0..20_u8 {
            let cid = [number; CID_BYTES];
            let key = vec![b'k'; usize::from(number) * 30];
            entries.extend(cid);
            entries.push(number % 2);
            entries.extend((key.len() as u16).to_le_bytes());
            entries.extend(key);
            if number % 2 == 1 {
                expected.extend(cid);
            }
        }
        for piece in [1, 7, 100, 10_000] {
            let (mut held, mut found) = (Vec::new(), Vec::new());
            for bytes in entries.chunks(piece) {
                held.extend_from_slice(bytes);
                let (used, cids) = cids_of_plane(&held, 1);
                held.drain(..used);
                found.extend(cids);
            }
            assert!(held.is_empty());
            assert_eq!(found, expected, "{piece}");
        }
    }
}
