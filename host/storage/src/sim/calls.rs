//! The simulated machine behind the traits of the store.
//!
//! Must never change anything without asking for the call's number first.

use std::io;
use std::sync::Arc;

use billet_segment::Pair;

use super::{Broken, Change, Draw, Go, Inode, Sim, World, dead};
use crate::{Clock, Disk, File, Kv, KvChange, KvError, Lock, Random};

struct SimFile {
    sim: Sim,
    path: String,
    inode: usize,
}

impl SimFile {
    fn opened(sim: &Sim, world: &mut World, path: &str, inode: usize) -> Arc<dyn File> {
        world.open_files += 1;
        Arc::new(Self {
            sim: sim.clone(),
            path: path.to_owned(),
            inode,
        })
    }
}

impl Drop for SimFile {
    fn drop(&mut self) {
        self.sim.world().open_files -= 1;
    }
}

impl File for SimFile {
    fn read_at(&self, out: &mut [u8], offset: u64) -> io::Result<usize> {
        let world = self.sim.world();
        if world.is_dead {
            return Err(dead());
        }
        let end = offset.saturating_add(out.len() as u64);
        if let Some(Broken::At(at, error)) = world.broken.get(&self.path)
            && (offset..end).contains(at)
        {
            return Err(io::Error::from_raw_os_error(*error));
        }
        let bytes = world
            .inodes
            .get(self.inode)
            .map_or(&[][..], |inode| &inode.now);
        let start = usize::try_from(offset)
            .unwrap_or(usize::MAX)
            .min(bytes.len());
        let found = bytes.get(start..).unwrap_or_default();
        let length = found.len().min(out.len());
        if let (Some(out), Some(found)) = (out.get_mut(..length), found.get(..length)) {
            out.copy_from_slice(found);
        }
        Ok(length)
    }

    fn read_now(&self, out: &mut [u8], offset: u64) -> io::Result<()> {
        let wanted = out.len();
        match self.read_at(out, offset)? {
            bytes if bytes == wanted => Ok(()),
            _ => Err(io::ErrorKind::WouldBlock.into()),
        }
    }

    fn write_at(&self, bytes: &[u8], offset: u64) -> io::Result<()> {
        let mut world = self.sim.world();
        let offset = usize::try_from(offset).unwrap_or(usize::MAX);
        let go = world.call(format!("write {} {offset}+{}", self.path, bytes.len()))?;
        let (bytes, result) = match go {
            Go::Do => (bytes, Ok(())),
            Go::Half => {
                let half = bytes.get(..bytes.len() / 2).unwrap_or_default();
                (half, Err(io::ErrorKind::StorageFull.into()))
            }
            Go::DoAndFail(error) => (bytes, Err(error)),
        };
        world.change(self.inode, Change::Write(offset, bytes.to_vec()));
        result
    }

    fn sync_data(&self) -> io::Result<()> {
        let inode = self.inode;
        self.sim
            .world()
            .whole(format!("sync {}", self.path), |world| {
                if let Some(inode) = world.inodes.get_mut(inode) {
                    inode.durable = inode.now.clone();
                    inode.pending.clear();
                }
            })
    }

    fn sync_all(&self) -> io::Result<()> {
        self.sync_data()
    }

    fn set_len(&self, bytes: u64) -> io::Result<()> {
        let length = usize::try_from(bytes).unwrap_or(usize::MAX);
        let inode = self.inode;
        self.sim
            .world()
            .whole(format!("length {} {bytes}", self.path), |world| {
                world.change(inode, Change::Length(length));
            })
    }

    fn allocate(&self, bytes: u64) -> io::Result<()> {
        let length = usize::try_from(bytes).unwrap_or(usize::MAX);
        let inode = self.inode;
        self.sim
            .world()
            .whole(format!("allocate {} {bytes}", self.path), |world| {
                let now = world.inodes.get(inode).map_or(0, |inode| inode.now.len());
                if now < length {
                    world.change(inode, Change::Length(length));
                }
            })
    }

    fn length(&self) -> io::Result<u64> {
        let world = self.sim.world();
        Ok(world
            .inodes
            .get(self.inode)
            .map_or(0, |inode| inode.now.len() as u64))
    }
}

struct SimLock(Sim);

impl Lock for SimLock {}

impl Drop for SimLock {
    fn drop(&mut self) {
        self.0.world().is_locked = false;
    }
}

impl Disk for Sim {
    fn name(&self) -> String {
        "the simulated disk".to_owned()
    }

