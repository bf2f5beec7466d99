//! The exclusive lock on a store's directory (S1).
//!
//! The lock is on the directory itself, not on a file in it: there is nothing to remove or to
//! replace under a holder's feet, and the kernel releases it with the last handle, also after
//! SIGKILL.

use std::fs::{self, File, TryLockError};
use std::io;
use std::os::linux::fs::MetadataExt;
use std::path::{Path, PathBuf};

/// The exclusive lock on a directory, held for as long as this lives. It is also the handle by
/// which the directory is synced.
#[derive(Debug)]
pub struct DirLock {
    dir: File,
}

/// Why a directory could not be locked.
#[derive(Debug, thiserror::Error)]
pub enum LockError {
    /// Somebody else holds it: another process, or another owner in this one.
    #[error("{} is held by {holder}; stop it first", .dir.display())]
    Held {
        /// The directory.
        dir: PathBuf,
        /// Who holds it: `process N`, or `another process` where the kernel does not tell.
        holder: String,
    },
    /// The operating system refused.
    #[error("cannot {action} {}: {source}", .dir.display())]
    Io {
        /// What was being done.
        action: &'static str,
        /// The directory.
        dir: PathBuf,
        /// The refusal.
        source: io::Error,
    },
}

impl DirLock {
    /// Locks a directory, at once or not at all, and makes it before if it is missing, with those
    /// above it. Every name on the way to it is durable then.
    ///
    /// # Errors
    /// [`LockError::Held`] while another owner lives, [`LockError::Io`] if it cannot be made or
    /// locked.
    pub fn make_and_take(path: &Path) -> Result<Self, LockError> {
        make_dir(path)?;
        Self::take(path)
    }

    /// Locks a directory that exists, at once or not at all.
    ///
    /// # Errors
    /// [`LockError::Held`] while another owner lives, [`LockError::Io`] if the directory is missing
    /// or cannot be locked.
    pub fn take(path: &Path) -> Result<Self, LockError> {
        let dir = File::open(path).map_err(refused("open", path))?;
        match dir.try_lock() {
            Ok(()) => Ok(Self { dir }),
            Err(TryLockError::WouldBlock) => Err(LockError::Held {
                dir: path.to_owned(),
                holder: holder(&dir),
            }),
            Err(TryLockError::Error(source)) => Err(refused("lock", path)(source)),
        }
    }

    /// Makes the names in the directory durable.
    ///
    /// # Errors
    /// What the operating system says.
    pub fn sync_dir(&self) -> io::Result<()> {
        self.dir.sync_all()
    }
}

/// Closing the handle would release the lock only with its last copy, and a child process that is
/// just being started holds one until it runs its own program.
impl Drop for DirLock {
    fn drop(&mut self) {
        // What cannot be unlocked is unlocked by the end of the process.
        let _ = self.dir.unlock();
    }
}

/// Makes a folder and those above it that are missing, each durable before the next one is made in
/// it. The name of one that exists is made durable too: whoever made it may have died before that.
fn make_dir(dir: &Path) -> Result<(), LockError> {
    let parent = match dir.parent() {
        Some(parent) if parent.as_os_str().is_empty() => Path::new("."),
        Some(parent) => parent,
        None => return Ok(()),
    };
    let sync_parent = || File::open(parent).and_then(|parent| parent.sync_all());
    if dir.try_exists().map_err(refused("look for", dir))? {
        return match sync_parent() {
            // It was made for this user by another one, who alone can sync it.
            Err(error) if error.kind() == io::ErrorKind::PermissionDenied => Ok(()),
            synced => synced.map_err(refused("sync", parent)),
        };
    }
    make_dir(parent)?;
    match fs::create_dir(dir) {
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {}
        made => made.map_err(refused("create", dir))?,
    }
    sync_parent().map_err(refused("sync", parent))
}

