//! Ed25519 keys, the files they are kept in, and identities: `did:key`, `did:web` and others.
//!
//! Both who signs (the host, which has the keys) and who checks (the tokens' crate) stand on this
//! one. It must never do I/O, make randomness or know a token.

mod did;
mod key;
mod mailto;

pub use did::{DID_BYTES_MAX, Did, DidError};
pub use key::{Ed25519Signer, KEY_FILE_BYTES_MAX, KeyError, NotSigned, PublicKey, Seed, Signer};
