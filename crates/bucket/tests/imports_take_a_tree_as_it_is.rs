//! An imported tree becomes a bucket with the very same root, the settings of the state that came
//! with it and another owner; a name that is taken, and other ops beside it, are refused.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    missing_docs
)]

mod common;

use billet_block::Block;
use billet_bucket::{Claim, CreateBucket, Head, ImportRoot, Op, Refusal, Target};
use billet_manifest::{State, Value as _};
use billet_tree::empty_root;
use common::{SPACE, Store, delete};

fn import(head: &Head, claims: Vec<Claim>) -> Op {
    Op::ImportRoot(ImportRoot {
        bucket: CreateBucket {
            owner: "somebody".to_owned(),
            owner_name: "else".to_owned(),
            region: "eu-west-1".to_owned(),
            space: SPACE.to_owned(),
        },
        root: head.root,
        state: Some(head.state),
        claims,
    })
}

/// Stages all that a bucket reaches in another store; its leaves are not looked at here.
fn carried(store: &mut Store, mut other: Store) -> (Store, Vec<Claim>, Head) {
    let head = store.head("old");
    let walk = store.walk(&[Target::Tree(head.root), Target::State(head.state)], &[]);
    let catalog = walk.into_iter().filter(|entry| !entry.is_leaf);
    let blocks: Vec<Block> = catalog
        .map(|entry| Block {
            cid: entry.cid,
            bytes: store.blocks[&entry.cid].clone(),
        })
        .collect();
    let claims = blocks.chunks(7).map(|some| other.stage(some)).collect();
    (other, claims, head)
}

fn old() -> Store {
    let mut store = Store::new();
    store.create("old");
    let ops: Vec<Op> = (0..50)
        .map(|index| store.put(&format!("{index}"), &[index + 1]))
        .collect();
    store.apply("old", &ops);
    let setting = ("policy".to_owned(), b"a policy".to_vec());
    store.apply("old", &[Op::Configure(vec![setting])]);
    store
}

#[test]
fn the_root_is_the_same_and_the_settings_come_along() {
    let (mut other, claims, head) = carried(&mut old(), Store::new());
    let done = other.apply("new", &[import(&head, claims)]);
    assert!(done[0].is_ok(), "{done:?}");
    let new = other.head("new");
    assert_eq!((new.root, new.seq), (head.root, 1));
    let state = State::from_bytes(&other.blocks[&new.state]).unwrap();
    assert!(state.live);
    assert_eq!(
        (state.owner.as_str(), state.region.as_str()),
        ("somebody", "eu-west-1")
    );
    assert_eq!(state.settings["policy"].as_slice(), b"a policy");
    // It goes on as any bucket does.
    let ops = [delete("7"), other.put("new key", &[3])];
    let done = other.apply("new", &ops);
    assert!(
        done.iter()
            .all(|one| one.as_ref().unwrap().existed || done.len() == 2)
    );
    assert_ne!(other.head("new").root, head.root);
}

#[test]
fn a_name_that_is_taken_is_refused_and_its_claims_are_let_go() {
    let mut other = Store::new();
    other.create("new");
    let (mut other, claims, head) = carried(&mut old(), other);
    let before = other.head("new");
    let done = other.apply("new", &[import(&head, claims)]);
    assert_eq!(done, [Err(Refusal::BucketExists("owner".to_owned()))]);
    assert_eq!(other.head("new"), before);
}

#[test]
fn an_empty_tree_can_be_imported_over_a_deleted_bucket() {
    let mut other = Store::new();
    other.create("new");
    other.apply("new", &[Op::DeleteBucket]);
    let Op::ImportRoot(import) = import(&other.head("new"), Vec::new()) else {
        panic!()
    };
    let import = ImportRoot {
        root: empty_root(),
        state: None,
        ..import
    };
    let done = other.apply("new", &[Op::ImportRoot(import)]);
    assert!(done[0].is_ok(), "{done:?}");
    assert_eq!(other.head("new").root, empty_root());
}

#[test]
fn beside_other_ops_it_asks_to_be_done_alone() {
    let (mut other, claims, head) = carried(&mut old(), Store::new());
    let ops = [import(&head, claims.clone()), delete("7")];
    let standing = other.standing("new");
    let refused = other.run("new", |view| billet_bucket::apply(view, &standing, &ops));
    assert!(matches!(refused, Err(Refusal::Invalid(_))), "{refused:?}");
}
