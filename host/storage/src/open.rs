//! Opening a store: the lock, the schema, the pinned settings, the start's own numbers.
//!
//! Must never write before the folder is locked and its schema is known.

use std::sync::atomic::{AtomicBool, AtomicU64};
use std::sync::{Arc, Mutex, RwLock};

use billet_segment::{Plane, RootId};

use crate::book::Book;
use crate::store::{new_blocks, new_tables};
use crate::writing::{NUMBERS_KEY, Numbers, Writer};
use crate::{Config, Counters, Effects, Kv, KvChange, OpenError, Recovery, SCHEMA, Store};

const SCHEMA_KEY: &[u8] = b"meta/schema";
const ROOT_KEY: &[u8] = b"meta/root";
const STARTS_KEY: &[u8] = b"meta/starts";
const PINNED_PREFIX: &[u8] = b"pinned/";

/// What the table says about the store as a whole.
struct Meta {
    root: RootId,
    starts: u64,
    numbers: u64,
}

impl Store {
    /// Opens the store, or makes it, and recovers what was not closed.
    ///
    /// # Errors
    /// As the variants of [`OpenError`] say.
    pub fn open(config: Config, effects: Effects) -> Result<Arc<Self>, OpenError> {
        let Effects {
            disk,
            clock,
            random,
            open_kv,
        } = effects;
        let refused = |error| OpenError::Disk {
            what: format!("locking {}", disk.name()),
            error,
        };
        let lock = disk.lock().map_err(refused)?;
        let lock = lock.ok_or_else(|| OpenError::Locked(disk.name()))?;
        let kv = open_kv()?;
        let draw = || {
            let drawn = random.draw();
            drawn.map_err(|error| OpenError::Disk {
                what: "drawing a number".to_owned(),
                error,
            })
        };
        let meta = start(kv.as_ref(), &config, draw)?;
        let mut store = Self {
            root: meta.root,
            disk,
            clock,
            kv,
            _lock: lock,
            fatal: Mutex::default(),
            watcher: Mutex::default(),
            is_fatal: AtomicBool::new(false),
            catalog: Mutex::new(Writer::new(Plane::Catalog)),
            data: Mutex::new(Writer::new(Plane::Data)),
            numbers: Mutex::new(Numbers {
                next: meta.numbers,
                end: meta.numbers,
            }),
            book: RwLock::new(Book::new(meta.starts)),
            readable: RwLock::default(),
            tables: new_tables(&config),
            loading: Mutex::default(),
            blocks: new_blocks(&config),
            ship: Mutex::default(),
            readers: Mutex::default(),
            backlog_bytes: AtomicU64::new(0),
            recovery: Recovery::default(),
            counters: Counters::default(),
            rebuilt: Mutex::default(),
            config,
        };
        store.recovery = store.recover()?;
        Ok(Arc::new(store))
    }

    /// The name of the storage root: the first folder of all segments' paths.
    pub fn root(&self) -> RootId {
        self.root
    }
}

/// Checks what the table says, and counts this start.
fn start(
    kv: &dyn Kv,
    config: &Config,
    draw: impl Fn() -> Result<u64, OpenError>,
) -> Result<Meta, OpenError> {
    let mut changes: Vec<KvChange> = Vec::new();
    match text(kv, SCHEMA_KEY)? {
        Some(found) if found != SCHEMA => {
            return Err(OpenError::Newer {
                found,
                known: SCHEMA.to_owned(),
            });
        }
        Some(_) => {}
        None => changes.push((SCHEMA_KEY.to_vec(), Some(SCHEMA.into()))),
    }
    for (name, now) in &config.pinned {
        let key = [PINNED_PREFIX, name.as_bytes()].concat();
        match text(kv, &key)? {
            Some(pinned) if pinned != *now => {
                let (name, now) = (name.clone(), now.clone());
                return Err(OpenError::Pinned { name, pinned, now });
            }
            Some(_) => {}
            None => changes.push((key, Some(now.clone().into_bytes()))),
        }
    }
    let root = match text(kv, ROOT_KEY)? {
        Some(root) => root.parse()?,
        None => {
            let root = RootId(draw()?);
            changes.push((ROOT_KEY.to_vec(), Some(root.to_string().into_bytes())));
            root
        }
    };
    let starts = number(kv, STARTS_KEY)? + 1;
    changes.push((STARTS_KEY.to_vec(), Some(starts.to_le_bytes().to_vec())));
    // Claims of this start differ from those of all others before the first is given out.
    kv.batch(&changes)?;
    Ok(Meta {
        root,
        starts,
        numbers: number(kv, NUMBERS_KEY)?,
    })
}

fn text(kv: &dyn Kv, key: &[u8]) -> Result<Option<String>, OpenError> {
    Ok(kv
        .get(key)?
        .map(|value| String::from_utf8_lossy(&value).into_owned()))
}

fn number(kv: &dyn Kv, key: &[u8]) -> Result<u64, OpenError> {
    let value = kv.get(key)?;
    Ok(value
        .and_then(|value| value.try_into().ok())
        .map_or(0, u64::from_le_bytes))
}
