//! A guest that traps and one that computes without end: their requests get an answer, what shared
//! their instance is broken off, and the next request has a new one. The guest is a component that
//! does so when it is asked to; all else is the host as it is.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    missing_docs
)]
#![allow(clippy::arithmetic_side_effects, dead_code, unreachable_pub)]

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::path::Path;
use std::process::Command;
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use billet_host::traits::{Credentials, Principal, Refusal, Signature};
use billet_host::{Binaries, Running, Settings, components, start_with};

/// Knows nobody; the guest does not ask.
struct Nobody;

impl Credentials for Nobody {
    fn verify(&self, _: &Signature) -> Result<Principal, Refusal> {
        Err(Refusal::UnknownKey)
    }
}

/// The component, built as the real ones are, in the same folder.
fn guest() -> &'static [u8] {
    static GUEST: OnceLock<Vec<u8>> = OnceLock::new();
    GUEST.get_or_init(|| {
        let target = Path::new(env!("CARGO_TARGET_TMPDIR")).parent().unwrap();
        let target = target.join("components");
        let built = Command::new(env!("CARGO"))
            .args(["build", "--profile", "component"])
            .args(["--target", "wasm32-wasip2", "-p", "billet-broken-guest"])
            .arg("--target-dir")
            .arg(&target)
            .env_remove("RUSTFLAGS")
            .status();
        assert!(built.unwrap().success());
        let file = "wasm32-wasip2/component/billet_broken_guest.wasm";
        std::fs::read(target.join(file)).unwrap()
    })
}

async fn run(folder: &Path) -> Running {
    let binaries = Binaries {
        gateway: guest(),
        mst: components::MST,
    };
    let settings = Settings::local(folder.to_owned());
    start_with(binaries, settings, Arc::new(Nobody))
        .await
        .unwrap()
}

fn ask(address: SocketAddr, method: &str, path: &str) -> TcpStream {
    let mut stream = TcpStream::connect(address).unwrap();
    let wait = Some(Duration::from_secs(50));
    stream.set_read_timeout(wait).unwrap();
    let head = format!("{method} {path} HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n");
    stream.write_all(head.as_bytes()).unwrap();
    stream
}

/// The whole answer, as far as it came.
fn answer(address: SocketAddr, method: &str, path: &str) -> String {
    let mut answer = String::new();
    let _ = ask(address, method, path).read_to_string(&mut answer);
    answer
}

fn assert_failed(answer: &str) {
    assert!(answer.starts_with("HTTP/1.1 500 "), "{answer:?}");
    assert!(answer.contains("<Code>InternalError</Code>"), "{answer}");
    let (_, id) = answer.split_once("<RequestId>").unwrap();
    let (id, _) = id.split_once('<').unwrap();
    assert_eq!(id.len(), 16, "{answer}");
    assert!(answer.contains(&format!("x-amz-request-id: {id}\r\n")));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_trap_is_answered_and_breaks_off_its_neighbours_alone() {
    let folder = tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR")).unwrap();
    let running = run(folder.path()).await;
    let (address, admin) = (running.listen_addr(), running.admin_addr());
    let checked = tokio::task::spawn_blocking(move || {
        let mut neighbour = ask(address, "GET", "/unended");
        let mut of_other_pool = ask(address, "POST", "/unended");
        let mut first = [0; 12];
        for stream in [&mut neighbour, &mut of_other_pool] {
            stream.read_exact(&mut first).unwrap();
            assert_eq!(&first, b"HTTP/1.1 200");
        }
        assert_failed(&answer(address, "GET", "/trap"));
        // The answer that had begun ends, and not as if it were whole.
        let mut rest = String::new();
        let _ = neighbour.read_to_string(&mut rest);
        let (head, body) = rest.split_once("\r\n\r\n").unwrap();
        assert!(head.contains("content-length: 1000"), "{head}");
        assert_eq!(body, "first", "less than its length");
        for method in ["GET", "PUT"] {
            let next = answer(address, method, "/");
            assert!(next.starts_with("HTTP/1.1 204 "), "{next}");
        }
        let metrics = answer(admin, "GET", "/metrics");
        assert!(
            metrics.contains("billet_gateway_traps_total 1\n"),
            "{metrics}"
        );
        let wait = Some(Duration::from_millis(100));
        of_other_pool.set_read_timeout(wait).unwrap();
        let mut rest = Vec::new();
        let open = of_other_pool.read_to_end(&mut rest).unwrap_err();
        assert_eq!(open.kind(), std::io::ErrorKind::WouldBlock, "it goes on");
    });
    checked.await.unwrap();
    running.stop().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_guest_that_computes_without_end_is_ended() {
    let folder = tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR")).unwrap();
    let running = run(folder.path()).await;
    let (address, admin) = (running.listen_addr(), running.admin_addr());
    let checked = tokio::task::spawn_blocking(move || {
        let looping = std::thread::spawn(move || answer(address, "GET", "/loop"));
        // Meanwhile the other pool answers.
        for _ in 0..10 {
            let other = answer(address, "PUT", "/");
            assert!(other.starts_with("HTTP/1.1 204 "), "{other}");
        }
        assert_failed(&looping.join().unwrap());
        let next = answer(address, "GET", "/");
        assert!(next.starts_with("HTTP/1.1 204 "), "{next}");
        let metrics = answer(admin, "GET", "/metrics");
        assert!(
            metrics.contains("billet_gateway_traps_total 1\n"),
            "{metrics}"
        );
    });
    checked.await.unwrap();
    running.stop().await.unwrap();
}
