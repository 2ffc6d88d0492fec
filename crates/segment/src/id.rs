//! Names of segments: the one place where a key becomes a path and back.
//!
//! Must never accept a key or path that it would not have written.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// Segments in one folder.
const SEGMENTS_PER_FOLDER: u64 = 1000;

const NUMBER_DIGITS: usize = 20;
const FOLDER_DIGITS: usize = 17;
const ROOT_DIGITS: usize = 16;

/// Why some text names no segment or file.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{text:?} is not the name of a {what}")]
pub struct IdError {
    /// What was expected.
    pub what: &'static str,
    /// What was there instead.
    pub text: String,
}

impl IdError {
    fn new(what: &'static str, text: &str) -> Self {
        Self {
            what,
            text: text.to_owned(),
        }
    }
}

/// Where the bytes of a block belong.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Plane {
    /// Leaves of bodies.
    Data,
    /// Everything else, and the commit records.
    Catalog,
}

impl Plane {
    /// Both planes.
    pub const ALL: [Self; 2] = [Self::Data, Self::Catalog];

    /// The folder's name.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Data => "data",
            Self::Catalog => "catalog",
        }
    }

    fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|plane| plane.name() == text)
    }
}

/// A segment. Numbers are unique over both planes and never used twice.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct SegmentId {
    /// Rises with time.
    pub number: u64,
    /// Whose blocks it holds.
    pub plane: Plane,
}

impl SegmentId {
    /// The key, as `segment/data/00000000000000000007`.
    pub fn key(&self) -> String {
        let Self { number, plane } = self;
        format!("segment/{}/{number:0NUMBER_DIGITS$}", plane.name())
    }

    /// Reads a key.
    ///
    /// # Errors
    /// For everything that [`SegmentId::key`] does not write.
    pub fn parse_key(key: &[u8]) -> Result<Self, IdError> {
        let text = String::from_utf8_lossy(key);
        let parse = || {
            let (plane, number) = text.strip_prefix("segment/")?.split_once('/')?;
            let plane = Plane::parse(plane)?;
            Some(Self {
                number: parse_digits(number, NUMBER_DIGITS)?,
                plane,
            })
        };
        parse().ok_or_else(|| IdError::new("segment", &text))
    }

    /// The folder of its files, without a slash at the end.
    pub fn folder(&self, root: &RootId) -> String {
        let folder = self.number / SEGMENTS_PER_FOLDER;
        format!("{root}/{}/{folder:0FOLDER_DIGITS$}", self.plane.name())
    }

    /// The path of one of its files, as
    /// `00112233aabbccdd/data/00000000000000000/seg-00000000000000000007.car`.
    pub fn path(&self, root: &RootId, kind: FileKind) -> String {
        let (folder, number) = (self.folder(root), self.number);
        format!("{folder}/seg-{number:0NUMBER_DIGITS$}.{}", kind.extension())
    }

    /// Reads a path.
    ///
    /// # Errors
    /// For everything that [`SegmentId::path`] does not write.
    pub fn parse_path(path: &str) -> Result<(RootId, Self, FileKind), IdError> {
        let parse = || {
            let (root, rest) = path.split_once('/')?;
            let (plane, rest) = rest.split_once('/')?;
            let (_, file) = rest.split_once('/')?;
            let (number, extension) = file.strip_prefix("seg-")?.split_once('.')?;
            let id = Self {
                number: parse_digits(number, NUMBER_DIGITS)?,
                plane: Plane::parse(plane)?,
            };
            let kind = FileKind::ALL
                .into_iter()
                .find(|kind| kind.extension() == extension)?;
            let root = root.parse::<RootId>().ok()?;
            (id.path(&root, kind) == path).then_some((root, id, kind))
        };
        parse().ok_or_else(|| IdError::new("segment's file", path))
    }
}

impl fmt::Display for SegmentId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} segment {}", self.plane.name(), self.number)
    }
}

/// What a segment's files are.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum FileKind {
    /// The blocks: a CARv1.
    Car,
    /// Where each block is: a CARv2 MultihashIndexSorted body.
    Idx,
    /// Checksums of the blocks.
    Sum,
}

impl FileKind {
    /// All kinds.
    pub const ALL: [Self; 3] = [Self::Car, Self::Idx, Self::Sum];

    /// The end of the file's name.
    pub const fn extension(self) -> &'static str {
        match self {
            Self::Car => "car",
            Self::Idx => "idx",
            Self::Sum => "sum",
        }
    }
}

/// The name of a storage root: 16 hexadecimal digits, drawn at first start.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct RootId(pub u64);

impl fmt::Display for RootId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:0ROOT_DIGITS$x}", self.0)
    }
}

impl FromStr for RootId {
    type Err = IdError;

    fn from_str(text: &str) -> Result<Self, IdError> {
        let root = u64::from_str_radix(text, 16).map(Self);
        match root {
            Ok(root) if root.to_string() == text => Ok(root),
            _ => Err(IdError::new("storage root", text)),
        }
    }
}

fn parse_digits(text: &str, digits: usize) -> Option<u64> {
    let is_plain = text.len() == digits && text.bytes().all(|byte| byte.is_ascii_digit());
    is_plain.then(|| text.parse().ok())?
}
