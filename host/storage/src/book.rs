//! What the store knows besides bytes: claims, accounts of segments, rows newer than the table.
//!
//! Must never change by anything but a durable commit record, a claim made or let go, or a seal.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use billet_block::Cid;
use billet_segment::{
    ClaimId, Claims, Content, Head, HeldClaim, Overlay, Pending, Range, Record, SegmentId,
    SegmentRow, State, head_key, held_key, pin_key, row_key,
};
use bytes::Bytes;

use crate::StoreError;

/// A segment's row with what is counted in memory.
pub(crate) struct Account {
    pub(crate) id: SegmentId,
    pub(crate) row: SegmentRow,
    /// Held claims in it.
    pub(crate) held: usize,
    /// Pending claims and bodies under way in it.
    pub(crate) pending: usize,
    /// Shards that are still to be sent from it.
    pub(crate) due: usize,
    /// Whether the row is newer than the table's.
    pub(crate) is_dirty: bool,
}

impl Account {
    pub(crate) const fn new(id: SegmentId, row: SegmentRow) -> Self {
        Self {
            id,
            row,
            held: 0,
            pending: 0,
            due: 0,
            is_dirty: false,
        }
    }

    fn may_go(&self) -> bool {
        let is_free = self.row.may_go(self.held, self.pending) && self.due == 0;
        self.row.state == State::Sealed && is_free
    }

    /// Whether nothing but commits claims it.
    pub(crate) const fn is_committed(&self) -> bool {
        self.held == 0 && self.pending == 0 && self.due == 0
    }
}

/// All of it.
pub(crate) struct Book {
    pub(crate) claims: Claims<Bytes>,
    /// Staged blocks that wait, and how many claims have each.
    staged: HashMap<Cid, (Bytes, usize)>,
    pub(crate) staged_bytes: usize,
    pub(crate) overlay: Overlay,
    pub(crate) accounts: BTreeMap<u64, Account>,
    /// Logs that held pins cover, by claim.
    pub(crate) held_pins: BTreeMap<ClaimId, String>,
    /// Segments that go next, since the network has what is in them.
    pub(crate) retiring: BTreeSet<u64>,
    /// Logs that refuse writes, and why.
    pub(crate) damaged: BTreeMap<String, String>,
    /// Whether blocks are known to be lost: what is not found may have been.
    pub(crate) has_lost_blocks: bool,
}

impl Book {
    pub(crate) fn new(epoch: u64) -> Self {
        Self {
            claims: Claims::new(epoch),
            staged: HashMap::new(),
            staged_bytes: 0,
            overlay: Overlay::default(),
            accounts: BTreeMap::new(),
            held_pins: BTreeMap::new(),
            retiring: BTreeSet::new(),
            damaged: BTreeMap::new(),
            has_lost_blocks: false,
        }
    }

    /// Segments that may go, but those that are `held` for readers. While something is lost
    /// nobody knows what it claimed: none may.
    pub(crate) fn released(&self, held: &BTreeSet<u64>) -> impl Iterator<Item = &Account> {
        let retires = |account: &Account| {
            let number = account.id.number;
            let is_due = self.retiring.contains(&number) && !held.contains(&number);
            account.row.state == State::Sealed && account.is_committed() && is_due
        };
        let may_go = move |account: &&Account| {
            !self.has_lost_blocks && (account.may_go() || retires(account))
        };
        self.accounts.values().filter(may_go)
    }

    /// Whether a segment is going or may go.
    pub(crate) fn has_any_to_go(&self, held: &BTreeSet<u64>) -> bool {
        let mut accounts = self.accounts.values();
        accounts.any(|account| account.row.state == State::Pruning)
            || self.released(held).next().is_some()
    }

