//! Reading a range of a blob from the node that has it.
//!
//! Must never pass bytes on before the node's receipt was checked: an error comes with status 200,
//! too. Whether the bytes are right only their own digests tell.

use billet_ucan::{Container, Ipld};

use crate::blob::multihash;
use crate::commitment::Commitment;
use crate::exchange::{CONTAINER_HEADER, Headers, Request, header};
use crate::failure::Failure;
use crate::party::{Asked, Moment, Party, Question};
use crate::values::to_map;

/// A range of a blob.
#[derive(Clone, Debug, PartialEq)]
pub struct Retrieval {
    commitment: Commitment,
    offset: u64,
    length: u64,
}

impl Retrieval {
    /// The `length` bytes at `offset` of what the commitment is about.
    ///
    /// # Errors
    /// `Impossible` for no bytes and for a range beyond the blob.
    pub fn new(commitment: Commitment, offset: u64, length: u64) -> Result<Self, Failure> {
        let end = offset.checked_add(length);
        let fits = end.is_some_and(|end| end <= commitment.blob().size);
        if length == 0 || !fits {
            let size = commitment.blob().size;
            let what = format!("{length} bytes at {offset} of {size}");
            return Err(Failure::Impossible(what));
        }
        Ok(Self {
            commitment,
            offset,
            length,
        })
    }

    /// The request, to the URL of this number (from zero) in the commitment.
    ///
    /// # Errors
    /// `NotAllowed` without a delegation, `Unsigned` without the key, `Impossible` when there are
    /// fewer URLs.
    pub fn request(
        &self,
        party: &Party<'_>,
        moment: &Moment,
        url: usize,
    ) -> Result<(Request, Asked), Failure> {
        let no_url = || Failure::Impossible("no further place".to_owned());
        let url = self.commitment.urls().get(url).ok_or_else(no_url)?;
        let digest = Ipld::Bytes(multihash(&self.commitment.blob().digest));
        let last = self.offset + self.length - 1;
        let range = [self.offset, last].map(|at| Ipld::Integer(at.into()));
        let question = Question {
            command: "/content/retrieve",
            subject: self.commitment.space().clone(),
            audience: self.commitment.node().clone(),
            arguments: to_map([
                ("blob", Ipld::Map(to_map([("digest", digest)]))),
                ("range", Ipld::List(range.to_vec())),
            ]),
            meta: None,
            beside: Vec::new(),
        };
        party.ask_for_bytes(url, question, moment)
    }

    /// Checks the head of the answer: only then its body is the range, exactly so many bytes.
    ///
    /// # Errors
    /// `Status` without a receipt, `Refused` as the node says, `Unbelievable` for anything else.
    pub fn check(
        &self,
        party: &Party<'_>,
        moment: &Moment,
        asked: &Asked,
        status: u16,
        headers: &Headers,
    ) -> Result<(), Failure> {
        let packed = header(headers, CONTAINER_HEADER).ok_or(Failure::Status(status))?;
        let (_, container) = Container::unpack(packed.as_bytes())?;
        party.outcome(moment, asked, &container)?;
        let size = self.commitment.blob().size;
        let last = self.offset + self.length - 1;
        match status {
            200 if self.length == size => {}
            206 => {
                let range = format!("bytes {}-{last}/{size}", self.offset);
                if header(headers, "content-range") != Some(range.as_str()) {
                    return Err(Failure::unbelievable("another range"));
                }
            }
            status => return Err(Failure::Status(status)),
        }
        match header(headers, "content-length") {
            Some(length) if length != self.length.to_string() => {
                Err(Failure::unbelievable("another length"))
            }
            _ => Ok(()),
        }
    }
}
