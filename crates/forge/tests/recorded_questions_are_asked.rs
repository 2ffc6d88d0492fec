//! Fed with the answers of a running service, the machines ask what was asked of it.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    missing_docs
)]

mod common;

use billet_block::Cid;
use billet_forge::{
    Answer, Blob, Body, Commitment, Failure, Login, Machine, Place, Provision, Request, Retrieval,
    Step, Upload, index_add, upload_add,
};
use billet_ucan::{Did, Ipld, Map, Outcome, Signer};
use common::peer::{receipt, reply};
use common::recording::{Recording, SERVICE};
use common::{asked, invocation_for};

fn send<M: Machine>(
    machine: &mut M,
    party: &billet_forge::Party<'_>,
    moment: &billet_forge::Moment,
) -> Request
where
    M::Output: std::fmt::Debug,
{
    loop {
        match machine.next(party, moment) {
            Step::Record(_) => machine.recorded(),
            Step::Send(request) => return request,
            other => panic!("{other:?}"),
        }
    }
}

fn blob_of(recording: &Recording, seq: u64) -> Blob {
    let request = recording.request(seq);
    let arguments = &invocation_for(&request, SERVICE).claims().arguments;
    let Ipld::Map(blob) = &arguments["blob"] else {
        panic!("no blob");
    };
    let (Ipld::Bytes(multihash), Ipld::Integer(size)) = (&blob["digest"], &blob["size"]) else {
        panic!("no blob");
    };
    Blob {
        digest: multihash[2..].try_into().unwrap(),
        size: u64::try_from(*size).unwrap(),
    }
}

fn subject(recording: &Recording, seq: u64) -> Did {
    let request = recording.request(seq);
    invocation_for(&request, SERVICE).claims().subject.clone()
}

/// What the service would have said to our conclude, which names the receipt in two ways.
fn concluded(recording: &Recording, request: &Request) -> Answer {
    let container = asked(request);
    let token = invocation_for(&container, SERVICE);
    let task = token.claims().task().unwrap();
    let service = &recording.signers["upload-service"];
    reply(vec![receipt(
        service,
        task,
        Outcome::Ok(Ipld::Map(Map::new())),
        1,
    )])
}

/// Runs an upload along recorded exchanges: add, PUT, conclude, receipt.
fn whole_upload(name: &str, agent: &str, seqs: [u64; 4]) -> Option<Commitment> {
    let recording = Recording::read(name)?;
    let [add, put, conclude, poll] = seqs;
    let proofs = recording.proofs(add);
    let party = recording.party(agent, &proofs);
    let mut upload = Upload::new(subject(&recording, add), blob_of(&recording, add)).unwrap();
    let moment = recording.moment(add, SERVICE, &[]);
    let request = send(&mut upload, &party, &moment);
    recording.same(add, &request, SERVICE);
    upload.take(&party, &moment, recording.answer(add));

    let request = send(&mut upload, &party, &moment);
    recording.same_head(put, &request);
    assert_eq!(request.body, Body::Blob(*upload.blob()));
    upload.take(&party, &moment, recording.answer(put));

    let theirs = recording.request(conclude);
    let told = theirs.receipts().next().unwrap();
    let moment = recording.moment(conclude, SERVICE, &told.claims().nonce);
    let request = send(&mut upload, &party, &moment);
    recording.same_head(conclude, &request);
    let ours = asked(&request);
    let said = ours.receipts().next().unwrap();
    assert_eq!(said.bytes(), told.bytes(), "the receipt of the upload");
    let token = invocation_for(&ours, SERVICE).claims();
    let link = Ipld::Link(told.link().into());
    assert_eq!(token.arguments["receipt"], link);
    assert_eq!(token.arguments["receipts"], Ipld::List(vec![link]));
    assert_eq!(token.subject, *party.agent.did());
    assert!(token.proofs.is_empty());
    upload.take(&party, &moment, concluded(&recording, &request));

    let request = send(&mut upload, &party, &moment);
    recording.same_head(poll, &request);
    upload.take(&party, &moment, recording.answer(poll));
    upload.recorded();
    let Step::Done(commitment) = upload.next(&party, &moment) else {
        panic!("not done");
    };
    assert_eq!(commitment.blob(), upload.blob());
    assert_eq!(commitment.node(), recording.signers["node"].did());
    Some(commitment)
}

