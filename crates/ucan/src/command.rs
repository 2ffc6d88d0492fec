//! Commands: what a token allows or asks for, a path of lower-case words.
//!
//! Must never take a command for the parent of another because it is a prefix of its text.

use std::fmt;
use std::str::FromStr;

use crate::limits::COMMAND_BYTES_MAX;

/// A command, such as `/blob/add`; `/` is all of them.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Command(String);

/// A text that is no command.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a command is a lower-case path without a slash at its end")]
pub struct CommandError;

impl Command {
    /// The command that covers all others.
    pub fn all() -> Self {
        Self("/".to_owned())
    }

    /// The text.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Whether who may use this command may use `other`: the same one or one below it.
    pub fn covers(&self, other: &Self) -> bool {
        match other.0.strip_prefix(&self.0) {
            Some(rest) => rest.is_empty() || rest.starts_with('/') || self.0 == "/",
            None => false,
        }
    }

    /// The next command above; `None` above `/`.
    pub fn parent(&self) -> Option<Self> {
        if self.0 == "/" {
            return None;
        }
        match self.0.rsplit_once('/') {
            Some((above, _)) if !above.is_empty() => Some(Self(above.to_owned())),
            _ => Some(Self::all()),
        }
    }
}

impl FromStr for Command {
    type Err = CommandError;

    fn from_str(text: &str) -> Result<Self, CommandError> {
        let closed = text.len() > 1 && text.ends_with('/');
        let upper = text.chars().any(char::is_uppercase);
        if !text.starts_with('/') || closed || upper || text.len() > COMMAND_BYTES_MAX {
            return Err(CommandError);
        }
        Ok(Self(text.to_owned()))
    }
}

impl fmt::Display for Command {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}
