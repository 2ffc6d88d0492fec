//! `billet export`, `verify`, `prove` and `import`: buckets as CAR files.
//!
//! Must never leave a file under its name that is not whole.

use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Arc;

use billet_block::Cid;
use billet_digest::{OWNER_DEFAULT, owner_id};
use clap::Args;
use serde_json::Value;

use super::look::{LookFlags, Print, View, look, offline, text};
use super::whole::write_whole;
use crate::carry::{self, Import, Inspector, Progress};
use crate::inspect::{Failure, Out, Request, Verdict, faults, proof_line, summary, telling};

/// Writing a bucket to a file.
#[derive(Debug, Args)]
pub struct Export {
    /// The bucket's name.
    bucket: String,
    /// An older root than the bucket's newest.
    #[arg(long, value_name = "CID")]
    root: Option<String>,
    /// The CAR file.
    #[arg(short, long, value_name = "FILE")]
    output: PathBuf,
    /// Which store.
    #[command(flatten)]
    flags: LookFlags,
}

/// Checking a bucket, a file or a proof.
#[derive(Debug, Args)]
pub struct Verify {
    /// A CAR file or a bucket; with --proof the key.
    #[arg(value_name = "FILE|BUCKET|KEY")]
    target: String,
    /// A CAR file that `prove` wrote; checked without any store.
    #[arg(long, value_name = "FILE", requires = "root")]
    proof: Option<PathBuf>,
    /// The root that is trusted, for a proof; an older root of a bucket.
    #[arg(long, value_name = "CID")]
    root: Option<String>,
    /// Which store.
    #[command(flatten)]
    flags: LookFlags,
}

/// Writing a proof.
#[derive(Debug, Args)]
pub struct Prove {
    /// The bucket's name.
    bucket: String,
    /// The key, whether it is there or not.
    key: String,
    /// An older root than the bucket's newest.
    #[arg(long, value_name = "CID")]
    root: Option<String>,
    /// The CAR file.
    #[arg(short, long, value_name = "FILE")]
    output: PathBuf,
    /// Which store.
    #[command(flatten)]
    flags: LookFlags,
}

/// Making a bucket of a file.
#[derive(Debug, Args)]
pub struct ImportFile {
    /// The CAR file.
    file: PathBuf,
    /// The new bucket's name [default: the file's, without .car].
    #[arg(long, value_name = "NAME")]
    bucket: Option<String>,
    /// Whom it shall belong to, as in `credentials.toml` [default: the default owner].
    #[arg(long, value_name = "NAME")]
    owner: Option<String>,
    /// Which store.
    #[command(flatten)]
    flags: LookFlags,
}

const CHECKED: View = View {
    columns: &["verdict", "bucket", "key", "block", "what"],
    rows: |line| vec![checked_row(line)],
};

const PROVEN: View = View {
    columns: &["verdict", "key", "manifest", "body", "bytes"],
    rows: |line| vec![proven_row(line)],
};

fn checked_row(line: &Value) -> Vec<String> {
    let count = |field: &str| text(line, field);
    let (block, what) = if line.get("keys").is_some() {
        let mut what = format!("{} keys, {} bytes", count("keys"), count("bytes"));
        if line.get("elsewhere").and_then(Value::as_u64) > Some(0) {
            what.push_str(&format!(", {} leaves on the network", count("elsewhere")));
        }
        if line.get("faults").and_then(Value::as_u64) > Some(0) {
            what.push_str(&format!(", {} faults", count("faults")));
        }
        (text(line, "root"), what)
    } else {
        (text(line, "cid"), text(line, "what"))
    };
    let (verdict, bucket, key) = (
        text(line, "verdict"),
        text(line, "bucket"),
        text(line, "key"),
    );
    vec![verdict, bucket, key, block, what]
}

fn proven_row(line: &Value) -> Vec<String> {
    let object = line.get("object").unwrap_or(&Value::Null);
    vec![
        text(line, "verdict"),
        text(line, "key"),
        text(object, "manifest"),
        text(object, "body"),
        text(object, "size"),
    ]
}

