//! The front of group commit: whatever waits while a group is written is the next group.
//!
//! Must never answer a request twice or not at all.

use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;
use std::time::Duration;

use crate::{CommitRequest, Committed, Store, StoreError};

/// Most commits of one group.
const GROUP_COMMITS_MAX: usize = 1024;

/// How often the store's housekeeping is done, whatever comes in.
const TICK_MS: u64 = 1_000;

type Done = Box<dyn FnOnce(Result<Committed, StoreError>) + Send>;

/// A thread that commits.
pub struct Committer {
    queue: Mutex<Option<Sender<(CommitRequest, Done)>>>,
    thread: Option<JoinHandle<()>>,
}

impl Committer {
    /// Starts the thread.
    ///
    /// # Errors
    /// When the system has no thread to give.
    pub fn start(store: Arc<Store>) -> std::io::Result<Self> {
        let (sender, receiver) = channel();
        let builder = std::thread::Builder::new().name("committer".to_owned());
        let thread = builder.spawn(move || run(&store, &receiver))?;
        Ok(Self {
            queue: Mutex::new(Some(sender)),
            thread: Some(thread),
        })
    }

    /// Queues a commit. `done` is called once, on the committer's thread: it must not block. A
    /// `Fatal` answer means that the process must end.
    pub fn submit(
        &self,
        request: CommitRequest,
        done: impl FnOnce(Result<Committed, StoreError>) + Send + 'static,
    ) {
        let queue = self
            .queue
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clone();
        let done: Done = Box::new(done);
        let refused = match queue {
            Some(queue) => queue.send((request, done)).map_err(|error| error.0.1),
            None => Err(done),
        };
        if let Err(done) = refused {
            done(Err(StoreError::Unavailable(
                "the store is closed".to_owned(),
            )));
        }
    }

    /// Answers what is queued, then ends the thread. Later commits are `Unavailable`.
    pub fn stop(&mut self) {
        self.queue
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .take();
        if let Some(thread) = self.thread.take()
            && thread.join().is_err()
        {
            tracing::error!("the committer ended badly");
        }
    }
}

impl Drop for Committer {
    fn drop(&mut self) {
        self.stop();
    }
}

impl std::fmt::Debug for Committer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Committer").finish_non_exhaustive()
    }
}

/// Nobody would ever commit again: the process must end.
struct Guard<'a>(&'a Store);

impl Drop for Guard<'_> {
    fn drop(&mut self) {
        if std::thread::panicking() {
            self.0.die("the committer ended badly".to_owned());
        }
    }
}

fn run(store: &Store, queue: &Receiver<(CommitRequest, Done)>) {
    let _guard = Guard(store);
    let tick = Duration::from_millis(TICK_MS);
    let mut last_tick = std::time::Instant::now();
    loop {
        match queue.recv_timeout(tick.saturating_sub(last_tick.elapsed())) {
            Ok(first) => {
                let rest = std::iter::from_fn(|| queue.try_recv().ok());
                let (requests, done): (Vec<_>, Vec<_>) = std::iter::once(first)
                    .chain(rest)
                    .take(GROUP_COMMITS_MAX)
                    .unzip();
                let results = store.commit_group(requests);
                done.into_iter()
                    .zip(results)
                    .for_each(|(done, result)| done(result));
            }
            Err(RecvTimeoutError::Timeout) => {}
            Err(RecvTimeoutError::Disconnected) => return,
        }
        if last_tick.elapsed() >= tick {
            if let Err(error) = store.tick() {
                tracing::warn!(%error, "housekeeping is put off");
            }
            last_tick = std::time::Instant::now();
        }
    }
}
