//! The journal's bytes and rules: frames, commit records, claims, states and recovery decisions.