#[test]
fn new_blobs() {
    whole_upload("upload-new", "agent", [0, 3, 5, 7]);
    whole_upload("upload-new", "space-1", [17, 19, 20, 22]);
    whole_upload("index-add", "agent", [1, 3, 4, 6]);
    whole_upload("remove", "agent", [0, 2, 3, 5]);
    whole_upload("remove", "agent", [11, 13, 14, 16]);
}

/// Adds and says what the upload does next, without a PUT.
fn after_add(recording: &Recording, add: u64) -> (Upload, Request) {
    let proofs = recording.proofs(add);
    let party = recording.party("agent", &proofs);
    let mut upload = Upload::new(subject(recording, add), blob_of(recording, add)).unwrap();
    let moment = recording.moment(add, SERVICE, &[]);
    let request = send(&mut upload, &party, &moment);
    recording.same(add, &request, SERVICE);
    upload.take(&party, &moment, recording.answer(add));
    upload.recorded();
    match upload.next(&party, &moment) {
        Step::Send(request) => (upload, request),
        Step::Done(_) => (upload, request),
        other => panic!("{other:?}"),
    }
}

#[test]
fn accepted_blobs_are_only_looked_up() {
    let Some(recording) = Recording::read("upload-repeat") else {
        return;
    };
    let (mut upload, request) = after_add(&recording, 0);
    // There is an address, but the receipt of the upload decides.
    recording.same_head(1, &request);
    let proofs = recording.proofs(0);
    let party = recording.party("agent", &proofs);
    let moment = recording.moment(0, SERVICE, &[]);
    upload.take(&party, &moment, recording.answer(1));
    upload.recorded();
    assert!(matches!(upload.next(&party, &moment), Step::Done(_)));
}

#[test]
fn bytes_that_the_node_has_are_not_sent_again() {
    let Some(recording) = Recording::read("upload-repeat") else {
        return;
    };
    // In a second space, and in the same one before a conclude: all comes with the add.
    for add in [3, 22] {
        assert_eq!(after_add(&recording, add).0.phase(), "done", "{add}");
    }
    // Put, not concluded; then added anew.
    assert_eq!(after_add(&recording, 19).0.phase(), "put");
}

#[test]
fn another_claimed_size_is_not_taken() {
    let Some(recording) = Recording::read("upload-repeat") else {
        return;
    };
    let proofs = recording.proofs(2);
    let party = recording.party("agent", &proofs);
    let mut upload = Upload::new(subject(&recording, 2), blob_of(&recording, 2)).unwrap();
    let moment = recording.moment(2, SERVICE, &[]);
    let request = send(&mut upload, &party, &moment);
    recording.same(2, &request, SERVICE);
    upload.take(&party, &moment, recording.answer(2));
    assert!(matches!(upload.trouble(), Some(Failure::Unbelievable(_))));
}

#[test]
fn login() {
    let Some(recording) = Recording::read("login") else {
        return;
    };
    let party = recording.party("agent", &[]);
    let account = Did::of_email("alice@example.com").unwrap();
    let mut login = Login::new(account.clone());
    // Asked, still waiting, granted, and what the account has.
    for seq in [1, 2, 7, 10] {
        let mut moment = recording.moment(seq, SERVICE, &[]);
        // Polls come a second apart.
        moment.now_ms += seq * 2_000;
        let request = send(&mut login, &party, &moment);
        recording.same(seq, &request, SERVICE);
        login.take(&party, &moment, recording.answer(seq));
        assert_eq!(login.trouble(), None, "{seq}");
        let state = match login.next(&party, &moment) {
            Step::Record(state) => state,
            _ => continue,
        };
        login = Login::resume(&state).unwrap();
    }
    login.recorded();
    let moment = recording.moment(10, SERVICE, &[]);
    let Step::Done(proofs) = login.next(&party, &moment) else {
        panic!("not done");
    };
    assert_eq!(proofs.len(), 2);
    assert!(proofs.iter().all(|proof| proof.claims().issuer == account));
}

