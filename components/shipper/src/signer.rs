//! Keys of the host, as signers. Must never see a key.

use billet_ucan::{Did, NotSigned, Signer};

use crate::bindings::billet::ship::signer;
use crate::convert::{Result, did};

/// The name of the agent's key.
pub(crate) const AGENT: &str = "agent";

/// The name of a space's key.
pub(crate) fn of_space(space: &Did) -> String {
    format!("space:{space}")
}

/// A named key of the host.
pub(crate) struct HostSigner {
    name: String,
    did: Did,
}

impl HostSigner {
    pub(crate) fn named(name: &str) -> Result<Self> {
        Ok(Self {
            did: did(&signer::did(name)?)?,
            name: name.to_owned(),
        })
    }
}

impl Signer for HostSigner {
    fn did(&self) -> &Did {
        &self.did
    }

    fn sign(&self, bytes: &[u8]) -> std::result::Result<[u8; 64], NotSigned> {
        let signature = signer::sign(&self.name, bytes);
        let signature = signature.map_err(|error| NotSigned(format!("{error:?}")))?;
        let length = signature.len();
        let wrong = |_| NotSigned(format!("a signature of {length} bytes"));
        signature.try_into().map_err(wrong)
    }
}
