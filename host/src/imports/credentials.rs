//! `billet:store/credentials`: the check of a signature. Must never hand out a secret or a key.

use crate::bindings::billet::store::credentials;
use crate::guest::Guest;
use crate::traits;

/// The longest message that was signed.
const MESSAGE_BYTES_MAX: usize = 64 << 10;

impl credentials::Host for Guest {
    fn verify(
        &mut self,
        signature: credentials::Signature,
    ) -> wasmtime::Result<Result<credentials::Principal, credentials::Refusal>> {
        if signature.message.len() > MESSAGE_BYTES_MAX {
            return Ok(Err(credentials::Refusal::Mismatch));
        }
        let signature = traits::Signature {
            algorithm: signature.algorithm,
            access_key: signature.access_key,
            session_token: signature.session_token,
            date: signature.date,
            region: signature.region,
            service: signature.service,
            message: signature.message,
            mac: signature.mac,
        };
        let verdict = self.front()?.credentials.verify(&signature);
        Ok(verdict
            .map(|principal| credentials::Principal {
                id: principal.id,
                name: principal.name,
            })
            .map_err(|refusal| match refusal {
                traits::Refusal::UnknownKey => credentials::Refusal::UnknownKey,
                traits::Refusal::Mismatch => credentials::Refusal::Mismatch,
                traits::Refusal::Expired => credentials::Refusal::Expired,
                traits::Refusal::Disabled => credentials::Refusal::Disabled,
            }))
    }
}
