//! A daemon that cannot start says what is wrong by its name and ends with a status that is not
//! zero: an unknown setting wherever it is written, a storage root that another process has, a key
//! that others can read.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    missing_docs
)]
#![allow(clippy::arithmetic_side_effects, dead_code, unreachable_pub)]

use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::{Command, Output};

use billet_client::daemon::Daemon;

/// What `billet` says to these arguments, without any variable of the test's own.
fn billet(arguments: &[&str], variables: &[(&str, &str)]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_billet"));
    for (name, _) in std::env::vars_os() {
        if name.to_string_lossy().starts_with("BILLET_") {
            command.env_remove(name);
        }
    }
    let variables = variables.iter().copied();
    command.args(arguments).envs(variables).output().unwrap()
}

/// Arguments, variables, and what the refusal names.
type Case<'a> = (&'a [&'a str], &'a [(&'a str, &'a str)], &'a str);

#[test]
fn an_unknown_setting_is_named_and_nothing_is_made() {
    let folder = tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR")).unwrap();
    let store = folder.path().join("store");
    let file = folder.path().join("billet.toml");
    std::fs::write(&file, "[limits]\nconnection_max = 3\n").unwrap();
    let (data, config) = (store.to_str().unwrap(), file.to_str().unwrap());
    let cases: [Case<'_>; 4] = [
        (&["--set", "nonsense=1"], &[], "nonsense"),
        (&["--config", config], &[], "limits.connection_max"),
        (&[], &[("BILLET_REGOIN", "x")], "BILLET_REGOIN"),
        (
            &[],
            &[("BILLET_LIMITS_IDLE_MS", "soon")],
            "BILLET_LIMITS_IDLE_MS",
        ),
    ];
    for (more, variables, name) in cases {
        for command in [&["serve"][..], &["config", "check"], &["config", "show"]] {
            let arguments = [command, &["--data-dir", data], more].concat();
            let output = billet(&arguments, variables);
            let said = String::from_utf8_lossy(&output.stderr).into_owned();
            assert_eq!(output.status.code(), Some(1), "{arguments:?}: {said}");
            assert!(said.contains(name), "{arguments:?}: {said}");
            assert!(output.stdout.is_empty(), "{arguments:?}");
        }
    }
    assert!(!store.exists(), "a folder was made for nothing");
    let output = billet(&["serve", "--nonsense"], &[]);
    assert_eq!(output.status.code(), Some(2), "the parser's own");
}

#[test]
fn a_key_that_others_can_read_is_refused_with_what_to_do() {
    let folder = tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR")).unwrap();
    let (store, keys) = (
        folder.path().join("store"),
        folder.path().join("store/keys"),
    );
    std::fs::create_dir_all(&keys).unwrap();
    let (service, key) = (
        "ship.service_url=http://127.0.0.1:1",
        keys.join("space.pem"),
    );
    std::fs::write(&key, "not looked at").unwrap();
    std::fs::set_permissions(&key, std::fs::Permissions::from_mode(0o644)).unwrap();
    let data = store.to_str().unwrap();
    let listen = ["--listen", "127.0.0.1:0", "--admin-listen", "127.0.0.1:0"];
    let words = [
        &["serve", "--data-dir", data, "--set", service],
        &listen[..],
    ]
    .concat();
    let output = billet(&words, &[]);
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert_eq!(output.status.code(), Some(1), "{said}");
    let expected = format!("(mode 644); run: chmod 600 {}", key.display());
    assert!(said.contains(&expected), "{said}");
    let variables = [("BILLET_SHIP_SERVICE_URL", "http://127.0.0.1:1")];
    let output = billet(&["whoami", "--data-dir", data], &variables);
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(said.contains(&expected), "{said}");
}

#[test]
fn a_second_daemon_on_one_root_is_refused_by_any_name() {
    let folder = tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR")).unwrap();
    let program = Path::new(env!("CARGO_BIN_EXE_billet"));
    let store = folder.path().join("store");
    let first = Daemon::start(program, &store, &[]).unwrap();
    let link = folder.path().join("link");
    std::os::unix::fs::symlink(&store, &link).unwrap();
    let real = store.canonicalize().unwrap();
    for name in [&store, &link] {
        let mut second = Daemon::spawn(program, name, &[]).unwrap();
        assert_eq!(second.wait().unwrap().code(), Some(1));
        let log = std::fs::read_to_string(name.with_extension("log")).unwrap();
        let expected = format!("the storage root {} is in use", real.display());
        assert!(log.contains(&expected), "{log}");
    }
    assert_eq!(first.client().put("/bucket", b"").unwrap().status, 200);
}
