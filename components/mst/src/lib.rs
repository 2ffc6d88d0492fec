//! The bucket component: Merkle Search Trees behind billet:bucket.
