//! The journal's bytes and rules: frames, commit records, claims, states and recovery decisions.
//!
//! Everything that `billet-storage` decides about bytes and keys is here, as functions of values.
//! Must never do I/O, read a clock or hold a lock.

mod account;
mod claims;
mod id;
mod keys;
mod overlay;
mod record;
mod scan;
mod state;
mod sums;
mod window;

pub use account::{Head, HeldClaim, RowError, SegmentRow};
pub use claims::{
    CLAIM_AGE_MAX_MS, ClaimError, ClaimId, Claims, Content, Pending, STAGED_IN_MEMORY_BYTES_MAX,
};
pub use id::{FileKind, IdError, Plane, RootId, SegmentId};
pub use keys::{
    ACCEPTED_PREFIX, DAMAGE_PREFIX, HEAD_PREFIX, HELD_PREFIX, LOG_BYTES_MAX, PIN_PREFIX,
    SEGMENT_PREFIX, SPACE_BYTES_MAX, accepted_key, check_log, check_space, damage_key, head_key,
    held_key, name_after, parse_held_key, parse_pin_key, pin_key, row_key, row_prefix,
};
pub use overlay::{Overlay, Pair};
pub use record::{
    COMMIT_FORMAT, Claimed, Pin, Position, ROW_KEY_BYTES_MAX, ROW_VALUE_BYTES_MAX, Range, Record,
    RecordError, RowChange, is_record,
};
pub use scan::{Bad, Found, Frame, Scan, Verdict, crc, judge_catalog, judge_data, scan, scan_file};
pub use state::{Event, Forbidden, State};
pub use sums::{Sum, SumError, Sums};
pub use window::Source;
