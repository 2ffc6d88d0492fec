//! A load generator for S3, and the native servers that Billet is measured against.
//!
//! Must never share code with what is measured: the baseline has to stay plain.

pub mod baseline;
pub mod body;
pub mod load;
pub mod plan;
pub mod process;
pub mod random;
pub mod report;
pub mod schedule;
pub mod sign;
pub mod stats;
pub mod wire;
