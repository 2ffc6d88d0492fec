//! Answers on their way out: a status, headers and one of five kinds of body. It must never let a
//! body end as if it were whole when it is not.

use billet_s3::S3Error;
use billet_s3::xml::response::DECLARATION;
use wit_bindgen::{FutureReader, StreamReader, spawn_local};

use crate::bindings::billet::store::bodies;
use crate::bindings::billet::store::types::StoreError;
use crate::bindings::wasi::http::types::{ErrorCode, Fields, HeaderError, Response, Trailers};
use crate::bindings::{wit_future, wit_stream};
use crate::ids::Ids;
use crate::patience::{Work, within};
use crate::refusal::{self, Failure};

/// The content type of every document.
const XML: &str = "application/xml";

/// The longest document that the host takes over.
const SMALL_BYTES_MAX: usize = 64 * 1024;

/// What follows the headers.
pub(crate) enum Content {
    /// Nothing, and nothing is said of a length other than 0.
    Empty,
    /// Nothing, but the length that a GET would have: the answer to HEAD.
    Absent {
        /// Bytes.
        length: u64,
    },
    /// A document.
    Document(String),
    /// Bytes of a body, with the future that tells whether they were all of it.
    Stream {
        /// Where the bytes come from.
        bytes: StreamReader<u8>,
        /// Resolves after the last byte.
        failure: FutureReader<Result<(), StoreError>>,
        /// Bytes.
        length: u64,
    },
    /// A document that is still being made: blanks until it is there.
    Late {
        /// What makes it.
        work: Work<refusal::Result<Reply>>,
        /// A blank after so many milliseconds.
        every_ms: u64,
    },
}

/// An answer.
pub(crate) struct Reply {
    status: u16,
    headers: Vec<(String, Vec<u8>)>,
    content: Content,
}

impl Reply {
    /// An answer with nothing but a status.
    pub(crate) fn empty(status: u16) -> Self {
        Self::new(status, Content::Empty)
    }

    /// An answer that is an XML document.
    pub(crate) fn xml(document: String) -> Self {
        Self::new(200, Content::Document(document)).header("Content-Type", XML)
    }

    /// A success that is told before it is known, as S3 does where the work takes long. The
    /// document may be an error then.
    pub(crate) fn late(work: Work<refusal::Result<Reply>>, every_ms: u64) -> Self {
        Self::new(200, Content::Late { work, every_ms }).header("Content-Type", XML)
    }

    /// An answer with a body of any kind.
    pub(crate) fn new(status: u16, content: Content) -> Self {
        Self {
            status,
            headers: Vec::new(),
            content,
        }
    }

    /// The answer to a request that failed; HEAD and 304 have no document.
    pub(crate) fn failure(failure: &Failure, is_head: bool, resource: &str, ids: &Ids) -> Self {
        let error: &S3Error = failure.error();
        let status = error.status();
        let mut reply = if is_head || status == 304 {
            Self::empty(status)
        } else {
            let mut reply = Self::xml(error.to_xml(resource, ids.request(), ids.host()));
            reply.status = status;
            reply
        };
        if let Some(allow) = error.allow {
            reply = reply.header("Allow", allow);
        }
        if let Some(seconds) = failure.retry_after_s() {
            reply = reply.header("Retry-After", seconds.to_string());
        }
        reply
    }

    /// The same answer with one more header.
    pub(crate) fn header(mut self, name: &str, value: impl Into<Vec<u8>>) -> Self {
        self.headers.push((name.to_owned(), value.into()));
        self
    }

    /// The same answer with one more header, where there is a value.
    pub(crate) fn optional(self, name: &str, value: Option<impl Into<Vec<u8>>>) -> Self {
        match value {
            Some(value) => self.header(name, value),
            None => self,
        }
    }

    /// The same answer with more headers.
    pub(crate) fn headers(mut self, headers: impl IntoIterator<Item = (String, String)>) -> Self {
        let more = headers
            .into_iter()
            .map(|(name, value)| (name, value.into_bytes()));
        self.headers.extend(more);
        self
    }

