//! The body of a request on its way in: a small document into memory, anything else straight to
//! the store. It must never hold a whole upload, and never call a body whole that the host says
//! is not.

use billet_s3::checksum::{self, Algorithm, Announced, Checksum};
use billet_s3::chunked::Framing;
use billet_s3::head::RequestHead;
use billet_s3::payload::{Payload, body_length_bytes};
use billet_s3::{Code, S3Error};
use wit_bindgen::{FutureReader, StreamReader, StreamResult};

use crate::bindings::billet::bucket::types::{self as bucket, Source};
use crate::bindings::billet::store::bodies;
use crate::bindings::billet::store::digest::Hasher;
use crate::bindings::billet::store::types::Digest;
use crate::bindings::wasi::http::types::{ErrorCode, Request, Trailers};
use crate::bindings::wit_future;
use crate::identity::Identity;
use crate::refusal::{self, Result};
use crate::{convert, unframe};

/// How much of a document is read at once.
const READ_BYTES: usize = 16 * 1024;
/// The longest body of an operation that takes none.
const UNUSED_BYTES_MAX: usize = 64 * 1024;
/// The digest that makes an ETag.
const MD5: &str = "md5";
/// The digest that a manifest keeps.
const SHA256: &str = "sha2-256";

/// A body that nobody has read yet.
pub(crate) struct Body {
    /// None once it was read.
    request: Option<Request>,
}

/// The bytes of a body with the future that tells whether they are all there.
struct Incoming {
    bytes: StreamReader<u8>,
    whole: Whole,
}

type Whole = FutureReader<std::result::Result<Option<Trailers>, ErrorCode>>;

/// What the head of an upload promises of its body.
pub(crate) struct Promise {
    /// Bytes of the object or part, without frames.
    pub(crate) size: u64,
    announced: Announced,
    framing: Option<Framing>,
    md5: Option<[u8; 16]>,
}

impl Promise {
    /// Reads and checks what the head says, before a byte of the body is read.
    pub(crate) fn read(head: &RequestHead, payload: &Payload) -> Result<Self> {
        let size = body_length_bytes(head, payload)?;
        let framing = Framing::parse(head, payload)?;
        let announced = Announced::parse(head)?;
        if framing.is_none() && matches!(announced, Announced::Trailer(_)) {
            // A plain body has no trailer that could keep the promise.
            return Err(Code::MalformedTrailerError.into());
        }
        if let Some(algorithm) = announced.algorithm() {
            offered(algorithm)?;
        }
        let md5 = checksum::content_md5(head)?;
        Ok(Self {
            size,
            announced,
            framing,
            md5,
        })
    }

    /// The algorithm that was announced.
    pub(crate) fn algorithm(&self) -> Option<Algorithm> {
        self.announced.algorithm()
    }
}

/// A body in the store, checked against all that was promised of it.
pub(crate) struct Stored {
    /// For the op that uses it.
    pub(crate) source: Source,
    md5: [u8; 16],
    sha256: [u8; 32],
    /// In the algorithm to keep, first, and in the one that was announced.
    pub(crate) checksums: Vec<Checksum>,
}

impl Stored {
    /// The MD5 in hexadecimal.
    pub(crate) fn etag(&self) -> String {
        convert::hex(&self.md5)
    }

    /// The checksums as the bucket keeps them.
    pub(crate) fn kept(&self) -> Vec<bucket::Checksum> {
        self.checksums.iter().map(convert::full).collect()
    }
}

impl Body {
    /// Takes over a request whose head was read.
    pub(crate) fn new(request: Request) -> Self {
        let request = Some(request);
        Self { request }
    }

    fn open(&mut self) -> Result<Incoming> {
        let request = self.request.take().ok_or(Code::InternalError)?;
        let (verdict, told) = wit_future::new(|| Ok(()));
        drop(verdict);
        let (bytes, whole) = Request::consume_body(request, told);
        Ok(Incoming { bytes, whole })
    }

    /// For an operation that takes no body: what came, if anything, must be what was signed.
    pub(crate) async fn unused(&mut self, head: &RequestHead, identity: &Identity) -> Result<()> {
        let payload = identity.payload();
        let Payload::Digest(_) = payload else {
            return Ok(());
        };
        let named = head.once("content-length")?;
        if payload.check_empty().is_ok() && named.is_none_or(|length| length == "0") {
            return Ok(());
        }
        self.read(identity, UNUSED_BYTES_MAX).await.map(drop)
    }

    /// Reads a document of at most `limit` bytes, and checks it against what the head promised.
    pub(crate) async fn document(
        self,
        head: &RequestHead,
        identity: &Identity,
        limit: usize,
    ) -> Result<Vec<u8>> {
        let read = self.enclosed(identity, limit).await?;
        check_document(head, &read)?;
        Ok(read)
    }

    /// The same without the checksum headers, which may be about something else.
    pub(crate) async fn enclosed(mut self, identity: &Identity, limit: usize) -> Result<Vec<u8>> {
        self.read(identity, limit).await
    }

    async fn read(&mut self, identity: &Identity, limit: usize) -> Result<Vec<u8>> {
        identity.payload().require_plain()?;
        let Incoming { mut bytes, whole } = self.open()?;
        let mut read = Vec::new();
        loop {
            if read.len() > limit {
                return Err(S3Error::message_too_long(limit).into());
            }
            read.reserve(READ_BYTES);
            let (status, filled) = bytes.read(read).await;
            read = filled;
            match status {
                StreamResult::Complete(_) => {}
                StreamResult::Dropped | StreamResult::Cancelled => break,
            }
        }
        drop(bytes);
        finish(whole).await?;
        if let Payload::Digest(_) = identity.payload() {
            identity
                .payload()
                .check_sha256(&fixed(&digest(SHA256, &read)?)?)?;
        }
        Ok(read)
    }

