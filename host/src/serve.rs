//! From settings to a running server, and from a running server to a sealed store.
//!
//! Must never answer a client before recovery is done, nor say it has ended while requests run.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, OnceLock};

use tokio::net::TcpListener;
use tokio::sync::watch;
use tokio::task::JoinHandle;

use crate::admin::Admin;
use crate::buffers::Buffers;
use crate::effects::{Effects, Front};
use crate::engine::{Binaries, Engine};
use crate::inspect::{self, Inside, Socket};
use crate::listener::Listener;
use crate::metrics::Metrics;
use crate::mst::Mst;
use crate::peers::Peers;
use crate::pools::Pools;
use crate::settings::Settings;
use crate::ship::{IdentityPage, KeyError, Network, StartError};
use crate::storage::Storage;
use crate::traits::Credentials;

/// One peer address may hold this part of the buffers.
const PEER_SHARE: usize = 4;

/// Why a server does not start or did not end well.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ServeError {
    /// An address cannot be listened on.
    #[error("cannot listen on {address}: {source}")]
    Listen {
        /// The address.
        address: SocketAddr,
        /// What the system said.
        source: std::io::Error,
    },
    /// The store cannot be opened or closed.
    #[error("the store: {0}")]
    Store(String),
    /// A component does not compile or link.
    #[error("the components: {0}")]
    Components(String),
    /// A key of the network cannot be used.
    #[error("the keys: {0}")]
    Keys(#[from] KeyError),
    /// A sync failed: the process must end, and the next start recovers.
    #[error("the process must end: {0}")]
    Fatal(String),
    /// A task ended that must not.
    #[error("a task ended early: {0}")]
    Task(String),
}

impl From<StartError> for ServeError {
    fn from(error: StartError) -> Self {
        match error {
            StartError::Keys(error) => Self::Keys(error),
            StartError::Store(error) => Self::Store(error.to_string()),
        }
    }
}

/// A server that runs.
pub struct Running {
    listen_addr: SocketAddr,
    admin_addr: SocketAddr,
    stop: watch::Sender<bool>,
    effects: Arc<Effects>,
    listener: JoinHandle<()>,
    admin: JoinHandle<()>,
    inspector: Option<JoinHandle<()>>,
    folder: PathBuf,
}

impl Running {
    /// Where the S3 listener listens.
    pub fn listen_addr(&self) -> SocketAddr {
        self.listen_addr
    }

    /// Where health and metrics are.
    pub fn admin_addr(&self) -> SocketAddr {
        self.admin_addr
    }

    /// Stops: no new connections, requests get their time to end, then the store is sealed.
    ///
    /// # Errors
    /// When the store could not be sealed; what was acknowledged is safe all the same.
    pub async fn stop(self) -> Result<(), ServeError> {
        self.stop.send_replace(true);
        let ended = self.listener.await;
        self.admin.abort();
        if let Some(inspector) = self.inspector {
            // Answers under way are broken off. The store is still locked: the socket is ours.
            drop(inspector.await);
            if let Err(error) = inspect::remove(&self.folder) {
                tracing::warn!(%error, "the admin socket stays");
            }
        }
        self.effects.stopping.store(true, Ordering::Relaxed);
        if let Some(network) = self.effects.network.get() {
            network.stop();
        }
        let storage = Arc::clone(&self.effects.storage);
        let closed = blocking(move || storage.close()).await?;
        closed.map_err(|error| ServeError::Store(error.to_string()))?;
        ended.map_err(|error| ServeError::Task(error.to_string()))
    }
}

/// Serves until `shutdown` resolves, then stops in good order.
///
/// # Errors
/// When the server does not start, or the store cannot be sealed at the end.
pub async fn serve(
    settings: Settings,
    credentials: Arc<dyn Credentials>,
    shutdown: impl Future<Output = ()>,
) -> Result<(), ServeError> {
    let running = start(settings, credentials).await?;
    tracing::info!(listen = %running.listen_addr, admin = %running.admin_addr, "serving");
    let mut fatal = running.effects.storage.fatal();
    tokio::select! {
        () = shutdown => {}
        reason = fatal.wait_for(Option::is_some) => {
            // Nothing is known about the disk any more: no request may end well, nothing is sealed.
            let reason = reason.ok().and_then(|reason| reason.clone()).unwrap_or_default();
            return Err(ServeError::Fatal(reason));
        }
    }
    tracing::info!("stopping");
    running.stop().await
}

/// Starts a server over the store in the settings' folder. Health is answered meanwhile.
///
/// # Errors
/// When an address is taken, the store cannot be opened or a component does not link.
pub async fn start(
    settings: Settings,
    credentials: Arc<dyn Credentials>,
) -> Result<Running, ServeError> {
    start_with(Binaries::default(), settings, credentials).await
}

