//! A server under measurement: started on loopback with a folder of its own, ended when dropped.
//!
//! Must never end a process that it did not start.

use std::fs;
use std::net::{SocketAddr, TcpListener};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use billet_client::daemon::{ACCESS_KEY, SECRET_KEY};
use billet_client::{Client, Keys};

use crate::target;

const READY_WITHIN: Duration = Duration::from_secs(60);
const PAUSE: Duration = Duration::from_millis(2);

/// Who serves.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    /// Plain hyper with Billet's hashes and writes.
    Baseline,
    /// A component that does nothing.
    Guest,
    /// The daemon.
    Billet,
    /// One drive.
    Minio,
    /// The posix back end.
    Versitygw,
}

impl Kind {
    /// In the order of the table's columns.
    pub(super) const ALL: [Self; 5] = [
        Self::Baseline,
        Self::Guest,
        Self::Billet,
        Self::Minio,
        Self::Versitygw,
    ];

    /// Its name in the table.
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Baseline => "native",
            Self::Guest => "empty guest",
            Self::Billet => "Billet",
            Self::Minio => "MinIO",
            Self::Versitygw => "versitygw",
        }
    }

    /// Its program; peers are named by MINIO and VERSITYGW or found in PATH.
    pub(super) fn program(self) -> Result<PathBuf, String> {
        match self {
            Self::Baseline | Self::Guest => Ok(target().join("release/billet-bench")),
            Self::Billet => Ok(target().join("release/billet")),
            Self::Minio => installed("minio"),
            Self::Versitygw => installed("versitygw"),
        }
    }

    fn command(self, folder: &Path, address: SocketAddr) -> Result<Command, String> {
        let mut command = Command::new(self.program()?);
        let listen = address.to_string();
        match self {
            Self::Baseline => command
                .args(["serve", "--listen", &listen, "--folder"])
                .arg(folder),
            Self::Guest => {
                let guest = target().join("wasm32-wasip2/component/billet_bench_guest.wasm");
                command
                    .args(["serve", "--listen", &listen, "--guest"])
                    .arg(guest)
            }
            Self::Billet => command
                .args(["serve", "--listen", &listen, "--data-dir"])
                .arg(folder)
                .args(["--admin-listen", &free_address()?.to_string()])
                // The peers do not log requests either.
                .args(["--set", "log.level=warn"])
                .env("BILLET_ACCESS_KEY_ID", ACCESS_KEY)
                .env("BILLET_SECRET_ACCESS_KEY", SECRET_KEY),
            Self::Minio => command
                .args([
                    "server",
                    "--quiet",
                    "--address",
                    &listen,
                    "--console-address",
                ])
                .arg(free_address()?.to_string())
                .arg(folder)
                .env("MINIO_ROOT_USER", ACCESS_KEY)
                .env("MINIO_ROOT_PASSWORD", SECRET_KEY),
            Self::Versitygw => command
                .args(["--port", &listen, "--quiet", "--keep-alive", "posix"])
                .arg(folder)
                .env("ROOT_ACCESS_KEY", ACCESS_KEY)
                .env("ROOT_SECRET_KEY", SECRET_KEY),
        };
        Ok(command)
    }
}

/// A running server.
#[derive(Debug)]
pub(super) struct Server {
    pub(super) kind: Kind,
    pub(super) address: SocketAddr,
    /// The server's process, where a tracer stands before it, too.
    pub(super) pid: u32,
    child: Child,
    folder: PathBuf,
    trace: Option<PathBuf>,
}

impl Server {
    /// Starts a server on an empty folder below `parent`; `traced` writes down its syncs.
    pub(super) fn start(kind: Kind, parent: &Path, traced: bool) -> Result<Self, String> {
        let folder = parent.join(kind.name().replace(' ', "-"));
        let _ = fs::remove_dir_all(&folder);
        Self::start_again(kind, folder, traced, &[])
    }

    /// Starts a server on a folder as it is.
    pub(super) fn start_again(
        kind: Kind,
        folder: PathBuf,
        traced: bool,
        arguments: &[&str],
    ) -> Result<Self, String> {
        let failed = |error| format!("{}: {error}", kind.name());
        fs::create_dir_all(&folder).map_err(failed)?;
        let address = free_address()?;
        let mut command = kind.command(&folder, address)?;
        command.args(arguments);
        let trace = traced.then(|| folder.with_extension("trace"));
        if let Some(trace) = &trace {
            command = traced_command(&command, trace)?;
        }
        let log = fs::File::create(folder.with_extension("log")).map_err(failed)?;
        let log_too = log.try_clone().map_err(failed)?;
        command
            .stdin(Stdio::null())
            .stdout(Stdio::from(log))
            .stderr(Stdio::from(log_too));
        let child = command.spawn().map_err(failed)?;
        let pid = child.id();
        let mut server = Self {
            kind,
            address,
            pid,
            child,
            folder,
            trace,
        };
        server.wait_until_ready()?;
        if server.trace.is_some() {
            server.pid = child_of(pid).ok_or("strace has no child")?;
        }
        Ok(server)
    }

