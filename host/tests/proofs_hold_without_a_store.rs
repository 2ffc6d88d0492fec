//! A proof says by itself what is under a key, or that nothing is; a changed one never says
//! anything else.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    missing_docs
)]
#![allow(clippy::arithmetic_side_effects, dead_code, unreachable_pub)]

#[path = "support/carry.rs"]
mod carry;

use std::path::Path;

use billet_block::{Cid, Codec};
use billet_client::daemon::Daemon;
use billet_host::carry::{Inspector, verify_proof};
use carry::{ends, put, root};

#[test]
fn proofs_hold_without_a_store() {
    let folder = tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR")).unwrap();
    let store = folder.path().join("store");
    let program = Path::new(env!("CARGO_BIN_EXE_billet"));
    let mut daemon = Daemon::start(program, &store, &[]).unwrap();
    let mut client = daemon.client();
    put(&mut client, "/photos", b"");
    put(&mut client, "/empty", b"");
    for index in 0..100 {
        put(&mut client, &format!("/photos/{index}"), b"some bytes");
    }
    let under = root(&store, "photos");
    let prove = |bucket: &str, key: &str, name: &str| {
        let file = folder.path().join(name);
        ends(
            0,
            &store,
            &["prove", bucket, key, "-o", file.to_str().unwrap()],
        );
        file
    };
    let present = prove("photos", "42", "present.car");
    let absent = prove("photos", "no such key", "absent.car");
    let empty = prove("empty", "42", "empty.car");
    let nothing: Cid = root(&store, "empty").parse().unwrap();
    assert!(daemon.terminate().unwrap().success());

    let nowhere = folder.path().join("nowhere");
    for (file, key, verdict) in [
        (&present, "42", "present"),
        (&absent, "no such key", "absent"),
    ] {
        let file = file.to_str().unwrap();
        let said = ends(
            0,
            &nowhere,
            &["verify", "--proof", file, "--root", &under, key],
        );
        assert!(said.starts_with(&format!("{verdict}\t{key}\t")), "{said}");
    }
    let body = Cid::of(Codec::Raw, b"some bytes");
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let inspector = Inspector::new().unwrap();
    let verify = |file: &Path, root: Cid, key: &str| {
        runtime.block_on(verify_proof(&inspector, file, root, key))
    };
    let under: Cid = under.parse().unwrap();
    let proven = verify(&present, under, "42").unwrap().unwrap();
    assert_eq!((proven.body, proven.size), (body.to_string(), 10));
    assert_eq!(verify(&absent, under, "no such key").unwrap(), None);
    assert_eq!(verify(&empty, nothing, "42").unwrap(), None);
    assert!(verify(&present, nothing, "42").is_err(), "another root");
    assert!(verify(&empty, under, "42").is_err(), "another root");

    for (file, key) in [(&present, "42"), (&absent, "no such key")] {
        let whole = verify(file, under, key).unwrap();
        let bytes = std::fs::read(file).unwrap();
        let tried = folder.path().join("tried.car");
        changed(&bytes, |what, bytes| {
            std::fs::write(&tried, bytes).unwrap();
            if let Ok(said) = verify(&tried, under, key) {
                assert_eq!(said, whole, "{what}");
            }
        });
    }
}

/// Tries a proof with every byte changed, and cut in many places.
fn changed(bytes: &[u8], attempt: impl Fn(&str, &[u8])) {
    for at in 0..bytes.len() {
        let mut bytes = bytes.to_vec();
        bytes[at] ^= 1 + (at % 255) as u8;
        attempt(&format!("byte {at}"), &bytes);
    }
    for length in (0..bytes.len()).step_by(7) {
        attempt(&format!("cut at {length}"), &bytes[..length]);
    }
}
