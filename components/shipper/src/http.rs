//! Requests on their way out, answers on their way in.
//!
//! Must never hold a shard, nor more of an answer than a container may have.

use billet_forge::{Answer, Body, Headers, Method, Place, Request};
use wit_bindgen::{FutureReader, StreamReader, StreamResult, spawn_local};

use crate::bindings::wasi::http::client;
use crate::bindings::wasi::http::types::{
    ErrorCode, Fields, Method as OutMethod, Request as OutRequest, RequestOptions, Response,
    Scheme, Trailers,
};
use crate::bindings::{wit_future, wit_stream};

/// Most bytes of an answer that is held.
const ANSWER_BYTES_MAX: usize = 1 << 20;
/// How much is read at once.
const READ_BYTES: usize = 64 << 10;
/// A peer that takes a body more slowly is given up.
const SLOWEST_BYTES_A_MS: u64 = 100;

/// Where the upload service is, and how long it is waited for.
#[derive(Clone, Debug)]
pub(crate) struct Route {
    /// The URL of the service, without a slash at its end.
    pub(crate) service: String,
    /// The URL that the name of a task is put behind.
    pub(crate) receipts: String,
    /// Longest wait for the head of an answer, and between two pieces of its body.
    pub(crate) timeout_ms: u64,
}

/// The head of an answer and the bytes behind it.
pub(crate) struct Incoming {
    pub(crate) status: u16,
    pub(crate) headers: Headers,
    pub(crate) bytes: StreamReader<u8>,
    pub(crate) whole: FutureReader<Result<Option<Trailers>, ErrorCode>>,
}

/// Why nothing came.
pub(crate) struct NoAnswer;

/// Sends a request and takes the whole answer. `blob` are the bytes of a [`Body::Blob`].
pub(crate) async fn exchange(
    route: &Route,
    request: Request,
    blob: Option<StreamReader<u8>>,
) -> Answer {
    match open(route, request, blob).await {
        Ok(incoming) => collect(incoming).await,
        Err(NoAnswer) => Answer::Lost,
    }
}

/// Sends a request and takes the head of the answer.
pub(crate) async fn open(
    route: &Route,
    request: Request,
    blob: Option<StreamReader<u8>>,
) -> Result<Incoming, NoAnswer> {
    let request = outgoing(route, request, blob).ok_or(NoAnswer)?;
    let response = client::send(request).await.map_err(|_| NoAnswer)?;
    let status = response.get_status_code();
    let headers = response.get_headers().copy_all();
    let headers = headers.into_iter().filter_map(|(name, value)| {
        let value = String::from_utf8(value).ok()?;
        Some((name.to_ascii_lowercase(), value))
    });
    let headers = headers.collect();
    let (done, told) = wit_future::new::<Result<(), ErrorCode>>(|| Ok(()));
    drop(done);
    let (bytes, whole) = Response::consume_body(response, told);
    Ok(Incoming {
        status,
        headers,
        bytes,
        whole,
    })
}

/// Takes what follows the head; too much is as good as nothing.
async fn collect(incoming: Incoming) -> Answer {
    let Incoming {
        status,
        headers,
        mut bytes,
        whole,
    } = incoming;
    let mut body = Vec::new();
    let mut buffer = Vec::with_capacity(READ_BYTES);
    loop {
        let (result, filled) = bytes.read(buffer).await;
        body.extend_from_slice(&filled);
        if body.len() > ANSWER_BYTES_MAX {
            return Answer::Lost;
        }
        buffer = filled;
        buffer.clear();
        if !matches!(result, StreamResult::Complete(_)) {
            break;
        }
    }
    drop(bytes);
    match whole.await {
        Ok(_) => Answer::Whole {
            status,
            headers,
            body,
        },
        Err(_) => Answer::Lost,
    }
}

fn outgoing(route: &Route, request: Request, blob: Option<StreamReader<u8>>) -> Option<OutRequest> {
    let url = Url::of(route, &request.place)?;
    let fields = Fields::new();
    for (name, value) in &request.headers {
        fields.append(name, value.as_bytes()).ok()?;
    }
    let length = match &request.body {
        Body::Empty => None,
        Body::Bytes(bytes) => Some(bytes.len() as u64),
        Body::Blob(blob) => Some(blob.size),
    };
    if let Some(length) = length {
        let length = length.to_string();
        fields.append("content-length", length.as_bytes()).ok()?;
    }
    let contents = match request.body {
        Body::Empty => None,
        Body::Bytes(bytes) => Some(stream_of(bytes)),
        Body::Blob(_) => Some(blob?),
    };
    let (trailers, told) = wit_future::new::<Result<Option<Trailers>, ErrorCode>>(|| Ok(None));
    drop(trailers);
    // The wait for the head begins with the request, so it has to last for the body, too.
    let sending_ms = length.unwrap_or(0) / SLOWEST_BYTES_A_MS;
    let options = options(route, sending_ms);
    let (out, sent) = OutRequest::new(fields, contents, told, Some(options));
    // Nobody waits for this: the answer tells, and without one there was none.
    spawn_local(async move {
        let _ = sent.await;
    });
    out.set_method(&match request.method {
        Method::Get => OutMethod::Get,
        Method::Post => OutMethod::Post,
        Method::Put => OutMethod::Put,
    })
    .ok()?;
    out.set_scheme(Some(&url.scheme)).ok()?;
    out.set_authority(Some(&url.authority)).ok()?;
    out.set_path_with_query(Some(&url.path)).ok()?;
    Some(out)
}

fn options(route: &Route, sending_ms: u64) -> RequestOptions {
    let options = RequestOptions::new();
    let timeout_ns = Some(route.timeout_ms.saturating_mul(1_000_000));
    let head_ms = route.timeout_ms.saturating_add(sending_ms);
    // A host that does not have one of them keeps its own.
    let _ = options.set_connect_timeout(timeout_ns);
    let _ = options.set_first_byte_timeout(Some(head_ms.saturating_mul(1_000_000)));
    let _ = options.set_between_bytes_timeout(timeout_ns);
    options
}

/// Bytes at hand as a stream.
pub(crate) fn stream_of(bytes: Vec<u8>) -> StreamReader<u8> {
    let (mut writer, reader) = wit_stream::new::<u8>();
    spawn_local(async move {
        // What is left over belongs to a peer that went away.
        let _ = writer.write_all(bytes).await;
    });
    reader
}

struct Url {
    scheme: Scheme,
    authority: String,
    path: String,
}

impl Url {
    fn of(route: &Route, place: &Place) -> Option<Self> {
        let text = match place {
            Place::Url(url) => url.clone(),
            Place::Service(path) => match path.strip_prefix("/receipt/") {
                Some(task) => format!("{}{task}", route.receipts),
                None => format!("{}{path}", route.service),
            },
        };
        let (scheme, rest) = match text.split_once("://")? {
            ("http", rest) => (Scheme::Http, rest),
            ("https", rest) => (Scheme::Https, rest),
            _ => return None,
        };
        let at = rest.find(['/', '?']).unwrap_or(rest.len());
        let (authority, path) = rest.split_at_checked(at)?;
        let path = match path.starts_with('/') {
            true => path.to_owned(),
            false => format!("/{path}"),
        };
        Some(Self {
            scheme,
            authority: authority.to_owned(),
            path,
        })
    }
}
