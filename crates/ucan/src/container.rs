//! Containers: the tokens of one message.
//!
//! Must never drop what it cannot read: it is written again as it came, so that a container can
//! be stored and forwarded.

use std::collections::BTreeMap;

use billet_block::{CborError, Cid, decode, encode};

use crate::Ipld;
use crate::delegation::Delegation;
use crate::envelope::Signed;
use crate::invocation::Invocation;
use crate::limits::{CONTAINER_BYTES_MAX, CONTAINER_TOKENS_MAX};
use crate::packing::Packing;
use crate::receipt::Receipt;
use crate::token::Token;

/// The one key of a container.
const VERSION: &str = "ctn-v1";

/// Why bytes are no container, or tokens do not fit into one.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ContainerError {
    /// Not DAG-CBOR, or not the shape of a container.
    #[error("not a container: {0}")]
    Malformed(String),
    /// More than [`CONTAINER_BYTES_MAX`] bytes.
    #[error("a container that is too long")]
    TooLong,
    /// More than [`CONTAINER_TOKENS_MAX`] tokens.
    #[error("a container of too many tokens")]
    TooManyTokens,
    /// The byte in front is that of no packing.
    #[error("a packing that is not known")]
    UnknownPacking,
    /// The text or the compressed bytes are damaged.
    #[error("a packing that is damaged")]
    BadPacking,
}

impl From<CborError> for ContainerError {
    fn from(error: CborError) -> Self {
        match error {
            CborError::TooLong(_) => Self::TooLong,
            other => Self::Malformed(other.to_string()),
        }
    }
}

/// Tokens, each once. Their order has no meaning: they are kept and written in that of their
/// bytes.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Container {
    /// By their bytes; `None` is what could not be read.
    tokens: BTreeMap<Vec<u8>, Option<Token>>,
}

impl Container {
    /// A container of these tokens.
    ///
    /// # Errors
    /// `TooManyTokens`.
    pub fn of(tokens: impl IntoIterator<Item = Token>) -> Result<Self, ContainerError> {
        let mut container = Self::default();
        for token in tokens {
            container.add(token)?;
        }
        Ok(container)
    }

    /// Adds a token that is not yet in it.
    ///
    /// # Errors
    /// `TooManyTokens`.
    pub fn add(&mut self, token: impl Into<Token>) -> Result<(), ContainerError> {
        let token = token.into();
        self.insert(token.bytes().to_vec(), |_| Some(token))
    }

    fn insert(
        &mut self,
        bytes: Vec<u8>,
        read: impl FnOnce(&[u8]) -> Option<Token>,
    ) -> Result<(), ContainerError> {
        if self.tokens.contains_key(&bytes) {
            return Ok(());
        }
        if self.tokens.len() >= CONTAINER_TOKENS_MAX {
            return Err(ContainerError::TooManyTokens);
        }
        let token = read(&bytes);
        self.tokens.insert(bytes, token);
        Ok(())
    }

    /// The bytes of the container, as the body of a request or reply has them.
    ///
    /// # Errors
    /// `TooLong`.
    pub fn to_body(&self) -> Result<Vec<u8>, ContainerError> {
        let tokens = self.tokens.keys().cloned().map(Ipld::Bytes).collect();
        let map = BTreeMap::from([(VERSION.to_owned(), Ipld::List(tokens))]);
        let body = encode(&Ipld::Map(map))?;
        match body.len() > CONTAINER_BYTES_MAX {
            true => Err(ContainerError::TooLong),
            false => Ok(body),
        }
    }

    /// Reads the bytes of a container. Tokens that cannot be read are kept aside, see
    /// [`Container::unreadable`].
    ///
    /// # Errors
    /// `Malformed`, `TooLong` and `TooManyTokens`.
    pub fn from_body(body: &[u8]) -> Result<Self, ContainerError> {
        if body.len() > CONTAINER_BYTES_MAX {
            return Err(ContainerError::TooLong);
        }
        let malformed = || ContainerError::Malformed("no list of tokens".to_owned());
        let Ipld::Map(mut map) = decode::<Ipld>(body)? else {
            return Err(malformed());
        };
        let Some(Ipld::List(tokens)) = map.remove(VERSION) else {
            return Err(malformed());
        };
        if !map.is_empty() {
            return Err(malformed());
        }
        if tokens.len() > CONTAINER_TOKENS_MAX {
            return Err(ContainerError::TooManyTokens);
        }
        let mut container = Self::default();
        for token in tokens {
            let Ipld::Bytes(bytes) = token else {
                return Err(malformed());
            };
            container.insert(bytes, |bytes| Token::decode(bytes).ok())?;
        }
        Ok(container)
    }

    /// The container in a packing, its letter in front.
    ///
    /// # Errors
    /// `TooLong`.
    pub fn pack(&self, packing: Packing) -> Result<Vec<u8>, ContainerError> {
        packing.pack(&self.to_body()?)
    }

    /// Reads a container in any packing; gives that, too.
    ///
    /// # Errors
    /// As the variants of [`ContainerError`] say.
    pub fn unpack(packed: &[u8]) -> Result<(Packing, Self), ContainerError> {
        let (packing, body) = Packing::unpack(packed)?;
        Ok((packing, Self::from_body(&body)?))
    }

    /// The tokens.
    pub fn tokens(&self) -> impl Iterator<Item = &Token> {
        self.tokens.values().flatten()
    }

    /// What stands among the tokens and could not be read.
    pub fn unreadable(&self) -> impl Iterator<Item = &[u8]> {
        let unread = |(bytes, token): (_, &Option<Token>)| token.is_none().then_some(bytes);
        self.tokens.iter().filter_map(unread).map(Vec::as_slice)
    }

    /// The token of this name.
    pub fn token(&self, link: &Cid) -> Option<&Token> {
        self.tokens().find(|token| token.link() == *link)
    }

    /// The delegations.
    pub fn delegations(&self) -> impl Iterator<Item = &Signed<Delegation>> {
        self.tokens().filter_map(|token| match token {
            Token::Delegation(token) => Some(token),
            _ => None,
        })
    }

    /// The invocations.
    pub fn invocations(&self) -> impl Iterator<Item = &Signed<Invocation>> {
        self.tokens().filter_map(|token| match token {
            Token::Invocation(token) => Some(token),
            _ => None,
        })
    }

    /// The receipts.
    pub fn receipts(&self) -> impl Iterator<Item = &Signed<Receipt>> {
        self.tokens().filter_map(|token| match token {
            Token::Receipt(token) => Some(token),
            _ => None,
        })
    }

    /// The invocations that ask for this task; several may, for different ends.
    pub fn asking(&self, task: &Cid) -> impl Iterator<Item = &Signed<Invocation>> {
        self.invocations()
            .filter(move |token| token.claims().task().as_ref() == Ok(task))
    }

    /// The receipts that say they answer this task. See [`crate::Verifier::receipt`].
    pub fn answering(&self, task: &Cid) -> impl Iterator<Item = &Signed<Receipt>> {
        self.receipts()
            .filter(move |token| token.claims().ran == *task)
    }
}
