//! What people ask of shipping: who ships for whom, logins, spaces, how far it is.
//!
//! Must never read what the component says of tokens: it is passed on.

use std::path::PathBuf;
use std::sync::Arc;

use serde_json::Value;
use wasmtime::component::Accessor;

use super::driver::now_ms;
use super::keys::{KeyError, SpaceKey};
use super::{Network, Shipper};
use crate::bindings::billet::store::types::StoreError;
use crate::guest::Guest;
use crate::mst::{Lost, Running};
use crate::storage::Storage;

/// The key of a space, as it is now.
pub(crate) struct MadeSpace {
    pub(crate) did: String,
    pub(crate) done: SpaceKey,
    pub(crate) file: PathBuf,
}

type Answer<R> = Result<R, StoreError>;

impl Network {
    /// Asks the instance for something.
    async fn call<R, F>(&self, call: F) -> Answer<R>
    where
        R: Send + 'static,
        F: for<'a> FnOnce(
                &'a Accessor<Guest>,
                &'a Shipper,
            ) -> Running<'a, wasmtime::Result<Answer<R>>>
            + Send
            + 'static,
    {
        let lost = |Lost| StoreError::Unavailable;
        let queue = self.queue().map_err(lost)?;
        queue.call(call).await.map_err(lost)?
    }

    /// Who ships, for whom and by which right.
    pub(crate) async fn whoami(&self) -> Answer<Value> {
        let told = self.call(|accessor, shipper| {
            let identity = shipper.billet_forge_identity();
            Box::pin(identity.call_whoami(accessor, now_ms()))
        });
        document(&told.await?)
    }

    /// Where shipping stands.
    pub(crate) async fn status(&self) -> Answer<Value> {
        let told = self.call(|accessor, shipper| {
            let shipping = shipper.billet_forge_shipping();
            Box::pin(shipping.call_status(accessor, now_ms()))
        });
        document(&told.await?)
    }

    /// Begins a login.
    pub(crate) async fn login(&self, email: String) -> Answer<()> {
        let begun = self.call(|accessor, shipper| {
            let identity = shipper.billet_forge_identity();
            Box::pin(identity.call_login(accessor, email))
        });
        begun.await?;
        self.waiting.wake();
        Ok(())
    }

    /// Keeps delegations; how many.
    pub(crate) async fn add_proof(&self, container: Vec<u8>) -> Answer<u32> {
        let added = self.call(|accessor, shipper| {
            let identity = shipper.billet_forge_identity();
            Box::pin(identity.call_add_proof(accessor, now_ms(), container))
        });
        let count = added.await?;
        self.waiting.wake();
        Ok(count)
    }

    /// Begins to give a space to an account.
    pub(crate) async fn provision(
        &self,
        space: String,
        name: String,
        account: String,
    ) -> Answer<()> {
        let begun = self.call(|accessor, shipper| {
            let identity = shipper.billet_forge_identity();
            Box::pin(identity.call_provision(accessor, now_ms(), space, name, account))
        });
        begun.await?;
        self.waiting.wake();
        Ok(())
    }

    /// Gives a space to a DID; the container for it, as text.
    pub(crate) async fn grant(
        &self,
        space: String,
        name: String,
        audience: String,
    ) -> Answer<Vec<u8>> {
        let granted = self.call(|accessor, shipper| {
            let identity = shipper.billet_forge_identity();
            Box::pin(identity.call_grant(accessor, now_ms(), space, name, audience))
        });
        granted.await
    }

    /// Lets all that failed be tried again at once.
    pub(crate) async fn retry(&self) -> Answer<()> {
        let forgotten = self.call(|accessor, shipper| {
            let shipping = shipper.billet_forge_shipping();
            Box::pin(shipping.call_retry(accessor))
        });
        forgotten.await?;
        self.waiting.wake();
        Ok(())
    }

    /// Stands still or goes on, also after the next start.
    pub(crate) async fn pause(&self, paused: bool, storage: &Storage) -> Answer<()> {
        let own = Arc::clone(&self.own);
        storage.run(move |store| own.pause(paused, store)).await?;
        self.waiting.wake();
        Ok(())
    }

    /// Sees to it that there is a key of a space, which counts from now on. Blocks.
    ///
    /// # Errors
    /// As [`KeyError`] says.
    pub(crate) fn make_space(&self, anew: bool) -> Result<MadeSpace, KeyError> {
        let mut keys = self.own.keys_mut();
        let done = keys.make_space(anew)?;
        Ok(MadeSpace {
            did: keys.space().unwrap_or_default().to_owned(),
            done,
            file: keys.space_file().to_path_buf(),
        })
    }

    /// The DID of the space whose key is here.
    pub(crate) fn space(&self) -> Option<String> {
        self.own.keys().space().map(str::to_owned)
    }

    /// The agent's DID.
    pub(crate) fn agent(&self) -> String {
        self.own.keys().agent().unwrap_or_default()
    }
}

fn document(text: &str) -> Answer<Value> {
    serde_json::from_str(text).map_err(|error| StoreError::Invalid(error.to_string()))
}