    /// A new claim; its segments are counted by whoever wrote into them.
    pub(crate) fn claim(
        &mut self,
        space: &str,
        now_ms: u64,
        content: Content<Bytes>,
    ) -> Result<ClaimId, StoreError> {
        if let Content::Staged(blocks) = &content {
            for (cid, bytes) in blocks {
                self.staged_bytes += bytes.len();
                self.staged
                    .entry(*cid)
                    .or_insert_with(|| (bytes.clone(), 0))
                    .1 += 1;
            }
        }
        let spent = || StoreError::Unavailable("all claims of this process are used".to_owned());
        self.claims.add(space, now_ms, content).ok_or_else(spent)
    }

    /// A block that waits for its commit.
    pub(crate) fn staged(&self, cid: &Cid) -> Option<Bytes> {
        self.staged.get(cid).map(|(bytes, _)| bytes.clone())
    }

    /// Forgets a claim; nothing is done about one that is not known.
    pub(crate) fn drop_claim(&mut self, claim: ClaimId) {
        if let Some(pending) = self.claims.remove(claim) {
            self.let_go(&pending);
        }
    }

    /// Forgets the claims that are too old.
    pub(crate) fn expire(&mut self, now_ms: u64) {
        for pending in self.claims.expire(now_ms) {
            self.let_go(&pending);
        }
    }

    fn let_go(&mut self, pending: &Pending<Bytes>) {
        match &pending.content {
            Content::Placed(ranges) => self.leave(ranges.iter().map(|range| range.segment)),
            Content::Staged(blocks) => {
                for (cid, bytes) in blocks {
                    self.staged_bytes -= bytes.len();
                    if let Some((_, count)) = self.staged.get_mut(cid) {
                        *count -= 1;
                        if *count == 0 {
                            self.staged.remove(cid);
                        }
                    }
                }
            }
            Content::Pinned(_) => {}
        }
    }

    /// Counts a body or claim into a segment.
    pub(crate) fn enter(&mut self, segment: u64) {
        if let Some(account) = self.accounts.get_mut(&segment) {
            account.pending += 1;
        }
    }

    /// Counts it out again.
    pub(crate) fn leave(&mut self, segments: impl IntoIterator<Item = u64>) {
        for segment in segments {
            if let Some(account) = self.accounts.get_mut(&segment) {
                account.pending -= 1;
            }
        }
    }

    /// Takes over what durable records say.
    pub(crate) fn publish(&mut self, draft: Draft) {
        for (key, value) in draft.overlay.iter() {
            self.overlay.put(key.to_vec(), value.map(<[u8]>::to_vec));
        }
        for (claim, log) in draft.pins {
            match log {
                Some(log) => self.held_pins.insert(claim, log),
                None => self.held_pins.remove(&claim),
            };
        }
        for change in draft.accounts {
            change.apply(&mut self.accounts);
        }
        for claim in draft.taken {
            self.drop_claim(claim);
        }
    }
}

/// What a record changes in an account.
#[derive(Debug)]
enum AccountChange {
    Adopted { segment: u64, log: String, seq: u64 },
    Held { segment: u64 },
    Released { segment: u64 },
    Durable { segment: u64, end: u64 },
}

impl AccountChange {
    /// A segment that is not there any more went because nothing claimed it: the claim that this
    /// is about was let go later.
    fn apply(self, accounts: &mut BTreeMap<u64, Account>) {
        let (Self::Adopted { segment, .. }
        | Self::Held { segment }
        | Self::Released { segment }
        | Self::Durable { segment, .. }) = &self;
        let Some(account) = accounts.get_mut(segment) else {
            return;
        };
        match self {
            Self::Adopted { log, seq, .. } => {
                account.row.logs.insert(log, seq);
                account.is_dirty = true;
            }
            Self::Held { .. } => account.held += 1,
            Self::Released { .. } => account.held = account.held.saturating_sub(1),
            Self::Durable { end, .. } => {
                account.row.claimed = account.row.claimed.max(end);
                account.is_dirty = true;
            }
        }
    }
}