fn refused(action: &'static str, dir: &Path) -> impl FnOnce(io::Error) -> LockError {
    let dir = dir.to_owned();
    move |source| LockError::Io {
        action,
        dir,
        source,
    }
}

/// How often the kernel's list is read before its holder counts as unknown. Every reading passes
/// over some locks while others come and go, since the list does not fit into one page.
const READINGS: usize = 64;

/// Who holds the lock, as the kernel tells it: no file could say so without going stale.
fn holder(dir: &File) -> String {
    let pid = dir.metadata().ok().and_then(|metadata| {
        (0..READINGS).find_map(|_| {
            let locks = std::fs::read_to_string("/proc/locks").ok()?;
            pid_of_lock(&locks, metadata.st_dev(), metadata.st_ino())
        })
    });
    pid.map_or_else(|| "another process".into(), |pid| format!("process {pid}"))
}

/// Finds a line such as `3: FLOCK  ADVISORY  WRITE 812 08:01:5242893 0 EOF`. Device numbers are in
/// hexadecimal. A process that this one cannot see has the number 0 there.
fn pid_of_lock(locks: &str, device: u64, inode: u64) -> Option<u32> {
    let (major, minor) = (
        (device >> 8) & 0xfff,
        (device & 0xff) | ((device >> 12) & 0xfff00),
    );
    let place = format!("{major:02x}:{minor:02x}:{inode}");
    locks.lines().find_map(|line| {
        let mut fields = line.split_whitespace().skip(1);
        let is_flock = fields.next() == Some("FLOCK");
        let pid = fields.nth(2)?.parse().ok().filter(|pid| *pid != 0)?;
        (is_flock && fields.next() == Some(&place)).then_some(pid)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_holder_is_found_among_other_locks() {
        let locks = "1: POSIX  ADVISORY  READ 5 08:01:77 0 EOF\n\
                     2: FLOCK  ADVISORY  WRITE 6 08:02:77 0 EOF\n\
                     3: FLOCK  ADVISORY  WRITE 812 08:01:77 0 EOF\n\
                     3: -> FLOCK  ADVISORY  WRITE 9 08:01:77 0 EOF\n";
        assert_eq!(pid_of_lock(locks, 0x801, 77), Some(812));
        assert_eq!(pid_of_lock(locks, 0x801, 78), None);
        assert_eq!(
            pid_of_lock("4: FLOCK ADVISORY WRITE 0 08:01:77 0 EOF", 0x801, 77),
            None
        );
    }

    #[test]
    fn a_directory_is_locked_once_and_names_this_process() {
        let dir = tempfile::tempdir().unwrap();
        let held = DirLock::take(dir.path()).unwrap();
        let refusal = DirLock::take(dir.path()).unwrap_err().to_string();
        assert!(
            refusal.contains(&format!("process {}", std::process::id())),
            "{refusal}"
        );
        drop(held);
        DirLock::take(dir.path()).unwrap();
    }

    #[test]
    fn the_holder_is_named_while_other_locks_come_and_go() {
        let dirs: Vec<_> = (0..400).map(|_| tempfile::tempdir().unwrap()).collect();
        let over = std::sync::atomic::AtomicBool::new(false);
        std::thread::scope(|threads| {
            threads.spawn(|| {
                while !over.load(std::sync::atomic::Ordering::Relaxed) {
                    let (early, _) = dirs.split_at(200);
                    drop(
                        early
                            .iter()
                            .map(|dir| DirLock::take(dir.path()))
                            .collect::<Vec<_>>(),
                    );
                }
            });
            let held = DirLock::take(dirs[399].path()).unwrap();
            let unnamed = (0..500)
                .filter(|_| {
                    let refusal = DirLock::take(dirs[399].path()).unwrap_err();
                    refusal.to_string().contains("another process")
                })
                .count();
            over.store(true, std::sync::atomic::Ordering::Relaxed);
            drop(held);
            assert_eq!(unnamed, 0);
        });
    }
}
