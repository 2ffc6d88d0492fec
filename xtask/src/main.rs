//! Project tasks: build, test, tidy.
fn main() {}
