//! `billet block`: one block by its CID.
//!
//! Must never write a block's bytes to a terminal, where they could be read as commands.

use std::io::IsTerminal as _;
use std::path::PathBuf;
use std::process::ExitCode;

use clap::Subcommand;

use super::look::{LookFlags, Print, look};
use super::whole::write_whole;
use crate::inspect::Request;

/// What can be asked about blocks.
#[derive(Debug, Subcommand)]
pub enum BlockCommand {
    /// Write the bytes of a block, after they were hashed.
    Get {
        /// The block's CID.
        cid: String,
        /// Write to this file instead of standard output.
        #[arg(short, long, value_name = "FILE")]
        output: Option<PathBuf>,
        /// Which store.
        #[command(flatten)]
        flags: LookFlags,
    },
}

/// Does it.
///
/// # Errors
/// A sentence that says what to do.
pub(super) fn run(command: BlockCommand) -> Result<ExitCode, String> {
    let BlockCommand::Get { cid, output, flags } = command;
    let get = |print| look(flags, Request::BlockGet { cid }, print);
    match output {
        Some(path) => write_whole(&path, get),
        None if std::io::stdout().is_terminal() => {
            Err("a block is no text: name a file with -o, or pipe it on".to_owned())
        }
        None => get(Print::Raw(Box::new(std::io::stdout()))),
    }
}
