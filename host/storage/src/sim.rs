//! A disk and a table of keys that exist in memory only, and break on demand. For tests.
//!
//! Every call that changes something has a number. A [`Plan`] lets one of them fail, or lets the
//! process die before or after it; [`Sim::image`] makes the disk that a machine would find after
//! the crash. Must never keep what was not synced unless the image is told to.

mod calls;

use std::collections::{BTreeMap, BTreeSet};
use std::io;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use crate::effects::CATALOG;
use crate::{Effects, Kv, KvError, MemoryKv, RedbKv};

const SECTOR_BYTES: usize = 512;

/// What happens at the planned call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault {
    /// The process dies before the call has any effect.
    CrashBefore,
    /// The process dies when the call has had its effect.
    CrashAfter,
    /// The call fails without an effect.
    Fail(io::ErrorKind),
    /// A write puts half of its bytes and says that there is no room; other calls fail.
    Short,
    /// The call has its effect and fails.
    FailAfter(io::ErrorKind),
}

/// A fault at the call of this number, counted from 0.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Plan {
    /// The number.
    pub at: u64,
    /// What happens.
    pub fault: Fault,
    /// Whether it happens at every call from then on.
    pub is_lasting: bool,
}

/// What of the unsynced changes a crash leaves behind.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Survivors {
    /// Nothing.
    None,
    /// Everything.
    All,
    /// Any part of them, each write torn into sectors, drawn from this seed.
    Some(u64),
}

/// What fails of a file each time, as rot, people and limits of the system do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Broken {
    /// Opening it, with this error of the system.
    Open(i32),
    /// Reading the byte at this place, with this error of the system.
    At(u64, i32),
}

#[derive(Clone, Debug)]
enum Change {
    Write(usize, Vec<u8>),
    Length(usize),
}

impl Change {
    fn apply(&self, bytes: &mut Vec<u8>) {
        match self {
            Self::Write(offset, new) => {
                let end = offset + new.len();
                if bytes.len() < end {
                    bytes.resize(end, 0);
                }
                if let Some(place) = bytes.get_mut(*offset..end) {
                    place.copy_from_slice(new);
                }
            }
            Self::Length(length) => bytes.resize(*length, 0),
        }
    }
}

#[derive(Clone, Debug, Default)]
struct Inode {
    durable: Vec<u8>,
    now: Vec<u8>,
    pending: Vec<Change>,
}

#[derive(Default)]
struct World {
    inodes: Vec<Inode>,
    /// Files by path; `None` is a folder.
    now: BTreeMap<String, Option<usize>>,
    durable: BTreeMap<String, Option<usize>>,
    calls: u64,
    trace: Vec<String>,
    plan: Option<Plan>,
    full_from: Option<u64>,
    broken: BTreeMap<String, Broken>,
    open_files: usize,
    open_files_max: Option<usize>,
    is_dead: bool,
    is_locked: bool,
    keys_in_file: bool,
    now_ms: u64,
    draws: u64,
}

/// The simulated machine. Clones are the same machine.
#[derive(Clone, Default)]
pub struct Sim {
    world: Arc<Mutex<World>>,
    kv: Arc<MemoryKv>,
}

/// How a numbered call goes on.
enum Go {
    Do,
    Half,
    DoAndFail(io::Error),
}

/// The system's number of "Too many open files".
const EMFILE: i32 = 24;

fn dead() -> io::Error {
    io::Error::other("the process is dead")
}

impl World {
    /// Numbers a call and looks what is planned for it.
    fn call(&mut self, what: String) -> io::Result<Go> {
        if self.is_dead {
            return Err(dead());
        }
        let number = self.calls;
        self.calls += 1;
        let takes_room = ["write", "allocate", "create", "folder", "batch"];
        let takes_room = takes_room.iter().any(|call| what.starts_with(call));
        self.trace.push(what);
        if takes_room && self.full_from.is_some_and(|from| number >= from) {
            return Err(io::ErrorKind::StorageFull.into());
        }
        let due = |plan: &Plan| plan.at == number || (plan.is_lasting && number > plan.at);
        match self.plan.filter(due).map(|plan| plan.fault) {
            None => Ok(Go::Do),
            Some(Fault::CrashBefore) => {
                self.is_dead = true;
                Err(dead())
            }
            Some(Fault::CrashAfter) => {
                self.is_dead = true;
                Ok(Go::DoAndFail(dead()))
            }
            Some(Fault::Fail(kind)) => Err(kind.into()),
            Some(Fault::Short) => Ok(Go::Half),
            Some(Fault::FailAfter(kind)) => Ok(Go::DoAndFail(kind.into())),
        }
    }

