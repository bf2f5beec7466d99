//! File programs that run, and die, in a process of their own.

use std::collections::BTreeMap;
use std::fs;
use std::os::unix::process::ExitStatusExt;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitStatus, Stdio};

use tempfile::TempDir;

const DIR: &str = "FAULTFS_TEST_DIR";

/// A directory for the program and one for the journal, on a disk.
pub(crate) struct Place {
    root: PathBuf,
    _owned: Option<TempDir>,
}

impl Place {
    /// On a disk. In a child, the parent's.
    pub(crate) fn new() -> Self {
        Self::new_in(Path::new(env!("CARGO_TARGET_TMPDIR")))
    }

    /// In memory if there is such a place, for programs that sync often. Nothing here depends on
    /// what a sync does to a disk.
    pub(crate) fn in_memory() -> Self {
        let memory = Path::new("/dev/shm");
        if memory.is_dir() {
            Self::new_in(memory)
        } else {
            Self::new()
        }
    }

    fn new_in(parent: &Path) -> Self {
        if let Some(root) = std::env::var_os(DIR) {
            return Self {
                root: root.into(),
                _owned: None,
            };
        }
        let owned = tempfile::tempdir_in(parent).unwrap();
        fs::create_dir(owned.path().join("data")).unwrap();
        Self {
            root: owned.path().to_path_buf(),
            _owned: Some(owned),
        }
    }

    pub(crate) fn data(&self) -> PathBuf {
        self.root.join("data")
    }

    pub(crate) fn journal(&self) -> PathBuf {
        self.root.join("journal")
    }

    /// Runs a test, the one that calls this, once more in a process of its own; there, `program`
    /// runs instead of the rest of the test.
    pub(crate) fn run(&self, test: &str, program: impl FnOnce(&Self)) -> ExitStatus {
        if in_child() {
            program(self);
            std::process::exit(0);
        }
        Command::new(std::env::current_exe().unwrap())
            .args([test, "--exact"])
            .env(DIR, &self.root)
            .stdout(Stdio::null())
            .status()
            .unwrap()
    }
}

/// The name of the test that a closure is written in.
pub(crate) fn test_of<F>(_: &F) -> String {
    let name = std::any::type_name::<F>();
    let name = name.split("::{{closure}}").next().unwrap();
    name.split_once("::").unwrap().1.to_owned()
}

pub(crate) fn in_child() -> bool {
    std::env::var_os(DIR).is_some()
}

/// As a power cut: no destructor runs, nothing is flushed.
pub(crate) fn die() -> ! {
    // SAFETY: a signal to the own process.
    unsafe { libc::kill(libc::getpid(), libc::SIGKILL) };
    unreachable!("killed")
}

pub(crate) fn was_killed(status: ExitStatus) -> bool {
    status.signal() == Some(9)
}

/// Paths below a directory, with the content of files.
pub(crate) type Tree = BTreeMap<String, Option<Vec<u8>>>;

pub(crate) fn tree(dir: &Path) -> Tree {
    let mut tree = Tree::new();
    walk(dir, "", &mut tree);
    tree
}

fn walk(dir: &Path, above: &str, tree: &mut Tree) {
    for entry in fs::read_dir(dir).unwrap() {
        let path = entry.unwrap().path();
        let name = format!("{above}{}", path.file_name().unwrap().to_str().unwrap());
        if path.is_dir() {
            walk(&path, &format!("{name}/"), tree);
            tree.insert(name, None);
        } else {
            tree.insert(name, Some(fs::read(&path).unwrap()));
        }
    }
}
