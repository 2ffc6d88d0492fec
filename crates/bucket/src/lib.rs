//! What a bucket is: operations, preconditions, listings and multipart sessions over a tree.
//!
//! Everything here is a function of what it was given. Where a block, a row or another bucket's
//! head is missing the answer is a [`Need`]; the caller fetches, supplies its [`View`] and calls
//! again. [`apply`] turns a list of operations into a [`Plan`] of one commit. Must never do I/O,
//! read a clock, or know HTTP.

mod apply;
mod assemble;
mod bodies;
mod cache;
mod check;
mod checksum;
mod condition;
mod decide;
mod list;
mod lookup;
mod need;
mod op;
mod plan;
mod refusal;
mod row;
mod session;
mod sessions;
mod view;
mod walk;

pub use apply::apply;
pub use assemble::{Assembler, Progress};
pub use cache::{Caches, Decoded};
pub use check::{Check, Checked, Damage, Named, Promise, PromisedPart, find_promise};
pub use list::{Line, ObjectListing, Query};
pub use lookup::{
    LEADING_SPANS_MAX, Span, find, leading_spans, live_state, objects, spans, states,
};
pub use need::{Blocked, Kind, Need, Row, Scan};
pub use op::{
    Abort, Assembly, Complete, Condition, Copy, CreateBucket, CreateUpload, Delete, Head,
    ImportRoot, NamedPart, Op, Put, PutPart, Source, Standing,
};
pub use plan::{Change, Claim, Commit, Outcome, Plan, STAGE_BYTES_MAX};
pub use refusal::{Refusal, StoreError};
pub use row::{COMPLETED_KEPT_MS, PART_BYTES_MAX, PART_BYTES_MIN, PARTS_MAX};
pub use sessions::{PartLine, PartListing, Upload, UploadLine, UploadListing};
pub use view::{Pin, View};
pub use walk::{Entry, Target, Walk};
