//! CARv1 and CARv2 archives and the MultihashIndexSorted index.
