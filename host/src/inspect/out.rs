//! Where an answer goes: a bounded channel to whoever prints or sends it.
//!
//! Must never hold more than a few messages: a reader that is slow slows the answer.

use std::pin::Pin;

use bytes::Bytes;
use futures::Stream;
use serde::Serialize;
use tokio::sync::mpsc;

use super::{End, Message};
use crate::bindings::billet::store::types::StoreError;
use crate::bindings::exports::billet::bucket::objects::Refusal;
use crate::mst::Lost;

/// Messages that wait for the reader.
const MESSAGES_AHEAD: usize = 16;
/// Raw bytes of one message.
const PIECE_BYTES_MAX: usize = 1 << 20;

/// Bytes that came with a request.
pub(crate) type Input = Pin<Box<dyn Stream<Item = std::io::Result<Bytes>> + Send>>;

/// How an answer that came to its end turned out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Verdict {
    /// Nothing is wrong.
    Whole,
    /// Something of the store is damaged; the lines say what.
    Damaged,
}

/// Why an answer did not come to its end.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Failure {
    /// What is wrong and what to do, for people.
    pub(crate) text: String,
    /// Whether it is because of damage.
    pub(crate) is_damage: bool,
}

impl Failure {
    /// A failure that is no damage.
    pub(crate) fn new(text: impl Into<String>) -> Self {
        Self {
            text: text.into(),
            is_damage: false,
        }
    }

    /// A failure because of damage.
    pub(crate) fn damage(text: impl Into<String>) -> Self {
        Self {
            text: text.into(),
            is_damage: true,
        }
    }
}

impl Failure {
    /// The same, saying what it is about.
    pub(crate) fn about(self, what: &str) -> Self {
        Self {
            text: format!("{what}: {}", self.text),
            ..self
        }
    }
}

impl From<StoreError> for Failure {
    fn from(error: StoreError) -> Self {
        match error {
            StoreError::NotFound => {
                Self::damage("a block is not there; `billet fsck` says what is missing")
            }
            StoreError::Corrupt(cid) => {
                let name = billet_block::Cid::from_bytes(&cid);
                let name = name.map_or_else(|_| "?".to_owned(), |cid| cid.to_string());
                Self::damage(format!(
                    "the block {name} is damaged; `billet fsck` says whose it is"
                ))
            }
            StoreError::Busy(_) => Self::new("too much at once; ask again"),
            StoreError::Full => Self::new("no room on the disk"),
            StoreError::Conflict => Self::new("the bucket changed meanwhile; ask again"),
            StoreError::Unavailable => Self::new("the store cannot be read now; its log says why"),
            StoreError::Invalid(text) => Self::new(text),
        }
    }
}

impl From<billet_storage::StoreError> for Failure {
    fn from(error: billet_storage::StoreError) -> Self {
        use billet_storage::StoreError as Error;
        Self {
            is_damage: matches!(error, Error::Corrupt(_)),
            text: error.to_string(),
        }
    }
}

impl From<Refusal> for Failure {
    fn from(refusal: Refusal) -> Self {
        match refusal {
            Refusal::NoSuchBucket => {
                Self::new("there is no such bucket; `billet bucket ls` lists them")
            }
            Refusal::NoSuchKey => Self::new("there is no such key in the bucket"),
            Refusal::Store(error) => error.into(),
            Refusal::Invalid(text) => Self::new(text),
            other => Self::new(format!("refused: {other:?}")),
        }
    }
}

impl From<Lost> for Failure {
    fn from(Lost: Lost) -> Self {
        Self::new(
            "the component that reads buckets failed; the log of whoever answered, the daemon or \
                   else this command, says why",
        )
    }
}

/// The way to the reader.
#[derive(Clone)]
pub(crate) struct Out(mpsc::Sender<Message>);

impl Out {
    /// A way, and its other end.
    pub(crate) fn new() -> (Self, mpsc::Receiver<Message>) {
        let (sender, receiver) = mpsc::channel(MESSAGES_AHEAD);
        (Self(sender), receiver)
    }

    /// Sends a line: a JSON object.
    ///
    /// # Errors
    /// When nobody reads any more.
    pub(crate) async fn line(&self, line: &(impl Serialize + Sync)) -> Result<(), Failure> {
        let line = serde_json::to_vec(line).map_err(|error| Failure::new(error.to_string()))?;
        self.send(Message::Line(line.into())).await
    }

    /// Sends bytes that are no line, in pieces that are not too long for a message.
    ///
    /// # Errors
    /// When nobody reads any more.
    pub(crate) async fn bytes(&self, mut bytes: Bytes) -> Result<(), Failure> {
        while !bytes.is_empty() {
            let piece = bytes.split_to(bytes.len().min(PIECE_BYTES_MAX));
            self.send(Message::Bytes(piece)).await?;
        }
        Ok(())
    }

    /// Tells how far a long answer has come; left out where the reader is behind.
    pub(crate) fn progress(&self, what: &str, done: u64, all: u64) {
        let what = what.to_owned();
        let _ = self.0.try_send(Message::Progress { what, done, all });
    }

    /// Resolves when nobody reads any more.
    pub(crate) async fn closed(&self) {
        self.0.closed().await;
    }

    /// Whether nobody reads any more.
    pub(crate) fn is_closed(&self) -> bool {
        self.0.is_closed()
    }

    /// Says how it ended.
    pub(crate) async fn end(&self, result: Result<Verdict, Failure>) {
        let end = match result {
            Ok(Verdict::Whole) => End::Whole,
            Ok(Verdict::Damaged) => End::Damaged,
            Err(Failure { text, is_damage }) => End::Failed { text, is_damage },
        };
        // Whoever asked may be gone.
        let _ = self.send(Message::End(end)).await;
    }

    async fn send(&self, message: Message) -> Result<(), Failure> {
        let gone = |_| Failure::new("nobody reads the answer any more");
        self.0.send(message).await.map_err(gone)
    }
}
