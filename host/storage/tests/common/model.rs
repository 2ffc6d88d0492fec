//! What must be in the store after anything: a model that is kept beside it.
//!
//! Must never look into the store for what it expects. The one ambiguity it allows: a commit that
//! was under way when the process died is wholly there or wholly not.

use std::collections::BTreeMap;
use std::sync::Arc;

use billet_block::{Cid, Codec};
use billet_segment::CLAIM_AGE_MAX_MS;
use billet_storage::sim::Sim;
use billet_storage::{ClaimId, CommitRequest, Config, RowChange, State, Store, StoreError};
use bytes::Bytes;
use serde_bytes::ByteBuf;

use super::{SPACE, change, leaf, node, write_body};

pub type Leaves = Vec<(Cid, Bytes)>;

/// A log as it must be.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct LogState {
    pub seq: u64,
    pub commit: Option<Cid>,
    pub root: Option<Cid>,
    pub state: Option<Cid>,
    pub time_ms: u64,
    pub rows: BTreeMap<Vec<u8>, Vec<u8>>,
    pub held: BTreeMap<String, (ClaimId, Leaves)>,
    pub live: BTreeMap<Cid, Bytes>,
}

/// What a workload is made of. Texts are names of logs, bodies and parts.
#[derive(Clone, Debug)]
pub enum Op {
    Put {
        log: &'static str,
        name: &'static str,
        bytes: usize,
    },
    Hold {
        log: &'static str,
        part: &'static str,
    },
    HoldBlock {
        log: &'static str,
        part: &'static str,
    },
    Complete {
        log: &'static str,
        part: &'static str,
    },
    Abort {
        log: &'static str,
        part: &'static str,
    },
    Row {
        log: &'static str,
        key: &'static str,
        value: Option<&'static str>,
    },
    /// The root becomes the empty one, the state another: a bucket deleted or made.
    State {
        log: &'static str,
        state: &'static str,
    },
    Copy {
        from: &'static str,
        to: &'static str,
    },
    /// One commit a log, all in one group.
    Group(&'static [(&'static str, &'static str)]),
    DropBody {
        name: &'static str,
        bytes: usize,
    },
    BigStage {
        log: &'static str,
        name: &'static str,
    },
    Later {
        ms: u64,
    },
    Tick,
    Close,
    Reopen,
}

/// Why a workload ended early.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stop {
    Dead,
    Fatal,
}

/// A store, the machine it runs on and what it must hold.
pub struct Runner {
    pub sim: Sim,
    pub config: Config,
    pub store: Option<Arc<Store>>,
    pub acked: BTreeMap<String, LogState>,
    /// What commits under way would make of their logs.
    pub underway: Vec<(String, LogState)>,
    pub now_ms: u64,
    pub refused: usize,
}

type Planned = (CommitRequest, LogState);

impl Runner {
    pub fn new(sim: Sim, config: Config) -> Self {
        let (acked, underway) = (BTreeMap::new(), Vec::new());
        let now_ms = 1_000_000;
        sim.set_now_ms(now_ms);
        Self {
            sim,
            config,
            store: None,
            acked,
            underway,
            now_ms,
            refused: 0,
        }
    }

    pub fn run(&mut self, ops: &[Op]) -> Result<(), Stop> {
        if self.store.is_none() {
            self.reopen()?;
        }
        for op in ops {
            self.step(op)?;
        }
        Ok(())
    }

    fn reopen(&mut self) -> Result<(), Stop> {
        self.store = None;
        match Store::open(self.config.clone(), self.sim.effects()) {
            Ok(store) => {
                self.store = Some(store);
                Ok(())
            }
            Err(_) if self.sim.is_dead() => Err(Stop::Dead),
            Err(error) => panic!("does not open: {error}"),
        }
    }

    fn store(&self) -> Arc<Store> {
        Arc::clone(self.store.as_ref().unwrap())
    }

    /// `Ok(None)` for a call that failed without ending the process.
    fn check<T>(&mut self, result: Result<T, StoreError>) -> Result<Option<T>, Stop> {
        match result {
            Ok(value) => Ok(Some(value)),
            Err(_) if self.sim.is_dead() => Err(Stop::Dead),
            Err(StoreError::Fatal(_)) => Err(Stop::Fatal),
            Err(_) => {
                self.refused += 1;
                self.underway.clear();
                Ok(None)
            }
        }
    }

