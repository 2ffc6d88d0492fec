//! Making what was uploaded findable, and asking how a space stands.
//!
//! Single questions: each may be asked again at any time. Must never name a shard that is not
//! accepted yet; the caller knows.

use billet_block::{Cid, Digest};
use billet_ucan::{
    Comparison, Delegation, Did, Ipld, Map, Policy, Selector, Signed, Statement, Token,
};

use crate::blob::{archive_link, multihash};
use crate::exchange::Request;
use crate::failure::Failure;
use crate::party::{Asked, LIFE_S, Moment, Party, Question, command};
use crate::values::{to_link, to_map};

const RETRIEVE: &str = "/content/retrieve";

/// Asks the service to have an index published that was uploaded as a blob. With it goes the
/// right to read that blob.
///
/// # Errors
/// `NotAllowed` without a delegation, `Unsigned` without the key.
pub fn index_add(
    party: &Party<'_>,
    moment: &Moment,
    space: &Did,
    index: &Digest,
) -> Result<(Request, Asked), Failure> {
    let retrieve = command(RETRIEVE)?;
    let digest: Selector = ".blob.digest"
        .parse()
        .map_err(|_| Failure::Impossible("a selector".to_owned()))?;
    let only = Statement::Compare(Comparison::Equal, digest, Ipld::Bytes(multihash(index)));
    let leaf = Delegation {
        issuer: party.agent.did().clone(),
        audience: party.service.clone(),
        subject: Some(space.clone()),
        command: retrieve.clone(),
        policy: Policy(vec![only]),
        nonce: moment.other_nonce(),
        expires_s: Some(moment.now_s() + LIFE_S),
        not_before_s: None,
        meta: None,
    };
    let mut rights = party.chain(&retrieve, space, moment)?;
    rights.push(Signed::new(leaf, party.agent)?);
    let links = rights.iter().map(|right| to_link(&right.link())).collect();
    let question = Question {
        command: "/index/add",
        subject: space.clone(),
        audience: party.service.clone(),
        arguments: to_map([("index", archive_link(index)?)]),
        meta: Some(to_map([("retrievalAuth", Ipld::List(links))])),
        beside: rights.into_iter().map(Token::from).collect(),
    };
    party.ask(question, moment)
}

/// Asks the service to note which shards hold what `root` reaches, and the index where one covers
/// them.
///
/// # Errors
/// As [`index_add`].
pub fn upload_add(
    party: &Party<'_>,
    moment: &Moment,
    space: &Did,
    root: &Cid,
    shards: &[Digest],
    index: Option<&Digest>,
) -> Result<(Request, Asked), Failure> {
    let shards: Result<Vec<Ipld>, Failure> = shards.iter().map(archive_link).collect();
    let mut arguments = to_map([("root", to_link(root)), ("shards", Ipld::List(shards?))]);
    if let Some(index) = index {
        arguments.insert("index".to_owned(), archive_link(index)?);
    }
    let question = Question {
        command: "/upload/add",
        subject: space.clone(),
        audience: party.service.clone(),
        arguments,
        meta: None,
        beside: Vec::new(),
    };
    party.ask(question, moment)
}

/// Asks who stores for a space: `providers` is a list of identities, empty before provisioning.
///
/// # Errors
/// As [`index_add`].
pub fn space_info(
    party: &Party<'_>,
    moment: &Moment,
    space: &Did,
) -> Result<(Request, Asked), Failure> {
    let question = Question {
        command: "/space/info",
        subject: space.clone(),
        audience: party.service.clone(),
        arguments: Map::new(),
        meta: None,
        beside: Vec::new(),
    };
    party.ask(question, moment)
}
