//! The S3 gateway component.
