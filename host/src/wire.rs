//! A connection under watch: how long a head may take, how large it may be, how slow a peer may
//! be, and whether a head says two things about its body's length.
//!
//! Must never change a byte that passes. It adds one line: see [`GO_ON`].

use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU8, AtomicUsize, Ordering};
use std::task::{Context, Poll, ready};
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::time::{Instant, Sleep};

use crate::answers;
use crate::settings::Limits;

/// The longest head of a request.
pub(crate) const HEAD_BYTES_MAX: usize = 16 << 10;

/// Goes before the answer to a request that waits to be asked for a body of no bytes, as AWS does
/// it. The HTTP library says nothing there, and clients that then get the final answer at once
/// (those built on botocore) misread the next one on the same connection, and wait without end.
const GO_ON: &[u8] = b"HTTP/1.1 100 Continue\r\n\r\n";

/// What a head looked like on the wire.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Verdict {
    /// It did not come in one piece after the last answer.
    Unseen,
    /// Nothing wrong with it.
    Fine,
    /// It is too long.
    TooLong,
    /// It says more than one thing about the body's length.
    Ambiguous,
}

/// What the two ends of a connection know of each other: the bytes and the requests.
#[derive(Debug, Default)]
pub(crate) struct WireState {
    requests: AtomicUsize,
    /// Halves of the request under way that have not ended: its body and its answer.
    halves: AtomicUsize,
    verdict: AtomicU8,
}

/// One half of a request under way.
#[derive(Debug)]
pub(crate) struct Half(Arc<WireState>);

impl WireState {
    /// A request begins: what its head looked like, and its two halves.
    pub(crate) fn begin(self: &Arc<Self>) -> (Verdict, Half, Half) {
        let verdict = match self.verdict.swap(0, Ordering::AcqRel) {
            1 => Verdict::Fine,
            2 => Verdict::TooLong,
            3 => Verdict::Ambiguous,
            _ => Verdict::Unseen,
        };
        self.requests.fetch_add(1, Ordering::AcqRel);
        self.halves.fetch_add(2, Ordering::AcqRel);
        (verdict, Half(Arc::clone(self)), Half(Arc::clone(self)))
    }

    fn tell(&self, verdict: Verdict) {
        let number = match verdict {
            Verdict::Unseen => 0,
            Verdict::Fine => 1,
            Verdict::TooLong => 2,
            Verdict::Ambiguous => 3,
        };
        self.verdict.store(number, Ordering::Release);
    }
}

impl Drop for Half {
    fn drop(&mut self) {
        self.0.halves.fetch_sub(1, Ordering::AcqRel);
    }
}

/// How many bytes pass in a span of time, while somebody waits for them.
#[derive(Debug)]
pub(crate) struct RateWindow {
    length: Duration,
    bytes_min: u64,
    bytes: u64,
    end: Option<Pin<Box<Sleep>>>,
}

impl RateWindow {
    pub(crate) fn new(limits: &Limits) -> Self {
        let seconds = limits.rate_window_ms / 1_000;
        Self {
            length: Duration::from_millis(limits.rate_window_ms),
            bytes_min: limits.rate_min_bytes.saturating_mul(seconds),
            bytes: 0,
            end: None,
        }
    }

    /// Bytes have passed.
    pub(crate) fn progress(&mut self, bytes: usize) {
        self.bytes = self
            .bytes
            .saturating_add(u64::try_from(bytes).unwrap_or(u64::MAX));
        // Nobody waited at the window's end: what counts begins anew.
        if self.end.as_ref().is_some_and(|end| end.is_elapsed()) {
            self.reset();
        }
    }

    /// Nothing is under way.
    pub(crate) fn reset(&mut self) {
        (self.bytes, self.end) = (0, None);
    }

    /// To be called while waiting: whether too few bytes came in the window that ends now.
    pub(crate) fn too_slow(&mut self, cx: &mut Context<'_>) -> bool {
        loop {
            let length = self.length;
            let end = self
                .end
                .get_or_insert_with(|| Box::pin(tokio::time::sleep(length)));
            if end.as_mut().poll(cx).is_pending() {
                return false;
            }
            if self.bytes < self.bytes_min {
                return true;
            }
            self.reset();
        }
    }
}

