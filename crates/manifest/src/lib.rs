//! The values of a bucket's tree: manifests, bucket state, part lists.
