//! A model of what is shipped: logs with what they reach, shards with their bytes, notes.
//!
//! Must never read the expected state from the store under test.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use billet_block::{Cid, Codec, sha256};
use billet_segment::CLAIM_AGE_MAX_MS;
use billet_storage::sim::Sim;
use billet_storage::{
    ClaimId, CommitRequest, Config, Plane, SegmentInfo, ShardInfo, ShardState, State, Store,
    StoreError,
};
use bytes::Bytes;

use super::{SPACE, change, commit_one, leaf, node, write_body};

/// Something that changes the store.
#[derive(Clone, Copy, Debug)]
pub enum Op {
    /// The log's one object is replaced.
    Put {
        log: &'static str,
        name: &'static str,
    },
    /// The log has what the other has.
    Copy {
        from: &'static str,
        to: &'static str,
    },
    /// A part is held for a row.
    Hold {
        log: &'static str,
        part: &'static str,
    },
    /// All of another log is held for a row, to be copied later.
    HoldAll {
        log: &'static str,
        from: &'static str,
    },
    /// The last held thing of the log is let go.
    Discard {
        log: &'static str,
    },
    /// What of a plane the network does not have, with a publish block.
    Pack {
        log: &'static str,
        plane: Plane,
    },
    /// Of the oldest shard that is not accepted.
    Step(&'static str),
    Accept,
    Forget,
    /// If all of it is on the network.
    Publish {
        log: &'static str,
    },
    Note(&'static str, Option<&'static str>),
    Tick,
    Later,
    Reopen,
}

#[derive(Clone, Debug, PartialEq)]
pub struct Shard {
    state: ShardState,
    car: Vec<u8>,
    /// Each block with where its payload begins.
    blocks: Vec<(Cid, usize, usize)>,
    step: Option<Vec<u8>>,
    commitment: Option<Vec<u8>>,
    is_data: bool,
}

type Blocks = BTreeMap<Cid, Bytes>;

#[derive(Clone, Debug, Default, PartialEq)]
pub struct Log {
    seq: u64,
    live: Blocks,
    held: Vec<(ClaimId, Blocks)>,
    published: u64,
}

#[derive(Clone, Debug, Default, PartialEq)]
pub struct Model {
    pub logs: BTreeMap<&'static str, Log>,
    pub shards: BTreeMap<u64, Shard>,
    notes: BTreeMap<&'static str, &'static str>,
    /// Counts shards that were ever packed; numbers are not used twice.
    packed: u64,
}

/// The process died.
#[derive(Debug, PartialEq, Eq)]
pub struct Dead;

pub struct Shipper {
    pub sim: Sim,
    pub config: Config,
    pub store: Option<Arc<Store>>,
    pub model: Model,
    /// What the model is once the op under way is done.
    pub underway: Option<Model>,
    now_ms: u64,
}

/// A section of a CAR, made by hand.
fn section(cid: &Cid, bytes: &[u8]) -> Vec<u8> {
    let mut length = 36 + bytes.len();
    let mut out = Vec::new();
    while length >= 0x80 {
        out.push((length & 0x7f) as u8 | 0x80);
        length >>= 7;
    }
    out.push(length as u8);
    out.extend(cid.to_bytes());
    out.extend(bytes);
    out
}

fn car_of(root: &Cid, blocks: &[(Cid, Bytes)]) -> (Vec<u8>, Vec<(Cid, usize, usize)>) {
    let mut car = b"\x3a\xa2\x65roots\x81\xd8\x2a\x58\x25\x00".to_vec();
    car.extend(root.to_bytes());
    car.extend(b"\x67version\x01");
    let mut places = Vec::new();
    for (cid, bytes) in blocks {
        car.extend(section(cid, bytes));
        places.push((*cid, car.len() - bytes.len(), bytes.len()));
    }
    (car, places)
}

impl Model {
    /// What accepted shards have.
    fn network(&self) -> BTreeSet<Cid> {
        let accepted = self.shards.values();
        let accepted = accepted.filter(|shard| shard.state == ShardState::Accepted);
        let blocks = accepted.flat_map(|shard| shard.blocks.iter().map(|(cid, ..)| *cid));
        blocks.collect()
    }

