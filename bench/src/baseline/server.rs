//! A plain hyper server: PUT, GET and HEAD of objects, 204 for OPTIONS. It checks no signature.
//!
//! Must never listen anywhere but where it is told, nor list anything.

use std::collections::HashMap;
use std::convert::Infallible;
use std::io;
use std::os::unix::fs::FileExt;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};

use bytes::Bytes;
use crc_fast::CrcAlgorithm;
use http::{HeaderValue, Method, Request, Response, StatusCode, header};
use http_body::Frame;
use http_body_util::combinators::UnsyncBoxBody;
use http_body_util::{BodyExt, Empty, StreamBody};
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use tokio::net::TcpListener;
use tokio::sync::mpsc;

use crate::baseline::files::{Files, Span};
use crate::baseline::intake::{Object, take_in};
use crate::baseline::pool::Pool;

/// The body of an answer.
pub type Body = UnsyncBoxBody<Bytes, io::Error>;

/// Objects by path.
#[derive(Debug)]
pub struct Baseline {
    files: Arc<Files>,
    pool: Arc<Pool>,
    objects: Mutex<HashMap<String, Arc<Object>>>,
}

impl Baseline {
    /// A server without objects, whose files go to a folder that exists.
    pub fn new(folder: PathBuf) -> Self {
        let (files, pool) = (Arc::new(Files::new(folder)), Arc::default());
        Self {
            files,
            pool,
            objects: Mutex::default(),
        }
    }

    async fn answer(&self, request: Request<Incoming>) -> Response<Body> {
        let path = request.uri().path().to_owned();
        let done = match *request.method() {
            Method::OPTIONS => Ok(plain(StatusCode::NO_CONTENT)),
            Method::PUT if path.matches('/').count() < 2 => Ok(plain(StatusCode::OK)),
            Method::PUT => self.put(path, request.into_body()).await,
            Method::GET => self.get(&path, true),
            Method::HEAD => self.get(&path, false),
            _ => Ok(plain(StatusCode::NOT_IMPLEMENTED)),
        };
        done.unwrap_or_else(|error| {
            eprintln!("{error}");
            plain(StatusCode::INTERNAL_SERVER_ERROR)
        })
    }

    async fn put(&self, path: String, body: Incoming) -> io::Result<Response<Body>> {
        let object = take_in(body, &self.files, &self.pool).await?;
        let etag = HeaderValue::from_str(&format!("\"{}\"", object.etag));
        let mut response = plain(StatusCode::OK);
        response
            .headers_mut()
            .insert(header::ETAG, etag.map_err(io::Error::other)?);
        let mut objects = self.objects.lock().unwrap_or_else(PoisonError::into_inner);
        objects.insert(path, Arc::new(object));
        Ok(response)
    }

    fn get(&self, path: &str, with_body: bool) -> io::Result<Response<Body>> {
        let objects = self.objects.lock().unwrap_or_else(PoisonError::into_inner);
        let Some(object) = objects.get(path).cloned() else {
            return Ok(plain(StatusCode::NOT_FOUND));
        };
        drop(objects);
        let size = object.size;
        let etag = HeaderValue::from_str(&format!("\"{}\"", object.etag));
        let body = if with_body {
            outflow(object, &self.pool)
        } else {
            empty()
        };
        let mut response = Response::new(body);
        response
            .headers_mut()
            .insert(header::CONTENT_LENGTH, size.into());
        response
            .headers_mut()
            .insert(header::ETAG, etag.map_err(io::Error::other)?);
        Ok(response)
    }
}

/// An object's bytes, each leaf checked before it leaves, one read ahead.
fn outflow(object: Arc<Object>, pool: &Arc<Pool>) -> Body {
    let (frames, mut ready) = mpsc::channel(1);
    let pool = Arc::clone(pool);
    tokio::spawn(async move {
        for span in &object.spans {
            let (span, pool) = (span.clone(), Arc::clone(&pool));
            let read = tokio::task::spawn_blocking(move || read(&span, &pool)).await;
            let read = read.unwrap_or_else(|error| Err(io::Error::other(error)));
            if frames.send(read.map(Frame::data)).await.is_err() {
                return;
            }
        }
    });
    let frames = futures::stream::poll_fn(move |cx| ready.poll_recv(cx));
    StreamBody::new(frames).boxed_unsync()
}

fn read(span: &Span, pool: &Arc<Pool>) -> io::Result<Bytes> {
    let mut buffer = pool.take();
    buffer.bytes.resize(span.length, 0);
    span.file.read_exact_at(&mut buffer.bytes, span.offset)?;
    if crc_fast::checksum(CrcAlgorithm::Crc64Nvme, &buffer.bytes) != span.crc {
        return Err(io::ErrorKind::InvalidData.into());
    }
    Ok(Bytes::from_owner(buffer))
}

fn empty() -> Body {
    Empty::new().map_err(|never| match never {}).boxed_unsync()
}

fn plain(status: StatusCode) -> Response<Body> {
    let mut response = Response::new(empty());
    *response.status_mut() = status;
    response
}

/// Serves until the process ends.
///
/// # Errors
/// A connection cannot be accepted.
pub async fn serve(baseline: Baseline, listener: TcpListener) -> io::Result<()> {
    let baseline = Arc::new(baseline);
    serve_with(listener, move |request| {
        let baseline = Arc::clone(&baseline);
        async move { baseline.answer(request).await }
    })
    .await
}

/// Serves connections with `answer`, as the native servers have it in common.
///
/// # Errors
/// A connection cannot be accepted.
pub async fn serve_with<A, F, B>(listener: TcpListener, answer: A) -> io::Result<()>
where
    A: Fn(Request<Incoming>) -> F + Clone + Send + Sync + 'static,
    F: Future<Output = Response<B>> + Send + 'static,
    B: http_body::Body<Data = Bytes> + Send + 'static,
    B::Error: std::error::Error + Send + Sync,
{
    loop {
        let (stream, _) = listener.accept().await?;
        stream.set_nodelay(true)?;
        let answer = answer.clone();
        let service = service_fn(move |request| {
            let answered = answer(request);
            async move { Ok::<_, Infallible>(answered.await) }
        });
        tokio::spawn(async move {
            // A connection that breaks off is the client's to report.
            let _ = http1::Builder::new()
                .serve_connection(TokioIo::new(stream), service)
                .await;
        });
    }
}
