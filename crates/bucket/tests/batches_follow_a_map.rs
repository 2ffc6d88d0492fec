//! Random lists of ops against a plain map: outcomes, content, root; the same ops one by one; and
//! never a claim left behind or a block missing.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    missing_docs
)]

mod common;

use std::collections::BTreeMap;

use billet_block::Cid;
use billet_bucket::{Condition, Op, Outcome, Refusal, find};
use billet_manifest::Value as _;
use common::{Random, Store, copy, create_bucket, delete_if, put_if};

const LOG: &str = "photos";

/// What a bucket is: none when there is none, else its keys with their ETags.
type Model = Option<BTreeMap<String, String>>;

fn check(conditions: &[Condition], etag: Option<&String>) -> Result<(), Refusal> {
    for condition in conditions {
        match condition {
            Condition::IfMatch(etags) => match etag {
                None => return Err(Refusal::NoSuchKey),
                Some(etag) if etags.contains(etag) || etags.contains(&"*".to_owned()) => {}
                Some(_) => return Err(Refusal::PreconditionFailed("If-Match")),
            },
            Condition::IfNoneMatch(etags) => {
                let is = |etag: &String| etags.contains(etag) || etags.contains(&"*".to_owned());
                if etag.is_some_and(is) {
                    return Err(Refusal::PreconditionFailed("If-None-Match"));
                }
            }
            _ => {}
        }
    }
    Ok(())
}

fn expect(model: &mut Model, op: &Op) -> Result<bool, Refusal> {
    match (op, &mut *model) {
        (Op::CreateBucket(_), Some(_)) => Err(Refusal::BucketExists("owner".to_owned())),
        (Op::CreateBucket(_), model) => {
            *model = Some(BTreeMap::new());
            Ok(false)
        }
        (_, None) => Err(Refusal::NoSuchBucket),
        (Op::DeleteBucket, Some(keys)) if !keys.is_empty() => Err(Refusal::BucketNotEmpty),
        (Op::DeleteBucket, model) => {
            *model = None;
            Ok(false)
        }
        (Op::Put(put), Some(keys)) => {
            check(&put.conditions, keys.get(&put.key))?;
            Ok(keys.insert(put.key.clone(), put.etag.clone()).is_some())
        }
        (Op::Delete(delete), Some(keys)) => {
            check(&delete.conditions, keys.get(&delete.key))?;
            Ok(keys.remove(&delete.key).is_some())
        }
        (Op::Copy(copy), Some(keys)) => {
            let etag = keys.get(&copy.source_key).cloned();
            let etag = etag.ok_or(Refusal::NoSuchSource)?;
            Ok(keys.insert(copy.key.clone(), etag).is_some())
        }
        _ => panic!("not in this test"),
    }
}

fn random_op(random: &mut Random, store: &mut Store, model: &Model) -> Op {
    let key = format!("k/{}", random.below(24));
    let some = model.iter().flat_map(|keys| keys.values());
    let etag = some.last().cloned().unwrap_or_default();
    let conditions = match random.below(6) {
        0 => vec![Condition::IfNoneMatch(vec!["*".to_owned()])],
        1 => vec![Condition::IfMatch(vec![etag])],
        2 => vec![Condition::IfMatch(vec!["*".to_owned()])],
        _ => Vec::new(),
    };
    match random.below(20) {
        0 => create_bucket(),
        1 => Op::DeleteBucket,
        2..9 => {
            let lengths = [[9].as_slice(), &[], &[1 << 20, 5], &[7, 7, 7]];
            let source = store.body(lengths[random.below(lengths.len())]);
            put_if(&key, source, conditions)
        }
        9..12 => copy(&key, LOG, &format!("k/{}", random.below(24))),
        _ => delete_if(&key, conditions),
    }
}

fn content(store: &mut Store) -> BTreeMap<String, Cid> {
    let root = store.head(LOG).root;
    let query = billet_bucket::Query {
        limit: usize::MAX,
        ..Default::default()
    };
    let mut listing = billet_bucket::ObjectListing::new(root, query);
    store.run(LOG, |view| listing.run(view)).unwrap();
    let lines = listing.finish().0.into_iter();
    lines
        .map(|line| match line {
            billet_bucket::Line::Object(key, cid) => (key, cid),
            billet_bucket::Line::Prefix(prefix) => panic!("{prefix} is no key"),
        })
        .collect()
}

fn run(seed: u64) {
    println!("seed {seed}");
    let mut random = Random::new(seed);
    let (mut store, mut single) = (Store::new(), Store::new());
    let mut model: Model = None;
    for _ in 0..60 {
        store.now_ms += 1;
        single.now_ms += 1;
        let mut decided = model.clone();
        let count = 1 + random.below(12);
        let ops: Vec<Op> = (0..count)
            .map(|_| {
                let op = random_op(&mut random, &mut store, &decided);
                let _ = expect(&mut decided, &op);
                op
            })
            .collect();
        let expected: Vec<_> = ops.iter().map(|op| expect(&mut model, op)).collect();
        let done = store.apply(LOG, &ops);
        let existed =
            |outcome: &Result<Outcome, Refusal>| outcome.clone().map(|outcome| outcome.existed);
        assert_eq!(
            done.iter().map(existed).collect::<Vec<_>>(),
            expected,
            "{ops:?}"
        );

        let alone: Vec<_> = ops
            .iter()
            .flat_map(|op| {
                let mut op = op.clone();
                if let Op::Put(put) = &mut op {
                    // The other store has claims of its own, the body is the same.
                    put.source.claim = single.body(&[]).claim;
                }
                single.apply(LOG, &[op])
            })
            .collect();
        assert_eq!(alone.iter().map(existed).collect::<Vec<_>>(), expected);

        let Some(head) = store.standing(LOG).head else {
            continue;
        };
        let other = single.head(LOG);
        assert_eq!((head.root, head.state), (other.root, other.state));
        let listed = content(&mut store);
        let keys = model.clone().unwrap_or_default();
        assert!(listed.keys().eq(keys.keys()));
        let rebuilt = billet_tree::build(listed, |_| {}).unwrap();
        assert_eq!(head.root, rebuilt);
        store.check_closed(LOG);
        for (key, etag) in &keys {
            let object = store.run(LOG, |view| find(view, &head, key)).unwrap();
            assert_eq!((&object.key, &object.etag), (key, etag));
            assert!(object.to_bytes().is_ok());
        }
    }
}

#[test]
fn outcomes_content_and_roots_are_those_of_a_map() {
    for seed in 1..=12 {
        run(seed);
    }
}