    fn lock(&self) -> io::Result<Option<Box<dyn Lock>>> {
        let mut world = self.world();
        if std::mem::replace(&mut world.is_locked, true) {
            return Ok(None);
        }
        Ok(Some(Box::new(SimLock(self.clone()))))
    }

    fn create(&self, path: &str) -> io::Result<Arc<dyn File>> {
        let mut world = self.world();
        let folder = path.rsplit_once('/').map_or("", |(folder, _)| folder);
        if !folder.is_empty() && !world.now.contains_key(folder) {
            return Err(io::ErrorKind::NotFound.into());
        }
        world.room_for_file()?;
        world.whole(format!("create {path}"), |world| {
            if let Some(Some(inode)) = world.now.get(path).copied() {
                world.change(inode, Change::Length(0));
            } else {
                world.inodes.push(Inode::default());
                let inode = world.inodes.len() - 1;
                world.now.insert(path.to_owned(), Some(inode));
            }
        })?;
        let inode = world.now.get(path).copied().flatten().ok_or_else(dead)?;
        Ok(SimFile::opened(self, &mut world, path, inode))
    }

    fn open(&self, path: &str) -> io::Result<Option<Arc<dyn File>>> {
        let mut world = self.world();
        if world.is_dead {
            return Err(dead());
        }
        if let Some(Broken::Open(error)) = world.broken.get(path) {
            return Err(io::Error::from_raw_os_error(*error));
        }
        let Some(inode) = world.now.get(path).copied().flatten() else {
            return Ok(None);
        };
        world.room_for_file()?;
        Ok(Some(SimFile::opened(self, &mut world, path, inode)))
    }

    fn length(&self, path: &str) -> io::Result<Option<u64>> {
        Ok(self.read(path).map(|bytes| bytes.len() as u64))
    }

    fn make_folder(&self, path: &str) -> io::Result<()> {
        self.world().whole(format!("folder {path}"), |world| {
            world.now.entry(path.to_owned()).or_insert(None);
        })
    }

    fn sync_folder(&self, path: &str) -> io::Result<()> {
        let mut world = self.world();
        if !path.is_empty() && !world.now.contains_key(path) {
            return Err(io::ErrorKind::NotFound.into());
        }
        world.whole(format!("sync folder {path}"), |world| {
            let is_in = |entry: &String| entry.rsplit_once('/').map_or("", |(up, _)| up) == path;
            world.durable.retain(|entry, _| !is_in(entry));
            let now = world.now.iter().filter(|(entry, _)| is_in(entry));
            world
                .durable
                .extend(now.map(|(entry, inode)| (entry.clone(), *inode)));
        })
    }

    fn rename(&self, from: &str, to: &str) -> io::Result<()> {
        let mut world = self.world();
        if !world.now.contains_key(from) {
            return Err(io::ErrorKind::NotFound.into());
        }
        world.whole(format!("rename {from} {to}"), |world| {
            if let Some(inode) = world.now.remove(from) {
                world.now.insert(to.to_owned(), inode);
            }
        })
    }

    fn remove(&self, path: &str) -> io::Result<()> {
        self.world().whole(format!("remove {path}"), |world| {
            world.now.remove(path);
        })
    }
}

impl Clock for Sim {
    fn now_ms(&self) -> u64 {
        self.world().now_ms
    }
}

impl Random for Sim {
    fn draw(&self) -> io::Result<u64> {
        let mut world = self.world();
        world.draws += 1;
        Ok(Draw(world.draws).next())
    }
}

impl Kv for Sim {
    fn get(&self, key: &[u8]) -> Result<Option<Vec<u8>>, KvError> {
        if self.is_dead() {
            return Err(KvError::Failed(dead().to_string()));
        }
        self.kv.get(key)
    }

    fn scan(
        &self,
        prefix: &[u8],
        after: Option<&[u8]>,
        limit: usize,
    ) -> Result<Vec<Pair>, KvError> {
        if self.is_dead() {
            return Err(KvError::Failed(dead().to_string()));
        }
        self.kv.scan(prefix, after, limit)
    }

    fn batch(&self, changes: &[KvChange]) -> Result<(), KvError> {
        let keys: Vec<_> = changes
            .iter()
            .map(|(key, _)| String::from_utf8_lossy(key))
            .collect();
        let mut done = None;
        let go = self.world().whole(format!("batch {keys:?}"), |_| {
            done = Some(self.kv.batch(changes));
        });
        match go {
            Ok(()) => done.unwrap_or(Ok(())),
            Err(error) if done.is_none() && crate::error::is_full(&error) => Err(KvError::Full),
            Err(error) => Err(KvError::Failed(error.to_string())),
        }
    }
}
