//! A store in memory that keeps every promise of the contract and checks that its caller does, too.
//! It must never forgive: a claim that is named wrongly or left behind fails the test.

#![allow(dead_code, unreachable_pub)]

use std::collections::{BTreeMap, BTreeSet};

use billet_block::{Cid, Codec};
use billet_bucket::{
    Abort, Assembler, Assembly, Blocked, Caches, Claim, Complete, Condition, CreateBucket,
    CreateUpload, Delete, Head, Kind, NamedPart, Need, Op, Outcome, Pin, Plan, Progress, Put,
    PutPart, Refusal, Row, Source, Standing, StoreError, Target, View, Walk, apply,
};
use billet_manifest::{Attributes, Checksum};
use billet_unixfs::Leaf;

pub const MIB: u32 = 1 << 20;
pub const SPACE: &str = "did:key:space";

/// A small generator; the same seed gives the same numbers.
pub struct Random(u64);

impl Random {
    pub fn new(seed: u64) -> Self {
        Self(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15))
    }

    pub fn below(&mut self, bound: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        usize::try_from(self.0 % bound as u64).unwrap()
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ClaimIs {
    Pending,
    Held,
    Adopted,
}

#[derive(Default)]
pub struct Log {
    pub head: Option<Head>,
    pub rows: BTreeMap<Vec<u8>, Vec<u8>>,
}

pub struct Store {
    pub blocks: BTreeMap<Cid, Vec<u8>>,
    pub logs: BTreeMap<String, Log>,
    pub claims: BTreeMap<Claim, ClaimIs>,
    /// Leaves by the claim of their body.
    leaves: BTreeMap<Claim, Vec<Cid>>,
    pub caches: Caches,
    pub now_ms: u64,
    /// Blocks that were asked for, in order.
    pub fetched: Vec<Cid>,
    pub rounds_count: usize,
    bodies_count: u32,
    claims_count: Claim,
}

impl Store {
    pub fn new() -> Self {
        Self {
            blocks: BTreeMap::new(),
            logs: BTreeMap::new(),
            claims: BTreeMap::new(),
            leaves: BTreeMap::new(),
            caches: Caches::new(1 << 20, 1 << 20),
            now_ms: 1_700_000_000_000,
            fetched: Vec::new(),
            rounds_count: 0,
            bodies_count: 0,
            claims_count: 0,
        }
    }

    fn claim(&mut self) -> Claim {
        self.claims_count += 1;
        let claim = self.claims_count;
        self.claims.insert(claim, ClaimIs::Pending);
        claim
    }

    /// A body of leaves of these lengths, all different from those of other bodies.
    pub fn body(&mut self, lengths: &[u32]) -> Source {
        self.bodies_count += 1;
        let body = self.bodies_count;
        let leaves: Vec<Leaf> = lengths
            .iter()
            .enumerate()
            .map(|(index, length)| Leaf {
                cid: Cid::of(Codec::Raw, format!("{body} {index}").as_bytes()),
                length: *length,
            })
            .collect();
        let claim = self.claim();
        self.leaves
            .insert(claim, leaves.iter().map(|leaf| leaf.cid).collect());
        Source {
            claim,
            size: lengths.iter().map(|length| u64::from(*length)).sum(),
            leaves,
            sha256: None,
        }
    }

    pub fn standing(&self, log: &str) -> Standing {
        let head = self.logs.get(log).and_then(|log| log.head.clone());
        Standing {
            log: log.to_owned(),
            now_ms: self.now_ms,
            head,
        }
    }

    pub fn head(&self, log: &str) -> Head {
        self.standing(log).head.unwrap()
    }

    fn supply(&mut self, log: &str, view: &mut View<'_>, need: Need) -> Result<(), StoreError> {
        assert!(!need.is_empty(), "nothing is needed");
        self.rounds_count += 1;
        let hints = need.hints.iter().map(|cid| (*cid, Kind::Node));
        for (cid, kind) in need.blocks.into_iter().chain(hints) {
            self.fetched.push(cid);
            let bytes = self.blocks.get(&cid).cloned();
            view.supply_block(cid, kind, bytes.ok_or(StoreError::NotFound))?;
        }
        let empty = BTreeMap::new();
        let rows = self.logs.get(log).map_or(&empty, |log| &log.rows);
        for key in need.rows {
            assert!(key.len() <= 1280, "a row's key of {} bytes", key.len());
            let value = rows.get(&key).cloned();
            view.supply_row(key, value);
        }
        for scan in need.scans {
            let found = rows.range(scan.prefix.clone()..);
            let found: Vec<Row> = found
                .take_while(|(key, _)| key.starts_with(&scan.prefix))
                .filter(|(key, _)| scan.after.as_ref().is_none_or(|after| *key > after))
                .take(scan.limit as usize)
                .map(|(key, value)| (key.clone(), value.clone()))
                .collect();
            view.supply_scan(scan, found);
        }
        for source in need.pins {
            let pin = match self.standing(&source).head {
                Some(head) => Ok(Pin {
                    claim: self.claim(),
                    head,
                }),
                None => Err(StoreError::NotFound),
            };
            view.supply_pin(source, pin);
        }
        Ok(())
    }

    /// Calls until there is an answer.
    pub fn run<T>(
        &mut self,
        log: &str,
        mut call: impl FnMut(&View<'_>) -> Result<T, Blocked>,
    ) -> Result<T, Refusal> {
        let caches = std::mem::replace(&mut self.caches, Caches::new(0, 0));
        let mut view = View::new(&caches);
        let answer = loop {
            match call(&view) {
                Ok(answer) => break Ok(answer),
                Err(Blocked::Failed(refusal)) => break Err(refusal),
                Err(Blocked::Need(need)) => {
                    if let Err(error) = self.supply(log, &mut view, need) {
                        break Err(error.into());
                    }
                }
            }
        };
        drop(view);
        self.caches = caches;
        answer
    }

    pub fn stage(&mut self, blocks: &[billet_block::Block]) -> Claim {
        let bytes: usize = blocks.iter().map(|block| block.bytes.len()).sum();
        assert!(bytes <= 4 << 20, "{bytes} bytes in a stage");
        for block in blocks {
            assert!(block.cid.matches(&block.bytes));
            self.blocks.insert(block.cid, block.bytes.clone());
        }
        self.claim()
    }

    pub fn plan(&mut self, log: &str, ops: &[Op]) -> Plan {
        let standing = self.standing(log);
        self.run(log, |view| apply(view, &standing, ops)).unwrap()
    }

    /// Plans, stages and commits.
    pub fn apply(&mut self, log: &str, ops: &[Op]) -> Vec<Result<Outcome, Refusal>> {
        let plan = self.plan(log, ops);
        let staged: Vec<Claim> = plan.stages.iter().map(|stage| self.stage(stage)).collect();
        if !plan.is_empty() {
            self.commit(log, &plan, &staged);
        }
        for claim in plan.release(&staged) {
            let was = self.claims.remove(&claim);
            assert_eq!(was, Some(ClaimIs::Pending), "claim {claim} is released");
        }
        plan.remember(&self.caches);
        self.check_claims();
        plan.outcomes
    }

    fn commit(&mut self, log: &str, plan: &Plan, staged: &[Claim]) {
        let commit = plan.commit(staged).unwrap();
        let named = commit
            .adopt
            .iter()
            .chain(&commit.hold)
            .chain(&commit.discard);
        let distinct: BTreeSet<_> = named.clone().collect();
        assert_eq!(distinct.len(), named.count(), "a claim is named twice");
        let mut become_of = |claims: &[Claim], is: Option<ClaimIs>| {
            for claim in claims {
                let was = self.claims.remove(claim);
                assert!(
                    matches!(was, Some(ClaimIs::Pending | ClaimIs::Held)),
                    "claim {claim} was {was:?}"
                );
                self.claims.extend(is.map(|is| (*claim, is)));
            }
        };
        become_of(&commit.adopt, Some(ClaimIs::Adopted));
        become_of(&commit.hold, Some(ClaimIs::Held));
        become_of(&commit.discard, None);
        let log = self.logs.entry(log.to_owned()).or_default();
        for (key, value) in commit.rows {
            match value {
                Some(value) => {
                    assert!(value.len() <= 4096);
                    log.rows.insert(key, value);
                }
                None => {
                    log.rows.remove(&key);
                }
            }
        }
        let before = log.head.take();
        let seq = before.as_ref().map_or(0, |head| head.seq) + 1;
        log.head = Some(match (commit.change, before) {
            (Some(change), before) => {
                assert!(before.is_none_or(|before| before.time_ms <= change.time_ms));
                Head {
                    space: change.space,
                    seq,
                    root: change.root,
                    state: change.state,
                    time_ms: change.time_ms,
                }
            }
            (None, Some(before)) => Head { seq, ..before },
            (None, None) => panic!("a log begins with a change"),
        });
    }

    /// Nothing is pending; what is held is what rows say, no less and no more.
    pub fn check_claims(&self) {
        use billet_manifest::{PartRow, UploadRow, Value as _};
        let mut held = BTreeSet::new();
        for (key, value) in self.logs.values().flat_map(|log| &log.rows) {
            match key.first() {
                Some(b'u') => held.extend(UploadRow::from_bytes(value).unwrap().claims),
                Some(b'p') => {
                    let row = PartRow::from_bytes(value).unwrap();
                    held.extend(row.claims);
                    held.insert(row.body);
                }
                _ => {}
            }
        }
        for (claim, is) in &self.claims {
            assert_eq!(held.contains(claim), *is == ClaimIs::Held, "{claim} {is:?}");
            assert_ne!(*is, ClaimIs::Pending, "claim {claim} was left behind");
        }
        for claim in held {
            assert_eq!(self.claims.get(&claim), Some(&ClaimIs::Held), "{claim}");
        }
    }

    /// Every block that a head reaches is there, and its leaves are adopted.
    pub fn check_closed(&mut self, log: &str) {
        let head = self.head(log);
        let adopted: BTreeSet<Cid> = self
            .leaves
            .iter()
            .filter(|(claim, _)| self.claims.get(claim) == Some(&ClaimIs::Adopted))
            .flat_map(|(_, leaves)| leaves.clone())
            .collect();
        for entry in self.walk(&[Target::Tree(head.root), Target::State(head.state)], &[]) {
            if entry.is_leaf {
                assert!(adopted.contains(&entry.cid), "a leaf of {:?}", entry.key);
            } else {
                assert!(self.blocks.contains_key(&entry.cid), "{:?}", entry.key);
            }
        }
    }

    pub fn walk(&mut self, targets: &[Target], minus: &[Target]) -> Vec<billet_bucket::Entry> {
        let mut walk = Walk::new(targets, minus);
        let mut entries = Vec::new();
        self.run("", |view| {
            while let Some(entry) = walk.next(view)? {
                entries.push(entry);
            }
            Ok(())
        })
        .unwrap();
        entries
    }

    pub fn create(&mut self, log: &str) {
        let done = self.apply(log, &[create_bucket()]);
        assert!(done[0].is_ok(), "{done:?}");
    }

    pub fn put(&mut self, key: &str, lengths: &[u32]) -> Op {
        let source = self.body(lengths);
        put(key, source)
    }

    pub fn assemble(
        &mut self,
        log: &str,
        key: &str,
        upload: &str,
        named: &[NamedPart],
    ) -> Result<Assembly, Refusal> {
        let mut assembler = self.run(log, |view| Assembler::new(view, key, upload, named))?;
        let mut claims = Vec::new();
        loop {
            let (file, made) = match self.run(log, |view| assembler.run(view))? {
                Progress::Stage(made) => (None, made),
                Progress::Done(file, made) => (Some(file), made),
            };
            if !made.is_empty() {
                claims.push(self.stage(&made));
            }
            if let Some(file) = file {
                return Ok(Assembly {
                    root: file.root,
                    size: file.size,
                    claims,
                    basis: assembler.basis().to_vec(),
                });
            }
        }
    }

    /// Begins an upload.
    pub fn begin(&mut self, log: &str, op: Op) -> String {
        let done = self.apply(log, &[op]).remove(0).unwrap();
        done.upload.unwrap()
    }

    pub fn put_part(&mut self, key: &str, upload: &str, number: u32, lengths: &[u32]) -> Op {
        let source = self.body(lengths);
        Op::PutPart(PutPart {
            key: key.to_owned(),
            upload: upload.to_owned(),
            number,
            etag: etag_of(&source),
            source,
            checksums: Vec::new(),
        })
    }
}

pub fn create_bucket() -> Op {
    Op::CreateBucket(CreateBucket {
        owner: "owner".to_owned(),
        owner_name: "name".to_owned(),
        region: "us-east-1".to_owned(),
        space: SPACE.to_owned(),
    })
}

/// A stand-in for an MD5 that differs from body to body.
pub fn etag_of(source: &Source) -> String {
    format!("{:032x}", source.claim)
}

pub fn put(key: &str, source: Source) -> Op {
    put_if(key, source, Vec::new())
}

pub fn put_if(key: &str, source: Source, conditions: Vec<Condition>) -> Op {
    Op::Put(Put {
        key: key.to_owned(),
        etag: etag_of(&source),
        source,
        attributes: Attributes::default(),
        checksums: Vec::new(),
        conditions,
    })
}

pub fn delete(key: &str) -> Op {
    delete_if(key, Vec::new())
}

pub fn delete_if(key: &str, conditions: Vec<Condition>) -> Op {
    Op::Delete(Delete {
        key: key.to_owned(),
        conditions,
    })
}

pub fn copy(key: &str, source_log: &str, source_key: &str) -> Op {
    Op::Copy(billet_bucket::Copy {
        key: key.to_owned(),
        source_log: source_log.to_owned(),
        source_key: source_key.to_owned(),
        source_conditions: Vec::new(),
        attributes: None,
        conditions: Vec::new(),
    })
}

pub fn create_upload(key: &str) -> Op {
    Op::CreateUpload(CreateUpload {
        key: key.to_owned(),
        owner: "owner".to_owned(),
        owner_name: "name".to_owned(),
        attributes: Attributes::default(),
        algorithm: None,
        kind: None,
    })
}

pub fn named(op: &Op) -> NamedPart {
    let Op::PutPart(part) = op else {
        panic!("no part")
    };
    NamedPart {
        number: part.number,
        etag: part.etag.clone(),
        checksums: part.checksums.clone(),
    }
}

pub fn complete(key: &str, upload: &str, parts: Vec<NamedPart>, assembly: Assembly) -> Op {
    Op::Complete(Complete {
        key: key.to_owned(),
        upload: upload.to_owned(),
        parts,
        assembly,
        checksum: None::<Checksum>,
        size: None,
        conditions: Vec::new(),
    })
}

pub fn abort(key: &str, upload: &str) -> Op {
    Op::Abort(Abort {
        key: key.to_owned(),
        upload: upload.to_owned(),
        started_ms: None,
    })
}
