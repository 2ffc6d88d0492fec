//! Messages of an answer, and the bytes they are between daemon and command line.
//!
//! A line of the answer is one line of JSON. What is no line of it is a JSON object with the one
//! key `billet`: how far it is, how it ended, or how many raw bytes follow the line's end. Must
//! never take an answer without an end for a whole one.

use bytes::{Buf, Bytes, BytesMut};
use serde::{Deserialize, Serialize};

/// The longest line; a block is never one.
const LINE_BYTES_MAX: usize = 4 << 20;
/// The most raw bytes of one message.
const RAW_BYTES_MAX: usize = 4 << 20;

/// What control lines begin with; no line of an answer has that key first.
const CONTROL: &[u8] = b"{\"billet\":";

/// How an answer ended.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum End {
    /// All is well.
    Whole,
    /// Something is damaged; the lines say what.
    Damaged,
    /// It did not come to its end.
    Failed {
        /// What is wrong and what to do.
        text: String,
        /// Whether it is because of damage.
        is_damage: bool,
    },
}

/// One message.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Message {
    /// A line of JSON, without its end.
    Line(Bytes),
    /// Raw bytes.
    Bytes(Bytes),
    /// How far it is.
    Progress {
        /// What is being done.
        what: String,
        /// So much of it is done.
        done: u64,
        /// So much there is; 0 where nobody knows.
        all: u64,
    },
    /// The last one.
    End(End),
}

/// The object under `billet`.
#[derive(Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
enum Control {
    Bytes(usize),
    Progress { what: String, done: u64, all: u64 },
    End(End),
}

#[derive(Serialize, Deserialize)]
struct Envelope {
    billet: Control,
}

impl Message {
    /// Its bytes.
    pub(crate) fn encode(self) -> Bytes {
        let (control, raw) = match self {
            Self::Line(line) => {
                let mut out = BytesMut::from(line);
                out.extend_from_slice(b"\n");
                return out.freeze();
            }
            Self::Bytes(bytes) => (Control::Bytes(bytes.len()), bytes),
            Self::Progress { what, done, all } => {
                (Control::Progress { what, done, all }, Bytes::new())
            }
            Self::End(end) => (Control::End(end), Bytes::new()),
        };
        // Text and numbers cannot fail to be written.
        let mut out = serde_json::to_vec(&Envelope { billet: control }).unwrap_or_default();
        out.push(b'\n');
        out.extend_from_slice(&raw);
        out.into()
    }
}

/// Reads messages out of pieces of any size.
#[derive(Default)]
pub(crate) struct Decoder {
    buffer: BytesMut,
    /// Raw bytes that are still to come.
    raw: usize,
    /// How far the buffer is known to have no line's end.
    looked: usize,
}

impl Decoder {
    /// Adds a piece.
    pub(crate) fn push(&mut self, piece: &[u8]) {
        self.buffer.extend_from_slice(piece);
    }

    /// The next whole message, if it is there. Raw bytes may come in more pieces than they were
    /// sent in.
    ///
    /// # Errors
    /// A sentence when the bytes are no messages.
    pub(crate) fn next(&mut self) -> Result<Option<Message>, String> {
        if self.raw > 0 {
            let count = self.raw.min(self.buffer.len());
            self.raw -= count;
            let bytes = self.buffer.split_to(count).freeze();
            return Ok((count > 0).then_some(Message::Bytes(bytes)));
        }
        let rest = self.buffer.get(self.looked..).unwrap_or_default();
        let Some(end) = rest.iter().position(|byte| *byte == b'\n') else {
            self.looked = self.buffer.len();
            if self.looked > LINE_BYTES_MAX {
                return Err("a line of the answer is too long".to_owned());
            }
            return Ok(None);
        };
        let line = self.buffer.split_to(self.looked + end).freeze();
        self.buffer.advance(1);
        self.looked = 0;
        if !line.starts_with(CONTROL) {
            return Ok(Some(Message::Line(line)));
        }
        let envelope: Envelope = serde_json::from_slice(&line)
            .map_err(|error| format!("the answer cannot be read: {error}"))?;
        match envelope.billet {
            Control::Bytes(count) if count > RAW_BYTES_MAX => {
                Err("the answer has too many bytes in one piece".to_owned())
            }
            Control::Bytes(count) => {
                self.raw = count;
                self.next()
            }
            Control::Progress { what, done, all } => {
                Ok(Some(Message::Progress { what, done, all }))
            }
            Control::End(end) => Ok(Some(Message::End(end))),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn messages_come_back_whatever_the_pieces_are() {
        let failed = End::Failed {
            text: "a\nb \"c\" ü".to_owned(),
            is_damage: true,
        };
        let progress = Message::Progress {
            what: "segments".to_owned(),
            done: 3,
            all: 9,
        };
        let sent = [
            Message::Line(Bytes::from_static(b"{\"key\":\"a\\nb\"}")),
            Message::Bytes(Bytes::from_static(b"\n{\"billet\":\n\0")),
            progress,
            Message::Line(Bytes::from_static(b"{}")),
            Message::End(failed),
        ];
        let bytes: Vec<u8> = sent.iter().flat_map(|m| m.clone().encode()).collect();
        for size in 1..=bytes.len() {
            let mut decoder = Decoder::default();
            let (mut found, mut raw) = (Vec::new(), Vec::new());
            for piece in bytes.chunks(size) {
                decoder.push(piece);
                while let Some(message) = decoder.next().unwrap() {
                    match message {
                        Message::Bytes(bytes) => raw.extend_from_slice(&bytes),
                        message => found.push(message),
                    }
                }
            }
            let (lines, bytes): (Vec<_>, Vec<_>) = sent
                .iter()
                .cloned()
                .partition(|message| !matches!(message, Message::Bytes(_)));
            assert_eq!(found, lines);
            assert_eq!(bytes, [Message::Bytes(raw.into())]);
        }
    }

    #[test]
    fn other_bytes_are_told() {
        let mut decoder = Decoder::default();
        decoder.push(b"{\"billet\":7}\n");
        assert!(decoder.next().is_err());
        let mut decoder = Decoder::default();
        decoder.push(b"{\"billet\":{\"bytes\":99999999999}}\n");
        assert!(decoder.next().is_err());
    }
}
