//! A host whose time of day is set again and again while bodies are on their way in: each put is
//! taken all the same.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    missing_docs
)]

mod common;

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use billet_client::daemon::{ACCESS_KEY, SECRET_KEY};
use billet_client::{Client, Keys};
use billet_wasi_host::instances::Pool;
use billet_wasi_host::{Server, Sharing};
use common::{bytes, component, expect};
use tokio::net::TcpListener;
use wasmtime::Config;
use wasmtime_wasi::{FsPerms, HostWallClock, WasiCtxBuilder};

const PUTS: u64 = 60;
/// Half of a leap: less than what a signature may be off, and twice that is more than the age that
/// a claim may reach.
const OFF: Duration = Duration::from_secs(8 * 60);

/// Too early or too late, as the bits of a number that each reading changes fall.
struct Leaping(Arc<AtomicU64>);

impl HostWallClock for Leaping {
    fn resolution(&self) -> Duration {
        Duration::from_nanos(1)
    }

    fn now(&self) -> Duration {
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap();
        let reading = self.0.fetch_add(1, Ordering::Relaxed);
        if reading.wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 63 == 0 {
            now - OFF
        } else {
            now + OFF
        }
    }
}

#[test]
fn puts_are_taken_whatever_the_time() {
    let folder = tempfile::tempdir().unwrap();
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let listener = runtime.block_on(TcpListener::bind("127.0.0.1:0")).unwrap();
    let address = listener.local_addr().unwrap();
    let environment = [
        ("BILLET_ACCESS_KEY_ID", ACCESS_KEY.to_owned()),
        ("BILLET_SECRET_ACCESS_KEY", SECRET_KEY.to_owned()),
        ("BILLET_HOSTS", address.to_string()),
    ];
    let (path, readings) = (folder.path().to_owned(), Arc::default());
    let pool = Pool::new(Config::new(), &component(), Sharing::default(), move || {
        Ok(WasiCtxBuilder::new()
            .inherit_stderr()
            .envs(&environment)
            .preopened_dir(&path, "/data", FsPerms::ReadWrite)?
            .wall_clock(Leaping(Arc::clone(&readings)))
            .build())
    });
    let server = runtime.spawn(Server::of(pool.unwrap()).run(listener));
    let keys = Keys {
        access: ACCESS_KEY.to_owned(),
        secret: SECRET_KEY.to_owned(),
        region: "us-east-1".to_owned(),
    };
    let mut client = Client::new(address, keys);
    expect(200, &client.put("/one", b"").unwrap());
    for number in 0..PUTS {
        let path = format!("/one/{number}");
        expect(200, &client.put(&path, &bytes(number, 5000)).unwrap());
    }
    server.abort();
}
