//! Reading an archive that arrives in pieces.
//!
//! Must never hold more than one section and the piece given last, and never take what is behind
//! the archive for a part of it.

use billet_block::Cid;

use crate::{CARV2_HEAD_BYTES, CARV2_PRAGMA, CarError, CarV2, Header, Parsed, parse_frame_head};

/// What an archive is made of, in order: one header, then blocks.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Item {
    /// The header of the CARv1.
    Header(Header),
    /// A block, not checked against its name.
    Block {
        /// The name.
        cid: Cid,
        /// Where its section begins (at the length), counted from the start of the CARv1.
        offset: u64,
        /// The bytes.
        bytes: Vec<u8>,
    },
}

/// What comes next in the input.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    /// The first bytes, of either version.
    Start,
    /// Bytes between the head of a CARv2 and its CARv1.
    Gap { bytes: u64 },
    /// The header of the CARv1.
    Header,
    /// Sections.
    Sections,
}

/// Takes the bytes of a CARv1 or CARv2 in pieces of any length and gives out what they hold. The
/// index of a CARv2 is passed over.
///
/// After each [`Reader::push`] call [`Reader::next_item`] until it gives `None`; at the end of the
/// input, [`Reader::finish`].
#[derive(Clone, Debug)]
pub struct Reader {
    buffer: Vec<u8>,
    /// How much of the buffer is used up.
    used: usize,
    state: State,
    /// Bytes of the CARv1 so far.
    offset: u64,
    /// Bytes of the CARv1 still to come, where a CARv2 says how long it is.
    left: Option<u64>,
}

impl Default for Reader {
    fn default() -> Self {
        Self::new()
    }
}

impl Reader {
    /// At the start of an archive.
    pub const fn new() -> Self {
        Self {
            buffer: Vec::new(),
            used: 0,
            state: State::Start,
            offset: 0,
            left: None,
        }
    }

    /// The next bytes of the input.
    pub fn push(&mut self, bytes: &[u8]) {
        if self.is_behind_data() {
            return;
        }
        self.buffer.drain(..self.used);
        self.used = 0;
        self.buffer.extend_from_slice(bytes);
    }

    /// The next item, or `None` until more bytes were pushed or where the archive is over.
    ///
    /// # Errors
    /// As [`Header::parse`], [`CarV2::parse`] and [`crate::parse_frame_head`]; a section that
    /// crosses the end of a CARv2's data is `Malformed`. Calling again says the same.
    pub fn next_item(&mut self) -> Result<Option<Item>, CarError> {
        loop {
            let is_done = match self.state {
                State::Start => self.read_start()?,
                State::Gap { bytes } => self.skip_gap(bytes),
                State::Header => return self.read_header(),
                State::Sections if self.is_behind_data() => return Ok(None),
                State::Sections => return self.read_section(),
            };
            if !is_done {
                return Ok(None);
            }
        }
    }

    /// Ends the input.
    ///
    /// # Errors
    /// `Truncated` when there is no whole header, a section begun or data missing.
    pub fn finish(self) -> Result<(), CarError> {
        let is_whole = match self.left {
            Some(left) => left == 0,
            None => self.used == self.buffer.len(),
        };
        if self.state == State::Sections && is_whole {
            Ok(())
        } else {
            Err(CarError::Truncated)
        }
    }

    fn is_behind_data(&self) -> bool {
        self.state == State::Sections && self.left == Some(0)
    }

    /// The bytes that are there and belong to what is being read.
    fn input(&self) -> &[u8] {
        let input = self.buffer.get(self.used..).unwrap_or_default();
        let left = self.left.and_then(|left| usize::try_from(left).ok());
        let end = left.map_or(input.len(), |left| left.min(input.len()));
        input.get(..end).unwrap_or_default()
    }

    /// Tells the versions apart: a CARv1 header is never as short as the pragma. `false` where
    /// more bytes are needed.
    fn read_start(&mut self) -> Result<bool, CarError> {
        let input = self.input();
        if input.is_empty() {
            return Ok(false);
        }
        if input.first() != CARV2_PRAGMA.first() {
            self.state = State::Header;
            return Ok(true);
        }
        if input.len() < CARV2_HEAD_BYTES {
            return Ok(false);
        }
        let head = CarV2::parse(input)?;
        self.used += CARV2_HEAD_BYTES;
        self.state = State::Gap {
            bytes: head.data_offset - CARV2_HEAD_BYTES as u64,
        };
        self.left = Some(head.data_bytes);
        Ok(true)
    }

    fn skip_gap(&mut self, bytes: u64) -> bool {
        let there = self.buffer.len() - self.used;
        let skipped = usize::try_from(bytes).map_or(there, |bytes| bytes.min(there));
        self.used += skipped;
        let bytes = bytes - skipped as u64;
        self.state = match bytes {
            0 => State::Header,
            bytes => State::Gap { bytes },
        };
        bytes == 0
    }

    fn read_header(&mut self) -> Result<Option<Item>, CarError> {
        match Header::parse(self.input())? {
            Parsed::Whole((header, length)) => {
                self.advance(length);
                self.state = State::Sections;
                Ok(Some(Item::Header(header)))
            }
            Parsed::Incomplete { bytes } => self.wait_for(bytes),
        }
    }

    fn read_section(&mut self) -> Result<Option<Item>, CarError> {
        let input = self.input();
        let frame = match parse_frame_head(input)? {
            Parsed::Whole(frame) => frame,
            Parsed::Incomplete { bytes } => return self.wait_for(bytes),
        };
        let Some(bytes) = input.get(frame.payload) else {
            return self.wait_for(frame.length);
        };
        let bytes = bytes.to_vec();
        let offset = self.offset;
        self.advance(frame.length);
        Ok(Some(Item::Block {
            cid: frame.cid,
            offset,
            bytes,
        }))
    }

    /// `None`, unless so many bytes can never come.
    fn wait_for(&self, bytes: usize) -> Result<Option<Item>, CarError> {
        match self.left {
            Some(left) if left < bytes as u64 => Err(CarError::Malformed(
                "a section that crosses the end of the data",
            )),
            _ => Ok(None),
        }
    }

    fn advance(&mut self, length: usize) {
        self.used += length;
        self.offset += length as u64;
        self.left = self.left.map(|left| left.saturating_sub(length as u64));
    }
}
