//! The listeners: HTTP/1.1 over loopback, with connections that can be cut at any byte.
//!
//! Must never bind anything but a loopback address, nor hold a large body in memory.

mod body;
mod control;
mod cut;
mod routes;

use std::convert::Infallible;
use std::io;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http::{Request, Response, StatusCode};
use http_body_util::{BodyExt as _, Full, Limited, combinators::BoxBody};
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use tokio::net::TcpListener;

use crate::counters::Counters;
use crate::fault::{Kind as Fault, Point, WAIT_MAX_MS};
use crate::world::World;
use cut::{Cut, CutIo};

pub(crate) use routes::confirm;

/// Largest body of a call, in bytes.
const CALL_MAX: usize = 16 << 20;

/// Which party a listener belongs to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Role {
    /// The upload service.
    Service,
    /// The storage node of that number.
    Node(usize),
    /// The indexer.
    Indexer,
    /// Counters, rules and switches for tests.
    Control,
}

type Body = BoxBody<Bytes, io::Error>;
type Reply = Response<Body>;

/// A request with what belongs to its connection.
struct Exchange {
    world: Arc<World>,
    role: Role,
    cut: Arc<Cut>,
    request: Request<Incoming>,
}

/// Serves one listener until the runtime ends.
pub(crate) async fn serve(listener: TcpListener, role: Role, world: Arc<World>) {
    loop {
        let Ok((stream, _)) = listener.accept().await else {
            // Out of descriptors, for example: others close theirs meanwhile.
            tokio::time::sleep(Duration::from_millis(20)).await;
            continue;
        };
        let world = Arc::clone(&world);
        if is_down(&world, role) {
            // The connection fails after it is refused; nothing more to do about it.
            let _ = stream.set_zero_linger();
            continue;
        }
        tokio::spawn(async move {
            let cut = Arc::new(Cut::default());
            let io = TokioIo::new(CutIo::new(stream, Arc::clone(&cut)));
            let service = service_fn(|request| {
                let exchange = Exchange {
                    world: Arc::clone(&world),
                    role,
                    cut: Arc::clone(&cut),
                    request,
                };
                routes::answer(exchange)
            });
            // A client that goes away, or a cut on demand.
            let _ = http1::Builder::new().serve_connection(io, service).await;
        });
    }
}

/// Whether connections to that party are reset.
fn is_down(world: &World, role: Role) -> bool {
    match role {
        Role::Control => false,
        Role::Node(index) => {
            world.is_down() || world.nodes.get(index).is_none_or(|node| node.is_down())
        }
        Role::Service | Role::Indexer => world.is_down(),
    }
}

fn full(bytes: impl Into<Bytes>) -> Body {
    let never = |never: Infallible| match never {};
    Full::new(bytes.into()).map_err(never).boxed()
}

/// An answer with a body and its type.
fn reply(status: u16, kind: &str, bytes: impl Into<Bytes>) -> Reply {
    let mut response = Response::new(full(bytes));
    *response.status_mut() = StatusCode::from_u16(status).unwrap_or_default();
    if let Ok(kind) = http::HeaderValue::from_str(kind) {
        response
            .headers_mut()
            .insert(http::header::CONTENT_TYPE, kind);
    }
    response
}

fn json(status: u16, value: &serde_json::Value) -> Reply {
    reply(status, "application/json", format!("{value}\n"))
}

/// The text of a failure, as the real services say it.
fn failed(text: &str) -> Reply {
    reply(
        500,
        "text/plain; charset=utf-8",
        format!("handling request: {text}\n"),
    )
}

impl Exchange {
    fn count(&self, kind: &str) {
        Counters::more(&mut self.world.counters().exchanges, kind);
    }

    fn header(&self, name: &str) -> Option<String> {
        let value = self.request.headers().get(name)?;
        Some(String::from_utf8_lossy(value.as_bytes()).into_owned())
    }

    fn query(&self, name: &str) -> Vec<String> {
        let query = self.request.uri().query().unwrap_or_default();
        query
            .split('&')
            .filter_map(|pair| pair.split_once('='))
            .filter(|(other, _)| *other == name)
            .map(|(_, value)| {
                percent_encoding::percent_decode_str(value)
                    .decode_utf8_lossy()
                    .into_owned()
            })
            .collect()
    }

    /// Reads the whole body of a call.
    async fn read(&mut self) -> io::Result<Bytes> {
        let body = Limited::new(self.request.body_mut(), CALL_MAX);
        let read = body.collect().await.map_err(io::Error::other)?;
        Ok(read.to_bytes())
    }

    /// Ends the connection with a reset once so many more bytes went out.
    fn reset_after(&self, bytes: u64) {
        self.cut.after(bytes);
    }

    fn reset(&self) -> io::Error {
        self.reset_after(0);
        io::ErrorKind::ConnectionReset.into()
    }

    /// A fault before anything was done: `Some` when the exchange ends with it.
    async fn before(&mut self, fault: Option<&Fault>) -> Option<io::Result<Reply>> {
        match fault? {
            Fault::Timeout { ms } => {
                tokio::time::sleep(Duration::from_millis(*ms)).await;
                Some(Err(self.reset()))
            }
            Fault::Delay { ms } => {
                tokio::time::sleep(Duration::from_millis(*ms)).await;
                None
            }
            Fault::ResetRequest { at } => {
                let mut left = *at;
                while left > 0 {
                    let Some(Ok(frame)) = self.request.body_mut().frame().await else {
                        break;
                    };
                    left =
                        left.saturating_sub(frame.data_ref().map_or(0, |data| data.len() as u64));
                }
                Some(Err(self.reset()))
            }
            Fault::Status { status } => Some(Ok(on_demand(*status))),
            Fault::Mark { at: Point::Before } => Some(self.stand_still().await),
            _ => None,
        }
    }

    /// Tells that a marked point is come to, and goes no further.
    async fn stand_still(&self) -> io::Result<Reply> {
        self.world.mark();
        tokio::time::sleep(Duration::from_millis(WAIT_MAX_MS)).await;
        Err(self.reset())
    }

    /// A fault after all was done, applied to the answer.
    async fn after(&self, fault: Option<&Fault>, reply: Reply) -> io::Result<Reply> {
        match fault {
            Some(Fault::LostResponse) => Err(self.reset()),
            Some(Fault::ResetResponse { at }) => {
                self.reset_after(*at);
                Ok(reply)
            }
            Some(Fault::StatusAfter { status }) => Ok(on_demand(*status)),
            Some(Fault::Mark { at: Point::Done }) => self.stand_still().await,
            Some(Fault::Mark {
                at: Point::Answered,
            }) => {
                // Dropped with the body, once that is written.
                let told = Told(Arc::clone(&self.world));
                let (parts, body) = reply.into_parts();
                let body = body.map_frame(move |frame| {
                    let _kept = &told;
                    frame
                });
                Ok(Response::from_parts(parts, body.boxed()))
            }
            Some(Fault::WrongBody) => {
                let (parts, body) = reply.into_parts();
                let mut bytes = body.collect().await?.to_bytes().to_vec();
                match bytes.last_mut() {
                    Some(last) => *last ^= 0x55,
                    None => bytes.push(0x55),
                }
                Ok(Response::from_parts(parts, full(bytes)))
            }
            _ => Ok(reply),
        }
    }
}

/// Marks its end.
struct Told(Arc<World>);

impl Drop for Told {
    fn drop(&mut self) {
        self.0.mark();
    }
}

fn on_demand(status: u16) -> Reply {
    reply(status, "text/plain; charset=utf-8", "failed on demand\n")
}