/// A connection.
pub(crate) struct Wire<S> {
    stream: S,
    state: Arc<WireState>,
    head: Head,
    deadline: Pin<Box<Sleep>>,
    idle: Duration,
    head_read: Duration,
    written: RateWindow,
    requests: usize,
    late: bool,
    own: Option<OwnAnswer>,
    /// What of [`GO_ON`] is still to be written.
    go_on: &'static [u8],
}

/// An answer of the host's own on its way out, in the place of one that the HTTP library gave to a
/// head that it does not take.
#[derive(Debug)]
struct OwnAnswer {
    bytes: Vec<u8>,
    written: usize,
    request_id: String,
}

impl<S> Wire<S> {
    /// Watches `stream`; the state is for whoever answers the requests.
    pub(crate) fn new(stream: S, limits: &Limits) -> (Self, Arc<WireState>) {
        let state = Arc::<WireState>::default();
        let idle = Duration::from_millis(limits.idle_ms);
        let wire = Self {
            stream,
            state: Arc::clone(&state),
            head: Head::default(),
            deadline: Box::pin(tokio::time::sleep(idle)),
            idle,
            head_read: Duration::from_millis(limits.header_read_ms),
            written: RateWindow::new(limits),
            requests: 0,
            late: false,
            own: None,
            go_on: &[],
        };
        (wire, state)
    }

    /// The request id under which a head was refused that no request came of.
    pub(crate) fn refused(&self) -> Option<&str> {
        self.own.as_ref().map(|own| own.request_id.as_str())
    }

    /// Whether these bytes are the library's own answer: a head has begun, and no request came of
    /// it. It has no body, which no client of S3 could make sense of.
    fn is_own(&self, bytes: &[u8]) -> bool {
        self.own.is_some()
            || (bytes.starts_with(b"HTTP/1.1 4")
                && !self.head.bytes.is_empty()
                && self.state.halves.load(Ordering::Acquire) == 0
                && self.state.requests.load(Ordering::Acquire) == self.requests)
    }

    /// The connection itself, where it ended because a head had begun and did not come in time.
    pub(crate) fn late(self) -> Option<S> {
        self.late.then_some(self.stream)
    }

    fn set_deadline(&mut self, length: Duration) {
        let now = Instant::now();
        self.deadline
            .as_mut()
            .reset(now.checked_add(length).unwrap_or(now));
    }

    /// Whether a head is being waited for or read. Begins anew after each request.
    fn in_head(&mut self) -> bool {
        if self.state.halves.load(Ordering::Acquire) > 0 {
            return false;
        }
        let requests = self.state.requests.load(Ordering::Acquire);
        if requests != self.requests {
            self.requests = requests;
            self.head.clear();
            self.written.reset();
            self.set_deadline(self.idle);
        }
        true
    }

    fn see(&mut self, bytes: &[u8]) {
        let waited = self.head.bytes.is_empty();
        match self.head.push(bytes) {
            Some(judged) => {
                self.state.tell(judged.verdict);
                if judged.asks_for_nothing {
                    self.go_on = GO_ON;
                }
            }
            // Most heads come whole, and need no time of their own.
            None if waited && !self.head.bytes.is_empty() => self.set_deadline(self.head_read),
            None => {}
        }
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for Wire<S> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let in_head = self.in_head();
        let before = buffer.filled().len();
        let poll = Pin::new(&mut self.stream).poll_read(cx, buffer);
        if !in_head {
            return poll;
        }
        match poll {
            Poll::Pending if self.deadline.as_mut().poll(cx).is_ready() => {
                self.late = !self.head.bytes.is_empty();
                Poll::Ready(Err(io::ErrorKind::TimedOut.into()))
            }
            Poll::Ready(Ok(())) => {
                let fresh = buffer.filled().get(before..).unwrap_or_default();
                self.see(fresh);
                Poll::Ready(Ok(()))
            }
            other => other,
        }
    }
}

