//! Configuration: one table of settings, four sources, an origin for each value.
//!
//! Precedence is flag, environment, file, default. An unknown key is an error, and all errors are
//! told at once. Must never hold a secret (those are in `credentials`), nor read the environment
//! by itself: sources are handed in.

mod file;
mod settings;
mod value;

use std::collections::BTreeMap;
use std::fmt;
use std::path::{Path, PathBuf};

pub use settings::{SETTINGS, Setting};
pub use value::Kind;

/// Where a value came from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Origin {
    /// Nobody set it.
    Default,
    /// A line of the configuration file.
    File(PathBuf),
    /// An environment variable.
    Environment(String),
    /// A command-line flag.
    Flag(String),
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Default => f.write_str("default"),
            Self::File(path) => write!(f, "{}", path.display()),
            Self::Environment(name) => write!(f, "{name} in the environment"),
            Self::Flag(name) => write!(f, "{name} on the command line"),
        }
    }
}

/// A value as it was written, with its origin.
#[derive(Clone, Debug)]
pub struct Given {
    /// The text; always of the setting's kind once it is in a [`Config`].
    pub text: String,
    /// Who wrote it.
    pub origin: Origin,
}

/// What the sources say, before it is checked.
#[derive(Debug, Default)]
pub struct Sources {
    /// The file's path and text.
    pub file: Option<(PathBuf, String)>,
    /// The environment; names without the prefix `BILLET_` are passed over.
    pub environment: Vec<(String, String)>,
    /// Flags: the flag as it was typed, the setting's name, the value.
    pub flags: Vec<(String, String, String)>,
}

/// All problems of a configuration.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
#[error("{}", .0.join("\n"))]
pub struct ConfigError(pub Vec<String>);

/// A checked configuration: every setting has a value of its kind.
#[derive(Clone, Debug)]
pub struct Config {
    values: BTreeMap<&'static str, Given>,
}

/// Variables with the prefix that are no settings: the root key pair and the file's path.
const RESERVED: [&str; 3] = [
    "BILLET_ACCESS_KEY_ID",
    "BILLET_SECRET_ACCESS_KEY",
    "BILLET_CONFIG",
];

/// Variables that tests and builds of Billet use.
const BUILD_ONLY: [&str; 4] = [
    "BILLET_VECTORS",
    "BILLET_COMPONENTS",
    "BILLET_SPRUE",
    "BILLET_DAEMON",
];

impl Config {
    /// Resolves and checks all settings.
    ///
    /// # Errors
    /// Every problem found, a line each, naming key and origin.
    pub fn resolve(sources: Sources) -> Result<Self, ConfigError> {
        let mut problems = Vec::new();
        let mut values: BTreeMap<&'static str, Given> = SETTINGS
            .iter()
            .map(|setting| {
                let text = setting.default.to_owned();
                (
                    setting.name,
                    Given {
                        text,
                        origin: Origin::Default,
                    },
                )
            })
            .collect();
        if let Some((path, text)) = &sources.file {
            file::read(path, text, &mut values, &mut problems);
        }
        read_environment(&sources.environment, &mut values, &mut problems);
        for (flag, name, text) in sources.flags {
            match find(&name) {
                Some(setting) => {
                    values.insert(
                        setting.name,
                        Given {
                            text,
                            origin: Origin::Flag(flag),
                        },
                    );
                }
                None => problems.push(unknown(&name, &Origin::Flag(flag))),
            }
        }
        for setting in SETTINGS {
            let Some(given) = values.get(setting.name) else {
                continue;
            };
            if let Err(reason) = setting.kind.check(&given.text) {
                problems.push(format!(
                    "{} = {:?} ({}): {reason}",
                    setting.name, given.text, given.origin
                ));
            }
        }
        if problems.is_empty() {
            Ok(Self { values })
        } else {
            Err(ConfigError(problems))
        }
    }

    /// Every setting with its value, in the table's order.
    pub fn entries(&self) -> impl Iterator<Item = (&'static Setting, &Given)> {
        SETTINGS
            .iter()
            .filter_map(|setting| Some((setting, self.values.get(setting.name)?)))
    }

    /// The text of a setting; empty for a name that is not in the table.
    pub fn text(&self, name: &str) -> &str {
        self.values
            .get(name)
            .map_or("", |given| given.text.as_str())
    }

    /// A setting of kind bytes, milliseconds or count.
    pub fn number(&self, name: &str) -> u64 {
        value::number(self.text(name)).unwrap_or_default()
    }

    /// A setting of kind list.
    pub fn list(&self, name: &str) -> Vec<String> {
        value::list(self.text(name))
    }

    /// A setting of kind path.
    pub fn path(&self, name: &str) -> &Path {
        Path::new(self.text(name))
    }
}

/// The setting of that name.
fn find(name: &str) -> Option<&'static Setting> {
    SETTINGS.iter().find(|setting| setting.name == name)
}

fn read_environment(
    environment: &[(String, String)],
    values: &mut BTreeMap<&'static str, Given>,
    problems: &mut Vec<String>,
) {
    for (name, text) in environment {
        if !name.starts_with("BILLET_")
            || RESERVED.contains(&name.as_str())
            || BUILD_ONLY.contains(&name.as_str())
        {
            continue;
        }
        let origin = Origin::Environment(name.clone());
        match SETTINGS.iter().find(|setting| setting.variable() == *name) {
            Some(setting) => {
                values.insert(
                    setting.name,
                    Given {
                        text: text.clone(),
                        origin,
                    },
                );
            }
            None => {
                let guess = nearest(name, SETTINGS.iter().map(Setting::variable));
                problems.push(format!("{name} in the environment is no setting{guess}"));
            }
        }
    }
}

fn unknown(name: &str, origin: &Origin) -> String {
    let guess = nearest(name, SETTINGS.iter().map(|setting| setting.name.to_owned()));
    format!("{name} ({origin}) is no setting{guess}")
}

/// A hint at the name that was perhaps meant.
fn nearest(name: &str, known: impl Iterator<Item = String>) -> String {
    known
        .map(|candidate| (distance(name, &candidate), candidate))
        .min()
        .filter(|(distance, candidate)| *distance <= candidate.len() / 3)
        .map_or_else(String::new, |(_, candidate)| {
            format!("; did you mean {candidate}?")
        })
}

/// Edit distance by characters.
fn distance(a: &str, b: &str) -> usize {
    let b: Vec<char> = b.chars().collect();
    let mut row: Vec<usize> = (0..=b.len()).collect();
    for (i, x) in a.chars().enumerate() {
        let mut next = vec![i + 1];
        let mut left = i + 1;
        for ((y, &above_left), &above) in b.iter().zip(&row).zip(row.iter().skip(1)) {
            left = (above_left + usize::from(x != *y))
                .min(above + 1)
                .min(left + 1);
            next.push(left);
        }
        row = next;
    }
    row.last().copied().unwrap_or_default()
}
