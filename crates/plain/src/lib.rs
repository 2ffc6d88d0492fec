//! What a store of plain files is, for hosts that offer a directory and no lock: where each file
//! lies, what a commit record says, and what one instance remembers of a log.
//!
//! Must never do I/O, read a clock or draw a number: the adapter does, and passes in what it got.
//!
//! The folder:
//!
//! ```text
//! blocks/<last two characters of the CID>/<CID>    a block, written once
//! logs/<log>/<seq / 1000>/<seq>                    a commit record, written once
//! logs/<log>/checkpoint                            where to begin reading; replaced as a whole
//! temporary/<anything>                             files that are being written
//! ```
//!
//! Records of a log have no gap: they are linked under the next number, and a number that is taken
//! is a lost compare-and-set. So the head is the last number that exists, found by going forwards,
//! and a number that is missing below another one is a lost record.

mod checkpoint;
mod claims;
mod environment;
mod journal;
mod leaves;
mod names;
mod recorded;
mod remembered;
mod signing;

pub use checkpoint::{CheckpointError, read_checkpoint, write_checkpoint};
pub use claims::{CLAIM_AGE_MS_MAX, CLAIMS_MAX, Claims};
pub use environment::Environment;
pub use journal::{
    CHECKPOINT_COMMITS, ChainError, Change, Draft, Journal, Position, ROW_KEY_BYTES_MAX,
    ROW_VALUE_BYTES_MAX, ROWS_BYTES_MAX, Refused,
};
pub use leaves::leaf_room;
pub use names::{
    BLOCKS, CHECKPOINT, LOG_NAME_BYTES_MAX, LOGS, RECORDS_IN_FOLDER, TEMPORARY, block_folder,
    last_record, last_record_folder, log_folder, log_of_folder, record_folder,
};
pub use recorded::{Record, RecordError, RowChange, read_record, write_record};
pub use remembered::{JOURNALS_MAX, Journals};
pub use signing::{KeyPair, Principal, Refusal, Signature};