impl<S: AsyncWrite + Unpin> Wire<S> {
    fn judge_write(
        &mut self,
        cx: &mut Context<'_>,
        poll: Poll<io::Result<usize>>,
    ) -> Poll<io::Result<usize>> {
        match &poll {
            Poll::Ready(Ok(bytes)) => self.written.progress(*bytes),
            Poll::Pending if self.written.too_slow(cx) => {
                return Poll::Ready(Err(io::ErrorKind::TimedOut.into()));
            }
            _ => {}
        }
        poll
    }
}

impl<S: AsyncWrite + Unpin> Wire<S> {
    /// Writes what goes before an answer.
    fn write_go_on(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        while !self.go_on.is_empty() {
            let bytes = match ready!(Pin::new(&mut self.stream).poll_write(cx, self.go_on))? {
                0 => return Poll::Ready(Err(io::ErrorKind::WriteZero.into())),
                bytes => bytes,
            };
            self.go_on = self.go_on.get(bytes..).unwrap_or_default();
        }
        Poll::Ready(Ok(()))
    }

    /// Writes the host's own answer where the library has one of `length` bytes.
    fn write_own(
        &mut self,
        cx: &mut Context<'_>,
        head: &[u8],
        length: usize,
    ) -> Poll<io::Result<usize>> {
        let own = self.own.get_or_insert_with(|| {
            let answer = match head.get(9..12) {
                Some(b"431" | b"414") => &answers::HEAD_TOO_LONG,
                _ => &answers::MALFORMED,
            };
            let (text, request_id) = answer.on_wire();
            OwnAnswer {
                bytes: text.into_bytes(),
                written: 0,
                request_id,
            }
        });
        while let Some(rest) = own.bytes.get(own.written..).filter(|rest| !rest.is_empty()) {
            match Pin::new(&mut self.stream).poll_write(cx, rest) {
                Poll::Ready(Ok(0)) => return Poll::Ready(Err(io::ErrorKind::WriteZero.into())),
                Poll::Ready(Ok(bytes)) => own.written = own.written.saturating_add(bytes),
                other => return other,
            }
        }
        Poll::Ready(Ok(length))
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for Wire<S> {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        ready!(self.write_go_on(cx))?;
        if self.is_own(bytes) {
            return self.write_own(cx, bytes, bytes.len());
        }
        let poll = Pin::new(&mut self.stream).poll_write(cx, bytes);
        self.judge_write(cx, poll)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        slices: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        ready!(self.write_go_on(cx))?;
        let first = slices.first().map_or(&[][..], |slice| slice);
        if self.is_own(first) {
            let length = slices.iter().map(|slice| slice.len()).sum();
            return self.write_own(cx, first, length);
        }
        let poll = Pin::new(&mut self.stream).poll_write_vectored(cx, slices);
        self.judge_write(cx, poll)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(cx)
    }
}

/// The head of a request as it comes in.
#[derive(Debug, Default)]
struct Head {
    bytes: Vec<u8>,
    judged: bool,
}

impl Head {
    /// Begins anew in the same memory.
    fn clear(&mut self) {
        self.bytes.clear();
        self.judged = false;
    }

    /// Adds bytes; the judgement when there can be one.
    fn push(&mut self, bytes: &[u8]) -> Option<Judged> {
        if self.judged {
            return None;
        }
        let bytes = match self.bytes.is_empty() {
            // The HTTP library passes over empty lines before a head.
            true => after_empty_lines(bytes),
            false => bytes,
        };
        let room = HEAD_BYTES_MAX.saturating_sub(self.bytes.len());
        let seen = self.bytes.len().saturating_sub(3);
        self.bytes
            .extend_from_slice(bytes.get(..room.min(bytes.len())).unwrap_or_default());
        let fresh = self.bytes.get(seen..).unwrap_or_default();
        let judged = match has_end(fresh) {
            true => judge(&self.bytes),
            false if bytes.len() >= room => Judged {
                verdict: Verdict::TooLong,
                asks_for_nothing: false,
            },
            false => return None,
        };
        self.judged = true;
        Some(judged)
    }
}

/// What follows the line ends at the beginning.
fn after_empty_lines(bytes: &[u8]) -> &[u8] {
    let is_end = |byte: &u8| matches!(byte, b'\r' | b'\n');
    let start = bytes.iter().position(|byte| !is_end(byte));
    start
        .and_then(|start| bytes.get(start..))
        .unwrap_or_default()
}

/// Whether a head ends in these bytes. Line ends may come without their carriage return.
fn has_end(bytes: &[u8]) -> bool {
    let mut lines = bytes.split(|byte| *byte == b'\n').skip(1).peekable();
    // What follows the last line end is no line yet.
    while let Some(line) = lines.next() {
        if lines.peek().is_some() && (line.is_empty() || line == b"\r") {
            return true;
        }
    }
    false
}

/// Names and values of a head, the request line left out.
fn fields(head: &[u8]) -> impl Iterator<Item = (&[u8], &[u8])> {
    head.split(|byte| *byte == b'\n')
        .take_while(|line| !line.is_empty() && *line != b"\r")
        .skip(1)
        .map(|line| {
            let mut halves = line.splitn(2, |byte| *byte == b':');
            let name = halves.next().unwrap_or_default();
            (
                name.trim_ascii(),
                halves.next().unwrap_or_default().trim_ascii(),
            )
        })
}

/// What a whole head says about its body.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Judged {
    verdict: Verdict,
    /// Nothing is wrong with it, and it waits to be asked for a body that is empty.
    asks_for_nothing: bool,
}

