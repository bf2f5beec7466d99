use std::fs::{self, File};
use std::os::fd::AsRawFd;
use std::os::unix::fs::FileExt;

use super::{Scope, sync};
use crate::interposed::place::Known;
use crate::{lose_unsynced, record_unsynced, stop_recording};

#[test]
fn what_happens_during_a_sync_is_not_covered_by_it() {
    let root = tempfile::tempdir().unwrap();
    let (data, journal) = (root.path().join("data"), root.path().join("journal"));
    fs::create_dir(&data).unwrap();
    fs::write(data.join("f"), "old").unwrap();
    record_unsynced(&data, &journal).unwrap();
    let file = File::options().write(true).open(data.join("f")).unwrap();
    file.write_all_at(b"new", 0).unwrap();
    fs::write(data.join("kept"), "").unwrap();
    let during = || {
        file.write_all_at(b"later", 0).unwrap();
        fs::write(data.join("lost"), "").unwrap();
        Ok(0)
    };
    // The kernel may have done its part before the writes: both syncs end after them.
    let dir = File::open(&data).unwrap();
    let known = [&file, &dir].map(|file| Known::of(file.as_raw_fd()).unwrap());
    let outer = sync(Scope::File(&known[0]), || {
        sync(Scope::File(&known[1]), during)
    });
    assert_eq!(outer, Ok(0));
    stop_recording();
    let loss = lose_unsynced(&data, &journal).unwrap();
    assert_eq!((loss.contents.len(), loss.names.len()), (1, 1));
    assert_eq!(fs::read(data.join("f")).unwrap(), b"new");
    assert!(data.join("kept").exists() && !data.join("lost").exists());
}
