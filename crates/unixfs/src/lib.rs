//! UnixFS files of profile unixfs-v1-2025.
