//! `<data_dir>/admin.sock`: where the daemon answers requests about its store, HTTP/1.1 with the
//! request as the body's first line.
//!
//! The socket has mode 0600, and only the daemon's own user and root are answered. It belongs to
//! whoever has the store's lock: a stale one is removed at start, and it goes at a stop in good
//! order. Must never answer anybody else, nor hold more of an answer than the reader takes.

use std::convert::Infallible;
use std::io;
use std::os::fd::AsRawFd as _;
use std::os::unix::fs::{FileTypeExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use futures::{Stream, StreamExt as _, stream};
use http::{Method, Request as HttpRequest, Response, StatusCode};
use http_body::Frame;
use http_body_util::{BodyExt as _, BodyStream, Full, StreamBody};
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::net::{UnixListener, UnixStream};
use tokio::sync::{OwnedSemaphorePermit, Semaphore, watch};
use tokio::task::JoinSet;

use super::{Input, Inside, Out, Request, answer};

/// The socket's name in the store's folder.
pub(crate) const SOCKET: &str = "admin.sock";
/// Bytes of a path that the system takes for a socket, its final NUL counted in.
const PATH_BYTES_MAX: usize = 108;
const MODE: u32 = 0o600;
/// Questions at once: connections, and answers whose connection is gone already.
const QUESTIONS_MAX: u32 = 8;
/// How long a stop waits for answers to end that it broke off.
const ENDING: Duration = Duration::from_secs(5);
const HEAD_READ_S: u64 = 10;
const READ_BYTES_MAX: usize = 64 << 10;
/// The longest request, without the bytes behind it.
const REQUEST_BYTES_MAX: usize = 64 << 10;

type Body = http_body_util::combinators::UnsyncBoxBody<Bytes, Infallible>;

/// Calls with a path of the socket that the system takes. One that is too long is reached through
/// the folder's open handle.
///
/// # Errors
/// The call's, or the system's.
pub(super) fn with_path<R>(
    folder: &Path,
    call: impl FnOnce(&Path) -> io::Result<R>,
) -> io::Result<R> {
    let path = folder.join(SOCKET);
    if path.as_os_str().len() < PATH_BYTES_MAX {
        return call(&path);
    }
    let handle = std::fs::File::open(folder)?;
    let short = PathBuf::from(format!("/proc/self/fd/{}", handle.as_raw_fd()));
    if !short.exists() {
        let text = format!("{} is too long for a socket without /proc", path.display());
        return Err(io::Error::new(io::ErrorKind::InvalidInput, text));
    }
    call(&short.join(SOCKET))
}

/// Takes the socket away. Only for whoever has the store's lock.
///
/// # Errors
/// When something else has its name, or the system says so.
pub(crate) fn remove(folder: &Path) -> io::Result<()> {
    let path = folder.join(SOCKET);
    match std::fs::symlink_metadata(&path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        Err(error) => Err(error),
        // It is no file under a key (I4): nothing of the store is in it, and no sync is needed.
        Ok(metadata) if metadata.file_type().is_socket() => std::fs::remove_file(&path),
        Ok(_) => {
            let text = format!("{} is in the way: it is no socket", path.display());
            Err(io::Error::new(io::ErrorKind::AlreadyExists, text))
        }
    }
}

/// The daemon's end of it.
pub(crate) struct Socket {
    listener: UnixListener,
}

impl Socket {
    /// Listens in the folder, of which the caller has the lock: whatever socket is there is stale.
    ///
    /// # Errors
    /// The system's.
    pub(crate) fn bind(folder: &Path) -> io::Result<Self> {
        remove(folder)?;
        let listener = with_path(folder, |path| {
            let listener = std::os::unix::net::UnixListener::bind(path)?;
            // Until here others may connect, but `run` asks who they are before it reads a byte.
            std::fs::set_permissions(path, std::fs::Permissions::from_mode(MODE))?;
            Ok(listener)
        })?;
        listener.set_nonblocking(true)?;
        Ok(Self {
            listener: UnixListener::from_std(listener)?,
        })
    }

    /// Answers until the daemon stops; answers under way are broken off then, and have a moment to
    /// end.
    pub(crate) async fn run(self, inside: Arc<Inside>, mut stopping: watch::Receiver<bool>) {
        let permits = Arc::new(Semaphore::new(QUESTIONS_MAX as usize));
        let mut connections = JoinSet::new();
        loop {
            let accepted = tokio::select! {
                _ = stopping.wait_for(|stopping| *stopping) => break,
                Some(_) = connections.join_next() => continue,
                accepted = self.listener.accept() => accepted,
            };
            let Ok((stream, _)) = accepted else {
                tokio::time::sleep(Duration::from_millis(100)).await;
                continue;
            };
            if !is_ours(&stream) {
                tracing::warn!("somebody else's connection to the admin socket is refused");
                continue;
            }
            let Ok(permit) = Arc::clone(&permits).try_acquire_owned() else {
                continue;
            };
            let inside = Arc::clone(&inside);
            connections.spawn(serve(stream, inside, Arc::new(permit)));
        }
        connections.shutdown().await;
        // Each answer has its permit: whoever gets them all knows that none is left.
        let ended = tokio::time::timeout(ENDING, permits.acquire_many(QUESTIONS_MAX)).await;
        if ended.is_err() {
            tracing::warn!("an answer at the admin socket does not end: it is left behind");
        }
    }
}

/// Whether the other end is the same user, or root.
fn is_ours(stream: &UnixStream) -> bool {
    let own = rustix::process::geteuid().as_raw();
    stream
        .peer_cred()
        .is_ok_and(|peer| peer.uid() == own || peer.uid() == 0)
}

async fn serve(stream: UnixStream, inside: Arc<Inside>, permit: Arc<OwnedSemaphorePermit>) {
    let service = service_fn(move |request: HttpRequest<Incoming>| {
        let (inside, permit) = (Arc::clone(&inside), Arc::clone(&permit));
        async move { Ok::<_, Infallible>(respond(request, inside, permit).await) }
    });
    let connection = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(Duration::from_secs(HEAD_READ_S))
        .max_buf_size(READ_BYTES_MAX)
        .serve_connection(TokioIo::new(stream), service);
    if let Err(error) = connection.await {
        tracing::debug!(%error, "a connection to the admin socket broke off");
    }
}

/// Begins an answer, which keeps the permit until it has ended, whoever still reads it.
async fn respond(
    request: HttpRequest<Incoming>,
    inside: Arc<Inside>,
    permit: Arc<OwnedSemaphorePermit>,
) -> Response<Body> {
    if request.method() != Method::POST {
        return refuse(
            StatusCode::METHOD_NOT_ALLOWED,
            "POST a request\n".to_owned(),
        );
    }
    let (request, input) = match read(request.into_body()).await {
        Ok(read) => read,
        Err(text) => return refuse(StatusCode::BAD_REQUEST, format!("{text}\n")),
    };
    let (out, mut messages) = Out::new();
    tokio::spawn(async move {
        let result = answer(request, input, &inside, &out).await;
        out.end(result).await;
        drop(permit);
    });
    let frames = stream::poll_fn(move |context| messages.poll_recv(context))
        .map(|message| Ok(Frame::data(message.encode())));
    Response::new(StreamBody::new(frames).boxed_unsync())
}

fn refuse(status: StatusCode, text: String) -> Response<Body> {
    let mut response = Response::new(Full::new(Bytes::from(text)).boxed_unsync());
    *response.status_mut() = status;
    response
}

/// The request on the body's first line, and the bytes behind it.
async fn read(body: Incoming) -> Result<(Request, Input), String> {
    let mut pieces =
        BodyStream::new(body).map(|frame| frame.map(|frame| frame.into_data().unwrap_or_default()));
    let mut head = BytesMut::new();
    let end = loop {
        if let Some(end) = head.iter().position(|byte| *byte == b'\n') {
            break end;
        }
        if head.len() > REQUEST_BYTES_MAX {
            return Err("the request is too long".to_owned());
        }
        match pieces.next().await {
            Some(piece) => head.extend_from_slice(&piece.map_err(|error| error.to_string())?),
            None => break head.len(),
        }
    };
    let line = head.split_to(end);
    let request = serde_json::from_slice(&line)
        .map_err(|error| format!("the request cannot be read: {error}"))?;
    let first = head.freeze();
    let first = first.slice(first.len().min(1)..);
    Ok((request, Box::pin(input(first, pieces))))
}

fn input(
    first: Bytes,
    rest: impl Stream<Item = Result<Bytes, hyper::Error>> + Send,
) -> impl Stream<Item = io::Result<Bytes>> + Send {
    let first = stream::iter((!first.is_empty()).then_some(Ok(first)));
    first.chain(rest.map(|piece| piece.map_err(io::Error::other)))
}
