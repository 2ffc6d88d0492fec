//! Keys of the durable table that shipping writes: the one place where they are made and read.
//!
//! Must never accept a key that it would not have written.

use billet_block::Digest;
use billet_segment::{check_log, check_space};

const NUMBER_DIGITS: usize = 20;
const INDEX_DIGITS: usize = 5;

/// Most bytes of a note's key.
pub const NOTE_KEY_BYTES_MAX: usize = 255;

/// Bytes that are no key of shipping.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0:?} is no key of shipping")]
pub struct KeyError(pub String);

/// A key, by what stands under it.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum ShipKey {
    /// A shard's [`crate::ShardRow`].
    Shard(u64),
    /// A shard that is not accepted yet: its [`crate::DueRow`].
    Due(u64),
    /// A page of a shard's recipe.
    Recipe {
        /// The shard.
        shard: u64,
        /// Counted from 0.
        page: u16,
    },
    /// The bytes of a block that is in no segment, by its slot.
    Inline {
        /// The shard.
        shard: u64,
        /// Counted from 0 over the whole shard.
        slot: u16,
    },
    /// How far a shard's upload got.
    Step(u64),
    /// What the network said when it took a shard.
    Commitment(u64),
    /// A block of a space in an accepted shard: its [`crate::Place`].
    Place {
        /// The block's.
        digest: Digest,
        /// Whose block.
        space: String,
    },
    /// What of a log is on the network: its [`crate::Published`].
    Published(String),
    /// A note of the shipper.
    Note(String),
}

impl ShipKey {
    /// Keys of shards begin so.
    pub const SHARDS: &[u8] = b"shard/";
    /// Keys of shards that are not accepted begin so.
    pub const DUE: &[u8] = b"shard-due/";
    /// Keys of published positions begin so.
    pub const PUBLISHED: &[u8] = b"published/";
    /// Keys of notes begin so.
    pub const NOTES: &[u8] = b"note/";
    const RECIPES: &[u8] = b"shard-recipe/";
    const INLINE: &[u8] = b"shard-inline/";
    const STEPS: &[u8] = b"shard-step/";
    const COMMITMENTS: &[u8] = b"shard-commitment/";
    const PLACES: &[u8] = b"place/";

    /// What the keys of a block's places in all spaces begin with.
    pub fn places(digest: &Digest) -> Vec<u8> {
        [Self::PLACES, digest].concat()
    }

    /// The key.
    pub fn to_bytes(&self) -> Vec<u8> {
        let number = |prefix: &[u8], number: &u64| {
            [prefix, format!("{number:0NUMBER_DIGITS$}").as_bytes()].concat()
        };
        let part = |prefix: &[u8], shard: &u64, part: &u16| {
            let text = format!("{shard:0NUMBER_DIGITS$}/{part:0INDEX_DIGITS$}");
            [prefix, text.as_bytes()].concat()
        };
        match self {
            Self::Shard(shard) => number(Self::SHARDS, shard),
            Self::Due(shard) => number(Self::DUE, shard),
            Self::Recipe { shard, page } => part(Self::RECIPES, shard, page),
            Self::Inline { shard, slot } => part(Self::INLINE, shard, slot),
            Self::Step(shard) => number(Self::STEPS, shard),
            Self::Commitment(shard) => number(Self::COMMITMENTS, shard),
            Self::Place { digest, space } => [&Self::places(digest), space.as_bytes()].concat(),
            Self::Published(log) => [Self::PUBLISHED, log.as_bytes()].concat(),
            Self::Note(key) => [Self::NOTES, key.as_bytes()].concat(),
        }
    }

    /// Reads a key.
    ///
    /// # Errors
    /// For everything that [`ShipKey::to_bytes`] does not write.
    pub fn parse(bytes: &[u8]) -> Result<Self, KeyError> {
        let parsed = Self::parse_number(bytes)
            .or_else(|| Self::parse_part(bytes))
            .or_else(|| Self::parse_named(bytes));
        parsed.ok_or_else(|| KeyError(String::from_utf8_lossy(bytes).into_owned()))
    }

    fn parse_number(bytes: &[u8]) -> Option<Self> {
        let number = |prefix| digits(bytes.strip_prefix(prefix)?, NUMBER_DIGITS);
        number(Self::SHARDS)
            .map(Self::Shard)
            .or_else(|| number(Self::DUE).map(Self::Due))
            .or_else(|| number(Self::STEPS).map(Self::Step))
            .or_else(|| number(Self::COMMITMENTS).map(Self::Commitment))
    }

    fn parse_part(bytes: &[u8]) -> Option<Self> {
        let part = |prefix| {
            let text = bytes.strip_prefix(prefix)?;
            let (shard, part) = text.split_at_checked(NUMBER_DIGITS)?;
            let part = digits(part.strip_prefix(b"/")?, INDEX_DIGITS)?;
            Some((digits(shard, NUMBER_DIGITS)?, u16::try_from(part).ok()?))
        };
        let recipe = part(Self::RECIPES).map(|(shard, page)| Self::Recipe { shard, page });
        let inline = || part(Self::INLINE).map(|(shard, slot)| Self::Inline { shard, slot });
        recipe.or_else(inline)
    }

    fn parse_named(bytes: &[u8]) -> Option<Self> {
        if let Some(rest) = bytes.strip_prefix(Self::PLACES) {
            let (digest, space) = rest.split_first_chunk::<32>()?;
            let space = str::from_utf8(space).ok()?;
            check_space(space).ok()?;
            let (digest, space) = (*digest, space.to_owned());
            return Some(Self::Place { digest, space });
        }
        if let Some(log) = bytes.strip_prefix(Self::PUBLISHED) {
            let log = str::from_utf8(log).ok()?;
            check_log(log).ok()?;
            return Some(Self::Published(log.to_owned()));
        }
        let note = str::from_utf8(bytes.strip_prefix(Self::NOTES)?).ok()?;
        check_note(note).ok()?;
        Some(Self::Note(note.to_owned()))
    }
}

/// Refuses what no note's key may be; the text says why.
///
/// # Errors
/// A sentence for people.
pub fn check_note(key: &str) -> Result<(), String> {
    match key.len() {
        0 => Err("a note's key is empty".to_owned()),
        bytes if bytes > NOTE_KEY_BYTES_MAX => Err(format!(
            "a note's key has {bytes} bytes, {NOTE_KEY_BYTES_MAX} at most"
        )),
        _ if key.contains('\0') => Err("a note's key has a NUL".to_owned()),
        _ => Ok(()),
    }
}

fn digits(text: &[u8], count: usize) -> Option<u64> {
    let is_plain = text.len() == count && text.iter().all(u8::is_ascii_digit);
    is_plain.then(|| str::from_utf8(text).ok()?.parse().ok())?
}
