//! Ed25519 keys, the names they sign as, and the DIDs that carry keys.
//!
//! Must never be given a key that guards anything: this is a peer for tests.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use ed25519_dalek::{Signature, Signer as _, SigningKey, Verifier as _, VerifyingKey};

/// Bytes in front of a public key in a `did:key`.
const PUBLIC: [u8; 2] = [0xed, 0x01];
/// Bytes in front of a seed in its tagged form.
const SECRET: [u8; 2] = [0x80, 0x26];

/// A key pair and the DID under which it signs.
#[derive(Clone, Debug)]
pub struct Key {
    signing: SigningKey,
    did: String,
}

impl Key {
    /// The key of a seed, signing as its own `did:key`.
    pub fn from_seed(seed: [u8; 32]) -> Self {
        let signing = SigningKey::from_bytes(&seed);
        let did = did_of(&signing.verifying_key());
        Self { signing, did }
    }

    /// The key whose seed is the SHA-256 of a label: the same in every run.
    pub fn named(label: &str) -> Self {
        use sha2::Digest as _;
        Self::from_seed(sha2::Sha256::digest(label.as_bytes()).into())
    }

    /// A fresh key.
    pub fn random() -> Self {
        let mut seed = [0; 32];
        fill(&mut seed);
        Self::from_seed(seed)
    }

    /// The same key signing as another DID (`did:web:…`).
    #[must_use]
    pub fn signing_as(&self, did: &str) -> Self {
        Self {
            signing: self.signing.clone(),
            did: did.to_owned(),
        }
    }

    /// The name it signs as.
    pub fn did(&self) -> &str {
        &self.did
    }

    /// Its own `did:key`.
    pub fn did_key(&self) -> String {
        did_of(&self.signing.verifying_key())
    }

    /// The seed with its tag in front.
    pub fn tagged(&self) -> Vec<u8> {
        [&SECRET[..], &self.signing.to_bytes()].concat()
    }

    /// PKCS#8 in PEM, as the services read key files.
    pub fn pem(&self) -> String {
        let head: [u8; 16] = [
            0x30, 0x2e, 0x02, 0x01, 0x00, 0x30, 0x05, 0x06, 0x03, 0x2b, 0x65, 0x70, 0x04, 0x22,
            0x04, 0x20,
        ];
        let text = STANDARD.encode([&head[..], &self.signing.to_bytes()].concat());
        format!("-----BEGIN PRIVATE KEY-----\n{text}\n-----END PRIVATE KEY-----\n")
    }

    /// Signs bytes.
    pub fn sign(&self, bytes: &[u8]) -> Vec<u8> {
        self.signing.sign(bytes).to_bytes().to_vec()
    }
}

/// Fills bytes from the machine's source of randomness.
pub fn fill(bytes: &mut [u8]) {
    if getrandom::fill(bytes).is_err() {
        // A machine without randomness cannot run a test that needs distinct nonces.
        std::process::abort();
    }
}

/// Sixteen random bytes.
pub fn nonce() -> Vec<u8> {
    let mut bytes = [0; 16];
    fill(&mut bytes);
    bytes.to_vec()
}

fn did_of(key: &VerifyingKey) -> String {
    let bytes = [&PUBLIC[..], key.as_bytes()].concat();
    format!(
        "did:key:{}",
        multibase::encode(multibase::Base::Base58Btc, bytes)
    )
}

/// The public key of a `did:key`.
pub fn public(did: &str) -> Option<VerifyingKey> {
    let text = did.strip_prefix("did:key:")?;
    let (base, bytes) = multibase::decode(text).ok()?;
    let key = bytes.strip_prefix(&PUBLIC)?;
    if base != multibase::Base::Base58Btc {
        return None;
    }
    VerifyingKey::from_bytes(key.try_into().ok()?).ok()
}

/// Whether a signature over bytes is that key's.
pub fn verifies(key: &VerifyingKey, bytes: &[u8], signature: &[u8]) -> bool {
    Signature::from_slice(signature).is_ok_and(|signature| key.verify(bytes, &signature).is_ok())
}

/// The account DID of an e-mail address: domain first, both form-encoded.
pub fn account(email: &str) -> Option<String> {
    let (local, domain) = email.rsplit_once('@')?;
    if local.is_empty() || domain.is_empty() {
        return None;
    }
    Some(format!("did:mailto:{}:{}", form(domain), form(local)))
}

/// Whether a DID is one of an e-mail address.
pub fn is_account(did: &str) -> bool {
    did.strip_prefix("did:mailto:")
        .and_then(|rest| rest.split_once(':'))
        .is_some_and(|(domain, local)| {
            !domain.is_empty() && !local.is_empty() && !local.contains(':')
        })
}

fn form(text: &str) -> String {
    let mut out = String::new();
    for byte in text.bytes() {
        match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'*' => {
                out.push(char::from(byte));
            }
            b' ' => out.push('+'),
            _ => out.push_str(&format!("%{byte:02X}")),
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_become_accounts() {
        assert_eq!(
            account("bob+tag@sub.example.com").as_deref(),
            Some("did:mailto:sub.example.com:bob%2Btag")
        );
        assert_eq!(account("nobody"), None);
        assert!(is_account("did:mailto:example.com:alice"));
        assert!(!is_account("did:key:z6Mk"));
    }

    #[test]
    fn a_key_is_read_back_from_its_name() {
        let key = Key::named("a");
        let public = public(key.did());
        assert!(public.is_some_and(|public| verifies(&public, b"x", &key.sign(b"x"))));
    }
}
