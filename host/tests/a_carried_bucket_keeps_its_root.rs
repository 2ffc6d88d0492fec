//! A bucket that is exported and imported, into the same store and into an empty one, with a daemon
//! and without, has the same root and the same objects; an export is the same bytes each time.

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

use billet_client::daemon::Daemon;
use billet_client::{Body, Client, Request};
use carry::{billet, content, ends, put, root, send};

const SIZES: [usize; 6] = [0, 1, 70_000, 1 << 20, (1 << 20) + 1, 3_000_000];

/// Two parts, the first of the least size.
const PARTS: [usize; 2] = [5 << 20, 7];

fn fill(client: &mut Client) {
    put(client, "/photos", b"");
    for size in SIZES {
        put(client, &format!("/photos/size {size}"), &content(size));
    }
    for index in 0..60 {
        put(client, &format!("/photos/small/{index}"), &content(index));
    }
    let path = "/photos/parts";
    let begun = Request {
        method: "POST",
        path,
        query: &[("uploads", "")],
        ..Request::default()
    };
    let begun = send(client, begun).text();
    let upload = begun.split("<UploadId>").nth(1).unwrap();
    let upload = upload.split('<').next().unwrap();
    let mut done = String::from("<CompleteMultipartUpload>");
    for (number, size) in (1..).zip(PARTS) {
        let number = format!("{number}");
        let bytes = content(size);
        let request = Request {
            method: "PUT",
            path,
            query: &[("partNumber", number.as_str()), ("uploadId", upload)],
            body: Body::Bytes(&bytes),
            ..Request::default()
        };
        let answer = send(client, request);
        let etag = answer.header("etag").unwrap();
        done += &format!("<Part><PartNumber>{number}</PartNumber><ETag>{etag}</ETag></Part>");
    }
    done += "</CompleteMultipartUpload>";
    let request = Request {
        method: "POST",
        path,
        query: &[("uploadId", upload)],
        body: Body::Bytes(done.as_bytes()),
        ..Request::default()
    };
    send(client, request);
}

fn check(client: &mut Client, bucket: &str) {
    for size in SIZES {
        let answer = client.get(&format!("/{bucket}/size {size}")).unwrap();
        assert_eq!(answer.status, 200, "{}", answer.text());
        assert!(answer.body == content(size), "{size} bytes differ");
    }
    let answer = client.get(&format!("/{bucket}/parts")).unwrap();
    assert!(answer.body == [content(PARTS[0]), content(PARTS[1])].concat());
}

#[test]
fn a_carried_bucket_keeps_its_root() {
    let folder = tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR")).unwrap();
    let program = Path::new(env!("CARGO_BIN_EXE_billet"));
    let (store, other) = (folder.path().join("store"), folder.path().join("other"));
    let (file, again) = (
        folder.path().join("photos.car"),
        folder.path().join("b.car"),
    );
    let (file, again) = (file.to_str().unwrap(), again.to_str().unwrap());
    let mut daemon = Daemon::start(program, &store, &[]).unwrap();
    let mut client = daemon.client();
    fill(&mut client);
    let first = root(&store, "photos");

    ends(0, &store, &["export", "photos", "-o", file]);
    ends(0, &store, &["export", "photos", "-o", again]);
    let bytes = std::fs::read(file).unwrap();
    assert!(bytes == std::fs::read(again).unwrap(), "two exports differ");
    let said = ends(0, &store, &["verify", file]);
    assert!(said.contains("67 keys") && said.contains(&first), "{said}");
    let said = ends(0, &store, &["verify", "photos"]);
    assert!(said.contains("67 keys") && said.contains(&first), "{said}");

    ends(1, &store, &["import", file]);
    for name in ["Not_A_Name", "192.168.0.1", "a-.b", "xn--a"] {
        ends(1, &store, &["import", file, "--bucket", name]);
    }
    ends(0, &store, &["import", file, "--bucket", "copy"]);
    assert_eq!(root(&store, "copy"), first);
    check(&mut client, "copy");

    // A bucket may be called as a file is.
    ends(0, &store, &["import", file, "--bucket", "copy.car"]);
    ends(0, &store, &["verify", "copy.car"]);
    ends(1, &store, &["verify", "nothing.car"]);

    replaced_whole(&store, &folder.path().join("before"), &first);

    // An older root can still be taken out; it is a tree without a state.
    client.delete("/photos/parts").unwrap();
    assert_ne!(root(&store, "photos"), first);
    ends(
        0,
        &store,
        &["export", "photos", "--root", &first, "-o", again],
    );
    ends(0, &store, &["verify", again]);
    drop(client);
    assert!(daemon.terminate().unwrap().success());
    ends(0, &store, &["export", "copy", "-o", again]);

    // Without a daemon, where there was no store.
    ends(0, &other, &["import", file]);
    assert_eq!(root(&other, "photos"), first);
    ends(0, &other, &["verify", "photos"]);
    let daemon = Daemon::start(program, &other, &[]).unwrap();
    check(&mut daemon.client(), "photos");
    // The objects of before are gone where they came from, and here they go their own way.
    put(&mut daemon.client(), "/photos/new", b"new");
    assert_ne!(root(&other, "photos"), first);
}

/// What cannot be got leaves the file that was there; what can takes its place.
fn replaced_whole(store: &Path, file: &Path, cid: &str) {
    std::fs::write(file, b"before").unwrap();
    let got = |arguments: &[&str]| {
        let output = ["-o", file.to_str().unwrap()];
        let output = billet(store, &[arguments, &output].concat());
        output.status.success()
    };
    let unknown = billet_block::Cid::of(billet_block::Codec::Raw, b"unknown").to_string();
    assert!(!got(&["block", "get", &unknown]));
    assert!(!got(&["export", "nowhere"]));
    assert_eq!(std::fs::read(file).unwrap(), b"before");
    assert!(got(&["block", "get", cid]));
    assert_ne!(std::fs::read(file).unwrap(), b"before");
}
