//! Stock S3 clients against the real daemon or another server, by `testing/clients/clients.py`.
//!
//! Must never pass over a client that should be there: aws and boto3 are required.

use std::process::Command;

use crate::served::Wanted;

/// Syncs a tree of mixed files, as many as follow the words for the server, and lets every client
/// do its part.
///
/// # Errors
/// The first difference, as the script tells it.
pub fn run(words: &[String]) -> Result<(), String> {
    let (wanted, words) = Wanted::parse(words)?;
    let (access, secret) = wanted.keys()?;
    let folder = crate::target().join("clients");
    let _ = std::fs::remove_dir_all(&folder);
    std::fs::create_dir_all(folder.join("files"))
        .map_err(|error| format!("{}: {error}", folder.display()))?;
    let served = wanted.start(&folder.join("store"))?;
    let status = Command::new("python3")
        .arg(crate::root().join("testing/clients/clients.py"))
        .arg(served.url())
        .arg(folder.join("files"))
        .args(words.first())
        .env("AWS_ACCESS_KEY_ID", access)
        .env("AWS_SECRET_ACCESS_KEY", secret)
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