/// What records change that are written but may not be durable yet.
#[derive(Default)]
pub(crate) struct Draft {
    pub(crate) overlay: Overlay,
    accounts: Vec<AccountChange>,
    /// Held pins that came, with their logs, or went.
    pins: Vec<(ClaimId, Option<String>)>,
    /// Pending claims that are taken.
    pub(crate) taken: BTreeSet<ClaimId>,
}

impl Draft {
    /// Takes a record in that ends at `end` of its segment. `base` looks up what was before this
    /// draft. The same for a commit that is being made and for one that is found again.
    pub(crate) fn apply(
        &mut self,
        record: &Record,
        commit: Cid,
        end: u64,
        base: impl Fn(&[u8]) -> Result<Option<Vec<u8>>, StoreError>,
    ) -> Result<(), StoreError> {
        let segment = record.durable.segment;
        for adopted in &record.adopt {
            self.release(adopted.claim, &base)?;
            for segment in &adopted.segments {
                self.adopted(*segment, record);
            }
            if let Some(pin) = &adopted.pin {
                let key = pin_key(&pin.log, &record.log);
                self.overlay
                    .put(key, Some(record.seq.to_le_bytes().to_vec()));
            }
        }
        for held in &record.hold {
            if self.held(held.claim, &base)?.is_some() {
                continue;
            }
            let (log, space) = (record.log.clone(), record.space.clone());
            let (segments, pin) = (held.segments.clone(), held.pin.clone());
            let pinned = pin.as_ref().map(|pin| (held.claim, Some(pin.log.clone())));
            self.pins.extend(pinned);
            self.accounts
                .extend(segments.iter().map(|s| AccountChange::Held { segment: *s }));
            let row = HeldClaim {
                log,
                space,
                segments,
                pin,
            }
            .to_bytes();
            self.overlay.put(held_key(held.claim), Some(row));
        }
        for claim in &record.discard {
            self.release(*claim, &base)?;
        }
        for row in &record.rows {
            let value = row.value.as_ref().map(|value| value.to_vec());
            self.overlay.put(row_key(&record.log, &row.key), value);
        }
        let durable = |range: &Range| (range.segment, range.end);
        for (segment, end) in record.data.iter().map(durable).chain([(segment, end)]) {
            self.accounts.push(AccountChange::Durable { segment, end });
        }
        self.adopted(segment, record);
        self.overlay.put(
            head_key(&record.log),
            Some(head_of(record, commit).to_bytes()),
        );
        Ok(())
    }

    /// A held claim as it is with this draft.
    pub(crate) fn held(
        &self,
        claim: ClaimId,
        base: impl Fn(&[u8]) -> Result<Option<Vec<u8>>, StoreError>,
    ) -> Result<Option<HeldClaim>, StoreError> {
        let key = held_key(claim);
        let row = match self.overlay.get(&key) {
            Some(row) => row.map(<[u8]>::to_vec),
            None => base(&key)?,
        };
        Ok(row
            .map(|row| HeldClaim::from_bytes(&key, &row))
            .transpose()?)
    }

    fn adopted(&mut self, segment: u64, record: &Record) {
        let (log, seq) = (record.log.clone(), record.seq);
        self.accounts
            .push(AccountChange::Adopted { segment, log, seq });
    }

    fn release(
        &mut self,
        claim: ClaimId,
        base: impl Fn(&[u8]) -> Result<Option<Vec<u8>>, StoreError>,
    ) -> Result<(), StoreError> {
        if let Some(held) = self.held(claim, base)? {
            let released = |segment| AccountChange::Released { segment };
            self.accounts
                .extend(held.segments.into_iter().map(released));
            self.overlay.put(held_key(claim), None);
            self.pins.extend(held.pin.map(|_| (claim, None)));
        }
        Ok(())
    }
}

/// The row of a log whose newest commit is this record.
pub(crate) fn head_of(record: &Record, commit: Cid) -> Head {
    Head {
        space: record.space.clone(),
        seq: record.seq,
        commit,
        root: record.root,
        state: record.state,
        time_ms: record.time_ms,
        segment: record.durable.segment,
    }
}