    /// Whether one more file may be open.
    fn room_for_file(&self) -> io::Result<()> {
        match self.open_files_max {
            Some(max) if self.open_files >= max => Err(io::Error::from_raw_os_error(EMFILE)),
            _ => Ok(()),
        }
    }

    /// Does a call that is whole or not at all.
    fn whole(&mut self, what: String, act: impl FnOnce(&mut Self)) -> io::Result<()> {
        match self.call(what)? {
            Go::Half => Err(io::ErrorKind::StorageFull.into()),
            Go::Do => {
                act(self);
                Ok(())
            }
            Go::DoAndFail(error) => {
                act(self);
                Err(error)
            }
        }
    }

    fn change(&mut self, inode: usize, change: Change) {
        if let Some(inode) = self.inodes.get_mut(inode) {
            change.apply(&mut inode.now);
            inode.pending.push(change);
        }
    }
}

impl Sim {
    /// A machine with an empty disk.
    pub fn new() -> Self {
        Self::default()
    }

    fn world(&self) -> MutexGuard<'_, World> {
        self.world.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The effects of this machine, for a store.
    pub fn effects(&self) -> Effects {
        let (sim, keys_in_file) = (Arc::new(self.clone()), self.world().keys_in_file);
        let open_kv = move || -> Result<Arc<dyn Kv>, KvError> {
            if keys_in_file {
                Ok(Arc::new(RedbKv::open(sim, CATALOG)?))
            } else {
                Ok(sim)
            }
        };
        Effects {
            disk: Arc::new(self.clone()),
            clock: Arc::new(self.clone()),
            random: Arc::new(self.clone()),
            open_kv: Box::new(open_kv),
        }
    }

    /// Keeps the table of keys in a file of the disk from now on, as the real world does, instead
    /// of beside it: its bytes can be lost, too.
    pub fn keep_keys_in_file(&self) {
        self.world().keys_in_file = true;
    }

    /// Plans a fault.
    pub fn plan(&self, plan: Option<Plan>) {
        self.world().plan = plan;
    }

    /// From the call of this number on there is no room: whatever takes some fails.
    pub fn fill_from(&self, at: Option<u64>) {
        self.world().full_from = at;
    }

    /// How many numbered calls there were.
    pub fn calls(&self) -> u64 {
        self.world().calls
    }

    /// What the numbered calls were.
    pub fn trace(&self) -> Vec<String> {
        self.world().trace.clone()
    }

    /// Whether the planned crash has happened.
    pub fn is_dead(&self) -> bool {
        self.world().is_dead
    }

    /// Sets the clock.
    pub fn set_now_ms(&self, now_ms: u64) {
        self.world().now_ms = now_ms;
    }

    /// Paths of all files.
    pub fn files(&self) -> Vec<String> {
        let world = self.world();
        let files = world.now.iter().filter(|(_, inode)| inode.is_some());
        files.map(|(path, _)| path.clone()).collect()
    }

    /// The bytes of a file.
    pub fn read(&self, path: &str) -> Option<Vec<u8>> {
        let world = self.world();
        let inode = (*world.now.get(path)?)?;
        world.inodes.get(inode).map(|inode| inode.now.clone())
    }

    /// Puts other bytes into a file, or takes it away, as rot and people do.
    pub fn meddle(&self, path: &str, bytes: Option<Vec<u8>>) {
        let mut world = self.world();
        match bytes {
            Some(bytes) => {
                let inode = Inode {
                    durable: bytes.clone(),
                    now: bytes,
                    pending: Vec::new(),
                };
                world.inodes.push(inode);
                let inode = world.inodes.len() - 1;
                world.now.insert(path.to_owned(), Some(inode));
                world.durable.insert(path.to_owned(), Some(inode));
            }
            None => {
                world.now.remove(path);
                world.durable.remove(path);
            }
        }
    }

