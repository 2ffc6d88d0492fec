//! Digests, settings and the check of signatures. Must never give out a secret.

use std::cell::RefCell;

use billet_digest::Hasher;
use billet_plain::{Refusal, Signature};

use crate::bindings::billet::store::types::StoreError;
use crate::bindings::exports::billet::store::config;
use crate::bindings::exports::billet::store::credentials::{self, Principal};
use crate::bindings::exports::billet::store::digest;
use crate::{Adapter, memory};

/// The region where none is configured.
const REGION_DEFAULT: &str = "us-east-1";
/// The space where none is configured; nothing here can configure one.
const SPACE_DEFAULT: &str = "default";

impl config::Guest for Adapter {
    fn get(name: String) -> Option<String> {
        match name.as_str() {
            "region" => {
                let region = memory::setting("BILLET_REGION");
                Some(region.unwrap_or_else(|| REGION_DEFAULT.to_owned()))
            }
            "domains" => memory::setting("BILLET_DOMAINS"),
            "hosts" => memory::setting("BILLET_HOSTS"),
            "space" => Some(SPACE_DEFAULT.to_owned()),
            _ => None,
        }
    }
}

impl credentials::Guest for Adapter {
    fn verify(signature: credentials::Signature) -> Result<Principal, credentials::Refusal> {
        let signature = Signature {
            algorithm: &signature.algorithm,
            access_key: &signature.access_key,
            has_session_token: signature.session_token.is_some(),
            date: &signature.date,
            region: &signature.region,
            service: &signature.service,
            message: &signature.message,
            mac: &signature.mac,
        };
        match memory::with_keys(|keys| keys.verify(&signature)) {
            Ok(principal) => Ok(Principal {
                id: principal.id,
                name: principal.name,
            }),
            Err(Refusal::UnknownKey) => Err(credentials::Refusal::UnknownKey),
            Err(Refusal::Mismatch) => Err(credentials::Refusal::Mismatch),
            Err(Refusal::Expired) => Err(credentials::Refusal::Expired),
        }
    }
}

/// A digest that a caller holds.
pub(crate) struct Held(RefCell<Hasher>);

impl digest::Guest for Adapter {
    type Hasher = Held;
}

impl digest::GuestHasher for Held {
    fn open(algorithm: String) -> Result<digest::Hasher, StoreError> {
        let hasher = Hasher::open(&algorithm)
            .ok_or_else(|| StoreError::Invalid(format!("no algorithm {algorithm}")))?;
        Ok(digest::Hasher::new(Self(RefCell::new(hasher))))
    }

    fn update(&self, bytes: Vec<u8>) {
        self.0.borrow_mut().update(&bytes);
    }

    fn finish(&self) -> Vec<u8> {
        self.0.borrow_mut().finish()
    }
}
