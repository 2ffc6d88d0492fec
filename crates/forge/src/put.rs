//! Saying that the bytes were put: the receipt of the upload, and the conclude that carries it.
//!
//! The two forms of a conclude are written here and nowhere else. Must never sign with the agent's
//! key what the upload's own key has to sign.

use billet_block::Cid;
use billet_ucan::{
    Did, Ed25519Signer, Invocation, Ipld, Map, Outcome, Receipt, Seed, Signed, Signer, Token,
};

use crate::add::Chain;
use crate::exchange::Request;
use crate::failure::Failure;
use crate::party::{Asked, Moment, Party, Question};
use crate::values::{bytes, field, text, to_link, to_map};

/// The arguments of `/ucan/conclude`, in both forms at once: older services read `receipt`, newer
/// ones the list `receipts`.
pub fn conclude_arguments(receipt: &Cid) -> Map {
    to_map([
        ("receipt", to_link(receipt)),
        ("receipts", Ipld::List(vec![to_link(receipt)])),
    ])
}

/// Asks the service to have the node take the blob.
pub(crate) fn conclude(
    party: &Party<'_>,
    moment: &Moment,
    chain: &Chain,
) -> Result<(Request, Asked), Failure> {
    let put = Signed::<Invocation>::decode(&chain.put)
        .map_err(|error| Failure::unbelievable(error.to_string()))?;
    let signer = key_of(&put)?;
    let receipt = Receipt {
        executor: signer.did().clone(),
        ran: put.claims().task()?,
        outcome: Outcome::Ok(Ipld::Map(Map::new())),
        nonce: moment.other_nonce(),
        expires_s: None,
        issued_s: Some(moment.now_s()),
        cause: None,
        meta: None,
    };
    let receipt = Signed::new(receipt, &signer)?;
    let question = Question {
        command: "/ucan/conclude",
        subject: party.agent.did().clone(),
        audience: party.service.clone(),
        arguments: conclude_arguments(&receipt.link()),
        meta: None,
        beside: vec![Token::from(receipt), Token::from(put)],
    };
    party.ask(question, moment)
}

/// The key of an upload rides in its invocation. It is nobody's secret.
fn key_of(put: &Signed<Invocation>) -> Result<Ed25519Signer, Failure> {
    let claims = put.claims();
    let meta = Ipld::Map(claims.meta.clone().unwrap_or_default());
    let keys = field(&meta, "keys")?;
    let id = text(keys, "id")?;
    let seed = Seed::from_tagged(bytes(field(keys, "keys")?, id)?)
        .map_err(|error| Failure::unbelievable(error.to_string()))?;
    let did = Did::of_key(&seed.public());
    if did.as_str() != id || claims.executor() != &did {
        return Err(Failure::unbelievable("another key than the upload's"));
    }
    Ok(Ed25519Signer::new(&seed))
}
