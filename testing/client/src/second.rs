//! The composed component on the stock host of `testing/wasi-host`, as a process of its own.
//!
//! Must never wait by the clock: the process says when it listens.

use std::io::{self, BufRead, BufReader};
use std::net::SocketAddr;
use std::path::Path;
use std::process::{Child, Command, Stdio};

use crate::daemon::{ACCESS_KEY, SECRET_KEY, free_address};
use crate::{Client, Keys};

/// A running process; killed when dropped, its folder stays.
#[derive(Debug)]
pub struct SecondHost {
    child: Child,
    /// Where S3 is served.
    pub address: SocketAddr,
}

impl SecondHost {
    /// Starts `program` with `component` on `folder` and waits until it listens. `sharing` is how
    /// many requests an instance works on at once, and how many in all; without it as `wasmtime
    /// serve` does.
    ///
    /// # Errors
    /// It cannot be started, or ends before it listens.
    pub fn start(
        program: &Path,
        component: &Path,
        folder: &Path,
        sharing: Option<(usize, usize)>,
    ) -> io::Result<Self> {
        Self::start_with(program, component, folder, sharing, |_| ())
    }

    /// The same with something changed about the process, as its environment.
    ///
    /// # Errors
    /// As [`SecondHost::start`].
    pub fn start_with(
        program: &Path,
        component: &Path,
        folder: &Path,
        sharing: Option<(usize, usize)>,
        change: impl FnOnce(&mut Command),
    ) -> io::Result<Self> {
        let address = free_address()?;
        let sharing = sharing.map(|(at_once, total)| [at_once.to_string(), total.to_string()]);
        let mut command = Command::new(program);
        command
            .args([component, folder])
            .arg(address.to_string())
            .args(sharing.iter().flatten())
            .env("BILLET_ACCESS_KEY_ID", ACCESS_KEY)
            .env("BILLET_SECRET_ACCESS_KEY", SECRET_KEY)
            // Such a host passes on neither `Host` nor an authority.
            .env("BILLET_HOSTS", format!("s3.example, {address}"))
            .stdout(Stdio::piped());
        change(&mut command);
        let mut child = command.spawn()?;
        let mut line = String::new();
        if let Some(stdout) = child.stdout.take() {
            BufReader::new(stdout).read_line(&mut line)?;
        }
        let host = Self { child, address };
        if line.starts_with("listening") {
            Ok(host)
        } else {
            Err(io::Error::other(format!(
                "{} says {line:?}",
                program.display()
            )))
        }
    }

    /// A client with the host's key pair.
    pub fn client(&self) -> Client {
        self.client_with(SECRET_KEY)
    }

    /// A client with another secret.
    pub fn client_with(&self, secret: &str) -> Client {
        let keys = Keys {
            access: ACCESS_KEY.to_owned(),
            secret: secret.to_owned(),
            region: "us-east-1".to_owned(),
        };
        Client::new(self.address, keys)
    }

    /// Ends it at once, as `kill -9` does.
    ///
    /// # Errors
    /// The system's.
    pub fn kill(&mut self) -> io::Result<()> {
        self.child.kill()?;
        self.child.wait().map(drop)
    }
}

impl Drop for SecondHost {
    fn drop(&mut self) {
        // It may have ended already; then there is nothing to end.
        let _ = self.kill();
    }
}
