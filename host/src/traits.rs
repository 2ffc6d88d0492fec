//! What the host asks of whoever starts it. Plain types: nothing here knows WebAssembly.

/// A signature with what it was made of.
#[derive(Debug, Clone)]
pub struct Signature {
    /// `AWS4-HMAC-SHA256`.
    pub algorithm: String,
    /// The public half of the key pair.
    pub access_key: String,
    /// The session token that came with it.
    pub session_token: Option<String>,
    /// The day of the scope, `YYYYMMDD`.
    pub date: String,
    /// The region of the scope.
    pub region: String,
    /// The service of the scope.
    pub service: String,
    /// What was signed, at most 64 KiB.
    pub message: Vec<u8>,
    /// The claimed MAC, raw.
    pub mac: Vec<u8>,
}

/// Whoever holds a key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Principal {
    /// The canonical id: 64 hexadecimal digits.
    pub id: String,
    /// For display.
    pub name: String,
}

/// Why a signature is not taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Refusal {
    /// No such access key.
    UnknownKey,
    /// The MAC is another one.
    Mismatch,
    /// The session token is no longer good.
    Expired,
    /// The key is switched off.
    Disabled,
}

/// The check of signatures. Secrets stay behind it.
pub trait Credentials: Send + Sync + 'static {
    /// Checks a MAC in constant time, with the same work for an unknown key.
    ///
    /// # Errors
    /// Why the signature is not taken.
    fn verify(&self, signature: &Signature) -> Result<Principal, Refusal>;
}
