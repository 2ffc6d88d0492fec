//! Blocks from the network: one that is not here is fetched from the shard that has it, with its
//! neighbours.
//!
//! Must never give out or keep a block that was not checked against its CID on arrival (I6).

use std::sync::Arc;
use std::time::Duration;

use billet_block::Cid;
use billet_storage::{Located, Place, Slot};
use bytes::{Bytes, BytesMut};
use futures::StreamExt;

use super::Network;
use super::bindings::exports::billet::forge::shipping::Range;
use super::driver::now_ms;
use super::network::{Flight, lock};
use super::streams::{Opened, Outlet, open};
use crate::bindings::billet::store::types::StoreError;
use crate::effects::Effects;

/// Neighbours that are fetched with a block, at most, and their bytes.
const RUN_SLOTS: usize = 64;
const RUN_BYTES: u64 = 4 << 20;

/// Between a fault and the second try.
const AGAIN: Duration = Duration::from_millis(50);

impl Network {
    /// A block that is not here.
    ///
    /// # Errors
    /// `NotFound` when no accepted shard has it; `Unavailable` when none of those that have it
    /// gave it.
    pub(crate) async fn block(&self, effects: &Effects, cid: Cid) -> Result<Bytes, StoreError> {
        if let Some(bytes) = self.cached(&cid) {
            effects.metrics.network_hits.add(1);
            return Ok(bytes);
        }
        let found = effects.storage.run(move |store| store.locate(&cid)).await?;
        if found.is_empty() {
            return Err(StoreError::NotFound);
        }
        let last = found.len().saturating_sub(1);
        for (nth, located) in found.iter().enumerate() {
            let flight = self.flight(&located.place);
            // One that takes too long holds up nobody else for longer.
            let _alone = tokio::time::timeout(self.timeout, flight.lock()).await;
            if let Some(bytes) = self.cached(&cid) {
                effects.metrics.network_hits.add(1);
                return Ok(bytes);
            }
            // After a fault another place is asked, if there is one, and else the same again.
            match self.fetch(effects, cid, located, nth == last).await {
                Ok(bytes) => return Ok(bytes),
                Err(error) => {
                    effects.metrics.network_failed.add(1);
                    let shard = located.place.shard;
                    tracing::warn!(%cid, shard, ?error, "the network did not give a block");
                }
            }
        }
        Err(StoreError::Unavailable)
    }

    /// Who fetches a block fetches its neighbours, too: those who want them wait for that.
    fn flight(&self, place: &Place) -> Flight {
        let mut flights = lock(&self.flights);
        flights.retain(|_, flight| Arc::strong_count(flight) > 1);
        let run = (place.shard, place.offset / RUN_BYTES);
        Arc::clone(flights.entry(run).or_default())
    }

    fn cached(&self, cid: &Cid) -> Option<Bytes> {
        lock(&self.cache).get(cid)
    }

    /// Fetches a block and its neighbours from one shard; the good ones are kept. With `twice` a
    /// fault that may pass has it try again, within the same time.
    async fn fetch(
        &self,
        effects: &Effects,
        cid: Cid,
        located: &Located,
        twice: bool,
    ) -> Result<Bytes, StoreError> {
        let place = located.place;
        let asked = effects.storage.run(move |store| {
            let slots = store.entries(place.shard, place.offset, RUN_SLOTS)?;
            Ok((slots, store.commitment(place.shard)?))
        });
        let (slots, commitment) = asked.await?;
        let slots = {
            let cache = lock(&self.cache);
            run_of(slots, |cid| cache.has(cid))
        };
        let fetched = async {
            match self.attempt(effects, cid, &commitment, &slots).await {
                Err(error) if twice && may_pass(&error) => {
                    tracing::info!(%cid, shard = place.shard, ?error, "asked the network again");
                    tokio::time::sleep(AGAIN).await;
                    self.attempt(effects, cid, &commitment, &slots).await
                }
                done => done,
            }
        };
        let fetched = tokio::time::timeout(self.timeout, fetched).await;
        fetched.map_err(|_| StoreError::Unavailable)?
    }

    /// Asks once for these slots; the good ones are kept, the block among them is the answer.
    async fn attempt(
        &self,
        effects: &Effects,
        cid: Cid,
        commitment: &[u8],
        slots: &[Slot],
    ) -> Result<Bytes, StoreError> {
        let bytes = self.ask(commitment.to_vec(), slots).await?;
        effects.metrics.network_bytes.add(bytes.len());
        let slots = slots.to_vec();
        let checked = tokio::task::spawn_blocking(move || check(&slots, &bytes)).await;
        let checked = checked.map_err(|_| StoreError::Unavailable)?;
        let wanted = checked.iter().find(|(found, _)| *found == cid);
        let wanted = wanted.map(|(_, bytes)| bytes.clone());
        let mut cache = lock(&self.cache);
        for (cid, bytes) in checked {
            cache.put(cid, bytes);
        }
        wanted.ok_or(StoreError::Corrupt(cid.to_bytes().to_vec()))
    }

