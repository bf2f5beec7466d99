//! Which file a call is about, in the kernel's words. A descriptor may have been duplicated,
//! inherited, or closed and reused behind libc's back, so what is remembered about one counts only
//! while it stands for the same inode.

use std::ffi::{CStr, OsStr};
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use libc::c_int;

use crate::interposed::raw;

/// An open file or directory.
#[derive(Clone, Debug)]
pub(crate) struct Known {
    pub(crate) path: Arc<Path>,
    pub(crate) inode: u64,
    pub(crate) device: u64,
    pub(crate) is_dir: bool,
}

/// What was found out about a descriptor, and in which generation.
type Found = Option<(u64, Known)>;

/// By descriptor: asking for a path costs more than everything else that a watched call does.
static FOUND: Mutex<Vec<Found>> = Mutex::new(Vec::new());
/// Whatever was found before the last change of a name may have another path by now.
static GENERATION: AtomicU64 = AtomicU64::new(0);

fn found() -> MutexGuard<'static, Vec<Found>> {
    FOUND.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Names have changed.
pub(crate) fn forget_all() {
    GENERATION.fetch_add(1, Ordering::AcqRel);
}

/// A descriptor is new.
pub(crate) fn forget(fd: c_int) {
    let slot = usize::try_from(fd).unwrap_or(usize::MAX);
    if let Some(slot) = found().get_mut(slot) {
        *slot = None;
    }
}

impl Known {
    /// What a descriptor stands for; `None` for sockets, pipes and all else that no disk holds.
    pub(crate) fn of(fd: c_int) -> Option<Self> {
        let stat = raw::stat_fd(fd).ok()?;
        let is_dir = match stat.st_mode & libc::S_IFMT {
            libc::S_IFREG => false,
            libc::S_IFDIR => true,
            _ => return None,
        };
        let (inode, device) = (stat.st_ino, stat.st_dev);
        let slot = usize::try_from(fd).ok()?;
        let generation = GENERATION.load(Ordering::Acquire);
        if let Some(Some((of, known))) = found().get(slot)
            && (*of, known.inode, known.device) == (generation, inode, device)
        {
            return Some(known.clone());
        }
        let known = Self {
            path: raw::path_of(fd).ok()?.into(),
            inode,
            device,
            is_dir,
        };
        let mut found = found();
        let length = found.len().max(slot + 1);
        found.resize(length, None);
        if let Some(slot) = found.get_mut(slot) {
            *slot = Some((generation, known.clone()));
        }
        Some(known)
    }
}

/// A name in a directory, whether it exists or not.
#[derive(Clone, Debug)]
pub(crate) struct Place {
    /// Absolute, without symbolic links except perhaps the name itself.
    pub(crate) path: PathBuf,
    /// The directory's inode.
    pub(crate) dir: u64,
}

impl Place {
    /// The name that a path given to a call stands for; `None` where there is no such directory.
    pub(crate) fn of(dir: c_int, path: &CStr) -> Option<Self> {
        let bytes = path.to_bytes();
        let end = bytes.iter().rposition(|byte| *byte != b'/')? + 1;
        let bytes = bytes.get(..end)?;
        let start = bytes
            .iter()
            .rposition(|byte| *byte == b'/')
            .map_or(0, |slash| slash + 1);
        let name = bytes.get(start..)?;
        if name == b"." || name == b".." {
            return None;
        }
        let parent = match bytes.get(..start)? {
            b"" => Path::new("."),
            parent => Path::new(OsStr::from_bytes(parent)),
        };
        let flags = libc::O_PATH | libc::O_DIRECTORY | libc::O_CLOEXEC;
        let parent = raw::Fd(raw::open(dir, &raw::c_path(parent).ok()?, flags, 0).ok()?);
        let path = raw::path_of(parent.0).ok()?.join(OsStr::from_bytes(name));
        Some(Self {
            path,
            dir: raw::stat_fd(parent.0).ok()?.st_ino,
        })
    }

    /// As [`Place::of`], but where the path is a symbolic link, the file that it leads to.
    pub(crate) fn following(dir: c_int, path: &CStr) -> Option<Self> {
        let Ok(file) = raw::open(dir, path, libc::O_PATH | libc::O_CLOEXEC, 0).map(raw::Fd) else {
            return Self::of(dir, path);
        };
        let path = raw::path_of(file.0).ok()?;
        Self::of(libc::AT_FDCWD, &raw::c_path(&path).ok()?)
    }

    /// The file that has this name now.
    pub(crate) fn stat(&self) -> Option<libc::stat> {
        raw::stat_path(&self.path).ok()
    }
}

/// Whether a stat is that of this kind of file, `S_IFREG` say.
pub(crate) fn is_kind(stat: &libc::stat, kind: libc::mode_t) -> bool {
    stat.st_mode & libc::S_IFMT == kind
}
