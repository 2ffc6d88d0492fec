//! Tokens of a kind that is not known beforehand.
//!
//! Must never guess a kind from anything but the envelope and the command in it.

use billet_block::{CborError, Cid, decode};

use crate::Ipld;
use crate::delegation::Delegation;
use crate::envelope::{Envelope, Signed, TokenError};
use crate::invocation::Invocation;
use crate::order::in_order;
use crate::receipt::{RECEIPT_COMMAND, Receipt};

/// A token of any kind.
#[derive(Clone, Debug, PartialEq)]
pub enum Token {
    /// Somebody lets somebody do something.
    Delegation(Signed<Delegation>),
    /// Somebody asks for something, or claims it.
    Invocation(Signed<Invocation>),
    /// Somebody says how a task ended.
    Receipt(Signed<Receipt>),
}

impl Token {
    /// Reads a token in its one form.
    ///
    /// # Errors
    /// As the variants of [`TokenError`] say.
    pub fn decode(bytes: &[u8]) -> Result<Self, TokenError> {
        Self::of(Envelope::read(bytes, decode)?)
    }

    /// Reads a token whose maps may have their keys in any order. Some programs sign such bytes;
    /// the signature is over the bytes as they are, so nothing is lost by reading them.
    ///
    /// # Errors
    /// As [`Token::decode`], for everything else but the order.
    pub fn decode_in_any_order(bytes: &[u8]) -> Result<Self, TokenError> {
        Self::of(Envelope::read(bytes, decode_in_any_order)?)
    }

    fn of(envelope: Envelope) -> Result<Self, TokenError> {
        if envelope.is::<Delegation>() {
            return envelope.open().map(Self::Delegation);
        }
        let receipt = matches!(
            envelope.payload().get("cmd"),
            Some(Ipld::String(command)) if command == RECEIPT_COMMAND
        );
        if receipt {
            envelope.open().map(Self::Receipt)
        } else {
            envelope.open().map(Self::Invocation)
        }
    }

    /// The whole token, as it came or as it was signed.
    pub fn bytes(&self) -> &[u8] {
        match self {
            Self::Delegation(token) => token.bytes(),
            Self::Invocation(token) => token.bytes(),
            Self::Receipt(token) => token.bytes(),
        }
    }

    /// The name of the token.
    pub const fn link(&self) -> Cid {
        match self {
            Self::Delegation(token) => token.link(),
            Self::Invocation(token) => token.link(),
            Self::Receipt(token) => token.link(),
        }
    }
}

impl From<Signed<Delegation>> for Token {
    fn from(token: Signed<Delegation>) -> Self {
        Self::Delegation(token)
    }
}

impl From<Signed<Invocation>> for Token {
    fn from(token: Signed<Invocation>) -> Self {
        Self::Invocation(token)
    }
}

impl From<Signed<Receipt>> for Token {
    fn from(token: Signed<Receipt>) -> Self {
        Self::Receipt(token)
    }
}

fn decode_in_any_order(bytes: &[u8]) -> Result<Ipld, CborError> {
    match in_order(bytes) {
        Some(ordered) => decode(&ordered),
        // Says what is wrong.
        None => decode(bytes),
    }
}