    fn step(&mut self, op: &Op) -> Result<(), Stop> {
        let store = self.store();
        match op {
            Op::Later { ms } => {
                self.now_ms += ms;
                self.sim.set_now_ms(self.now_ms);
            }
            Op::Tick => {
                let result = store.tick();
                self.check(result)?;
            }
            Op::Close => {
                let result = store.close();
                self.check(result)?;
            }
            Op::Reopen => {
                drop(store);
                self.reopen()?;
            }
            Op::DropBody { name, bytes } => {
                let (cid, content) = leaf(name, *bytes);
                let begun = store.begin_body(SPACE);
                let result = begun.and_then(|mut body| body.append(cid, &content));
                self.check(result)?;
            }
            Op::Group(commits) => {
                let mut planned = Vec::new();
                for (log, name) in *commits {
                    let result = self.plan_put(log, name, 60);
                    planned.extend(self.check(result)?);
                }
                self.commit(planned)?;
            }
            op => {
                let result = self.plan(op);
                if let Some(planned) = self.check(result)? {
                    self.commit(vec![planned])?;
                }
            }
        }
        Ok(())
    }

    fn commit(&mut self, planned: Vec<Planned>) -> Result<(), Stop> {
        let (requests, states): (Vec<_>, Vec<_>) = planned.into_iter().unzip();
        let logs: Vec<_> = requests.iter().map(|request| request.log.clone()).collect();
        self.underway = logs.iter().cloned().zip(states.clone()).collect();
        let results = self.store().commit_group(requests);
        assert_eq!(results.len(), logs.len(), "an answer for each");
        for ((log, mut state), result) in logs.into_iter().zip(states).zip(results) {
            if let Some(committed) = {
                let underway = self.underway.clone();
                let answer = self.check(result)?;
                self.underway = underway;
                answer
            } {
                assert_eq!(committed.seq, state.seq, "seq counts commits");
                state.commit = Some(committed.commit);
                self.acked.insert(log.clone(), state);
            }
            self.underway.retain(|(other, _)| *other != log);
        }
        Ok(())
    }

    fn begin(&self, log: &str) -> Planned {
        let before = self.acked.get(log).cloned().unwrap_or_default();
        let request = CommitRequest {
            log: log.to_owned(),
            expect: before.commit,
            ..CommitRequest::default()
        };
        let after = LogState {
            seq: before.seq + 1,
            commit: None,
            ..before
        };
        (request, after)
    }

    fn set_root(&self, planned: &mut Planned, root: Cid, state: Cid) {
        let time_ms = self.now_ms.max(planned.1.time_ms);
        planned.0.change = change(root, state, time_ms);
        let after = &mut planned.1;
        (after.root, after.state, after.time_ms) = (Some(root), Some(state), time_ms);
    }

    fn stage(&self, planned: &mut Planned, blocks: Leaves) -> Result<ClaimId, StoreError> {
        let claim = self.store().stage(SPACE, blocks.clone())?;
        planned.1.live.extend(blocks);
        Ok(claim)
    }

    fn plan_put(&self, log: &str, name: &str, bytes: usize) -> Result<Planned, StoreError> {
        let mut planned = self.begin(log);
        let leaves = vec![leaf(name, bytes), leaf("shared", 40)];
        let body = write_body(&self.store(), &leaves)?;
        planned.1.live.extend(leaves);
        let blocks = vec![node(name), node("state")];
        self.set_root(&mut planned, blocks[0].0, blocks[1].0);
        let staged = self.stage(&mut planned, blocks)?;
        planned.0.adopt = vec![body, staged];
        Ok(planned)
    }

    fn plan(&self, op: &Op) -> Result<Planned, StoreError> {
        match op {
            Op::Put { log, name, bytes } => self.plan_put(log, name, *bytes),
            Op::Hold { log, part } | Op::HoldBlock { log, part } => {
                let mut planned = self.begin(log);
                let (claim, blocks) = if matches!(op, Op::Hold { .. }) {
                    let blocks = vec![leaf(part, 90)];
                    (write_body(&self.store(), &blocks)?, blocks)
                } else {
                    let blocks = vec![node(part)];
                    (self.store().stage(SPACE, blocks.clone())?, blocks)
                };
                set_row(&mut planned, part, Some(&claim.to_le_bytes()));
                planned.0.hold = vec![claim];
                planned.1.held.insert((*part).to_owned(), (claim, blocks));
                Ok(planned)
            }
            Op::Complete { log, part } => {
                let mut planned = self.begin(log);
                let blocks = vec![node("completed"), node("state")];
                self.set_root(&mut planned, blocks[0].0, blocks[1].0);
                let staged = self.stage(&mut planned, blocks)?;
                planned.0.adopt.push(staged);
                set_row(&mut planned, part, None);
                if let Some((claim, blocks)) = planned.1.held.remove(*part) {
                    planned.0.adopt.push(claim);
                    planned.1.live.extend(blocks);
                }
                Ok(planned)
            }
            Op::Abort { log, part } => {
                let mut planned = self.begin(log);
                set_row(&mut planned, part, None);
                if let Some((claim, _)) = planned.1.held.remove(*part) {
                    planned.0.discard.push(claim);
                }
                Ok(planned)
            }
            op => self.plan_other(op),
        }
    }

