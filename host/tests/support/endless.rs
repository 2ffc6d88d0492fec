//! A question at the admin socket whose answer takes long: to import a file of gigabytes that takes
//! hardly any room.
//!
//! Must never read more of an answer than its first bytes.

use std::io::{Read as _, Seek as _, SeekFrom, Write as _};
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};

use billet_block::{BLOCK_BYTES_MAX, Cid, Codec};
use billet_car::{Header, frame_header};
use billet_client::daemon::Daemon;

/// Bytes of the file, about.
pub const FILE_BYTES: u64 = 12 << 30;

/// A CAR of zeros in the folder.
pub fn file(folder: &Path) -> PathBuf {
    let zeros = vec![0; BLOCK_BYTES_MAX];
    let cid = Cid::of(Codec::Raw, &zeros);
    let path = folder.join("zeros.car");
    let mut file = std::fs::File::create(&path).unwrap();
    let roots = vec![cid];
    file.write_all(&Header { roots }.encode().unwrap()).unwrap();
    let head = frame_header(&cid, zeros.len()).unwrap();
    while file.stream_position().unwrap() < FILE_BYTES {
        file.write_all(&head).unwrap();
        file.seek(SeekFrom::Current(zeros.len() as i64)).unwrap();
    }
    let end = file.stream_position().unwrap();
    file.set_len(end).unwrap();
    path
}

/// Asks for an import; the connection on which the answer has begun, or none where there were
/// enough questions.
pub fn ask(store: &Path, file: &Path, bucket: &str) -> Option<UnixStream> {
    let import = serde_json::json!({"name": bucket, "owner": ["id", "name"]});
    let request = serde_json::json!({"request": "import", "path": file, "bucket": import});
    let request = format!("{request}\n");
    let length = request.len();
    let mut stream = UnixStream::connect(store.join("admin.sock")).unwrap();
    let head = format!("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: {length}\r\n\r\n");
    stream.write_all((head + &request).as_bytes()).ok()?;
    let mut answer = [0; 12];
    stream.read_exact(&mut answer).ok()?;
    assert_eq!(&answer, b"HTTP/1.1 200");
    Some(stream)
}

/// How often the daemon has the file open.
pub fn opened(daemon: &Daemon, file: &Path) -> usize {
    let handles = std::fs::read_dir(format!("/proc/{}/fd", daemon.pid())).unwrap();
    let targets = handles
        .flatten()
        .map(|handle| std::fs::read_link(handle.path()));
    targets.flatten().filter(|target| target == file).count()
}

/// Bytes that the daemon has read in its life; none when it has ended.
pub fn bytes_read(daemon: &Daemon) -> Option<u64> {
    let status = std::fs::read_to_string(format!("/proc/{}/status", daemon.pid())).ok()?;
    if status.contains("State:\tZ") {
        return None;
    }
    let told = std::fs::read_to_string(format!("/proc/{}/io", daemon.pid())).ok()?;
    told.lines()
        .find_map(|line| line.strip_prefix("rchar: "))?
        .parse()
        .ok()
}
