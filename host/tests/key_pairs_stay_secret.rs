//! Key pairs: made once with mode 0600, refused where others can read them, never shown again,
//! and checked against AWS's own example of a signature.

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    missing_docs
)]

use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::Command;

use billet_host::PrivateFileError;
use billet_host::credentials::{CredentialsError, KeyPair, KeyRing, generate};
use billet_host::first_start::greeting;
use billet_host::traits::{Credentials, Refusal, Signature};

/// From AWS's description of Signature Version 4 for S3, the GET with a range.
fn example() -> Signature {
    let message = "AWS4-HMAC-SHA256\n20130524T000000Z\n20130524/us-east-1/s3/aws4_request\n\
                   7344ae5b7ee6c3e7e6b0fe0640412a37625d1fbfff95c48bbb2dc43964946972";
    Signature {
        algorithm: "AWS4-HMAC-SHA256".to_owned(),
        access_key: "AKIAIOSFODNN7EXAMPLE".to_owned(),
        session_token: None,
        date: "20130524".to_owned(),
        region: "us-east-1".to_owned(),
        service: "s3".to_owned(),
        message: message.as_bytes().to_vec(),
        mac: hex::decode("f0e8bdb87c964420e857bd35b5d6ed310bd44f0170aba48dd91039c6036bdb41")
            .unwrap(),
    }
}

fn ring() -> KeyRing {
    let mut ring = KeyRing::default();
    let secret = "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY";
    ring.add(KeyPair::new("AKIAIOSFODNN7EXAMPLE", secret).unwrap());
    ring
}

#[test]
fn the_published_example_is_taken_and_every_change_to_it_refused() {
    let ring = ring();
    let principal = ring.verify(&example()).unwrap();
    assert_eq!(principal.id.len(), 64);
    let changes: [fn(&mut Signature); 7] = [
        |signature| signature.mac[31] ^= 1,
        |signature| signature.mac.clear(),
        |signature| signature.message.push(b'x'),
        |signature| signature.date = "20130525".to_owned(),
        |signature| signature.region = "eu-west-1".to_owned(),
        |signature| signature.service = "sts".to_owned(),
        |signature| signature.algorithm = "AWS4-ECDSA-P256-SHA256".to_owned(),
    ];
    for change in changes {
        let mut signature = example();
        change(&mut signature);
        assert_eq!(
            ring.verify(&signature),
            Err(Refusal::Mismatch),
            "{signature:?}"
        );
    }
    let mut signature = example();
    signature.access_key = "AKIAIOSFODNN7EXAMPLF".to_owned();
    assert_eq!(ring.verify(&signature), Err(Refusal::UnknownKey));
    let mut signature = example();
    signature.session_token = Some("token".to_owned());
    assert_eq!(ring.verify(&signature), Err(Refusal::Expired));
}

#[test]
fn a_made_key_pair_is_private_and_read_back() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("credentials.toml");
    let pair = generate(&path).unwrap();
    assert_eq!(path.metadata().unwrap().permissions().mode() & 0o777, 0o600);
    assert_eq!(
        (pair.access_key_id.len(), pair.secret_access_key.len()),
        (20, 40)
    );
    assert!(KeyRing::default().add_file(&path).unwrap());
    assert!(
        matches!(
            generate(&path),
            Err(CredentialsError::File(PrivateFileError::Io { .. }))
        ),
        "made twice"
    );
    let text = greeting(&pair, &path, "http://127.0.0.1:9000", "us-east-1");
    for client in ["aws:", "rclone:", "mc:"] {
        assert!(text.contains(client));
    }
    assert!(!format!("{pair:?}").contains(pair.secret_access_key.as_str()));
}

#[test]
fn a_key_file_without_a_folder_lies_where_the_program_starts() {
    let folder = tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR")).unwrap();
    for _made_and_read in 0..2 {
        let output = Command::new(env!("CARGO_BIN_EXE_billet"))
            .args(["whoami", "--data-dir", "store"])
            .env("BILLET_SHIP_SERVICE_URL", "http://127.0.0.1:1")
            .env("BILLET_SHIP_AGENT_KEY_FILE", "agent.pem")
            .current_dir(folder.path())
            .output()
            .unwrap();
        assert!(output.status.success(), "{output:?}");
        assert!(folder.path().join("agent.pem").exists());
    }
}

fn written(folder: &Path, text: &str, mode: u32) -> Result<bool, CredentialsError> {
    let path = folder.join("pairs.toml");
    std::fs::write(&path, text).unwrap();
    std::fs::set_permissions(&path, std::fs::Permissions::from_mode(mode)).unwrap();
    KeyRing::default().add_file(&path)
}

#[test]
fn a_file_that_others_can_read_or_that_says_something_else_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let good = "[[key]]\naccess_key_id = \"one\"\nsecret_access_key = \"secret-of-one\"\n";
    assert!(written(folder.path(), good, 0o600).unwrap());
    assert!(matches!(
        written(folder.path(), good, 0o640),
        Err(CredentialsError::File(PrivateFileError::Exposed {
            mode: 0o640,
            ..
        }))
    ));
    let twice = good.repeat(2);
    let typo = good.replace("access_key_id", "acces_key_id");
    for text in [twice.as_str(), &typo, "key = 1\n", "[[key"] {
        let error = written(folder.path(), text, 0o600).unwrap_err();
        assert!(
            matches!(error, CredentialsError::Malformed { .. }),
            "{error}"
        );
        assert!(!error.to_string().contains("secret-of-one"), "{error}");
    }
    let short = good.replace("secret-of-one", "short");
    assert!(matches!(
        written(folder.path(), &short, 0o600),
        Err(CredentialsError::Unusable(_))
    ));
}

#[test]
fn half_a_key_pair_in_the_environment_is_refused() {
    let mut ring = KeyRing::default();
    let half = ring.add_environment(Some("one".to_owned()), None);
    assert!(matches!(
        half,
        Err(CredentialsError::Half("BILLET_ACCESS_KEY_ID"))
    ));
    assert!(ring.add_environment(None, None).is_ok());
    assert!(ring.is_empty());
}

#[test]
fn pairs_of_one_owner_are_one_principal_and_others_are_not() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("pairs.toml");
    let owner = |name: &str, owner: &str| {
        format!(
            "[[key]]\naccess_key_id = \"{name}\"\n\
             secret_access_key = \"secret-of-{name}\"\n{owner}\n"
        )
    };
    let text = [
        owner("one", ""),
        owner("two", ""),
        owner("three", "owner = \"x\""),
    ]
    .concat();
    std::fs::write(&path, text).unwrap();
    std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o600)).unwrap();
    let mut ring = KeyRing::default();
    ring.add_file(&path).unwrap();
    let principal = |name: &str| {
        let secret = format!("AWS4secret-of-{name}");
        let mut key = secret.into_bytes();
        for step in ["20260101", "r", "s3", "aws4_request", "message"] {
            use hmac::{Hmac, KeyInit, Mac};
            let mac = Hmac::<sha2::Sha256>::new_from_slice(&key).unwrap();
            key = mac.chain_update(step).finalize().into_bytes().to_vec();
        }
        let [access_key, date, region, service] = [name, "20260101", "r", "s3"].map(str::to_owned);
        let algorithm = "AWS4-HMAC-SHA256".to_owned();
        let message = b"message".to_vec();
        let session_token = None;
        ring.verify(&Signature {
            algorithm,
            access_key,
            session_token,
            date,
            region,
            service,
            message,
            mac: key,
        })
        .unwrap()
        .id
    };
    assert_eq!(principal("one"), principal("two"));
    assert_ne!(principal("one"), principal("three"));
}