#[test]
fn login_takes_a_grant_of_another_request_for_none() {
    let Some(recording) = Recording::read("login") else {
        return;
    };
    let party = recording.party("agent", &[]);
    let mut login = Login::new(Did::of_email("alice@example.com").unwrap());
    let moment = recording.moment(1, SERVICE, &[]);
    send(&mut login, &party, &moment);
    let Answer::Whole { body, .. } = recording.answer(1) else {
        panic!("an answer");
    };
    // The service answers with another request's name.
    let container = billet_ucan::Container::from_body(&body).unwrap();
    let told = container.receipts().next().unwrap().claims();
    let Outcome::Ok(Ipld::Map(mut ok)) = told.outcome.clone() else {
        panic!("ok");
    };
    let other = Cid::of(billet_block::Codec::DagCbor, b"another");
    ok.insert("req".to_owned(), Ipld::Link(other.into()));
    let service = &recording.signers["upload-service"];
    let told = receipt(service, told.ran, Outcome::Ok(Ipld::Map(ok)), 1);
    login.take(&party, &moment, reply(vec![told]));
    let moment = recording.moment(7, SERVICE, &[]);
    send(&mut login, &party, &moment);
    login.take(&party, &moment, recording.answer(7));
    assert!(login.phase().starts_with("waiting"));
}

#[test]
fn provisioning() {
    let Some(recording) = Recording::read("provision") else {
        return;
    };
    let account = Did::of_email("alice@example.com").unwrap();
    let ours = recording.proofs(3);
    let party = recording.party("agent", &ours);
    let space = &recording.signers["space-1"];
    // The nonces of the two recorded delegations, so that they are the same tokens.
    let recorded = recording.proofs(6);
    let nonce = |audience: &Did| {
        let found = recorded.iter().find(|t| t.claims().audience == *audience);
        found.unwrap().claims().nonce.clone()
    };
    let mut signing = recording.moment(3, SERVICE, &nonce(&account));
    signing.random[..16].copy_from_slice(&nonce(party.agent.did()));
    let agent = party.agent.did();
    let mut provision = Provision::new(space, agent, account, "wire", &signing).unwrap();
    for seq in [3, 6, 5] {
        let moment = recording.moment(seq, SERVICE, &[]);
        let request = send(&mut provision, &party, &moment);
        recording.same(seq, &request, SERVICE);
        provision.take(&party, &moment, recording.answer(seq));
        assert_eq!(provision.trouble(), None, "{seq}");
    }
    provision.recorded();
    let moment = recording.moment(5, SERVICE, &[]);
    let Step::Done(done) = provision.next(&party, &moment) else {
        panic!("not done");
    };
    assert!(recorded.contains(&done.to_agent) && recorded.contains(&done.to_account));
}

#[test]
fn provisioning_twice_is_no_failure() {
    let Some(recording) = Recording::read("provision") else {
        return;
    };
    let account = Did::of_email("alice@example.com").unwrap();
    let ours = recording.proofs(4);
    let party = recording.party("agent", &ours);
    let space = &recording.signers["space-1"];
    let moment = recording.moment(4, SERVICE, &[]);
    let agent = party.agent.did();
    let mut provision = Provision::new(space, agent, account, "wire", &moment).unwrap();
    let request = send(&mut provision, &party, &moment);
    recording.same(4, &request, SERVICE);
    provision.take(&party, &moment, recording.answer(4));
    assert_eq!(provision.trouble(), None);
}

