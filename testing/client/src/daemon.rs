//! A `billet serve` of its own for a test or a task: free ports, a key pair, a folder.
//!
//! Must never touch a store that its caller did not name.

use std::io::{self, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::path::Path;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::{Duration, Instant};

use crate::{Client, Keys};

/// The access key of every such daemon.
pub const ACCESS_KEY: &str = "test-access-key";
/// Its secret half.
pub const SECRET_KEY: &str = "test-secret-access-key";

/// Longest time until a started daemon must be ready, however busy the machine is.
const READY_WITHIN: Duration = Duration::from_secs(180);

/// How often others may take a port first.
const PORTS_TRIED: usize = 5;

/// A running daemon; killed when dropped, its folder stays.
#[derive(Debug)]
pub struct Daemon {
    child: Child,
    /// Where S3 is served.
    pub address: SocketAddr,
    /// Where health and metrics are served.
    pub admin: SocketAddr,
}

impl Daemon {
    /// Starts `program` on `folder` with more arguments and waits until it is ready. Its log goes
    /// to the folder's name with `.log`.
    ///
    /// # Errors
    /// It cannot be started, ends at once, or is not ready in time.
    pub fn start(program: &Path, folder: &Path, arguments: &[&str]) -> io::Result<Self> {
        for _ in 0..PORTS_TRIED {
            if let Some(daemon) = Self::try_start(program, folder, arguments)? {
                return Ok(daemon);
            }
        }
        Err(io::Error::other("no port stays free"))
    }

    /// As [`Daemon::start`]; none where another process took a port that was free just before.
    fn try_start(program: &Path, folder: &Path, arguments: &[&str]) -> io::Result<Option<Self>> {
        let log = folder.with_extension("log");
        let logged = std::fs::read(&log).map_or(0, |log| log.len());
        let mut daemon = Self::spawn(program, folder, arguments)?;
        let start = Instant::now();
        while start.elapsed() < READY_WITHIN {
            if daemon
                .ask_admin("/readyz")
                .is_ok_and(|answer| answer.starts_with("HTTP/1.1 200"))
            {
                return Ok(Some(daemon));
            }
            if let Some(status) = daemon.child.try_wait()? {
                let log = std::fs::read(&log)?;
                let told = String::from_utf8_lossy(log.get(logged..).unwrap_or_default());
                if told.contains("cannot listen on") {
                    return Ok(None);
                }
                return Err(io::Error::other(format!("billet serve ended: {status}")));
            }
            // Nothing tells from outside when a process is about to listen.
            std::thread::sleep(Duration::from_millis(5));
        }
        Err(io::Error::other("billet serve is not ready in time"))
    }

    /// Starts it without waiting.
    ///
    /// # Errors
    /// It cannot be started.
    pub fn spawn(program: &Path, folder: &Path, arguments: &[&str]) -> io::Result<Self> {
        let (address, admin) = (free_address()?, free_address()?);
        let log = std::fs::OpenOptions::new()
            .create(true)
            .append(true)
            .open(folder.with_extension("log"))?;
        let mut command = Command::new(program);
        // What steers a test is no setting, and a daemon refuses what it does not know.
        for (name, _) in std::env::vars_os() {
            if name.to_string_lossy().starts_with("BILLET_") {
                command.env_remove(name);
            }
        }
        let child = command
            .arg("serve")
            .arg("--data-dir")
            .arg(folder)
            .args([
                "--listen",
                &address.to_string(),
                "--admin-listen",
                &admin.to_string(),
            ])
            .args(arguments)
            .env("BILLET_ACCESS_KEY_ID", ACCESS_KEY)
            .env("BILLET_SECRET_ACCESS_KEY", SECRET_KEY)
            .stderr(Stdio::from(log))
            .stdout(Stdio::null())
            .spawn()?;
        Ok(Self {
            child,
            address,
            admin,
        })
    }

    /// The daemon's process id.
    pub fn pid(&self) -> u32 {
        self.child.id()
    }

    /// A client with the daemon's key pair.
    pub fn client(&self) -> Client {
        let (access, secret) = (ACCESS_KEY.to_owned(), SECRET_KEY.to_owned());
        Client::new(
            self.address,
            Keys {
                access,
                secret,
                region: "us-east-1".to_owned(),
            },
        )
    }

    /// The whole answer of the admin port, head and body.
    ///
    /// # Errors
    /// What the connection said.
    pub fn ask_admin(&self, path: &str) -> io::Result<String> {
        let mut stream = TcpStream::connect(self.admin)?;
        stream.set_read_timeout(Some(Duration::from_secs(5)))?;
        let request = format!("GET {path} HTTP/1.1\r\nHost: admin\r\nConnection: close\r\n\r\n");
        stream.write_all(request.as_bytes())?;
        let mut answer = String::new();
        stream.read_to_string(&mut answer)?;
        Ok(answer)
    }

    /// Ends it at once, as `kill -9` does.
    ///
    /// # Errors
    /// The system's.
    pub fn kill(&mut self) -> io::Result<ExitStatus> {
        self.child.kill()?;
        self.child.wait()
    }

    /// Asks it to stop, as `kill` does, and waits.
    ///
    /// # Errors
    /// The system's.
    pub fn terminate(&mut self) -> io::Result<ExitStatus> {
        let pid = self.child.id().to_string();
        Command::new("kill").args(["-TERM", &pid]).status()?;
        self.child.wait()
    }

    /// Waits until it ends by itself.
    ///
    /// # Errors
    /// The system's.
    pub fn wait(&mut self) -> io::Result<ExitStatus> {
        self.child.wait()
    }
}

impl Drop for Daemon {
    fn drop(&mut self) {
        // It may have ended already; then there is nothing to end.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

pub(crate) fn free_address() -> io::Result<SocketAddr> {
    TcpListener::bind("127.0.0.1:0")?.local_addr()
}