    /// Hands the answer to the host. The tasks that this starts end with the body's bytes.
    pub(crate) async fn send(mut self, resource: &str, ids: Ids) -> Result<Response, ErrorCode> {
        self = self
            .header("x-amz-request-id", ids.request())
            .header("x-amz-id-2", ids.host());
        match &self.content {
            // A 204 and a 304 have no length at all.
            Content::Empty if matches!(self.status, 204 | 304) => {}
            Content::Late { .. } => {}
            Content::Empty => self = self.header("Content-Length", "0"),
            Content::Absent { length } | Content::Stream { length, .. } => {
                let length = length.to_string();
                self = self.header("Content-Length", length);
            }
            Content::Document(text) => {
                let length = text.len().to_string();
                self = self.header("Content-Length", length);
            }
        }
        let fields = fields(&self.headers)?;
        let response = match self.content {
            Content::Empty | Content::Absent { .. } => start(fields, None),
            Content::Document(text) if text.len() <= SMALL_BYTES_MAX => {
                let bytes = bodies::document(text.into_bytes()).await;
                start(fields, Some(bytes.map_err(|_| internal())?))
            }
            Content::Document(text) => start(fields, Some(written(text))),
            Content::Stream { bytes, failure, .. } => start_stream(fields, bytes, failure),
            Content::Late { work, every_ms } => {
                start_late(fields, work, every_ms, resource.to_owned(), ids)
            }
        };
        let set = response.set_status_code(self.status);
        set.map(|()| response).map_err(|()| internal())
    }
}

/// The error that a host is told when something is wrong on this side.
fn internal() -> ErrorCode {
    ErrorCode::InternalError(None)
}

/// Headers as the host takes them; those it keeps for itself are passed over.
fn fields(headers: &[(String, Vec<u8>)]) -> Result<Fields, ErrorCode> {
    // One call where nothing is kept, which is nearly always.
    match Fields::from_list(headers) {
        Ok(fields) => return Ok(fields),
        Err(HeaderError::Forbidden) => {}
        Err(_) => return Err(internal()),
    }
    let fields = Fields::new();
    for (name, value) in headers {
        match fields.append(name, value) {
            Ok(()) | Err(HeaderError::Forbidden) => {}
            Err(_) => return Err(internal()),
        }
    }
    Ok(fields)
}

/// A response whose trailers say at once that all is well.
fn start(fields: Fields, bytes: Option<StreamReader<u8>>) -> Response {
    let (trailers, told) = wit_future::new::<Result<Option<Trailers>, ErrorCode>>(|| Ok(None));
    // Nobody waits for the transmission: whatever is still to be written keeps the instance.
    let (response, _sent) = Response::new(fields, bytes, told);
    // Not before the response is there: a host that takes no trailers has said so by then, and
    // nothing is left to do here.
    drop(trailers);
    response
}

/// A stream of a document that this instance writes itself, in its own memory.
fn written(text: String) -> StreamReader<u8> {
    let (mut writer, reader) = wit_stream::new::<u8>();
    spawn_local(async move {
        // What is left over belongs to a client that went away.
        let _ = writer.write_all(text.into_bytes()).await;
    });
    reader
}

/// A response that begins before its document is there. The declaration comes first, as nothing
/// may stand before it.
fn start_late(
    fields: Fields,
    mut work: Work<refusal::Result<Reply>>,
    every_ms: u64,
    resource: String,
    ids: Ids,
) -> Response {
    let (mut writer, reader) = wit_stream::new::<u8>();
    let (trailers, told) =
        wit_future::new::<Result<Option<Trailers>, ErrorCode>>(|| Err(internal()));
    let (response, _sent) = Response::new(fields, Some(reader), told);
    spawn_local(async move {
        // A client that goes away changes nothing: the work is done to its end.
        let _ = writer.write_all(DECLARATION.as_bytes().to_vec()).await;
        let outcome = loop {
            match within(&mut work, every_ms).await {
                Some(outcome) => break outcome,
                None => drop(writer.write_all(b" ".to_vec()).await),
            }
        };
        let document = match outcome {
            Ok(Reply {
                content: Content::Document(text),
                ..
            }) => text.replacen(DECLARATION, "", 1),
            Ok(_) => String::new(),
            Err(failure) => {
                let error = failure.error();
                error.to_xml_tail(&resource, ids.request(), ids.host())
            }
        };
        let _ = writer.write_all(document.into_bytes()).await;
        drop(writer);
        // Not before all is written: an instance that ends meanwhile must not look whole.
        let _ = trailers.write(Ok(None)).await;
    });
    response
}

/// A response that breaks off when the bytes did.
fn start_stream(
    fields: Fields,
    bytes: StreamReader<u8>,
    failure: FutureReader<Result<(), StoreError>>,
) -> Response {
    let (trailers, told) =
        wit_future::new::<Result<Option<Trailers>, ErrorCode>>(|| Err(internal()));
    let (response, _sent) = Response::new(fields, Some(bytes), told);
    // Whoever writes the bytes tells the failure at their end, so this lasts as long as they do.
    spawn_local(async move {
        let end = failure.await.map(|()| None).map_err(|_| internal());
        // A host whose own stream this is has closed the future unread: it knows already.
        let _ = trailers.write(end).await;
    });
    response
}
