//! The native host: listener, instance pools, and the store behind the components.
