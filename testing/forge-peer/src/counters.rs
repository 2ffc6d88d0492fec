//! What happened, in numbers.
//!
//! Must never count an effect that did not happen.

use std::collections::BTreeMap;

use serde::Serialize;

/// Numbers since the start or the last reset.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Counters {
    /// Exchanges by kind: `rpc`, `receipt`, `put`, `retrieve`, `claims`, `click`, `other`.
    pub exchanges: BTreeMap<String, u64>,
    /// Executed tasks by command.
    pub commands: BTreeMap<String, u64>,
    /// Refused tasks by error name.
    pub refused: BTreeMap<String, u64>,
    /// Answers with a status of 400 and more by status.
    pub statuses: BTreeMap<u16, u64>,
    /// Faults by kind.
    pub faults: BTreeMap<String, u64>,
    /// Bytes of bodies PUT to nodes, by what was received, not by what was kept.
    pub bytes_put: u64,
    /// Bytes of blobs that nodes sent.
    pub bytes_served: u64,
    /// Blobs that nodes hold for some space.
    pub blobs_held: u64,
    /// Accepts by digest (hexadecimal multihash).
    pub accepts: BTreeMap<String, u64>,
    /// Accepts of what was accepted for that space already.
    pub accepts_again: u64,
    /// Bodies PUT of bytes that the node held already.
    pub puts_again: u64,
}

impl Counters {
    /// One more of a kind.
    pub fn more(map: &mut BTreeMap<String, u64>, name: &str) {
        match map.get_mut(name) {
            Some(count) => *count += 1,
            None => {
                map.insert(name.to_owned(), 1);
            }
        }
    }

    /// Exchanges of the client with the upload service: calls and polls.
    pub fn with_service(&self) -> u64 {
        ["rpc", "receipt"]
            .iter()
            .filter_map(|kind| self.exchanges.get(*kind))
            .sum()
    }
}
