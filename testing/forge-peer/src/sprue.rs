//! The real upload service as a process of its own, where a test is told where its program is.
//!
//! Must never be started on anything but loopback, nor outlive its handle.

use std::io;
use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use ipld_core::ipld::Ipld;

use crate::caller::Caller;
use crate::cbor;
use crate::key::Key;
use crate::peer::Peer;
use crate::token::Draft;
use crate::wire;

/// The variable that names the service's program.
pub const PROGRAM: &str = "BILLET_SPRUE";
/// Longest time until it must be ready.
const READY_WITHIN: Duration = Duration::from_secs(60);

/// A running service in memory mode; killed when dropped.
#[derive(Debug)]
pub struct Sprue {
    child: Child,
    log: PathBuf,
    key: Key,
    /// Where it listens.
    pub address: SocketAddr,
}

impl Sprue {
    /// The program that the environment names, if any.
    pub fn program() -> Option<PathBuf> {
        std::env::var_os(PROGRAM).map(PathBuf::from)
    }

    /// Starts it with a key file and its log in a folder, and a peer's indexer.
    ///
    /// # Errors
    /// It cannot be started, ends at once, or is not ready in time.
    pub fn start(program: &Path, folder: &Path, indexer: Option<&Peer>) -> io::Result<Self> {
        let key = Key::random();
        let key_file = folder.join("service.pem");
        std::fs::write(&key_file, key.pem())?;
        let address = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?.local_addr()?;
        let log = folder.join("service.log");
        let out = std::fs::File::create(&log)?;
        let (did, url) = indexer.map_or((String::new(), String::new()), |peer| {
            let url = format!("http://{}", peer.indexer);
            (peer.indexer_did().to_owned(), url)
        });
        let child = Command::new(program)
            .arg("serve")
            .current_dir(folder)
            .env("SPRUE_STORAGE_TYPE", "memory")
            .env("SPRUE_MAILER_TYPE", "nop")
            .env("SPRUE_INDEXER_ENDPOINT", url)
            .env("SPRUE_INDEXER_DID", did)
            .env(
                "SPRUE_DEPLOYMENT_ALLOW_PROVISION_WITHOUT_PAYMENT_PLAN",
                "true",
            )
            .env("SPRUE_DEPLOYMENT_INSECURE_DID_RESOLUTION", "true")
            .env("SPRUE_IDENTITY_KEY_FILE", &key_file)
            .env("SPRUE_SERVER_HOST", address.ip().to_string())
            .env("SPRUE_SERVER_PORT", address.port().to_string())
            .env("SPRUE_SERVER_PUBLIC_URL", format!("http://{address}"))
            .stdin(Stdio::null())
            .stdout(Stdio::from(out.try_clone()?))
            .stderr(Stdio::from(out))
            .spawn()?;
        let mut sprue = Self {
            child,
            log,
            key,
            address,
        };
        sprue.wait()?;
        Ok(sprue)
    }

    fn wait(&mut self) -> io::Result<()> {
        let start = Instant::now();
        while start.elapsed() < READY_WITHIN {
            let answer = wire::send(self.address, "GET", "/health", &[], &[]);
            if answer.is_ok_and(|answer| answer.status == 200) {
                return Ok(());
            }
            if let Some(status) = self.child.try_wait()? {
                return Err(io::Error::other(format!("the service ended: {status}")));
            }
            // Nothing tells from outside when a process is about to listen.
            std::thread::sleep(Duration::from_millis(20));
        }
        Err(io::Error::other("the service is not ready in time"))
    }

    /// The service's name.
    pub fn did(&self) -> &str {
        self.key.did()
    }

    /// A caller of this service.
    pub fn caller(&self, agent: Key) -> Caller {
        Caller {
            address: self.address,
            service: self.did().to_owned(),
            agent,
        }
    }

    /// Registers a peer's node as the provider that gets blobs.
    ///
    /// # Errors
    /// The service refuses.
    pub fn register(&self, peer: &Peer, node: usize) -> Result<(), String> {
        let operator = self.caller(self.key.clone());
        let did = peer.node_did(node).to_owned();
        let url = peer
            .nodes
            .get(node)
            .map(|address| format!("http://{address}"));
        let register = cbor::map([
            ("provider", Ipld::String(did.clone())),
            ("endpoint", Ipld::String(url.ok_or("no such node")?)),
            ("proofs", Ipld::Bytes(peer.proofs(node, self.did()))),
        ]);
        let weight = cbor::map([
            ("provider", Ipld::String(did)),
            ("weight", Ipld::Integer(100)),
            ("replicationWeight", Ipld::Integer(100)),
        ]);
        for (cmd, args) in [
            ("/admin/provider/register", register),
            ("/provider/weight/set", weight),
        ] {
            let reply = operator.call(Draft::invocation(self.did(), cmd, args), &[], &[])?;
            if let Err((name, message)) = reply.receipt.out() {
                return Err(format!("{cmd}: {name}: {message}"));
            }
        }
        Ok(())
    }

    /// Posts every link that the log says was mailed to an address; how many there were.
    ///
    /// # Errors
    /// The log cannot be read, or a link is refused.
    pub fn click(&self, email: &str) -> Result<usize, String> {
        let log = std::fs::read_to_string(&self.log).map_err(|error| error.to_string())?;
        let mut count = 0;
        for line in log.lines().filter(|line| line.contains(email)) {
            let Some((_, rest)) = line.split_once("/validate-email?ucan=") else {
                continue;
            };
            let end = rest.find(|letter: char| {
                !letter.is_ascii_alphanumeric() && letter != '-' && letter != '_'
            });
            let link = rest.get(..end.unwrap_or(rest.len())).unwrap_or_default();
            let path = format!("/validate-email?ucan={link}&mode=authorize");
            let answer = wire::send(self.address, "POST", &path, &[], &[]);
            let answer = answer.map_err(|error| error.to_string())?;
            if answer.status != 200 {
                return Err(format!("the link: status {}", answer.status));
            }
            count += 1;
        }
        Ok(count)
    }
}

impl Drop for Sprue {
    fn drop(&mut self) {
        // It may have ended by itself.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
