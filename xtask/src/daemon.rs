//! A `billet serve` of its own for a task: free ports, a key pair, a folder that goes away.
//!
//! Must never touch a store that it did not make.

use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

/// The key pair that tasks use.
pub const ACCESS_KEY: &str = "xtask-access";
/// Its secret half.
pub const SECRET_KEY: &str = "xtask-secret-key";

/// A running daemon. Killed and its folder removed when dropped.
pub struct Daemon {
    child: Child,
    folder: PathBuf,
    /// Where S3 is served, as `http://127.0.0.1:PORT`.
    pub endpoint: String,
}

impl Daemon {
    /// Starts `target/release/billet` on `folder` and waits until it is ready.
    ///
    /// # Errors
    /// A sentence when it cannot be started or is not ready within 30 s.
    pub fn start(folder: &Path) -> Result<Self, String> {
        let (s3, admin) = (free_port()?, free_port()?);
        let log = std::fs::File::create(folder.with_extension("log"))
            .map_err(|error| format!("{}: {error}", folder.display()))?;
        let child = Command::new(super::root().join("target/release/billet"))
            .arg("serve")
            .arg("--data-dir")
            .arg(folder)
            .args(["--listen", &format!("127.0.0.1:{s3}")])
            .args(["--admin-listen", &format!("127.0.0.1:{admin}")])
            .env("BILLET_ACCESS_KEY_ID", ACCESS_KEY)
            .env("BILLET_SECRET_ACCESS_KEY", SECRET_KEY)
            .stderr(Stdio::from(log))
            .stdout(Stdio::null())
            .spawn()
            .map_err(|error| format!("target/release/billet: {error}; cargo build --release"))?;
        let endpoint = format!("http://127.0.0.1:{s3}");
        let mut daemon = Self {
            child,
            folder: folder.to_path_buf(),
            endpoint,
        };
        daemon.wait_until_ready(admin)?;
        Ok(daemon)
    }

    fn wait_until_ready(&mut self, admin: u16) -> Result<(), String> {
        let start = Instant::now();
        while start.elapsed() < Duration::from_secs(30) {
            if ask_ready(admin).is_ok_and(|answer| answer.starts_with("HTTP/1.1 200")) {
                return Ok(());
            }
            if let Ok(Some(status)) = self.child.try_wait() {
                return Err(format!("billet serve ended: {status}"));
            }
            std::thread::sleep(Duration::from_millis(20));
        }
        Err("billet serve is not ready after 30 s".to_owned())
    }
}

impl Drop for Daemon {
    fn drop(&mut self) {
        // Whatever fails here leaves a folder in the temporary directory and nothing else.
        let _ = self.child.kill();
        let _ = self.child.wait();
        let _ = std::fs::remove_dir_all(&self.folder);
    }
}

fn free_port() -> Result<u16, String> {
    TcpListener::bind("127.0.0.1:0")
        .and_then(|listener| listener.local_addr())
        .map(|address| address.port())
        .map_err(|error| format!("no free port: {error}"))
}

fn ask_ready(port: u16) -> std::io::Result<String> {
    let mut stream = TcpStream::connect(("127.0.0.1", port))?;
    stream.set_read_timeout(Some(Duration::from_secs(2)))?;
    stream.write_all(b"GET /readyz HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer)?;
    Ok(answer)
}