    fn oldest_due(&self) -> Option<u64> {
        let due = |(_, shard): &(&u64, &Shard)| shard.state != ShardState::Accepted;
        self.shards.iter().find(due).map(|(number, _)| *number)
    }

    pub fn is_shipped(&self, log: &str) -> bool {
        let network = self.network();
        self.logs[log].live.keys().all(|cid| network.contains(cid))
    }
}

impl Shipper {
    pub fn new(sim: Sim, config: Config) -> Self {
        sim.set_now_ms(1_000_000);
        Self {
            sim,
            config,
            store: None,
            model: Model::default(),
            underway: None,
            now_ms: 1_000_000,
        }
    }

    pub fn run(&mut self, ops: &[Op]) -> Result<(), Dead> {
        if self.store.is_none() {
            self.open()?;
        }
        for op in ops {
            self.step(op)?;
        }
        Ok(())
    }

    fn open(&mut self) -> Result<(), Dead> {
        self.store = None;
        match Store::open(self.config.clone(), self.sim.effects()) {
            Ok(store) => self.store = Some(store),
            Err(_) if self.sim.is_dead() => return Err(Dead),
            Err(error) => panic!("does not open: {error}"),
        }
        Ok(())
    }

    pub fn store(&self) -> Arc<Store> {
        Arc::clone(self.store.as_ref().unwrap())
    }

    fn step(&mut self, op: &Op) -> Result<(), Dead> {
        let store = self.store();
        let mut next = self.model.clone();
        self.underway = None;
        let result = match op {
            Op::Later => {
                self.now_ms += CLAIM_AGE_MAX_MS + 1;
                self.sim.set_now_ms(self.now_ms);
                Ok(())
            }
            Op::Reopen => {
                drop(store);
                return self.open();
            }
            Op::Tick => store.tick(),
            Op::Put { .. } | Op::Copy { .. } => self.commit(&mut next, op),
            Op::Hold { .. } | Op::HoldAll { .. } | Op::Discard { .. } => self.hold(&mut next, op),
            Op::Pack { log, plane } => self.pack(&mut next, log, *plane),
            Op::Publish { log } => {
                if !next.is_shipped(log) {
                    return Ok(());
                }
                let commit = store.head(log).unwrap().newest.unwrap().commit;
                let log_now = next.logs.get_mut(log).unwrap();
                log_now.published = log_now.seq;
                self.underway = Some(next.clone());
                store.publish(log, &commit)
            }
            Op::Note(key, value) => {
                match value {
                    Some(value) => next.notes.insert(key, value),
                    None => next.notes.remove(key),
                };
                self.underway = Some(next.clone());
                let value = value.map(|value| value.as_bytes().to_vec());
                store.set_notes(&[((*key).to_owned(), value)])
            }
            Op::Step(_) | Op::Accept | Op::Forget => self.move_shard(&mut next, op),
        };
        match result {
            Ok(()) => {
                self.model = next;
                self.underway = None;
                Ok(())
            }
            Err(_) if self.sim.is_dead() => Err(Dead),
            Err(error) => panic!("{op:?}: {error}"),
        }
    }

    fn commit(&mut self, next: &mut Model, op: &Op) -> Result<(), StoreError> {
        let store = self.store();
        let (log, live, request) = match op {
            Op::Put { log, name } => {
                let leaf = leaf(name, 400);
                let blocks = vec![node(name), node("state")];
                let body = write_body(&store, std::slice::from_ref(&leaf))?;
                let staged = store.stage(SPACE, blocks.clone())?;
                let request = CommitRequest {
                    change: change(blocks[0].0, blocks[1].0, self.now_ms),
                    adopt: vec![body, staged],
                    ..CommitRequest::default()
                };
                let live: Blocks = blocks.into_iter().chain([leaf]).collect();
                (*log, live, request)
            }
            Op::Copy { from, to } => {
                let (pin, head) = store.pin(from)?;
                let request = CommitRequest {
                    change: change(head.root, head.state, self.now_ms),
                    adopt: vec![pin],
                    ..CommitRequest::default()
                };
                (*to, next.logs[from].live.clone(), request)
            }
            op => panic!("{op:?} is no commit"),
        };
        let state = next.logs.entry(log).or_default();
        (state.seq, state.live) = (state.seq + 1, live);
        self.underway = Some(next.clone());
        self.commit_on(log, request)
    }

