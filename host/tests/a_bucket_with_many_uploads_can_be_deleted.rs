//! A bucket without keys but with more unfinished uploads than one commit can delete is deleted by
//! one request all the same.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    missing_docs
)]
#![allow(clippy::arithmetic_side_effects, dead_code, unreachable_pub)]

use std::path::Path;

use billet_client::daemon::Daemon;
use billet_client::{Request, Response};

const THREADS: usize = 16;
/// One commit deletes 8,192 rows at most, and an upload has at least one.
const UPLOADS: usize = 8_208;

fn created(answer: &Response) {
    assert_eq!(answer.status, 200, "{}", answer.text());
}

#[test]
fn a_bucket_with_many_uploads_can_be_deleted() {
    let folder = tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR")).unwrap();
    let program = Path::new(env!("CARGO_BIN_EXE_billet"));
    let daemon = Daemon::start(program, &folder.path().join("store"), &[]).unwrap();
    let mut client = daemon.client();
    created(&client.put("/bucket", b"").unwrap());
    std::thread::scope(|scope| {
        for thread in 0..THREADS {
            let mut client = client.clone();
            scope.spawn(move || {
                for number in 0..UPLOADS / THREADS {
                    let path = format!("/bucket/{thread}-{number}");
                    let answer = client.send(Request {
                        method: "POST",
                        path: &path,
                        query: &[("uploads", "")],
                        ..Request::default()
                    });
                    created(&answer.unwrap());
                }
            });
        }
    });
    let gone = client.delete("/bucket").unwrap();
    assert_eq!(gone.status, 204, "{}", gone.text());
    assert_eq!(client.get("/bucket").unwrap().status, 404);
    // Nothing of the old bucket comes back with its name.
    created(&client.put("/bucket", b"").unwrap());
    let uploads = client.send(Request {
        method: "GET",
        path: "/bucket",
        query: &[("uploads", "")],
        ..Request::default()
    });
    assert_eq!(uploads.unwrap().element("Upload"), None);
}