#[test]
fn indexes_and_uploads() {
    let Some(recording) = Recording::read("index-add") else {
        return;
    };
    let theirs = recording.request(7);
    let leaf = theirs
        .delegations()
        .find(|token| token.claims().audience.as_str() == SERVICE)
        .unwrap();
    let proofs = recording.proofs(1);
    let party = recording.party("agent", &proofs);
    let space = subject(&recording, 7);
    let index = blob_of(&recording, 1).digest;
    let mut moment = recording.moment(7, SERVICE, &leaf.claims().nonce);
    // The recorded leaf is good for five minutes, as ours is.
    moment.now_ms = (leaf.claims().expires_s.unwrap() - 300) * 1_000;
    let (request, asked) = index_add(&party, &moment, &space, &index).unwrap();
    recording.same(7, &request, SERVICE);
    assert!(party.read(&moment, &asked, &recording.answer(7)).is_ok());

    let recording = Recording::read("upload-list").unwrap();
    let theirs = recording.request(1);
    let arguments = &invocation_for(&theirs, SERVICE).claims().arguments;
    let digest = |link: &Ipld| -> [u8; 32] {
        let Ipld::Link(link) = link else {
            panic!("a link");
        };
        link.hash().digest().try_into().unwrap()
    };
    let (Ipld::Link(root), Ipld::List(shards)) = (&arguments["root"], &arguments["shards"]) else {
        panic!("root and shards");
    };
    let root = Cid::from_bytes(&root.to_bytes()).unwrap();
    let shards: Vec<_> = shards.iter().map(digest).collect();
    let proofs = recording.proofs(1);
    let party = recording.party("agent", &proofs);
    let moment = recording.moment(1, SERVICE, &[]);
    let space = subject(&recording, 1);
    let asked = upload_add(&party, &moment, &space, &root, &shards, None);
    let (request, asked) = asked.unwrap();
    recording.same(1, &request, SERVICE);
    assert!(party.read(&moment, &asked, &recording.answer(1)).is_ok());
}

/// Asks for a range as in exchange `seq`; what the recorded answer is taken for.
fn retrieve(seq: u64, agent: &str, range: (u64, u64)) -> Option<Result<(), Failure>> {
    let commitment = whole_upload("upload-new", "agent", [0, 3, 5, 7])?;
    let recording = Recording::read("retrieve").unwrap();
    let node = recording.signers["node"].did().as_str().to_owned();
    let proofs = recording.proofs(seq);
    let party = recording.party(agent, &proofs);
    let moment = recording.moment(seq, &node, &[]);
    let retrieval = Retrieval::new(commitment, range.0, range.1).unwrap();
    let (request, asked) = retrieval.request(&party, &moment, 0).unwrap();
    assert!(matches!(request.place, Place::Url(_)));
    recording.same(seq, &request, &node);
    let Answer::Whole {
        status, headers, ..
    } = recording.answer(seq)
    else {
        panic!("an answer");
    };
    Some(retrieval.check(&party, &moment, &asked, status, &headers))
}

#[test]
fn ranges() {
    for (seq, agent, range) in [
        (0, "agent", (0, 1024)),
        (1, "agent", (100, 64)),
        (15, "space-1", (0, 16)),
    ] {
        let seen = retrieve(seq, agent, range);
        assert!(matches!(seen, None | Some(Ok(()))), "{seq}: {seen:?}");
    }
}

#[test]
fn a_range_whose_receipt_answers_another_question_is_not_taken() {
    let Some(commitment) = whole_upload("upload-new", "agent", [0, 3, 5, 7]) else {
        return;
    };
    let recording = Recording::read("retrieve").unwrap();
    let node = recording.signers["node"].did().as_str().to_owned();
    let proofs = recording.proofs(1);
    let party = recording.party("agent", &proofs);
    let moment = recording.moment(1, &node, &[]);
    let retrieval = Retrieval::new(commitment.clone(), 100, 64).unwrap();
    let (_, asked) = retrieval.request(&party, &moment, 0).unwrap();
    let whole = |seq| match recording.answer(seq) {
        Answer::Whole {
            status, headers, ..
        } => (status, headers),
        Answer::Lost => panic!("an answer"),
    };
    // An answer to another request, one that is an error with status 200, and one without a word.
    for seq in [0, 5, 6, 7, 8] {
        let (status, headers) = whole(seq);
        let checked = retrieval.check(&party, &moment, &asked, status, &headers);
        assert!(checked.is_err(), "{seq}");
    }
    let (status, headers) = whole(1);
    let checked = retrieval.check(&party, &moment, &asked, status, &headers);
    assert_eq!(checked, Ok(()));
    let (_, other) = retrieval
        .request(&party, &common::moment(moment.now_ms, 4), 0)
        .unwrap();
    assert!(
        retrieval
            .check(&party, &moment, &other, status, &headers)
            .is_err()
    );
    assert!(Retrieval::new(commitment.clone(), 1000, 25).is_err());
    assert!(Retrieval::new(commitment, 0, 0).is_err());
}