/// `billet export`.
///
/// # Errors
/// A sentence that says what to do; there is no file then.
pub(super) fn export(export: Export) -> Result<ExitCode, String> {
    let Export {
        bucket,
        root,
        output,
        flags,
    } = export;
    write_whole(&output, |print| {
        look(flags, Request::Export { bucket, root }, print)
    })
}

/// `billet prove`.
///
/// # Errors
/// A sentence that says what to do; there is no file then.
pub(super) fn prove(prove: Prove) -> Result<ExitCode, String> {
    let Prove {
        bucket,
        key,
        root,
        output,
        flags,
    } = prove;
    write_whole(&output, |print| {
        look(flags, Request::Prove { bucket, key, root }, print)
    })
}

/// `billet verify`.
///
/// # Errors
/// A sentence that says what to do.
pub(super) fn verify(verify: Verify) -> Result<ExitCode, String> {
    let Verify {
        target,
        proof,
        root,
        flags,
    } = verify;
    if let Some(file) = proof {
        let root = root.unwrap_or_default();
        let root = root.parse().map_err(|error| format!("--root: {error}"))?;
        let work = async move |out: &Out| check_proof(&file, root, &target, out).await;
        return offline(flags.json, work, Print::Check(PROVEN));
    }
    if is_file(&target) {
        if root.is_some() {
            return Err("a file has its own root: leave --root out".to_owned());
        }
        let work = async move |out: &Out| check_file(Path::new(&target), out).await;
        return offline(flags.json, work, Print::Check(CHECKED));
    }
    let bucket = target.clone();
    let done = look(
        flags,
        Request::Verify { bucket, root },
        Print::Check(CHECKED),
    );
    done.map_err(|text| match target.ends_with(".car") {
        true => format!("there is no file {target} here, and as a bucket: {text}"),
        false => text,
    })
}

/// Whether a file is meant, and no bucket, whose name may end as a file's does.
fn is_file(target: &str) -> bool {
    target.contains('/') || Path::new(target).is_file()
}

/// `billet import`.
///
/// # Errors
/// A sentence that says what to do; there is no new bucket then.
pub(super) fn import(import: ImportFile) -> Result<ExitCode, String> {
    let name = match import.bucket {
        Some(name) => name,
        None => {
            let stem = import.file.file_stem().and_then(|stem| stem.to_str());
            stem.ok_or("name the bucket with --bucket")?.to_owned()
        }
    };
    let path = import.file.canonicalize();
    let path = path.map_err(|error| format!("{}: {error}", import.file.display()))?;
    if path.to_str().is_none() {
        // Whoever answers is asked in JSON.
        let path = path.display();
        return Err(format!("{path}: the path is no UTF-8: rename what is not"));
    }
    let owner = import.owner.unwrap_or_else(|| OWNER_DEFAULT.to_owned());
    let bucket = Import {
        name,
        owner: (owner_id(&owner), owner),
    };
    look(
        import.flags,
        Request::Import { path, bucket },
        Print::Check(CHECKED),
    )
}

async fn check_file(path: &Path, out: &Out) -> Result<Verdict, Failure> {
    let name = path.display().to_string();
    let inspector = inspector().await?;
    let progress = Arc::<Progress>::default();
    let told = faults(&name, out);
    let work = carry::verify_archive(&inspector, path, Arc::clone(&progress), told);
    let done = telling(out, "bytes checked", &progress, work).await;
    let (checked, archive) =
        done.map_err(|error| Failure::from(error).about(&path.display().to_string()))?;
    summary(&name, archive.roots().first(), &checked, out).await
}

async fn check_proof(file: &Path, root: Cid, key: &str, out: &Out) -> Result<Verdict, Failure> {
    let proven = carry::verify_proof(&inspector().await?, file, root, key).await;
    let proven = proven.map_err(|error| Failure::from(error).about(&file.display().to_string()))?;
    out.line(&proof_line(&root, key, proven.as_ref())).await?;
    Ok(Verdict::Whole)
}

async fn inspector() -> Result<Inspector, Failure> {
    let made = tokio::task::spawn_blocking(Inspector::new).await;
    Ok(made.map_err(|error| Failure::new(error.to_string()))??)
}
