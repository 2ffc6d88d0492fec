//! The body that parts make is the file of all their leaves in order, staged in pages.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    missing_docs
)]

mod common;

use billet_bucket::{Op, spans};
use billet_unixfs::{Builder, Leaf};
use common::{MIB, Random, Store, complete, create_upload, named};

const LOG: &str = "photos";

fn check(shapes: &[Vec<u32>]) {
    let mut store = Store::new();
    store.create(LOG);
    let upload = store.begin(LOG, create_upload("k"));
    let mut leaves: Vec<Leaf> = Vec::new();
    let mut parts = Vec::new();
    for (number, lengths) in (1..).zip(shapes) {
        let op = store.put_part("k", &upload, number, lengths);
        let Op::PutPart(part) = &op else { panic!() };
        leaves.extend(&part.source.leaves);
        parts.push(named(&op));
        assert!(store.apply(LOG, &[op])[0].is_ok());
    }
    store.caches = billet_bucket::Caches::new(0, 0);
    let body = store.assemble(LOG, "k", &upload, &parts).unwrap();
    let mut builder = Builder::new();
    for leaf in &leaves {
        builder.push(*leaf).unwrap();
    }
    let (root, _) = builder.finish().unwrap();
    assert_eq!((body.root, body.size), (root.cid, root.size));
    let done = store.apply(LOG, &[complete("k", &upload, parts, body)]);
    assert!(done[0].is_ok(), "{done:?}");
    store.check_closed(LOG);
    let found = store
        .run(LOG, |view| spans(view, root.cid, 0, root.size, usize::MAX))
        .unwrap();
    let found: Vec<_> = found.iter().map(|span| (span.cid, span.length)).collect();
    let whole = leaves.iter().filter(|leaf| leaf.length > 0);
    let whole: Vec<_> = whole
        .map(|leaf| (leaf.cid, u64::from(leaf.length)))
        .collect();
    assert_eq!(found, whole);
}

#[test]
fn roots_are_those_of_one_builder() {
    check(&[vec![]]);
    check(&[vec![1]]);
    check(&[vec![MIB; 5], vec![]]);
    check(&[vec![MIB; 1025], vec![MIB; 1024], vec![7]]);
    let mut random = Random::new(7);
    for _ in 0..10 {
        let count = 1 + random.below(30);
        let shapes: Vec<Vec<u32>> = (0..count)
            .map(|_| {
                let mut lengths = vec![MIB; 5 + random.below(200)];
                lengths.push(1 + u32::try_from(random.below(1 << 20)).unwrap());
                lengths
            })
            .collect();
        check(&shapes);
    }
}
