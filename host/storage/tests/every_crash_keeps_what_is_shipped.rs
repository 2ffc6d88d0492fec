//! Crashes before and after every call while shards are packed, sent, accepted, published and
//! segments retire; each image is compared with a model and drained afterwards.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]
#![allow(clippy::indexing_slicing, missing_docs)]

mod common;

use billet_storage::sim::{Fault, Plan, Sim, Survivors};
use billet_storage::{Config, Keep, Plane, Retain};
use common::shipping::{Dead, Op, Shipper};
use common::small;

const IMAGES: [Survivors; 3] = [Survivors::None, Survivors::All, Survivors::Some(5)];

const fn put(log: &'static str, name: &'static str) -> Op {
    Op::Put { log, name }
}

fn config(seal_bytes: u64, catalog: Keep) -> Config {
    let retain = Retain {
        data: NONE,
        catalog,
        ..Retain::default()
    };
    Config {
        retain,
        ..small(seal_bytes)
    }
}

const NONE: Keep = Keep::Newest {
    segments: 0,
    bytes: 0,
};

/// A window of two logs, one of which was copied, with an upload left open; then another.
fn workload() -> Vec<Op> {
    let pack = |log, plane| Op::Pack { log, plane };
    vec![
        put("a", "one"),
        put("b", "two"),
        Op::Hold {
            log: "a",
            part: "part",
        },
        Op::Copy { from: "b", to: "c" },
        Op::HoldAll {
            log: "a",
            from: "c",
        },
        Op::Note("window", Some("1")),
        pack("a", Plane::Data),
        Op::Step("allocated"),
        Op::Step("put"),
        pack("b", Plane::Data),
        Op::Accept,
        pack("a", Plane::Catalog),
        put("a", "overwritten"),
        put("b", "three"),
        Op::Accept,
        Op::Reopen,
        Op::Accept,
        Op::Publish { log: "a" },
        Op::Publish { log: "b" },
        Op::Tick,
        pack("b", Plane::Data),
        pack("b", Plane::Catalog),
        Op::Forget,
        Op::Step("again"),
        Op::Accept,
        pack("b", Plane::Data),
        Op::Accept,
        Op::Publish { log: "b" },
        Op::Note("window", None),
        Op::Tick,
        Op::Discard { log: "a" },
        pack("c", Plane::Data),
        pack("c", Plane::Catalog),
        Op::Accept,
        Op::Accept,
        Op::Publish { log: "c" },
        Op::Later,
        Op::Tick,
    ]
}

fn crash_everywhere(config: &Config) {
    let ops = workload();
    let mut whole = Shipper::new(Sim::new(), config.clone());
    whole.run(&ops).unwrap();
    whole.check_now();
    let calls = whole.sim.calls();
    let mut images = 0;
    for at in 0..calls {
        for fault in [Fault::CrashBefore, Fault::CrashAfter] {
            let mut crashed = Shipper::new(Sim::new(), config.clone());
            let is_lasting = false;
            crashed.sim.plan(Some(Plan {
                at,
                fault,
                is_lasting,
            }));
            if crashed.run(&ops).is_ok() {
                // Files beside a segment are best effort, and the last calls of all.
                assert!(crashed.sim.is_dead(), "dies at call {at}");
            }
            crashed.store = None;
            for image in IMAGES {
                let mut found = crashed.check_image(crashed.sim.image(image));
                assert_eq!(found.drain(), Ok::<(), Dead>(()));
                found.check_now();
                let left = found.data_segments();
                assert_eq!(left, [], "all bodies went after {at} {fault:?} {image:?}");
                images += 1;
            }
        }
    }
    println!("{calls} calls, {images} images");
    assert!(calls > 100);
}

#[test]
fn with_segments_that_seal_often() {
    crash_everywhere(&config(1000, Keep::All));
}

#[test]
fn with_segments_that_are_closed_to_go() {
    crash_everywhere(&config(1 << 20, Keep::All));
}

#[test]
fn with_a_catalog_that_goes_too() {
    crash_everywhere(&config(1000, NONE));
}
