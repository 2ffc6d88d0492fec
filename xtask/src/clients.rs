//! Stock S3 clients against the real daemon, by `testing/clients/clients.py`.
//!
//! Must never pass over a client that should be there: aws and boto3 are required.

use std::process::Command;

use billet_client::daemon::{ACCESS_KEY, Daemon, SECRET_KEY};

/// Syncs a tree of `files` mixed files and lets every client do its part.
///
/// # Errors
/// The first difference, as the script tells it.
pub fn run(files: Option<&str>) -> Result<(), String> {
    let root = crate::root();
    let folder = root.join("target/clients");
    let fresh = || {
        let _ = std::fs::remove_dir_all(&folder);
        std::fs::create_dir_all(folder.join("files"))?;
        Daemon::start(
            &root.join("target/release/billet"),
            &folder.join("store"),
            &[],
        )
    };
    let daemon = fresh().map_err(|error| format!("{}: {error}", folder.display()))?;
    let status = Command::new("python3")
        .arg(root.join("testing/clients/clients.py"))
        .arg(format!("http://{}", daemon.address))
        .arg(folder.join("files"))
        .args(files)
        .env("AWS_ACCESS_KEY_ID", ACCESS_KEY)
        .env("AWS_SECRET_ACCESS_KEY", SECRET_KEY)
        .env("AWS_DEFAULT_REGION", "us-east-1")
        .env_remove("AWS_CA_BUNDLE")
        .status()
        .map_err(|error| format!("python3: {error}"))?;
    if status.success() {
        Ok(())
    } else {
        Err(format!("clients: {status}"))
    }
}
