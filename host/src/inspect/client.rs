//! Asking: the daemon where one runs, else a view of the folder.
//!
//! Must never open the folder while a daemon answers for it.

use std::io;

use bytes::Bytes;
use futures::{StreamExt as _, stream};
use http::{Request as HttpRequest, StatusCode};
use http_body::Frame;
use http_body_util::{BodyExt as _, StreamBody};
use hyper::body::Incoming;
use hyper::client::conn::http1;
use hyper_util::rt::TokioIo;
use tokio::net::UnixStream;
use tokio::sync::mpsc;

use super::frames::Decoder;
use super::socket::{SOCKET, with_path};
use super::{End, Failure, Input, Message, Request, here};
use crate::settings::Settings;

/// Messages that wait for whoever prints them.
const MESSAGES_AHEAD: usize = 16;
/// A refusal is cut behind so many bytes.
const REFUSAL_BYTES_MAX: usize = 4 << 10;

/// Asks about the store in the settings' folder.
///
/// # Errors
/// When nobody can answer.
pub(crate) async fn ask(
    settings: &Settings,
    request: Request,
    input: Input,
) -> Result<mpsc::Receiver<Message>, Failure> {
    let connected = with_path(&settings.data_dir, |path| {
        std::os::unix::net::UnixStream::connect(path)
    });
    match connected {
        Ok(stream) => {
            let asked = ask_daemon(stream, &request, input).await;
            asked.map_err(|error| Failure::new(format!("the daemon does not answer: {error}")))
        }
        // No socket, or that of a daemon which is gone.
        Err(error)
            if matches!(
                error.kind(),
                io::ErrorKind::NotFound | io::ErrorKind::ConnectionRefused
            ) =>
        {
            here::ask(settings, request, input).await
        }
        Err(error) => {
            let path = settings.data_dir.join(SOCKET);
            // Nobody can tell whether there is one in a folder that may not be looked into.
            let hint = if path.exists() {
                "; only the daemon's own user and root may ask it"
            } else {
                ""
            };
            let path = path.display();
            Err(Failure::new(format!("{path}: {error}{hint}")))
        }
    }
}

type Broken = Box<dyn std::error::Error + Send + Sync>;

async fn ask_daemon(
    stream: std::os::unix::net::UnixStream,
    request: &Request,
    input: Input,
) -> Result<mpsc::Receiver<Message>, Broken> {
    stream.set_nonblocking(true)?;
    let stream = UnixStream::from_std(stream)?;
    let (mut sender, connection) = http1::handshake(TokioIo::new(stream)).await?;
    tokio::spawn(connection);
    let mut first = serde_json::to_vec(request)?;
    first.push(b'\n');
    let first = stream::iter([Ok(Bytes::from(first))]);
    let body = StreamBody::new(first.chain(input).map(|piece| piece.map(Frame::data)));
    let request = HttpRequest::post("/")
        .header(http::header::HOST, "admin.sock")
        .body(body.boxed_unsync())?;
    let response = sender.send_request(request).await?;
    if response.status() != StatusCode::OK {
        let refusal = http_body_util::Limited::new(response.into_body(), REFUSAL_BYTES_MAX);
        let refusal = refusal.collect().await?.to_bytes();
        return Err(String::from_utf8_lossy(&refusal).trim().into());
    }
    let (messages, receiver) = mpsc::channel(MESSAGES_AHEAD);
    tokio::spawn(async move {
        if let Err(text) = receive(response.into_body(), &messages).await {
            let is_damage = false;
            let end = Message::End(End::Failed { text, is_damage });
            // Whoever asked may be gone.
            let _ = messages.send(end).await;
        }
        drop(sender);
    });
    Ok(receiver)
}

/// Takes an answer apart; it is whole only with its end.
async fn receive(mut body: Incoming, messages: &mpsc::Sender<Message>) -> Result<(), String> {
    let mut decoder = Decoder::default();
    loop {
        while let Some(message) = decoder.next()? {
            let is_end = matches!(message, Message::End(_));
            if messages.send(message).await.is_err() || is_end {
                return Ok(());
            }
        }
        match body.frame().await {
            Some(Ok(frame)) => decoder.push(&frame.into_data().unwrap_or_default()),
            Some(Err(_)) | None => {
                return Err("the daemon stopped while it answered: ask again".to_owned());
            }
        }
    }
}
