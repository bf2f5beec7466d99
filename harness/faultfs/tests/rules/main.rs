//! What rules do to the file calls of this process.

#![cfg(all(target_os = "linux", target_env = "gnu"))]
#![allow(clippy::unwrap_used, reason = "helpers of tests")]

mod counting;
mod faults;
mod processes;
mod scope;

use std::path::{Path, PathBuf};

use tempfile::TempDir;
use tsoracle_faultfs::{Action, Counts, Rule, RuleId, counts, install};

/// A directory of its own for one test, on a disk.
struct Dir(TempDir);

impl Dir {
    fn new() -> Self {
        Self(tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR")).unwrap())
    }

    fn path(&self) -> &Path {
        self.0.path()
    }

    fn join(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    fn counting(&self) -> RuleId {
        install(Rule::new(self.path(), Action::Count)).unwrap()
    }
}

fn zero() -> Counts {
    Counts::default()
}

fn counts_of(id: RuleId) -> Counts {
    counts(id).unwrap()
}
