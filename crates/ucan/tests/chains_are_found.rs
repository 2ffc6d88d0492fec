//! Finding a chain among kept delegations: what is found is accepted, and what exists is found.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    missing_docs
)]

mod common;

use billet_ucan::{Delegation, Directory, Signed, Signer, Verifier, find_chain};
use common::{NOW_S, command, delegation, invocation, service, sign, signer};
use proptest::prelude::*;

/// A delegation from one number to another, for the space (number 1) or for any subject.
fn link(from: u8, to: u8, open: bool, on: &str) -> Signed<Delegation> {
    let (space, issuer) = (signer(1), signer(from));
    let subject = (!open).then(|| space.did());
    let mut claims = delegation(&issuer, signer(to).did(), subject);
    claims.command = command(on);
    sign(claims, &issuer)
}

fn find(kept: &[Signed<Delegation>], audience: u8) -> Option<Vec<&Signed<Delegation>>> {
    find_chain(
        kept,
        signer(audience).did(),
        &command("/blob/add"),
        signer(1).did(),
        NOW_S,
    )
}

#[test]
fn the_subject_needs_none() {
    assert_eq!(find(&[], 1), Some(vec![]));
    assert_eq!(find(&[], 2), None);
}

#[test]
fn short_before_long_and_narrow_before_wide() {
    let kept = [
        link(1, 3, false, "/"),
        link(3, 2, false, "/"),
        link(1, 2, false, "/"),
        link(1, 2, false, "/blob"),
    ];
    assert_eq!(find(&kept, 2), Some(vec![&kept[3]]));
    assert_eq!(find(&kept[..3], 2), Some(vec![&kept[2]]));
    assert_eq!(find(&kept[..2], 2), Some(vec![&kept[0], &kept[1]]));
    assert_eq!(find(&kept[1..2], 2), None);
}

#[test]
fn for_any_subject_only_behind_a_root() {
    let kept = [
        link(1, 3, false, "/"),
        link(3, 2, true, "/"),
        link(1, 2, true, "/"),
    ];
    assert_eq!(find(&kept, 2), Some(vec![&kept[0], &kept[1]]));
    assert_eq!(find(&kept[1..], 2), None);
}

#[test]
fn only_what_is_in_force() {
    let space = signer(1);
    for (expires_s, not_before_s, good) in [
        (None, None, true),
        (Some(NOW_S + 1), Some(NOW_S - 1), true),
        (Some(NOW_S), None, false),
        (None, Some(NOW_S), false),
    ] {
        let mut claims = delegation(&space, signer(2).did(), Some(space.did()));
        claims.expires_s = expires_s;
        claims.not_before_s = not_before_s;
        let kept = [sign(claims, &space)];
        assert_eq!(find(&kept, 2).is_some(), good);
    }
}

/// After a long time some of what was kept is over: it does not hide what lasts, at either end of
/// a chain, and what ends soon is not taken where something else lasts.
#[test]
fn what_is_over_does_not_hide_what_lasts() {
    let until = |from: u8, to: u8, expires_s: Option<u64>| {
        let (space, issuer) = (signer(1), signer(from));
        let mut claims = delegation(&issuer, signer(to).did(), Some(space.did()));
        claims.expires_s = expires_s;
        sign(claims, &issuer)
    };
    let (over, soon) = (Some(NOW_S - 1), Some(NOW_S + 1));
    let kept = [
        until(1, 2, over),
        until(1, 3, over),
        until(3, 2, over),
        until(1, 3, soon),
        until(1, 3, None),
        until(3, 2, soon),
        until(3, 2, None),
    ];
    assert_eq!(find(&kept, 2), Some(vec![&kept[4], &kept[6]]));
    assert_eq!(find(&kept[..6], 2), Some(vec![&kept[4], &kept[5]]));
    assert_eq!(find(&kept[..3], 2), None);
}

/// Whether somebody gets to number 2 from number 1 over links that cover each other, tried out.
fn exists(kept: &[Signed<Delegation>], holder: u8, on: &str, left: &[usize]) -> bool {
    left.iter().any(|at| {
        let claims = kept[*at].claims();
        let fits = claims.audience == *signer(holder).did() && claims.command.covers(&command(on));
        let rest: Vec<usize> = left.iter().copied().filter(|other| other != at).collect();
        let from = (1..5)
            .find(|number| claims.issuer == *signer(*number).did())
            .unwrap();
        fits && (from == 1 && claims.subject.is_some()
            || exists(kept, from, claims.command.as_str(), &rest))
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn found_when_there_is_one_and_accepted_then(
        links in proptest::collection::vec((1_u8..5, 1_u8..5, any::<bool>(), 0_usize..4), 0..7)
    ) {
        let commands = ["/", "/blob", "/blob/add", "/space"];
        let kept: Vec<Signed<Delegation>> = links
            .iter()
            .map(|(from, to, open, on)| link(*from, *to, *open, commands[*on]))
            .collect();
        let all: Vec<usize> = (0..kept.len()).collect();
        let found = find(&kept, 2);
        prop_assert_eq!(found.is_some(), exists(&kept, 2, "/blob/add", &all));
        if let Some(chain) = found {
            let asked = sign(invocation(&signer(2), signer(1).did(), &chain), &signer(2));
            let verifier = Verifier { resolver: &Directory::default(), now_s: NOW_S };
            let judged = verifier.invocation(&asked, service().did(), kept.as_slice());
            prop_assert_eq!(judged, Ok(()));
        }
    }
}
