//! Runs a plan: connections as tasks of one thread, which costs the least of the machine that the
//! server shares.
//!
//! Must never retry a request nor hide a failure.

use std::cell::RefCell;
use std::io;
use std::rc::Rc;
use std::time::{Duration, Instant, SystemTime};

use tokio::task::JoinSet;

use crate::body::Bodies;
use crate::plan::{Operation, Plan, Target, read_page};
use crate::random::Random;
use crate::schedule::{Pace, Schedule};
use crate::sign::{Parts, Signer, UNSIGNED};
use crate::stats::{Recorder, Success};
use crate::wire::Connection;

/// A server that refuses connections is asked again after this time.
const RECONNECT_PAUSE_MS: u64 = 20;
/// SHA-256 of nothing.
const EMPTY_SHA256: &str = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";

/// Why a run did not begin.
#[derive(Debug, thiserror::Error)]
pub enum LoadError {
    /// No connection, or no answer to the bucket's PUT.
    #[error("the server does not answer: {0}")]
    Unreachable(#[from] io::Error),
    /// The bucket could not be made.
    #[error("the bucket was answered with {0}")]
    Bucket(u16),
}

struct Shared {
    schedule: Schedule,
    recorder: Recorder,
    start: Instant,
}

impl Shared {
    fn now_ns(&self) -> u64 {
        u64::try_from(self.start.elapsed().as_nanos()).unwrap_or(u64::MAX)
    }
}

/// One connection's part of the run.
struct Worker {
    plan: Rc<Plan>,
    shared: Rc<RefCell<Shared>>,
    nonce: u64,
    signer: Signer,
    random: Random,
    bodies: Bodies,
    connection: Option<Connection>,
    token: Option<String>,
    page: Vec<u8>,
    head: String,
}

/// Makes the bucket, then sends what the plan says. `nonce` makes keys and bodies unique, `begun`
/// is called when what is measured begins.
///
/// # Errors
/// When the server cannot be reached at all; later failures are counted.
pub async fn run(plan: Plan, nonce: u64, begun: impl FnOnce()) -> Result<Recorder, LoadError> {
    let ms = |time_ms: u64| time_ms.saturating_mul(1_000_000);
    let begin_ns = ms(plan.warmup_ms);
    let end_ns = begin_ns.saturating_add(ms(plan.duration_ms));
    let count_max = plan.count_max.unwrap_or(u64::MAX);
    let pace = plan.pace;
    let plan = Rc::new(plan);
    let shared = Rc::new(RefCell::new(Shared {
        schedule: Schedule::new(pace, 0, end_ns, count_max),
        recorder: Recorder::new(pace, begin_ns, end_ns),
        start: Instant::now(),
    }));
    let worker = |seed: u64| Worker::new(&plan, &shared, nonce, seed);
    if plan.operation != Operation::Trivial {
        worker(u64::MAX).make_bucket().await?;
    }
    let workers: Vec<Worker> = (0..plan.connections)
        .map(|seed| worker(seed as u64))
        .collect();
    shared.borrow_mut().start = Instant::now();
    let mut running = JoinSet::new();
    for worker in workers {
        running.spawn_local(worker.run());
    }
    tokio::time::sleep(Duration::from_millis(plan.warmup_ms)).await;
    begun();
    while running.join_next().await.is_some() {}
    let mut shared = shared.borrow_mut();
    let now_ns = shared.now_ns();
    for due_ns in shared.schedule.leftover() {
        shared
            .recorder
            .add_unsent(plan.operation.name(), due_ns, now_ns);
    }
    Ok(shared.recorder.clone())
}

impl Worker {
    fn new(plan: &Rc<Plan>, shared: &Rc<RefCell<Shared>>, nonce: u64, seed: u64) -> Self {
        Self {
            signer: Signer::new(plan.keys.clone(), plan.address.to_string()),
            random: Random::new(nonce ^ seed.wrapping_mul(0x9e37_79b9)),
            bodies: Bodies::new(plan.size, nonce),
            plan: Rc::clone(plan),
            shared: Rc::clone(shared),
            nonce,
            connection: None,
            token: None,
            page: Vec::new(),
            head: String::new(),
        }
    }

    async fn run(mut self) {
        // In an open loop, what is due by the end is sent until twice the time has passed.
        let end_ms = self.plan.warmup_ms.saturating_add(self.plan.duration_ms);
        let grace_ns = u128::from(end_ms).saturating_mul(2_000_000);
        loop {
            let taken = {
                let mut shared = self.shared.borrow_mut();
                let now_ns = shared.now_ns();
                let late = self.plan.pace != Pace::Closed && u128::from(now_ns) > grace_ns;
                if late {
                    None
                } else {
                    shared.schedule.take(now_ns)
                }
            };
            let Some((number, due_ns)) = taken else {
                return;
            };
            let start = self.shared.borrow().start;
            let due = start
                .checked_add(Duration::from_nanos(due_ns))
                .unwrap_or(start);
            let early = due.saturating_duration_since(Instant::now());
            if !early.is_zero() {
                // The runtime's own timers tick in milliseconds, longer than many answers take.
                let _ = tokio::task::spawn_blocking(move || std::thread::sleep(early)).await;
            }
            let operation = self.plan.operation.draw(&mut self.random);
            let wait = Duration::from_millis(self.plan.timeout_ms);
            let outcome = match tokio::time::timeout(wait, self.request(operation, number)).await {
                Ok(outcome) => outcome,
                Err(_) => Err("timeout".to_owned()),
            };
            let failed = outcome.is_err() && self.connection.is_none();
            {
                let mut shared = self.shared.borrow_mut();
                let now_ns = shared.now_ns();
                shared
                    .recorder
                    .add(operation.name(), due_ns, now_ns, outcome);
            }
            if failed {
                tokio::time::sleep(Duration::from_millis(RECONNECT_PAUSE_MS)).await;
            }
        }
    }

