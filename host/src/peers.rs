//! Who is connected: one record a peer address, which bounds what that address may hold at once.
//!
//! Must never keep a record of a peer that is gone.

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError, Weak};

use tokio::sync::Semaphore;

/// One peer address.
#[derive(Debug)]
pub(crate) struct Peer {
    connections: AtomicUsize,
    /// Buffers that it may still take.
    pub(crate) buffers: Arc<Semaphore>,
}

/// All peers, by address.
#[derive(Debug)]
pub(crate) struct Peers {
    table: Mutex<HashMap<IpAddr, Weak<Peer>>>,
    total: AtomicUsize,
    connections_max: usize,
    connections_per_peer_max: usize,
    buffers_per_peer: usize,
}

/// A connection that is counted until this is dropped.
#[derive(Debug)]
pub(crate) struct Admission {
    pub(crate) peer: Arc<Peer>,
    address: IpAddr,
    peers: Arc<Peers>,
}

impl Peers {
    /// No peers yet; the limits count connections, and buffers of 1 MiB.
    pub(crate) fn new(
        connections_max: usize,
        connections_per_peer_max: usize,
        buffers_per_peer: usize,
    ) -> Self {
        Self {
            table: Mutex::default(),
            total: AtomicUsize::new(0),
            connections_max,
            connections_per_peer_max,
            buffers_per_peer: buffers_per_peer.max(1),
        }
    }

    /// Connections at the moment.
    pub(crate) fn connections(&self) -> usize {
        self.total.load(Ordering::Relaxed)
    }

    /// Counts a connection; none where there are too many.
    pub(crate) fn admit(self: &Arc<Self>, address: IpAddr) -> Option<Admission> {
        let mut table = self.table.lock().unwrap_or_else(PoisonError::into_inner);
        if self.total.load(Ordering::Relaxed) >= self.connections_max {
            return None;
        }
        let peer = table
            .get(&address)
            .and_then(Weak::upgrade)
            .unwrap_or_else(|| {
                let peer = Arc::new(Peer {
                    connections: AtomicUsize::new(0),
                    buffers: Arc::new(Semaphore::new(self.buffers_per_peer)),
                });
                table.insert(address, Arc::downgrade(&peer));
                peer
            });
        if peer.connections.load(Ordering::Relaxed) >= self.connections_per_peer_max {
            return None;
        }
        peer.connections.fetch_add(1, Ordering::Relaxed);
        self.total.fetch_add(1, Ordering::Relaxed);
        Some(Admission {
            peer,
            address,
            peers: Arc::clone(self),
        })
    }
}

impl Drop for Admission {
    fn drop(&mut self) {
        let mut table = self
            .peers
            .table
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        self.peers.total.fetch_sub(1, Ordering::Relaxed);
        if self.peer.connections.fetch_sub(1, Ordering::Relaxed) == 1 {
            // Buffers that it still holds keep the record alive, but a new connection gets a new
            // one; the pool as a whole stays bounded.
            table.remove(&self.address);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_peer_and_all_peers_are_bounded_and_forgotten() {
        let peers = Arc::new(Peers::new(3, 2, 1));
        let [one, two] = ["10.0.0.1", "10.0.0.2"].map(|text| text.parse::<IpAddr>().unwrap());
        let first = peers.admit(one).unwrap();
        let second = peers.admit(one).unwrap();
        assert!(
            peers.admit(one).is_none(),
            "two connections of one peer are the limit"
        );
        let third = peers.admit(two).unwrap();
        assert!(
            peers.admit(two).is_none(),
            "three connections are the limit"
        );
        assert!(Arc::ptr_eq(&first.peer, &second.peer));
        drop((first, second));
        assert_eq!(peers.connections(), 1);
        drop(third);
        assert!(peers.table.lock().unwrap().is_empty());
    }
}