    /// Stores the body of an upload in `space`, with a checksum in the algorithm `keep` and in the
    /// one that was announced. Nothing refers to it until an op does.
    pub(crate) async fn store(
        mut self,
        space: &str,
        identity: &Identity,
        promise: &Promise,
        keep: Algorithm,
    ) -> Result<Stored> {
        let mut algorithms = vec![keep];
        algorithms.extend(promise.algorithm().filter(|announced| *announced != keep));
        let digests = digests(&algorithms);
        let Incoming { bytes, whole } = self.open()?;
        let put = match promise.framing {
            Some(framing) => unframe::put(space, bytes, identity, framing, digests).await,
            None => {
                let put = bodies::put(space.to_owned(), bytes, promise.size, digests).await;
                put.map(|body| (body, None)).map_err(refusal::put)
            }
        };
        // A body that ended early is told by why it did.
        let put = match put {
            Err(failure) if failure.error().code == Code::IncompleteBody => {
                finish(whole).await?;
                return Err(failure);
            }
            put => put?,
        };
        let (body, trailer) = put;
        finish(whole).await?;
        let stored = Stored::new(body, &algorithms)?;
        identity.payload().check_sha256(&stored.sha256)?;
        promise.check(&stored, trailer.as_ref())?;
        Ok(stored)
    }
}

impl Promise {
    /// Compares what came with what was promised.
    fn check(&self, stored: &Stored, trailer: Option<&Checksum>) -> Result<()> {
        if let Some(promised) = &self.md5 {
            checksum::check_md5(promised, &stored.md5)?;
        }
        let promised = match &self.announced {
            Announced::Nothing => return Ok(()),
            Announced::Value(value) => Some(value),
            Announced::Trailer(_) => trailer,
        };
        let promised = promised.ok_or(Code::MalformedTrailerError)?;
        let mut computed = stored.checksums.iter();
        let computed = computed.find(|each| each.algorithm() == promised.algorithm());
        let computed = computed.ok_or(Code::InternalError)?;
        Ok(promised.check(computed.digest())?)
    }
}

impl Stored {
    /// A stored body with its digests sorted out.
    pub(crate) fn new(body: bodies::Body, algorithms: &[Algorithm]) -> Result<Self> {
        let md5 = fixed(named(&body.digests, MD5)?)?;
        let sha256: [u8; 32] = fixed(named(&body.digests, SHA256)?)?;
        let mut checksums = Vec::with_capacity(algorithms.len());
        for algorithm in algorithms {
            let digest = named(&body.digests, algorithm.digest_name())?;
            checksums.push(Checksum::new(*algorithm, digest).ok_or(Code::InternalError)?);
        }
        let source = Source {
            claim: body.claim,
            size: body.size,
            leaves: body.leaves,
            sha256: Some(sha256.to_vec()),
        };
        Ok(Self {
            source,
            md5,
            sha256,
            checksums,
        })
    }
}

/// The digests to ask of the store, MD5 and SHA-256 first.
pub(crate) fn digests(algorithms: &[Algorithm]) -> Vec<String> {
    let mut names = vec![MD5, SHA256];
    for algorithm in algorithms {
        if !names.contains(&algorithm.digest_name()) {
            names.push(algorithm.digest_name());
        }
    }
    names.into_iter().map(str::to_owned).collect()
}

/// Waits for the host to say that the body came to its end.
async fn finish(whole: Whole) -> Result<()> {
    whole.await.map(|_| ()).map_err(|error| match error {
        ErrorCode::ConnectionReadTimeout => Code::RequestTimeout.into(),
        _ => Code::IncompleteBody.into(),
    })
}

fn named<'a>(digests: &'a [Digest], name: &str) -> Result<&'a [u8]> {
    let found = digests.iter().find(|digest| digest.algorithm == name);
    let found = found.ok_or(Code::InternalError)?;
    Ok(&found.value)
}

fn fixed<const N: usize>(digest: &[u8]) -> Result<[u8; N]> {
    digest.try_into().map_err(|_| Code::InternalError.into())
}

/// Checks a document that was read against the checksums in the head.
fn check_document(head: &RequestHead, document: &[u8]) -> Result<()> {
    if let Some(promised) = checksum::content_md5(head)? {
        checksum::check_md5(&promised, &fixed(&digest(MD5, document)?)?)?;
    }
    if let Announced::Value(promised) = Announced::parse(head)? {
        promised.check(&digest(promised.algorithm().digest_name(), document)?)?;
    }
    Ok(())
}

/// Refuses an algorithm that S3 has and this host has not.
pub(crate) fn offered(algorithm: Algorithm) -> Result<()> {
    let opened = Hasher::open(algorithm.digest_name());
    opened.map(drop).map_err(|_| {
        let name = algorithm.name();
        let message = format!("The checksum algorithm {name} is not supported.");
        S3Error::new(Code::NotImplemented).message(message).into()
    })
}

fn digest(algorithm: &str, document: &[u8]) -> Result<Vec<u8>> {
    let hasher = Hasher::open(algorithm).map_err(refusal::store)?;
    hasher.update(document);
    Ok(hasher.finish())
}