    fn commit_on(&self, log: &str, request: CommitRequest) -> Result<(), StoreError> {
        let store = self.store();
        let expect = store.head(log)?.newest.map(|head| head.commit);
        let log = log.to_owned();
        let request = CommitRequest {
            log,
            expect,
            ..request
        };
        commit_one(&store, request).map(|_| ())
    }

    fn hold(&mut self, next: &mut Model, op: &Op) -> Result<(), StoreError> {
        let store = self.store();
        let mut request = CommitRequest::default();
        let (log, held) = match op {
            Op::Hold { log, part } => {
                let blocks = vec![leaf(part, 300)];
                let claim = write_body(&store, &blocks)?;
                (*log, Some((claim, blocks.into_iter().collect())))
            }
            Op::HoldAll { log, from } => {
                let (pin, _) = store.pin(from)?;
                (*log, Some((pin, next.logs[from].live.clone())))
            }
            Op::Discard { log } => (*log, None),
            op => panic!("{op:?} holds nothing"),
        };
        let state = next.logs.get_mut(log).unwrap();
        state.seq += 1;
        match held {
            Some((claim, blocks)) => {
                request.hold = vec![claim];
                state.held.push((claim, blocks));
            }
            None => request.discard = vec![state.held.pop().unwrap().0],
        }
        self.underway = Some(next.clone());
        self.commit_on(log, request)
    }

    fn pack(&mut self, next: &mut Model, log: &str, plane: Plane) -> Result<(), StoreError> {
        let network = next.network();
        let of_plane = |cid: &Cid| (cid.codec() == Codec::Raw) == (plane == Plane::Data);
        let live: Vec<_> = next.logs[log].live.clone().into_iter().collect();
        let wanted: Vec<_> = live.into_iter().filter(|(cid, _)| of_plane(cid)).collect();
        let left = wanted.iter().filter(|(cid, _)| !network.contains(cid));
        let mut blocks: Vec<(Cid, Bytes)> = left.cloned().collect();
        let publish = match plane {
            Plane::Data => Vec::new(),
            Plane::Catalog => vec![node(&format!("publish {}", next.packed)).1],
        };
        let named = |bytes: &Bytes| (Cid::of(Codec::DagCbor, bytes), bytes.clone());
        blocks.extend(publish.iter().map(named));
        if !blocks.is_empty() {
            let root = if publish.is_empty() {
                blocks[0].0
            } else {
                blocks.last().unwrap().0
            };
            let (car, places) = car_of(&root, &blocks);
            next.packed += 1;
            let shard = Shard {
                state: ShardState::Packed,
                car,
                blocks: places,
                step: None,
                commitment: None,
                is_data: plane == Plane::Data,
            };
            next.shards.insert(next.packed, shard);
        }
        self.underway = Some(next.clone());
        let mut packer = self.store().pack(7, SPACE, plane, publish)?;
        for (cid, _) in wanted.iter().chain(&wanted) {
            packer.add(cid)?;
        }
        let packed = packer.finish()?;
        assert_eq!(packed.rest, [], "nothing is left over");
        let numbers: Vec<u64> = packed.shards.iter().map(|shard| shard.number).collect();
        let expected: Vec<u64> = (!blocks.is_empty())
            .then_some(next.packed)
            .into_iter()
            .collect();
        assert_eq!(numbers, expected, "one shard, unless all is there");
        Ok(())
    }

