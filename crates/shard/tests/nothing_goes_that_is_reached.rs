//! The rule by which segments go, against random histories of puts, copies, windows and held
//! pins: whatever a root reaches is here or on the network.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]
#![allow(clippy::indexing_slicing, missing_docs)]

use std::collections::{BTreeMap, BTreeSet};

use billet_segment::{SegmentRow, State};
use billet_shard::{Keep, Rank, Reach};

const LOGS: [&str; 4] = ["a", "b", "c", "d"];

/// SplitMix64.
struct Draw(u64);

impl Draw {
    fn below(&mut self, end: usize) -> usize {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        ((z ^ (z >> 31)) % end as u64) as usize
    }
}

type Block = u64;

#[derive(Default)]
struct Log {
    seq: u64,
    live: BTreeMap<usize, Block>,
    published: u64,
    /// A window under way: its seq and what it ships.
    window: Option<(u64, BTreeSet<Block>)>,
}

/// A pin with what it covers.
struct Pin {
    source: &'static str,
    live: BTreeMap<usize, Block>,
}

#[derive(Default)]
struct World {
    logs: BTreeMap<&'static str, Log>,
    segments: BTreeMap<u64, (SegmentRow, BTreeSet<Block>)>,
    network: BTreeSet<Block>,
    reach: Reach,
    pins: Vec<Pin>,
    blocks: Block,
    gone: usize,
}

impl World {
    fn log(&mut self, log: &'static str) -> &mut Log {
        self.logs.entry(log).or_default()
    }

    /// A put: a new block in the newest segment or a new one.
    fn put(&mut self, log: &'static str, key: usize, is_new_segment: bool) {
        self.blocks += 1;
        let block = self.blocks;
        let state = self.log(log);
        state.seq += 1;
        let seq = state.seq;
        state.live.insert(key, block);
        let newest = self.segments.keys().next_back().copied().unwrap_or(0);
        let number = newest + u64::from(is_new_segment || !self.segments.contains_key(&newest));
        let fresh = || (SegmentRow::new(State::Sealed), BTreeSet::new());
        let (row, blocks) = self.segments.entry(number).or_insert_with(fresh);
        row.logs.insert(log.to_owned(), seq);
        blocks.insert(block);
    }

    /// Takes over something that a pin covers.
    fn copy(&mut self, pin: &Pin, to: &'static str, key: usize) {
        let state = self.log(to);
        state.seq += 1;
        let seq = state.seq;
        if let Some(block) = pin.live.values().next() {
            state.live.insert(key, *block);
        }
        self.reach.adopted(pin.source, to, seq);
    }

    /// Pins are only known while they are held.
    fn reach_now(&self) -> Reach {
        let mut reach = self.reach.clone();
        self.pins.iter().for_each(|pin| reach.pinned(pin.source));
        reach
    }

    fn sweep(&mut self) {
        let reach = self.reach_now();
        let published = |log: &str| Ok::<_, ()>(self.logs.get(log).map_or(0, |log| log.published));
        let goes = self.segments.iter();
        let goes = goes.filter(|(_, (row, _))| reach.may_go(row, published).unwrap());
        let goes: Vec<_> = goes.map(|(number, _)| *number).collect();
        // The newest is the one that is still written.
        let newest = self.segments.keys().next_back().copied();
        for number in goes.into_iter().filter(|number| Some(*number) != newest) {
            self.segments.remove(&number);
            self.gone += 1;
        }
    }

    fn check(&self, history: &[String]) {
        let here: BTreeSet<_> = self
            .segments
            .values()
            .flat_map(|(_, blocks)| blocks)
            .collect();
        let live = self.logs.values().flat_map(|log| log.live.values());
        let pinned = self.pins.iter().flat_map(|pin| pin.live.values());
        for block in live.chain(pinned) {
            let is_somewhere = here.contains(block) || self.network.contains(block);
            assert!(is_somewhere, "{block} is lost:\n{}", history.join("\n"));
        }
    }

    fn step(&mut self, draw: &mut Draw) -> String {
        let log = LOGS[draw.below(4)];
        let key = draw.below(3);
        match draw.below(12) {
            0..4 => {
                let is_new_segment = draw.below(2) == 0;
                self.put(log, key, is_new_segment);
                format!("put {log} {key}, new segment {is_new_segment}")
            }
            4 => {
                let state = self.log(log);
                state.seq += 1;
                state.live.remove(&key);
                format!("delete {log} {key}")
            }
            5 => {
                let live = self.log(log).live.clone();
                self.pins.push(Pin { source: log, live });
                format!("pin {log}")
            }
            6 if !self.pins.is_empty() => {
                let pin = self.pins.swap_remove(draw.below(self.pins.len()));
                self.copy(&pin, log, key);
                format!("adopt a pin on {} by {log}", pin.source)
            }
            7 if !self.pins.is_empty() => {
                let pin = self.pins.swap_remove(draw.below(self.pins.len()));
                format!("drop a pin on {}", pin.source)
            }
            8 => {
                let state = self.log(log);
                let ships = state.live.values().copied().collect();
                state.window.get_or_insert((state.seq, ships));
                format!("begin a window of {log}")
            }
            9 | 10 => {
                let window = self.log(log).window.take();
                if let Some((seq, ships)) = window {
                    let log = self.log(log);
                    log.published = log.published.max(seq);
                    self.network.extend(ships);
                }
                format!("publish the window of {log}")
            }
            _ => {
                self.sweep();
                "sweep".to_owned()
            }
        }
    }
}

#[test]
fn random_histories_lose_nothing() {
    let mut gone = 0;
    for seed in 0..20_000 {
        let (mut world, mut draw) = (World::default(), Draw(seed));
        let mut history = vec![format!("seed {seed}")];
        for _ in 0..60 {
            history.push(world.step(&mut draw));
            world.check(&history);
        }
        gone += world.gone;
    }
    println!("{gone} segments went in 20,000 histories");
    assert!(gone > 10_000, "the rule lets segments go");
}

#[test]
fn a_copy_of_a_copy_keeps_what_its_source_dropped() {
    let mut row = SegmentRow::new(State::Sealed);
    row.logs.insert("a".to_owned(), 1);
    let mut reach = Reach::default();
    reach.adopted("a", "b", 4);
    reach.adopted("b", "c", 2);
    let may_go = |published: [(&str, u64); 3]| {
        let published = BTreeMap::from(published);
        reach
            .may_go(&row, |log| Ok::<_, ()>(published[log]))
            .unwrap()
    };
    assert!(!may_go([("a", 0), ("b", 9), ("c", 9)]));
    assert!(!may_go([("a", 1), ("b", 3), ("c", 9)]));
    assert!(!may_go([("a", 1), ("b", 4), ("c", 1)]));
    assert!(may_go([("a", 1), ("b", 4), ("c", 2)]));
}

#[test]
fn the_newest_are_kept_by_number_or_by_bytes() {
    let keep = Keep::Newest {
        segments: 2,
        bytes: 100,
    };
    let rank = |newer, bytes| Rank { newer, bytes };
    assert!(keep.keeps(rank(0, 500)) && keep.keeps(rank(1, 500)));
    assert!(keep.keeps(rank(2, 100)) && keep.keeps(rank(9, 100)));
    assert!(!keep.keeps(rank(2, 101)));
    assert!(Keep::All.keeps(rank(u64::MAX, u64::MAX)));
    let none = Keep::Newest {
        segments: 0,
        bytes: 0,
    };
    assert!(!none.keeps(rank(0, 1)));
}
