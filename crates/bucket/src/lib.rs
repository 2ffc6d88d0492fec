//! What a bucket is: operations, preconditions, listings and multipart sessions over a tree.
