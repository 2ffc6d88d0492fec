//! The S3 protocol without I/O: targets, signatures, framings, XML, errors.
