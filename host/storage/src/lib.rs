//! Segments, heads and rows on a disk: the journal's effects.