    /// Lets a file fail from now on, or no longer.
    pub fn break_file(&self, path: &str, broken: Option<Broken>) {
        let mut world = self.world();
        match broken {
            Some(broken) => world.broken.insert(path.to_owned(), broken),
            None => world.broken.remove(path),
        };
    }

    /// Lets at most so many files be open from now on, those that are open counted in.
    pub fn limit_files(&self, open_files_max: Option<usize>) {
        self.world().open_files_max = open_files_max;
    }

    /// The rows of the table of keys.
    pub fn keys(&self) -> BTreeMap<Vec<u8>, Vec<u8>> {
        self.kv.rows()
    }

    /// The same machine when only the process has died: what was not synced is there, and a crash
    /// may still take it.
    pub fn restarted(&self) -> Self {
        let world = self.world();
        let now = World {
            inodes: world.inodes.clone(),
            now: world.now.clone(),
            durable: world.durable.clone(),
            now_ms: world.now_ms,
            draws: world.draws,
            keys_in_file: world.keys_in_file,
            ..World::default()
        };
        let kv = Arc::new(MemoryKv::new(self.kv.rows()));
        Self {
            world: Arc::new(Mutex::new(now)),
            kv,
        }
    }

    /// Another machine whose disk is what a crash of this one now may leave behind.
    pub fn image(&self, survivors: Survivors) -> Self {
        let world = self.world();
        let mut draw = Draw(match survivors {
            Survivors::Some(seed) => seed,
            Survivors::None | Survivors::All => 0,
        });
        let mut keep = |survivors| match survivors {
            Survivors::None => false,
            Survivors::All => true,
            Survivors::Some(_) => draw.next().is_multiple_of(2),
        };
        let paths: BTreeSet<&String> = world.now.keys().chain(world.durable.keys()).collect();
        let mut entries: BTreeMap<String, Option<usize>> = BTreeMap::new();
        for path in paths {
            let (now, durable) = (world.now.get(path), world.durable.get(path));
            let entry = if now != durable && keep(survivors) {
                now
            } else {
                durable
            };
            let folder = path.rsplit_once('/').map(|(folder, _)| folder);
            let has_folder = folder.is_none_or(|folder| entries.contains_key(folder));
            if let (Some(entry), true) = (entry, has_folder) {
                entries.insert(path.clone(), *entry);
            }
        }
        let mut inodes = Vec::new();
        for inode in &world.inodes {
            let mut bytes = inode.durable.clone();
            for change in &inode.pending {
                for part in parts(change, survivors) {
                    if keep(survivors) {
                        part.apply(&mut bytes);
                    }
                }
            }
            inodes.push(Inode {
                durable: bytes.clone(),
                now: bytes,
                pending: Vec::new(),
            });
        }
        let image = World {
            inodes,
            now: entries.clone(),
            durable: entries,
            now_ms: world.now_ms,
            draws: world.draws,
            keys_in_file: world.keys_in_file,
            ..World::default()
        };
        let kv = Arc::new(MemoryKv::new(self.kv.rows()));
        Self {
            world: Arc::new(Mutex::new(image)),
            kv,
        }
    }
}

/// A write, torn at the sectors of the disk where images are drawn.
fn parts(change: &Change, survivors: Survivors) -> Vec<Change> {
    match (change, survivors) {
        (Change::Write(offset, bytes), Survivors::Some(_)) => {
            let first = SECTOR_BYTES - offset % SECTOR_BYTES;
            let (head, rest) = bytes.split_at(first.min(bytes.len()));
            let mut out = vec![Change::Write(*offset, head.to_vec())];
            for (index, sector) in rest.chunks(SECTOR_BYTES).enumerate() {
                let at = offset + head.len() + index * SECTOR_BYTES;
                out.push(Change::Write(at, sector.to_vec()));
            }
            out
        }
        _ => vec![change.clone()],
    }
}

/// SplitMix64.
struct Draw(u64);

impl Draw {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }
}
