//! The command line: what can be typed, and where a configuration comes from.
//!
//! Must never take a secret as a flag: others can read a process's arguments.

use std::path::PathBuf;

use clap::{Args, Parser, Subcommand};

use crate::commands::{
    BlockCommand, BucketCommand, Export, FsckArguments, ImportFile, LogArguments, Login,
    ProofCommand, Prove, SegmentCommand, ShipCommand, SpaceCommand, TreeArguments, Verify, Whoami,
};
use crate::config::{Config, ConfigError, Sources};

/// An S3 gateway whose buckets are Merkle Search Trees.
#[derive(Debug, Parser)]
#[command(name = "billet", version, about, arg_required_else_help = true)]
pub struct Cli {
    /// What to do.
    #[command(subcommand)]
    pub command: Command,
}

/// What can be done.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Serve S3 from a folder.
    Serve(ConfigFlags),
    /// Look at the configuration.
    #[command(subcommand)]
    Config(ConfigCommand),
    /// Look at buckets.
    #[command(subcommand)]
    Bucket(BucketCommand),
    /// Look at the journal's files.
    #[command(subcommand)]
    Segment(SegmentCommand),
    /// Read blocks.
    #[command(subcommand)]
    Block(BlockCommand),
    /// Show the commits of a bucket, the newest first.
    Log(LogArguments),
    /// Show the nodes of a bucket's tree. With --json a node whose keys take more than 256 KiB has
    /// several lines, each saying in `first` how many of its keys came before.
    Tree(TreeArguments),
    /// Check the whole store; exit status 3 when something is damaged.
    Fsck(FsckArguments),
    /// Write a bucket to a CAR file: the tree first, then the bodies.
    Export(Export),
    /// Check every block, link and digest of a CAR file or a bucket; or a proof. Exit status 3 is
    /// damage.
    Verify(Verify),
    /// Write a CAR file that proves what is under a key, or that nothing is.
    Prove(Prove),
    /// Make a new bucket out of a CAR file, with the very same root.
    Import(ImportFile),
    /// Log in to an account of the network by mail.
    Login(Login),
    /// Show who ships, for whom and by which right.
    Whoami(Whoami),
    /// Make a space of the network, or look at spaces.
    #[command(subcommand)]
    Space(SpaceCommand),
    /// Keep what others allow.
    #[command(subcommand)]
    Proof(ProofCommand),
    /// Look at shipping, or hold it.
    #[command(subcommand)]
    Ship(ShipCommand),
}

/// What can be done with the configuration.
#[derive(Debug, Subcommand)]
pub enum ConfigCommand {
    /// Print every setting as TOML.
    Show {
        /// Where each value comes from, too.
        #[arg(long)]
        origin: bool,
        /// One JSON document instead.
        #[arg(long)]
        json: bool,
        /// Where values come from.
        #[command(flatten)]
        flags: ConfigFlags,
    },
    /// Say whether the configuration is right; exit status 1 when it is not.
    Check(ConfigFlags),
}

/// Flags that set settings. Precedence: flag, `BILLET_*` environment, file, default.
#[derive(Debug, Default, Args)]
pub struct ConfigFlags {
    /// Configuration file (TOML).
    #[arg(long, value_name = "FILE", env = "BILLET_CONFIG")]
    pub config: Option<PathBuf>,
    /// Folder of segments, catalog and keys [default: billet-data].
    #[arg(long, value_name = "DIR")]
    pub data_dir: Option<String>,
    /// Address of the S3 listener [default: 127.0.0.1:9000].
    #[arg(long, value_name = "ADDR")]
    pub listen: Option<String>,
    /// Address of health and metrics [default: 127.0.0.1:9001].
    #[arg(long, value_name = "ADDR")]
    pub admin_listen: Option<String>,
    /// Any setting, as --set journal.seal_bytes=16MiB.
    #[arg(long = "set", value_name = "NAME=VALUE", value_parser = name_and_value)]
    pub set: Vec<(String, String)>,
}

fn name_and_value(text: &str) -> Result<(String, String), String> {
    text.split_once('=')
        .map(|(name, value)| (name.to_owned(), value.to_owned()))
        .ok_or_else(|| "should be NAME=VALUE".to_owned())
}

impl ConfigFlags {
    /// Gathers all sources and resolves them.
    ///
    /// # Errors
    /// The file cannot be read, or as [`Config::resolve`].
    pub fn resolve(self) -> Result<Config, ConfigError> {
        let file = match self.config {
            None => None,
            Some(path) => match std::fs::read_to_string(&path) {
                Ok(text) => Some((path, text)),
                Err(error) => {
                    return Err(ConfigError(vec![format!("{}: {error}", path.display())]));
                }
            },
        };
        let named = [
            ("--data-dir", "data_dir", self.data_dir),
            ("--listen", "listen", self.listen),
            ("--admin-listen", "admin_listen", self.admin_listen),
        ];
        let flags = named
            .into_iter()
            .filter_map(|(flag, name, value)| Some((flag.to_owned(), name.to_owned(), value?)))
            .chain(
                self.set
                    .into_iter()
                    .map(|(name, value)| ("--set".to_owned(), name, value)),
            )
            .collect();
        let environment = std::env::vars_os()
            .filter_map(|(name, value)| Some((name.into_string().ok()?, value.into_string().ok()?)))
            .collect();
        Config::resolve(Sources {
            file,
            environment,
            flags,
        })
    }
}
