//! `billet:ship/signer`: signatures. Must never hand out a key.

use super::bindings::billet::ship::signer;
use crate::bindings::billet::store::types::StoreError;
use crate::guest::Guest;

impl signer::Host for Guest {
    fn keys(&mut self) -> wasmtime::Result<Vec<String>> {
        Ok(self.reach()?.own.keys().names())
    }

    fn did(&mut self, key_name: String) -> wasmtime::Result<Result<String, StoreError>> {
        let did = self.reach()?.own.keys().did(&key_name);
        Ok(did.ok_or(StoreError::NotFound))
    }

    fn sign(
        &mut self,
        key_name: String,
        bytes: Vec<u8>,
    ) -> wasmtime::Result<Result<Vec<u8>, StoreError>> {
        let signature = self.reach()?.own.keys().sign(&key_name, &bytes);
        Ok(signature.ok_or(StoreError::NotFound))
    }
}