    /// The bytes of these slots, one after another, unchecked.
    async fn ask(&self, commitment: Vec<u8>, slots: &[Slot]) -> Result<Bytes, StoreError> {
        let range = |slot: &Slot| Range {
            offset: slot.offset,
            length: u64::from(slot.length),
        };
        let ranges: Vec<_> = slots.iter().map(range).collect();
        let length = slots.iter().map(|slot| u64::from(slot.length)).sum::<u64>();
        let length = usize::try_from(length).map_err(|_| StoreError::Unavailable)?;
        let (mut pieces, told) = self.open(commitment, ranges).await?;
        let mut bytes = BytesMut::with_capacity(length);
        while let Some(piece) = pieces.next().await {
            if bytes.len().saturating_add(piece.len()) > length {
                return Err(StoreError::Unavailable);
            }
            bytes.extend_from_slice(&piece);
        }
        told.await.unwrap_or(Err(StoreError::Unavailable))?;
        Ok(bytes.freeze())
    }

    /// Opens a stream of the shipper.
    async fn open(&self, commitment: Vec<u8>, ranges: Vec<Range>) -> Result<Opened, StoreError> {
        let queue = self.queue().map_err(|_| StoreError::Unavailable)?;
        let fetch = move |outlet: Outlet| async move {
            let fetch = queue.call(move |accessor, shipper| {
                Box::pin(async move {
                    let shipping = shipper.billet_forge_shipping();
                    let answer = shipping.call_fetch(accessor, now_ms(), commitment, ranges);
                    outlet.pass(accessor, answer.await?).await
                })
            });
            fetch.await
        };
        open("a fetch", fetch).await
    }
}

/// Whether the same question may have another answer: not where the node says that it does not
/// have the shard, or where nothing can be asked for.
const fn may_pass(error: &StoreError) -> bool {
    matches!(error, StoreError::Unavailable | StoreError::Corrupt(_))
}

/// The first slots up to the end of their stretch or the first that is here; at least one.
fn run_of(slots: Vec<Slot>, is_here: impl Fn(&Cid) -> bool) -> Vec<Slot> {
    let stretch = |slot: &Slot| slot.offset / RUN_BYTES;
    let first = slots.first().map(stretch);
    // A range without a byte cannot be asked for.
    let slots = slots.into_iter().filter(|slot| slot.length > 0);
    let near = |(count, slot): &(usize, Slot)| {
        *count == 0 || (Some(stretch(slot)) == first && !is_here(&slot.cid))
    };
    let run = slots.enumerate().take_while(near);
    run.map(|(_, slot)| slot).collect()
}

/// Those of the blocks that are what their names say.
fn check(slots: &[Slot], bytes: &Bytes) -> Vec<(Cid, Bytes)> {
    let mut good = Vec::with_capacity(slots.len());
    let mut start: usize = 0;
    for slot in slots {
        let length = usize::try_from(slot.length).unwrap_or(usize::MAX);
        let end = start.saturating_add(length);
        if end > bytes.len() {
            break;
        }
        // A copy of its own, so that one block does not keep the memory of all.
        let block = Bytes::copy_from_slice(bytes.get(start..end).unwrap_or_default());
        if slot.cid.matches(&block) {
            good.push((slot.cid, block));
        }
        start = end;
    }
    good
}

#[cfg(test)]
mod tests {
    use billet_block::Codec;

    use super::*;

    fn slots() -> (Vec<Slot>, Bytes) {
        let blocks = [vec![1; 10], vec![2; 3 << 20], vec![3; 2 << 20], vec![4; 7]];
        let mut offset = 59;
        let mut slots = Vec::new();
        for block in &blocks {
            offset += 40;
            let length = u32::try_from(block.len()).unwrap();
            let cid = Cid::of(Codec::Raw, block);
            slots.push(Slot {
                cid,
                offset,
                length,
            });
            offset += u64::from(length);
        }
        (slots, Bytes::from(blocks.concat()))
    }

    #[test]
    fn neighbours_are_taken_up_to_the_limit() {
        let (slots, _) = slots();
        let run = |slots: &[Slot]| run_of(slots.to_vec(), |_| false);
        assert_eq!(run(&slots), slots[..3]);
        assert_eq!(run(&slots[1..]), slots[1..3]);
        assert_eq!(run(&slots[3..]), slots[3..]);
        assert_eq!(run(&[]), []);
    }

    #[test]
    fn neighbours_that_are_here_are_not_asked_for() {
        let (slots, _) = slots();
        let run = |here: usize| run_of(slots.clone(), |cid| *cid == slots[here].cid);
        assert_eq!(run(0), slots[..3], "the first is what is wanted");
        assert_eq!(run(1), slots[..1]);
        assert_eq!(run(2), slots[..2]);
    }

    #[test]
    fn only_what_is_what_its_name_says_is_taken() {
        let (slots, bytes) = slots();
        let found = |bytes: &Bytes| check(&slots, bytes).iter().map(|(cid, _)| *cid).collect();
        let all: Vec<_> = slots.iter().map(|slot| slot.cid).collect();
        assert_eq!(check(&slots, &bytes).len(), 4);
        let cut: Vec<Cid> = found(&bytes.slice(..bytes.len() - 1));
        assert_eq!(cut, all[..3]);
        let mut wrong = bytes.to_vec();
        wrong[12] ^= 1;
        let wrong: Vec<Cid> = found(&Bytes::from(wrong));
        assert_eq!(wrong, [all[0], all[2], all[3]]);
    }
}