    /// Sends one request and judges its answer.
    async fn request(&mut self, operation: Operation, number: u64) -> Result<Success, String> {
        let token = self.token.take();
        let (plan, random) = (Rc::clone(&self.plan), &mut self.random);
        let target = plan.target(operation, self.nonce, number, random, token.as_deref());
        let answer = self.exchange(operation, &target, number).await;
        let answer = answer.map_err(|error| format!("{:?}", error.kind()))?;
        // Who allows no other origin refuses a browser, which is an answer as good as another.
        let refused = operation == Operation::Trivial && answer.status == 403;
        if !(200..300).contains(&answer.status) && !refused {
            return Err(answer.status.to_string());
        }
        let mut success = Success {
            bytes: answer.bytes,
            keys: 0,
        };
        match operation {
            Operation::Put | Operation::Fill => success.bytes = plan.size,
            Operation::Get if answer.bytes != plan.size => return Err("wrong length".to_owned()),
            Operation::List => {
                (success.keys, self.token) = read_page(&self.page);
                // After a last page that was full, some servers have an empty one.
                if success.keys == 0 && token.is_none() {
                    return Err("empty page".to_owned());
                }
            }
            _ => {}
        }
        Ok(success)
    }

    /// The connection is gone after any error, and when the time is up in the middle.
    async fn exchange(
        &mut self,
        operation: Operation,
        target: &Target,
        number: u64,
    ) -> io::Result<crate::wire::Answer> {
        let mut connection = match self.connection.take() {
            Some(connection) => connection,
            None => Connection::open(self.plan.address).await?,
        };
        let uploads = matches!(operation, Operation::Put | Operation::Fill);
        self.write_head(operation, target, number, uploads);
        let body = uploads.then_some((&mut self.bodies, number));
        let sent = connection.send(&self.head, body).await;
        self.page.clear();
        let sink = (operation == Operation::List).then_some(&mut self.page);
        // A server may answer and close before it has read all: its answer counts.
        let answer = connection.receive(target.method == "HEAD", sink).await;
        let answer = match (sent, answer) {
            (Ok(()), answer) => answer?,
            (Err(_), Ok(answer)) => return Ok(answer),
            (Err(error), Err(_)) => return Err(error),
        };
        if answer.keeps {
            self.connection = Some(connection);
        }
        Ok(answer)
    }

    fn write_head(&mut self, operation: Operation, target: &Target, number: u64, uploads: bool) {
        let Target {
            method,
            path,
            query,
        } = target;
        let mark = if query.is_empty() { "" } else { "?" };
        self.head.clear();
        for piece in [method, " ", path, mark, query, " HTTP/1.1\r\n"] {
            self.head.push_str(piece);
        }
        if operation == Operation::Trivial {
            let host = self.plan.address.to_string();
            let preflight = "origin: http://a.example\r\naccess-control-request-method: GET\r\n";
            for piece in ["host: ", &host, "\r\n", preflight] {
                self.head.push_str(piece);
            }
        } else {
            let hashed;
            let payload = match (uploads, self.plan.signed_payload) {
                (false, _) => EMPTY_SHA256,
                (true, false) => UNSIGNED,
                (true, true) => {
                    hashed = self.bodies.sha256(number);
                    &hashed
                }
            };
            let now = SystemTime::UNIX_EPOCH.elapsed().unwrap_or_default();
            let parts = Parts {
                method,
                path,
                query,
                payload,
            };
            self.signer.sign(now.as_secs(), &parts, &mut self.head);
        }
        if uploads {
            let size = self.bodies.size().to_string();
            for piece in ["content-length: ", &size, "\r\n"] {
                self.head.push_str(piece);
            }
        }
        self.head.push_str("\r\n");
    }

    /// The bucket may be there already, as the same owner's.
    async fn make_bucket(mut self) -> Result<(), LoadError> {
        self.bodies = Bodies::new(0, self.nonce);
        let path = format!("/{}", self.plan.bucket);
        let target = Target {
            method: "PUT",
            path,
            query: String::new(),
        };
        let answer = self.exchange(Operation::Put, &target, 0).await?;
        match answer.status {
            200..300 | 409 => Ok(()),
            status => Err(LoadError::Bucket(status)),
        }
    }
}