    fn plan_other(&self, op: &Op) -> Result<Planned, StoreError> {
        match op {
            Op::Row { log, key, value } => {
                let mut planned = self.begin(log);
                set_row(&mut planned, key, value.map(str::as_bytes));
                Ok(planned)
            }
            Op::State { log, state } => {
                let mut planned = self.begin(log);
                let blocks = vec![node("empty"), node(state)];
                self.set_root(&mut planned, blocks[0].0, blocks[1].0);
                let staged = self.stage(&mut planned, blocks)?;
                planned.0.adopt = vec![staged];
                Ok(planned)
            }
            Op::Copy { from, to } => {
                let mut planned = self.begin(to);
                let (pin, head) = self.store().pin(from)?;
                self.set_root(&mut planned, head.root, head.state);
                planned.0.adopt = vec![pin];
                Ok(planned)
            }
            Op::BigStage { log, name } => {
                let mut planned = self.begin(log);
                let big: Vec<_> = (0..3).map(|n| big_block(name, n)).collect();
                let root = node(name);
                self.set_root(&mut planned, root.0, root.0);
                let staged = self.stage(&mut planned, big)?;
                let root = self.stage(&mut planned, vec![root])?;
                planned.0.adopt = vec![staged, root];
                Ok(planned)
            }
            op => panic!("{op:?} is no commit"),
        }
    }

    /// Opens the store on `sim` and checks that it holds what it must; the model then knows which
    /// of the commits under way are there.
    pub fn check_image(&self, sim: Sim) -> Self {
        // The clock may have stepped back.
        sim.set_now_ms(self.now_ms - 100_000);
        let store = Store::open(self.config.clone(), sim.effects()).expect("opens after a crash");
        let mut acked = self.acked.clone();
        let logs = self
            .acked
            .keys()
            .chain(self.underway.iter().map(|(log, _)| log));
        for log in logs.cloned().collect::<std::collections::BTreeSet<_>>() {
            let found = self.find_state(&store, &log);
            acked.insert(log, found);
        }
        acked.retain(|_, state| state.seq > 0);
        let damage = &store.recovery().damage;
        assert_eq!(damage, &[], "nothing was damaged");
        let mut found: Vec<billet_storage::Finding> = Vec::new();
        store.check(&|_| Ok(sim.files()), &mut found).unwrap();
        found.retain(|finding| finding.kind.is_damage());
        assert_eq!(found, [], "I4 and all else: nothing is wrong after a crash");
        let closed = store
            .segments()
            .iter()
            .all(|segment| segment.state == State::Sealed);
        assert!(closed, "all is closed: {:?}", store.segments());
        let underway = Vec::new();
        let (config, now_ms) = (self.config.clone(), self.now_ms);
        Self {
            sim,
            config,
            store: Some(store),
            acked,
            underway,
            now_ms,
            refused: 0,
        }
    }

    fn find_state(&self, store: &Store, log: &str) -> LogState {
        let standing = store.head(log).unwrap();
        let underway = self.underway.iter().filter(|(other, _)| other == log);
        let default = LogState::default();
        let acked = self.acked.get(log).unwrap_or(&default);
        let allowed: Vec<_> = std::iter::once(acked)
            .chain(underway.map(|(_, s)| s))
            .collect();
        let Some(head) = standing.newest else {
            assert_eq!(acked.seq, 0, "I1: {log} lost all of its commits");
            return default;
        };
        let found = allowed.iter().find(|state| {
            (state.seq, state.root, state.state, state.time_ms)
                == (head.seq, Some(head.root), Some(head.state), head.time_ms)
        });
        let Some(found) = found else {
            panic!("I1, I2: {log} is at {head:?}, allowed: {allowed:?}");
        };
        assert!(standing.now_ms >= head.time_ms, "I7: time goes back");
        if let Some(commit) = found.commit {
            assert_eq!(commit, head.commit, "the record is the one acknowledged");
        }
        let rows = store.rows(log, b"", None, 1000).unwrap();
        let expected: Vec<_> = found.rows.clone().into_iter().collect();
        assert_eq!(rows, expected, "I2: rows of {log} at {}", head.seq);
        let held = found.held.values().flat_map(|(_, blocks)| blocks.clone());
        for (cid, bytes) in found.live.clone().into_iter().chain(held) {
            assert_eq!(
                store.block(&cid).as_ref(),
                Ok(&bytes),
                "I3: a block of {log}"
            );
            // A body's block was read just now, so its table is in memory.
            let mut out = Vec::with_capacity(bytes.len());
            let now = store.read_leaf_now(&cid, &mut out);
            assert!(now || cid.codec() != Codec::Raw, "I3: {cid} at once");
            assert!(!now || out == bytes, "I3: a block of {log}, at once");
            assert!(store.block_now(&cid).is_none_or(|found| found == bytes));
        }
        LogState {
            commit: Some(head.commit),
            ..(*found).clone()
        }
    }

