//! The `billet` program: reads the command line and does what it says.
//!
//! Must never hold logic of its own: everything it does is in the library.

use std::process::ExitCode;

use clap::Parser;

fn main() -> ExitCode {
    billet_host::commands::run(billet_host::cli::Cli::parse())
}
