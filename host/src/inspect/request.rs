//! What can be asked.
//!
//! Must never carry a secret: whoever may open the socket sees it.

use std::path::PathBuf;

use serde::{Deserialize, Serialize};

use crate::carry::Import;

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
    /// Changes how safe a bucket's writes are before they are answered; a line as `BucketRoot`.
    BucketSet {
        /// Its name.
        bucket: String,
        /// `local` or `network`.
        durability: String,
    },
    /// A line for each loss that is accepted from now on.
    BucketAcceptLoss {
        /// The bucket's name; none for those that nobody knows of.
        bucket: Option<String>,
    },
    /// A line for each segment.
    SegmentList,
    /// A line for each block in a segment.
    SegmentShow {
        /// Its number.
        number: u64,
    },
    /// A line for each segment whose blocks were hashed, and for each finding.
    SegmentVerify {
        /// Its number; none for all.
        number: Option<u64>,
    },
    /// A line for each commit of a bucket, the newest first.
    Log {
        /// The bucket's name.
        bucket: String,
        /// At most so many.
        limit: Option<u64>,
        /// At most so many changed keys of each.
        keys: u32,
    },
    /// A line for each node of a bucket's tree.
    Tree {
        /// The bucket's name.
        bucket: String,
        /// Only nodes on the way to keys that begin with this.
        prefix: String,
        /// The tree of this root, as text, instead of the newest one.
        root: Option<String>,
    },
    /// A line for each finding, and one that sums up.
    Fsck,
    /// The bytes of a block.
    BlockGet {
        /// Its name, as text.
        cid: String,
    },
    /// The bytes of a CAR of a bucket.
    Export {
        /// Its name.
        bucket: String,
        /// Another root than the newest, as text.
        root: Option<String>,
    },
    /// A line for each thing that is wrong with a bucket, and one in the end.
    Verify {
        /// Its name.
        bucket: String,
        /// Another root than the newest, as text.
        root: Option<String>,
    },
    /// The bytes of a CAR that proves what is under a key, and a line that says what is.
    Prove {
        /// The bucket's name.
        bucket: String,
        /// The key.
        key: String,
        /// Another root than the newest, as text.
        root: Option<String>,
    },
    /// A new bucket out of a file that whoever answers can read.
    Import {
        /// The CAR file.
        path: PathBuf,
        /// The bucket to be.
        bucket: Import,
    },
    /// A line when a mail is on its way, and one when its link was followed.
    Login {
        /// The address.
        email: String,
        /// Until the link was followed, and not only until the mail is on its way.
        wait: bool,
    },
    /// One line: who ships, for whom and by which right.
    Whoami,
    /// A line for each thing done about the key of a space.
    SpaceGenerate {
        /// A name for people.
        name: Option<String>,
        /// The account that is to have the space, as an address or a DID.
        provision_to: Option<String>,
        /// The DID that is to have all of the space.
        grant_to: Option<String>,
        /// Another key, although there is one.
        force: bool,
        /// What is granted as bytes, and not in a line.
        raw: bool,
    },
    /// A line for each space.
    SpaceList,
    /// One line: a space.
    SpaceInfo {
        /// Its DID; none for that of this host.
        space: Option<String>,
    },
    /// The bytes behind the request are a container of delegations; one line.
    ProofAdd,
    /// One line: where shipping stands.
    ShipStatus {
        /// A line with each change, until all is shipped.
        watch: bool,
    },
    /// One line: what failed is tried again at once.
    ShipRetry,
    /// One line: nothing is shipped any more, or it is again.
    ShipPause {
        /// Which of both.
        paused: bool,
    },
}

impl Request {
    /// Whether it needs the store's lock where no daemon runs. All that asks the shipper does, as
    /// that has a key of its own from the first time on.
    pub(crate) const fn writes(&self) -> bool {
        match self {
            Self::Import { .. }
            | Self::BucketSet { .. }
            | Self::BucketAcceptLoss { .. }
            | Self::Login { .. }
            | Self::Whoami
            | Self::SpaceGenerate { .. }
            | Self::SpaceList
            | Self::SpaceInfo { .. }
            | Self::ProofAdd
            | Self::ShipStatus { .. }
            | Self::ShipRetry
            | Self::ShipPause { .. } => true,
            Self::BucketList
            | Self::BucketRoot { .. }
            | Self::SegmentList
            | Self::SegmentShow { .. }
            | Self::SegmentVerify { .. }
            | Self::Log { .. }
            | Self::Tree { .. }
            | Self::Fsck
            | Self::BlockGet { .. }
            | Self::Export { .. }
            | Self::Verify { .. }
            | Self::Prove { .. } => false,
        }
    }

    /// Whether it makes no sense where there is no store yet, although it writes.
    pub(crate) const fn needs_store(&self) -> bool {
        matches!(
            self,
            Self::BucketSet { .. }
                | Self::BucketAcceptLoss { .. }
                | Self::ShipStatus { .. }
                | Self::ShipRetry
                | Self::ShipPause { .. }
        )
    }
}
