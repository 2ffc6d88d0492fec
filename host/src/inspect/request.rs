//! What can be asked.
//!
//! Must never carry a secret: whoever may open the socket sees it.

use serde::{Deserialize, Serialize};

/// A question about a store, as JSON `{"request": "bucket-list", …}`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "request", rename_all = "kebab-case", deny_unknown_fields)]
pub(crate) enum Request {
    /// A line for each bucket.
    BucketList,
    /// One line: where a bucket stands.
    BucketRoot {
        /// Its name.
        bucket: String,
    },
    /// The bytes of a block.
    BlockGet {
        /// Its name, as text.
        cid: String,
    },
}
