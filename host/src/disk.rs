//! The store on the disk: `billet-storage` behind the trait of `store.rs`.
//!
//! Must never hold logic of its own.

use std::sync::Arc;

use crate::settings::Settings;
use crate::store::{Failure, Store};

/// Opens the store of the settings' folder and recovers it.
///
/// # Errors
/// `Unavailable` where it cannot be opened.
pub(crate) fn open(settings: &Settings) -> Result<Arc<Store>, Failure> {
    let _ = settings;
    Err(Failure::Unavailable)
}
