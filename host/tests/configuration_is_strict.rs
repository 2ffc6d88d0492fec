//! Configuration: precedence, origins, unknown keys with a guess, all problems at once.

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    missing_docs
)]

use billet_host::config::{Config, Origin, SETTINGS, Sources};

fn sources(file: &str, environment: &[(&str, &str)], flags: &[(&str, &str, &str)]) -> Sources {
    let own = |text: &&str| (*text).to_owned();
    Sources {
        file: Some(("billet.toml".into(), file.to_owned())),
        environment: environment
            .iter()
            .map(|(name, value)| (own(name), own(value)))
            .collect(),
        flags: flags
            .iter()
            .map(|(flag, name, text)| (own(flag), own(name), own(text)))
            .collect(),
    }
}

fn problems(file: &str, environment: &[(&str, &str)]) -> Vec<String> {
    Config::resolve(sources(file, environment, &[]))
        .unwrap_err()
        .0
}

fn origin(config: &Config, name: &str) -> Origin {
    let (_, given) = config
        .entries()
        .find(|(setting, _)| setting.name == name)
        .unwrap();
    given.origin.clone()
}

#[test]
fn a_flag_wins_over_the_environment_and_that_over_the_file() {
    let file = "region = \"file\"\nspace = \"file\"\ndata_dir = \"file\"\n";
    let environment = [
        ("BILLET_REGION", "environment"),
        ("BILLET_SPACE", "environment"),
    ];
    let flags = [("--set", "region", "flag")];
    let config = Config::resolve(sources(file, &environment, &flags)).unwrap();
    assert_eq!(config.text("region"), "flag");
    assert_eq!(config.text("space"), "environment");
    assert_eq!(config.text("data_dir"), "file");
    assert_eq!(config.text("listen"), "127.0.0.1:9000");
    assert_eq!(origin(&config, "region"), Origin::Flag("--set".to_owned()));
    assert_eq!(
        origin(&config, "space"),
        Origin::Environment("BILLET_SPACE".to_owned())
    );
    assert_eq!(
        origin(&config, "data_dir"),
        Origin::File("billet.toml".into())
    );
    assert_eq!(origin(&config, "listen"), Origin::Default);
}

#[test]
fn every_default_is_a_value_of_its_kind() {
    assert!(Config::resolve(Sources::default()).is_ok());
    for setting in SETTINGS {
        assert!(
            setting.variable().starts_with("BILLET_"),
            "{}",
            setting.name
        );
    }
}

#[test]
fn an_unknown_key_is_named_with_what_was_perhaps_meant() {
    assert_eq!(
        problems("regoin = \"x\"\n", &[]),
        ["regoin (billet.toml) is no setting; did you mean region?"]
    );
    assert_eq!(
        problems("", &[("BILLET_JOURNAL_SEAL_BYTE", "1")]),
        [
            "BILLET_JOURNAL_SEAL_BYTE in the environment is no setting; \
          did you mean BILLET_JOURNAL_SEAL_BYTES?"
        ]
    );
    assert_eq!(problems("[journal]\nseal = 1\n", &[]).len(), 1);
}

#[test]
fn all_problems_are_told_at_once() {
    let told = problems(
        "listen = \"nowhere\"\nnonsense = 1\n[journal]\nseal_bytes = \"lots\"\n",
        &[("BILLET_BUFFERS_COUNT", "0"), ("BILLET_LOG_FORMAT", "xml")],
    );
    assert_eq!(told.len(), 5, "{told:#?}");
}

#[test]
fn zero_is_not_the_same_as_not_set() {
    let config = Config::resolve(sources("[journal]\ntable_cache_bytes = 0\n", &[], &[])).unwrap();
    assert_eq!(config.number("journal.table_cache_bytes"), 0);
}

#[test]
fn sizes_and_times_have_units() {
    let file = "[journal]\nseal_bytes = \"2MiB\"\n[limits]\nidle_ms = \"2min\"\nstop_ms = 700\n";
    let config = Config::resolve(sources(file, &[], &[])).unwrap();
    assert_eq!(config.number("journal.seal_bytes"), 2 << 20);
    assert_eq!(config.number("limits.idle_ms"), 120_000);
    assert_eq!(config.number("limits.stop_ms"), 700);
}

#[test]
fn the_key_pair_of_the_environment_is_no_setting() {
    let environment = [
        ("BILLET_ACCESS_KEY_ID", "a"),
        ("BILLET_SECRET_ACCESS_KEY", "b"),
    ];
    assert!(Config::resolve(sources("", &environment, &[])).is_ok());
}