    /// Checks the running store against the model.
    pub fn check_now(&self) {
        let store = self.store();
        for log in self.acked.keys() {
            self.find_state(&store, log);
        }
        assert_eq!(store.audit(&self.sim.files()).unwrap(), [], "I4");
    }

    /// What held claims of `log` there are.
    pub fn claims(&self) -> Vec<ClaimId> {
        self.acked
            .values()
            .flat_map(|s| s.held.values().map(|(claim, _)| *claim))
            .collect()
    }
}

fn set_row(planned: &mut Planned, key: &str, value: Option<&[u8]>) {
    let key = key.as_bytes().to_vec();
    let row = value.map(|value| ByteBuf::from(value.to_vec()));
    planned.0.rows.push(RowChange {
        key: ByteBuf::from(key.clone()),
        value: row,
    });
    match value {
        Some(value) => planned.1.rows.insert(key, value.to_vec()),
        None => planned.1.rows.remove(&key),
    };
}

fn big_block(name: &str, number: usize) -> (Cid, Bytes) {
    let mut bytes = format!("{name}{number}").into_bytes();
    bytes.resize(3 << 19, 7);
    (
        Cid::of(billet_block::Codec::Raw, &bytes),
        Bytes::from(bytes),
    )
}

const fn put(log: &'static str, name: &'static str, bytes: usize) -> Op {
    Op::Put { log, name, bytes }
}

const fn hold(log: &'static str, part: &'static str) -> Op {
    Op::Hold { log, part }
}

const fn complete(log: &'static str, part: &'static str) -> Op {
    Op::Complete { log, part }
}

const fn row(log: &'static str, key: &'static str, value: Option<&'static str>) -> Op {
    Op::Row { log, key, value }
}

const fn state(log: &'static str, state: &'static str) -> Op {
    Op::State { log, state }
}

const fn dropped(name: &'static str, bytes: usize) -> Op {
    Op::DropBody { name, bytes }
}

/// Every kind of commit, sealing, closing and opening again, in few calls.
pub fn workload() -> Vec<Op> {
    vec![
        state("a", "live"),
        put("a", "one", 300),
        put("b", "two", 700),
        hold("a", "p1"),
        row("a", "k", Some("v1")),
        Op::Group(&[("a", "g1"), ("b", "g2"), ("c", "g3")]),
        dropped("gone", 900),
        Op::HoldBlock {
            log: "b",
            part: "p2",
        },
        put("a", "one", 300),
        row("a", "k", Some("v2")),
        hold("a", "p3"),
        complete("a", "p1"),
        state("a", "dead"),
        Op::Later { ms: 1000 },
        state("a", "live"),
        Op::Copy { from: "b", to: "d" },
        dropped("gone too", 2500),
        dropped("gone in a segment of its own", 2500),
        Op::Abort {
            log: "a",
            part: "p3",
        },
        Op::Tick,
        Op::Close,
        put("c", "three", 1200),
        row("a", "k", None),
        Op::Reopen,
        complete("b", "p2"),
        Op::Later {
            ms: CLAIM_AGE_MAX_MS + 1,
        },
        Op::Tick,
        put("a", "last", 10),
    ]
}

/// What must still work after any crash.
pub fn afterwards() -> Vec<Op> {
    vec![
        put("a", "afterwards", 200),
        complete("a", "p1"),
        complete("b", "p2"),
        Op::Abort {
            log: "a",
            part: "p3",
        },
        row("d", "x", Some("y")),
        put("d", "afterwards", 200),
        Op::Close,
    ]
}
