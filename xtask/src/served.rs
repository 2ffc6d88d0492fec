//! Who serves the S3 that a suite is run against: the daemon, the second host, or somebody who
//! runs already.
//!
//! Must never let a suite know which of them it is.

use std::path::Path;

use billet_client::daemon::{ACCESS_KEY, Daemon, SECRET_KEY};
use billet_client::second::SecondHost;

use crate::{compose, tested};

/// The adapter that the second host runs.
const ADAPTER: &str = "wasi-filesystem";

/// Which server is wanted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Wanted {
    /// `target/testing/billet`, as it is.
    Daemon,
    /// The composed component on `target/testing/billet-wasi-host`.
    Second,
    /// One that runs; its key pair is in `AWS_ACCESS_KEY_ID` and `AWS_SECRET_ACCESS_KEY`.
    Endpoint(String),
}

impl Wanted {
    /// Takes `--second` or `--endpoint URL` off the front of a task's words.
    ///
    /// # Errors
    /// An option without its value, or an unknown one.
    pub fn parse(words: &[String]) -> Result<(Self, &[String]), String> {
        match words {
            [word, rest @ ..] if word == "--second" => Ok((Self::Second, rest)),
            [word, url, rest @ ..] if word == "--endpoint" => {
                Ok((Self::Endpoint(url.trim_end_matches('/').to_owned()), rest))
            }
            [word, ..] if word.starts_with('-') => {
                Err(format!("{word} is neither --second nor --endpoint URL"))
            }
            rest => Ok((Self::Daemon, rest)),
        }
    }

    /// Starts it on an empty folder, which is made, or takes what runs.
    ///
    /// # Errors
    /// A sentence when it cannot be started.
    pub fn start(&self, folder: &Path) -> Result<Served, String> {
        let fresh = || {
            let _ = std::fs::remove_dir_all(folder);
            std::fs::create_dir_all(folder)
        };
        let started = match self {
            Self::Daemon => fresh()
                .and_then(|()| Daemon::start(&tested("billet"), folder, &[]))
                .map(Served::Daemon),
            Self::Second => fresh()
                .and_then(|()| {
                    let program = tested("billet-wasi-host");
                    SecondHost::start(&program, &compose::composed(ADAPTER), folder, None)
                })
                .map(Served::Second),
            Self::Endpoint(url) => Ok(Served::Endpoint(url.clone())),
        };
        started.map_err(|error| format!("{}: {error}", folder.display()))
    }

    /// Access key and secret.
    ///
    /// # Errors
    /// The variable that is not set.
    pub fn keys(&self) -> Result<(String, String), String> {
        let variable = |name| std::env::var(name).map_err(|_| format!("{name} is not set"));
        match self {
            Self::Daemon | Self::Second => Ok((ACCESS_KEY.to_owned(), SECRET_KEY.to_owned())),
            Self::Endpoint(_) => Ok((
                variable("AWS_ACCESS_KEY_ID")?,
                variable("AWS_SECRET_ACCESS_KEY")?,
            )),
        }
    }
}

/// A server; ended when dropped, if it was started here.
#[derive(Debug)]
pub enum Served {
    /// Ours.
    Daemon(Daemon),
    /// Ours, too.
    Second(SecondHost),
    /// Somebody else's.
    Endpoint(String),
}

impl Served {
    /// Its URL.
    pub fn url(&self) -> String {
        match self {
            Self::Daemon(daemon) => format!("http://{}", daemon.address),
            Self::Second(host) => format!("http://{}", host.address),
            Self::Endpoint(url) => url.clone(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn options_come_first_and_unknown_ones_are_refused() {
        let words = |text: &str| -> Vec<String> { text.split(' ').map(str::to_owned).collect() };
        let endpoint = Wanted::Endpoint("http://127.0.0.1:9".to_owned());
        for (text, wanted, rest) in [
            ("PutObject", Wanted::Daemon, "PutObject"),
            ("--second PutObject", Wanted::Second, "PutObject"),
            ("--endpoint http://127.0.0.1:9/ 5", endpoint, "5"),
        ] {
            let words_given = words(text);
            assert_eq!(Wanted::parse(&words_given), Ok((wanted, &words(rest)[..])));
        }
        assert!(Wanted::parse(&words("--first")).is_err());
        assert!(Wanted::parse(&words("--endpoint")).is_err());
    }
}