/// The same with other components than those inside the program.
///
/// # Errors
/// As [`start`].
pub async fn start_with(
    binaries: Binaries<'static>,
    settings: Settings,
    credentials: Arc<dyn Credentials>,
) -> Result<Running, ServeError> {
    let metrics = Arc::<Metrics>::default();
    let (stop, stopping) = watch::channel(false);
    let (admin_socket, admin_addr) = bind(settings.admin_listen).await?;
    let (socket, listen_addr) = bind(settings.listen).await?;
    let admin = Arc::new(Admin {
        metrics: Arc::clone(&metrics),
        gauges: OnceLock::new(),
        stopping: stopping.clone(),
    });
    let admin_task = tokio::spawn(Arc::clone(&admin).run(admin_socket));
    // Recovery and compilation do not wait for each other.
    let folder = settings.clone();
    let ships = settings.ship.is_some();
    let (engine, storage) = tokio::join!(
        blocking(move || {
            let engine = Engine::new(&binaries)?;
            if ships {
                engine.with_shipper()
            } else {
                Ok(engine)
            }
        }),
        blocking(move || Storage::open(&folder)),
    );
    let engine = engine?.map_err(|error| ServeError::Components(format!("{error:#}")))?;
    let storage = storage?.map_err(|error| ServeError::Store(error.to_string()))?;
    let effects = Arc::new(Effects {
        storage: Arc::new(storage),
        buffers: Arc::new(Buffers::new(settings.buffers)),
        metrics,
        stopping: AtomicBool::new(false),
        network: OnceLock::new(),
    });
    let shards = effects.storage.store().progress().totals.shards;
    match &settings.ship {
        Some(ship) => {
            let network = Network::start(ship, &engine, &effects);
            let network = network.map_err(ServeError::from)?;
            let _ = effects.network.set(network);
        }
        None if shards > 0 => tracing::warn!(
            shards,
            "objects that only the network has cannot be read while ship.service_url is not set"
        ),
        None => {}
    }
    let inspector = inspector(&settings, &engine, &effects, &stopping);
    let listener = Arc::new(assemble(&settings, &engine, &effects, credentials));
    let (watched, front) = (Arc::clone(&effects), Arc::clone(&listener));
    let gauges = Box::new(move || gauges(&watched, &front));
    let _ = admin.gauges.set(gauges);
    Ok(Running {
        listen_addr,
        admin_addr,
        stop,
        effects,
        listener: tokio::spawn(listener.run(socket, stopping)),
        admin: admin_task,
        inspector,
        folder: settings.data_dir,
    })
}

/// Answers those who look inside; a folder that cannot have a socket does without.
fn inspector(
    settings: &Settings,
    engine: &Engine,
    effects: &Arc<Effects>,
    stopping: &watch::Receiver<bool>,
) -> Option<JoinHandle<()>> {
    let folder = settings.data_dir.clone();
    let socket = match Socket::bind(&folder) {
        Ok(socket) => socket,
        Err(error) => {
            tracing::warn!(%error, "no admin socket: nobody can look inside while this runs");
            return None;
        }
    };
    let files = Arc::new(move |under: &str| billet_storage::list_files(&folder, under));
    let inside = Inside::new(Arc::clone(effects), Some(engine.clone()), files, None);
    Some(tokio::spawn(socket.run(Arc::new(inside), stopping.clone())))
}

fn assemble(
    settings: &Settings,
    engine: &Engine,
    effects: &Arc<Effects>,
    credentials: Arc<dyn Credentials>,
) -> Listener {
    let mst = Mst::start(engine, effects, settings.mst_writers, settings.mst_readers);
    let mut config = BTreeMap::from([
        ("region", settings.region.clone()),
        ("space", settings.space.clone()),
        ("keep-alive-ms", settings.limits.keep_alive_ms.to_string()),
    ]);
    for (name, list) in [("domains", &settings.domains), ("hosts", &settings.hosts)] {
        if !list.is_empty() {
            config.insert(name, list.join(","));
        }
    }
    let network = effects.network.get();
    if network.is_some_and(|network| network.settle_max().is_some()) {
        config.insert("network", "true".to_owned());
    }
    let front = Arc::new(Front {
        mst: Arc::new(mst),
        credentials,
        config,
    });
    let limits = settings.limits.clone();
    Listener {
        page: network.map(|network| IdentityPage::new(network.agent(), &settings.domains)),
        pools: Pools::new(
            engine,
            effects,
            &front,
            settings.reads_max,
            settings.writes_max,
        ),
        peers: Arc::new(Peers::new(
            limits.connections_max,
            limits.connections_per_peer_max,
            settings.buffers / PEER_SHARE,
        )),
        metrics: Arc::clone(&effects.metrics),
        limits,
    }
}

fn gauges(effects: &Effects, listener: &Listener) -> Vec<(String, u64)> {
    let number = |value: usize| u64::try_from(value).unwrap_or(u64::MAX);
    let (used, all, refused) = effects.buffers.usage();
    let mut gauges = vec![
        ("billet_buffers_used".to_owned(), number(used)),
        ("billet_buffers".to_owned(), number(all)),
        ("billet_buffers_refused_total".to_owned(), number(refused)),
        (
            "billet_connections".to_owned(),
            number(listener.peers.connections()),
        ),
    ];
    gauges.extend(listener.pools.gauges());
    if let Some(network) = effects.network.get() {
        gauges.extend(network.gauges(&effects.storage));
    }
    gauges.extend(effects.storage.gauges());
    gauges
}

async fn bind(address: SocketAddr) -> Result<(TcpListener, SocketAddr), ServeError> {
    let failed = |source| ServeError::Listen { address, source };
    let socket = TcpListener::bind(address).await.map_err(failed)?;
    let bound = socket.local_addr().map_err(failed)?;
    Ok((socket, bound))
}

async fn blocking<R: Send + 'static>(
    work: impl FnOnce() -> R + Send + 'static,
) -> Result<R, ServeError> {
    let done = tokio::task::spawn_blocking(work).await;
    done.map_err(|error| ServeError::Task(error.to_string()))
}