    /// Until it answers anything but an error of its own.
    fn wait_until_ready(&mut self) -> Result<(), String> {
        let start = Instant::now();
        while start.elapsed() < READY_WITHIN {
            if self
                .client()
                .get("/")
                .is_ok_and(|answer| answer.status < 500)
            {
                return Ok(());
            }
            if let Ok(Some(status)) = self.child.try_wait() {
                return Err(format!("{} ended: {status}", self.kind.name()));
            }
            // Nothing tells from outside when a process is about to listen.
            std::thread::sleep(PAUSE);
        }
        Err(format!("{} is not ready in time", self.kind.name()))
    }

    /// A client with the key pair of all servers.
    pub(super) fn client(&self) -> Client {
        let word = str::to_owned;
        let (access, secret, region) = (word(ACCESS_KEY), word(SECRET_KEY), word("us-east-1"));
        Client::new(
            self.address,
            Keys {
                access,
                secret,
                region,
            },
        )
    }

    /// How often it called fsync and fdatasync so far; needs a trace.
    pub(super) fn syncs(&self) -> Result<usize, String> {
        let trace = self.trace.as_ref().ok_or("not traced")?;
        let text = fs::read_to_string(trace).map_err(|error| error.to_string())?;
        Ok(count_syncs(&text))
    }

    /// The most memory that it had, in KiB.
    pub(super) fn memory_max_kib(&self) -> Result<u64, String> {
        let path = format!("/proc/{}/status", self.pid);
        let text = fs::read_to_string(&path).map_err(|error| format!("{path}: {error}"))?;
        let line = text.lines().find_map(|line| line.strip_prefix("VmHWM:"));
        let number = line.and_then(|line| line.split_ascii_whitespace().next()?.parse().ok());
        number.ok_or_else(|| format!("{path} has no VmHWM"))
    }

    /// Ends it, with TERM or at once, and keeps its folder.
    pub(super) fn end(mut self, at_once: bool) -> Result<PathBuf, String> {
        self.signal(if at_once { "-KILL" } else { "-TERM" });
        self.child.wait().map_err(|error| error.to_string())?;
        let folder = std::mem::take(&mut self.folder);
        Ok(folder)
    }

    fn signal(&self, signal: &str) {
        // It may have ended already; then there is nothing to end.
        let _ = Command::new("kill")
            .args([signal, &self.pid.to_string()])
            .status();
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        if let Ok(None) = self.child.try_wait() {
            self.signal("-KILL");
            let _ = self.child.kill();
            let _ = self.child.wait();
        }
        if let Some(trace) = &self.trace {
            let _ = fs::remove_file(trace);
        }
        if !self.folder.as_os_str().is_empty() {
            let _ = fs::remove_dir_all(&self.folder);
        }
    }
}

/// The same command under strace, which stops the server at the calls of interest only.
fn traced_command(command: &Command, trace: &Path) -> Result<Command, String> {
    let mut traced = Command::new(installed("strace")?);
    traced
        .args([
            "-f",
            "--seccomp-bpf",
            "-qq",
            "-e",
            "trace=fsync,fdatasync",
            "-o",
        ])
        .arg(trace);
    traced.arg(command.get_program()).args(command.get_args());
    for (name, value) in command.get_envs() {
        traced.env(name, value.unwrap_or_default());
    }
    Ok(traced)
}

/// The begun calls in a trace: `123 fdatasync(9) = 0` or `123 fdatasync(9 <unfinished ...>`.
fn count_syncs(trace: &str) -> usize {
    let call = |line: &&str| {
        let call = line
            .split_once(' ')
            .map(|(_, call)| call.trim_start())
            .unwrap_or_default();
        call.starts_with("fsync(") || call.starts_with("fdatasync(")
    };
    trace.lines().filter(call).count()
}

fn child_of(pid: u32) -> Option<u32> {
    let children = fs::read_to_string(format!("/proc/{pid}/task/{pid}/children")).ok()?;
    children.split_ascii_whitespace().next()?.parse().ok()
}

/// A program that a variable of its name in capitals names, or one in PATH.
pub(super) fn installed(name: &str) -> Result<PathBuf, String> {
    if let Some(path) = std::env::var_os(name.to_uppercase()) {
        return Ok(PathBuf::from(path));
    }
    let folders = std::env::var_os("PATH").unwrap_or_default();
    let mut paths = std::env::split_paths(&folders).map(|folder| folder.join(name));
    paths
        .find(|path| path.is_file())
        .ok_or_else(|| format!("{name} is not installed"))
}

fn free_address() -> Result<SocketAddr, String> {
    let listener = TcpListener::bind("127.0.0.1:0").map_err(|error| error.to_string())?;
    listener.local_addr().map_err(|error| error.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_call_counts_once_however_it_is_written() {
        let trace = "\
            12 fdatasync(9)                      = 0\n\
            13 fsync(8 <unfinished ...>\n\
            12 fdatasync(9 <unfinished ...>\n\
            13 <... fsync resumed>)              = 0\n\
            12 <... fdatasync resumed>)          = -1 EIO (Input/output error)\n\
            13 +++ exited with 0 +++\n";
        assert_eq!(count_syncs(trace), 3);
        assert_eq!(count_syncs(""), 0);
    }
}