    fn move_shard(&mut self, next: &mut Model, op: &Op) -> Result<(), StoreError> {
        let store = self.store();
        let Some(number) = next.oldest_due() else {
            return Ok(());
        };
        let shard = next.shards.get_mut(&number).unwrap();
        match op {
            Op::Step(step) => {
                shard.state = ShardState::Uploading;
                shard.step = Some(step.as_bytes().to_vec());
                self.underway = Some(next.clone());
                store.record_step(number, step.as_bytes())
            }
            Op::Accept => {
                let commitment = format!("commitment of {number}").into_bytes();
                shard.state = ShardState::Accepted;
                shard.step = None;
                shard.commitment = Some(commitment.clone());
                self.underway = Some(next.clone());
                store.accept(number, &commitment)
            }
            Op::Forget => {
                next.shards.remove(&number);
                self.underway = Some(next.clone());
                store.forget(number)
            }
            op => panic!("{op:?} moves no shard"),
        }
    }

    /// Opens the store on `sim` and finds out which of the two models it agrees with.
    pub fn check_image(&self, sim: Sim) -> Self {
        let store = Store::open(self.config.clone(), sim.effects()).expect("opens after a crash");
        assert_eq!(store.recovery().damage, [], "nothing was damaged");
        assert_eq!(store.audit(&sim.files()).unwrap(), [], "I4");
        let models = [Some(&self.model), self.underway.as_ref()];
        let found = models.into_iter().flatten();
        let problems: Vec<_> = found.clone().map(|model| differs(&store, model)).collect();
        let found = found.zip(&problems).find(|(_, problem)| problem.is_none());
        let Some((model, _)) = found else {
            panic!("neither before nor after: {problems:#?}");
        };
        check_blocks(&store, model);
        Self {
            sim,
            config: self.config.clone(),
            store: Some(store),
            model: model.clone(),
            underway: None,
            now_ms: self.now_ms,
        }
    }

    pub fn check_now(&self) {
        let store = self.store();
        assert_eq!(differs(&store, &self.model), None);
        assert_eq!(store.audit(&self.sim.files()).unwrap(), [], "I4");
        check_blocks(&store, &self.model);
    }

    /// Ships and publishes all that there is and lets go of what is held.
    pub fn drain(&mut self) -> Result<(), Dead> {
        let logs: Vec<_> = self
            .model
            .logs
            .iter()
            .map(|(log, l)| (*log, l.held.len()))
            .collect();
        for (log, held) in logs {
            for _ in 0..held {
                self.run(&[Op::Discard { log }])?;
            }
            for plane in Plane::ALL {
                self.run(&[Op::Pack { log, plane }])?;
                while self.model.oldest_due().is_some() {
                    self.run(&[Op::Step("allocated"), Op::Accept])?;
                }
            }
            self.run(&[Op::Publish { log }])?;
        }
        self.run(&[Op::Later, Op::Tick])
    }

