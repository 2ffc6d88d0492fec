//! Running look-inside commands of the real program over a store's folder.
//!
//! Must never hand the test's own `BILLET_*` variables to the program.

use std::collections::BTreeMap;
use std::os::unix::fs::FileExt as _;
use std::path::Path;
use std::process::{Command, Output};

use billet_client::{Body, Client, Request};
use serde_json::Value;
use sha2::{Digest, Sha256};

/// Runs `billet ARGUMENTS --data-dir FOLDER`.
pub fn run(folder: &Path, arguments: &[&str]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_billet"));
    for (name, _) in std::env::vars_os() {
        if name.to_string_lossy().starts_with("BILLET_") {
            command.env_remove(name);
        }
    }
    command.args(arguments).arg("--data-dir").arg(folder);
    command.output().unwrap()
}

/// The exit status.
pub fn code(output: &Output) -> i32 {
    output.status.code().unwrap()
}

/// What was said on standard error.
pub fn said(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

/// The lines of a run with `--json`, and its exit status.
pub fn lines(folder: &Path, arguments: &[&str]) -> (Vec<Value>, i32) {
    let output = run(folder, &[arguments, &["--json"]].concat());
    let text = String::from_utf8(output.stdout.clone()).unwrap();
    let lines = text.lines().map(|line| serde_json::from_str(line).unwrap());
    (lines.collect(), code(&output))
}

/// The lines of a run that must succeed.
pub fn whole(folder: &Path, arguments: &[&str]) -> Vec<Value> {
    let (lines, code) = lines(folder, arguments);
    assert_eq!(code, 0, "{arguments:?}: {}", said(&run(folder, arguments)));
    lines
}

/// Every file below a folder with the digest of its bytes; of what is no file only its name.
pub fn digests(folder: &Path) -> BTreeMap<String, String> {
    let mut all = BTreeMap::new();
    let mut folders = vec![folder.to_owned()];
    while let Some(next) = folders.pop() {
        for entry in std::fs::read_dir(next).unwrap() {
            let entry = entry.unwrap();
            let (path, kind) = (entry.path(), entry.file_type().unwrap());
            let name = path.strip_prefix(folder).unwrap().display().to_string();
            let digest = if kind.is_file() {
                hex::encode(Sha256::digest(std::fs::read(&path).unwrap()))
            } else {
                String::new()
            };
            if kind.is_dir() {
                folders.push(path);
            }
            all.insert(name, digest);
        }
    }
    all
}

/// The segment files of a plane, in order.
pub fn segments(folder: &Path, plane: &str) -> Vec<std::path::PathBuf> {
    let in_plane = format!("/{plane}/");
    let names = digests(folder).into_keys();
    let names = names.filter(|name| name.contains(&in_plane) && name.ends_with(".car"));
    names.map(|name| folder.join(name)).collect()
}

/// Begins an upload in parts, puts one part and leaves it at that.
pub fn leave_an_upload_open(client: &mut Client, path: &str) {
    let begun = client.send(Request {
        method: "POST",
        path,
        query: &[("uploads", "")],
        ..Request::default()
    });
    let upload = begun.unwrap().element("UploadId").unwrap();
    let part = client.send(Request {
        method: "PUT",
        path,
        query: &[("partNumber", "1"), ("uploadId", &upload)],
        body: Body::Bytes(b"a part"),
        ..Request::default()
    });
    assert_eq!(part.unwrap().status, 200);
}

/// Turns a bit of a block whose field is as told, as `segment show` shows the one catalog segment.
pub fn damage(folder: &Path, field: &str, value: &Value) {
    let segments = whole(folder, &["segment", "ls"]);
    let catalog = segments.iter().find(|line| line["plane"] == "catalog");
    let number = catalog.unwrap()["segment"].to_string();
    let blocks = whole(folder, &["segment", "show", &number]);
    let block = blocks.iter().find(|line| line[field] == *value).unwrap();
    let file = folder.join(catalog.unwrap()["path"].as_str().unwrap());
    let file = std::fs::File::options().read(true).write(true).open(file);
    let (file, at) = (file.unwrap(), block["offset"].as_u64().unwrap() + 60);
    let mut byte = [0];
    file.read_exact_at(&mut byte, at).unwrap();
    file.write_all_at(&[byte[0] ^ 1], at).unwrap();
}
