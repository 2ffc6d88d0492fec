//! UCAN 1.0 tokens as the Forge network speaks them: delegations, invocations, receipts, their
//! policies, proof chains, containers, identities and keys.
//!
//! What was received is checked over the very bytes that came: signature, issuer, audience, time,
//! attenuation, and a receipt against the task it answers. This crate must never do I/O, read a
//! clock or make randomness: time, nonces, keys and documents are handed in.

mod chain;
mod command;
mod container;
mod delegation;
mod document;
mod envelope;
mod fields;
mod invocation;
mod limits;
mod order;
mod packing;
mod pick;
mod policy;
mod receipt;
mod refusal;
mod selector;
mod signature;
mod token;
mod validate;
mod varsig;

/// Keys and identities, as this crate speaks of them.
pub use billet_key::{
    DID_BYTES_MAX, Did, DidError, Ed25519Signer, KEY_FILE_BYTES_MAX, KeyError, NotSigned,
    PublicKey, Seed, Signer,
};
pub use chain::find_chain;
pub use command::{Command, CommandError};
pub use container::{Container, ContainerError};
pub use delegation::Delegation;
pub use document::{Directory, Document, DocumentError, Method, Purpose, Resolver};
pub use envelope::{Map, Payload, Signed, TokenError, Unsigned};
pub use invocation::Invocation;
pub use limits::*;
pub use packing::Packing;
pub use policy::{Comparison, Policy, PolicyError, Statement, TooMuchWork};
pub use receipt::{Outcome, RECEIPT_COMMAND, Receipt};
pub use refusal::Refusal;
pub use selector::{Selector, SelectorError};
pub use signature::ATTESTATION_COMMAND;
pub use token::Token;
pub use validate::{Proofs, Verifier};
pub use varsig::Algorithm;

/// A value of the IPLD data model: what arguments, results and metadata are made of.
pub use ipld_core::ipld::Ipld;