/// Reads a whole head, once.
fn judge(head: &[u8]) -> Judged {
    let (mut lengths, mut codings) = (0_usize, 0_usize);
    let (mut waits, mut empty) = (false, true);
    for (name, value) in fields(head) {
        // Names of other lengths are none of these.
        match name.len() {
            6 if name.eq_ignore_ascii_case(b"expect") => {
                waits = value.eq_ignore_ascii_case(b"100-continue");
            }
            14 if name.eq_ignore_ascii_case(b"content-length") => {
                lengths = lengths.saturating_add(1);
                empty &= value.iter().all(|digit| *digit == b'0');
            }
            17 if name.eq_ignore_ascii_case(b"transfer-encoding") => {
                codings = codings.saturating_add(1);
                empty = false;
            }
            _ => {}
        }
    }
    let verdict = if lengths.saturating_add(codings) > 1 {
        Verdict::Ambiguous
    } else {
        Verdict::Fine
    };
    let line = head.split(|byte| *byte == b'\n').next().unwrap_or_default();
    let speaks = || line.trim_ascii_end().ends_with(b"HTTP/1.1");
    Judged {
        verdict,
        asks_for_nothing: verdict == Verdict::Fine && waits && empty && speaks(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_head_is_judged_wherever_it_is_cut() {
        let long = format!(
            "GET / HTTP/1.1\r\nx: {}\r\n\r\n",
            "y".repeat(HEAD_BYTES_MAX)
        );
        for (text, expected) in [
            ("GET / HTTP/1.1\r\nHost: a\r\n\r\n", Verdict::Fine),
            (
                "PUT / HTTP/1.1\r\ncontent-length: 3\r\n\r\ncontent-length: 4\r\n\r\n",
                Verdict::Fine,
            ),
            (
                "PUT / HTTP/1.1\r\nContent-Length: 3\r\ncontent-LENGTH: 3\r\n\r\n",
                Verdict::Ambiguous,
            ),
            (
                "PUT / HTTP/1.1\nContent-Length: 3\nTransfer-Encoding: x\n\n",
                Verdict::Ambiguous,
            ),
            (
                "PUT / HTTP/1.1\r\nTransfer-Encoding : chunked\r\nContent-Length:3\r\n\r\n",
                Verdict::Ambiguous,
            ),
            (
                "\r\n\r\n\nPUT / HTTP/1.1\r\nContent-Length: 3\r\nContent-Length: 3\r\n\r\n",
                Verdict::Ambiguous,
            ),
            (long.as_str(), Verdict::TooLong),
        ] {
            for cut in 0..text.len().min(100) {
                let (first, second) = text.as_bytes().split_at(cut);
                let mut head = Head::default();
                let verdict = head.push(first).or_else(|| head.push(second));
                let verdict = verdict.map(|judged| judged.verdict);
                assert_eq!(verdict, Some(expected), "{text:.60} cut at {cut}");
                assert_eq!(head.push(b"more"), None);
                assert!(head.bytes.len() <= HEAD_BYTES_MAX);
            }
        }
    }

    #[test]
    fn only_a_body_of_no_bytes_is_asked_for_here() {
        for (text, expected) in [
            ("Expect: 100-continue\r\nContent-Length: 0\r\n", true),
            ("content-length: 00\r\nEXPECT: 100-Continue\r\n", true),
            ("Expect: 100-continue\r\n", true),
            ("Expect: 100-continue\r\nContent-Length: 10\r\n", false),
            (
                "Expect: 100-continue\r\nTransfer-Encoding: chunked\r\n",
                false,
            ),
            ("Content-Length: 0\r\n", false),
            ("Expect: a-miracle\r\nContent-Length: 0\r\n", false),
        ] {
            let head = format!("PUT /a HTTP/1.1\r\nHost: a\r\n{text}\r\nExpect: 100-continue\r\n");
            let asks = judge(head.as_bytes()).asks_for_nothing;
            assert_eq!(asks, expected, "{text}");
            let old = head.replace("HTTP/1.1", "HTTP/1.0");
            assert!(!judge(old.as_bytes()).asks_for_nothing, "{old}");
        }
    }

    #[test]
    fn a_head_ends_where_it_always_did() {
        // All texts of up to seven bytes of these, beside the plain definition.
        for length in 0..=7_u32 {
            for number in 0..3_usize.pow(length) {
                let mut rest = number;
                let text: Vec<u8> = (0..length)
                    .map(|_| {
                        let byte = b"\r\na"[rest % 3];
                        rest /= 3;
                        byte
                    })
                    .collect();
                let plain = text.windows(4).any(|four| four == b"\r\n\r\n")
                    || text.windows(2).any(|two| two == b"\n\n")
                    || text.windows(3).any(|three| three == b"\n\r\n");
                assert_eq!(has_end(&text), plain, "{text:?}");
            }
        }
    }

    /// A peer that takes no byte and says that this is no error.
    struct TakesNothing;

    impl AsyncWrite for TakesNothing {
        fn poll_write(
            self: Pin<&mut Self>,
            _cx: &mut Context<'_>,
            _bytes: &[u8],
        ) -> Poll<io::Result<usize>> {
            Poll::Ready(Ok(0))
        }

        fn poll_flush(self: Pin<&mut Self>, _cx: &mut Context<'_>) -> Poll<io::Result<()>> {
            Poll::Ready(Ok(()))
        }

        fn poll_shutdown(self: Pin<&mut Self>, _cx: &mut Context<'_>) -> Poll<io::Result<()>> {
            Poll::Ready(Ok(()))
        }
    }

    #[tokio::test]
    async fn a_peer_that_takes_nothing_ends_the_connection() {
        let mut cx = Context::from_waker(std::task::Waker::noop());
        let (mut wire, _state) = Wire::new(TakesNothing, &Limits::default());
        wire.go_on = GO_ON;
        for is_own in [false, true] {
            if is_own {
                wire.go_on = &[];
                wire.see(b"odd");
            }
            let poll = Pin::new(&mut wire).poll_write(&mut cx, b"HTTP/1.1 400 Bad Request");
            let Poll::Ready(Err(error)) = poll else {
                panic!("{poll:?}");
            };
            assert_eq!(error.kind(), io::ErrorKind::WriteZero);
        }
    }

    #[tokio::test(start_paused = true)]
    async fn a_window_with_too_few_bytes_is_too_slow() {
        let limits = Limits::default();
        let mut window = RateWindow::new(&limits);
        let slow = async |window: &mut RateWindow| {
            let start = Instant::now();
            std::future::poll_fn(|cx| match window.too_slow(cx) {
                true => Poll::Ready(()),
                false => Poll::Pending,
            })
            .await;
            start.elapsed().as_millis()
        };
        window.progress(40_000);
        let took_ms = slow(&mut window).await;
        assert!(
            (60_000..60_100).contains(&took_ms),
            "one good window, one bad: {took_ms}"
        );
        window.reset();
        window.progress(30 * 1_024 - 1);
        let took_ms = slow(&mut window).await;
        assert!(
            (30_000..30_100).contains(&took_ms),
            "one byte too few: {took_ms}"
        );
    }
}