    /// Local segments of bodies.
    pub fn data_segments(&self) -> Vec<SegmentInfo> {
        let mut segments = self.store().segments();
        segments.retain(|s| s.id.plane == Plane::Data && s.state != State::Opening);
        segments
    }
}

/// How the store's rows differ from a model, if they do.
fn differs(store: &Arc<Store>, model: &Model) -> Option<String> {
    let heads = store.heads("", None, 100).unwrap();
    if heads.len() != model.logs.len() {
        return Some(format!("{} logs", heads.len()));
    }
    for (log, expected) in &model.logs {
        let head = store.head(log).unwrap().newest;
        let seq = head.as_ref().map_or(0, |head| head.seq);
        let published = store.published(log).unwrap().map_or(0, |row| row.seq);
        if (seq, published) != (expected.seq, expected.published) {
            return Some(format!(
                "{log} is at {seq}, published {published}: {expected:?}"
            ));
        }
    }
    let all: Vec<ShardInfo> = store.shards(false, None, 100).unwrap();
    let numbers: Vec<_> = all.iter().map(|shard| shard.number).collect();
    let expected: Vec<_> = model.shards.keys().copied().collect();
    if numbers != expected {
        return Some(format!("shards {numbers:?}, not {expected:?}"));
    }
    for (info, expected) in all.iter().zip(model.shards.values()) {
        let problem = differs_shard(store, info, expected);
        if problem.is_some() {
            return problem;
        }
    }
    let due = store.shards(true, None, 100).unwrap();
    let expected: Vec<_> = all.into_iter().filter(|s| s.row.state.is_due()).collect();
    if due != expected {
        return Some(format!("unsent {due:?}, not {expected:?}"));
    }
    let (count, bytes) = (
        store.progress().waiting_shards,
        store.progress().waiting_bytes,
    );
    assert_eq!(count, due.len() as u64);
    assert_eq!(bytes, due.iter().map(|shard| shard.row.size).sum::<u64>());
    let notes = store.notes("", None, 100).unwrap();
    let expected = model.notes.iter();
    let expected: Vec<_> = expected
        .map(|(k, v)| ((*k).to_owned(), v.as_bytes().to_vec()))
        .collect();
    (notes != expected).then(|| format!("notes {notes:?}, not {expected:?}"))
}

fn differs_shard(store: &Arc<Store>, info: &ShardInfo, expected: &Shard) -> Option<String> {
    let number = info.number;
    let step = store.step(number).unwrap();
    let commitment = store.commitment(number).ok();
    if (info.row.state, &step, &commitment)
        != (expected.state, &expected.step, &expected.commitment)
    {
        return Some(format!(
            "shard {number} is {:?} with {step:?}",
            info.row.state
        ));
    }
    let plane = if expected.is_data {
        Plane::Data
    } else {
        Plane::Catalog
    };
    assert_eq!((info.row.plane, info.row.window), (plane, 7));
    assert_eq!(
        *info.row.digest,
        sha256(&expected.car),
        "the digest of shard {number}"
    );
    assert_eq!(info.row.size, expected.car.len() as u64);
    let slots = store.entries(number, 0, 1000).unwrap();
    let slots: Vec<_> = slots
        .iter()
        .map(|slot| (slot.cid, slot.offset as usize, slot.length as usize))
        .collect();
    assert_eq!(slots, expected.blocks);
    None
}

/// Whatever is not on the network is here, what is to be sent can be read, and what the network
/// has is found there.
fn check_blocks(store: &Arc<Store>, model: &Model) {
    for (number, shard) in &model.shards {
        if shard.state == ShardState::Accepted {
            for (cid, offset, length) in &shard.blocks {
                let located = store.locate(cid).unwrap();
                assert_eq!(located.len(), 1, "{cid} is somewhere");
                assert_eq!(located[0].space, SPACE);
                let place = located[0].place;
                let car = &model.shards[&place.shard].car;
                let start = place.offset as usize;
                let bytes = &car[start..start + place.length as usize];
                assert!(cid.matches(bytes), "the place of {cid}");
                assert_eq!(bytes, &shard.car[*offset..offset + length]);
            }
        } else {
            assert_eq!(
                read_car(store, *number),
                Ok(shard.car.clone()),
                "shard {number}"
            );
        }
    }
    let network = model.network();
    for (name, log) in &model.logs {
        for (cid, bytes) in &log.live {
            match store.block(cid) {
                Ok(found) => assert_eq!(found, bytes),
                Err(_) => assert!(network.contains(cid), "{cid} of {name} is nowhere"),
            }
        }
        // What is only held was never shipped by itself.
        for (cid, bytes) in log.held.iter().flat_map(|(_, blocks)| blocks) {
            match store.block(cid) {
                Ok(found) => assert_eq!(found, bytes),
                Err(_) => assert!(network.contains(cid), "{cid}, held by {name}, is nowhere"),
            }
        }
    }
}

pub fn read_car(store: &Arc<Store>, number: u64) -> Result<Vec<u8>, StoreError> {
    let size = store.shard(number)?.row.size;
    read_part(store, number, 0, size)
}

pub fn read_part(
    store: &Arc<Store>,
    number: u64,
    offset: u64,
    length: u64,
) -> Result<Vec<u8>, StoreError> {
    let mut reader = store.read_shard(number, offset, length)?;
    let (mut out, mut piece) = (Vec::new(), Vec::new());
    while reader.next(&mut piece)? {
        assert!(!piece.is_empty());
        out.extend_from_slice(&piece);
    }
    assert_eq!(reader.left(), 0);
    Ok(out)
}
