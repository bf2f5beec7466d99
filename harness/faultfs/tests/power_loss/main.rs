//! Plain file programs, killed, and then the power lost: what POSIX promises stays, nothing else.

#![cfg(all(target_os = "linux", target_env = "gnu"))]
#![allow(clippy::unwrap_used, reason = "helpers of tests")]

mod contents;
mod crash_points;
mod model;
mod names;
mod random;
mod recording;
#[path = "../support/mod.rs"]
mod support;

use std::fs::{self, File};
use std::path::Path;

use support::{Place, Tree, die, in_child, test_of, tree, was_killed};
use tsoracle_faultfs::{Loss, lose_unsynced, record_unsynced};

/// A program, what was there before, and what the loss of power must leave.
struct Case {
    place: Place,
}

impl Case {
    /// Files that exist and are durable before the program starts; a name that ends with `/` is a
    /// directory.
    fn with(files: &[(&str, &str)]) -> Self {
        let place = Place::new();
        for (name, content) in files.iter().filter(|_| !in_child()) {
            let path = place.data().join(name);
            if name.ends_with('/') {
                fs::create_dir(path).unwrap();
            } else {
                fs::write(path, content).unwrap();
            }
        }
        Self { place }
    }

    /// Runs the program in the data directory under recording, kills it at its end, and loses the
    /// power.
    fn run<F: FnOnce(&Path)>(&self, program: F) -> Loss {
        let status = self.place.run(&test_of(&program), |place| {
            record_unsynced(&place.data(), &place.journal()).unwrap();
            program(&place.data());
            die()
        });
        assert!(was_killed(status), "{status}");
        lose_unsynced(&self.place.data(), &self.place.journal()).unwrap()
    }

    /// The tree is this one now.
    fn leaves(&self, files: &[(&str, &str)]) {
        let entry = |(name, content): &(&str, &str)| match name.strip_suffix('/') {
            Some(dir) => (dir.to_owned(), None),
            None => ((*name).to_owned(), Some(content.as_bytes().to_vec())),
        };
        let wanted: Tree = files.iter().map(entry).collect();
        assert_eq!(tree(&self.place.data()), wanted);
    }
}

fn sync_dir(dir: &Path) {
    File::open(dir).unwrap().sync_all().unwrap();
}
