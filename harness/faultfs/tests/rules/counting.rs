use std::fs::{self, File, OpenOptions};
use std::io::{IoSlice, Write};
use std::os::fd::{AsRawFd, FromRawFd};
use std::os::unix::fs::{FileExt, symlink};

use tsoracle_faultfs::{Action, Counts, Op, Rule, Trigger, hits, install, supported, trace};

use crate::{Dir, counts_of, zero};

#[test]
fn calls_of_the_standard_library_are_seen() {
    assert!(supported());
    let dir = Dir::new();
    let id = dir.counting();
    let mut file = File::create(dir.join("f")).unwrap();
    file.write_all(b"12345").unwrap();
    file.write_all_at(b"678", 5).unwrap();
    assert_eq!(
        file.write_vectored(&[IoSlice::new(b"9"), IoSlice::new(b"0")])
            .unwrap(),
        2
    );
    file.sync_data().unwrap();
    file.sync_all().unwrap();
    file.set_len(3).unwrap();
    OpenOptions::new()
        .write(true)
        .truncate(true)
        .open(dir.join("f"))
        .unwrap();
    OpenOptions::new().append(true).open(dir.join("f")).unwrap();
    fs::create_dir(dir.join("d")).unwrap();
    fs::rename(dir.join("f"), dir.join("d/f")).unwrap();
    fs::hard_link(dir.join("d/f"), dir.join("hard")).unwrap();
    symlink("hard", dir.join("soft")).unwrap();
    // The directory itself is below its prefix; opening it is the second plain open.
    File::open(dir.path()).unwrap().sync_all().unwrap();
    fs::remove_file(dir.join("d/f")).unwrap();
    fs::remove_dir(dir.join("d")).unwrap();
    let seen = Counts {
        opens: 2,
        creates: 2,
        writes: 3,
        bytes_written: 10,
        truncates: 1,
        syncs: 2,
        dir_syncs: 1,
        renames: 1,
        unlinks: 1,
        mkdirs: 1,
        rmdirs: 1,
        links: 1,
        symlinks: 1,
        ..zero()
    };
    assert_eq!(counts_of(id), seen);
    assert_eq!(hits(id).unwrap(), 17);
}

#[test]
fn whole_helpers_of_the_standard_library_are_seen() {
    let dir = Dir::new();
    fs::write(dir.join("from"), "12345").unwrap();
    let id = dir.counting();
    fs::copy(dir.join("from"), dir.join("to")).unwrap();
    assert_eq!(counts_of(id).bytes_written, 5);
    fs::create_dir_all(dir.join("a/b")).unwrap();
    fs::write(dir.join("a/b/c"), "x").unwrap();
    fs::remove_dir_all(dir.join("a")).unwrap();
    let seen = counts_of(id);
    assert_eq!((seen.rmdirs, seen.unlinks), (2, 1));
}

#[test]
fn calls_of_c_are_seen() {
    let dir = Dir::new();
    let id = dir.counting();
    let path = std::ffi::CString::new(dir.join("f").to_str().unwrap()).unwrap();
    let bytes = b"12345".as_ptr().cast();
    // SAFETY: C strings and a buffer that outlive the calls; the descriptor is ours.
    unsafe {
        let fd = libc::creat(path.as_ptr(), 0o600);
        assert_eq!(libc::pwrite(fd, bytes, 5, 0), 5);
        assert_eq!(libc::fallocate(fd, libc::FALLOC_FL_KEEP_SIZE, 0, 100), 0);
        assert_eq!(libc::posix_fallocate(fd, 0, 10), 0);
        assert_eq!(libc::posix_fallocate(-1, 0, 10), libc::EBADF);
        assert_eq!(libc::ftruncate(fd, 3), 0);
        assert_eq!(libc::truncate(path.as_ptr(), 2), 0);
        assert_eq!(
            libc::sync_file_range(fd, 0, 0, libc::SYNC_FILE_RANGE_WRITE),
            0
        );
        assert_eq!(libc::syncfs(fd), 0);
        drop(File::from_raw_fd(fd));
        assert_eq!(libc::remove(path.as_ptr()), 0);
    }
    let seen = Counts {
        creates: 1,
        writes: 1,
        bytes_written: 5,
        allocates: 2,
        truncates: 2,
        range_syncs: 1,
        full_syncs: 1,
        unlinks: 1,
        ..zero()
    };
    assert_eq!(counts_of(id), seen);
}

#[test]
fn failed_calls_count_as_failed() {
    let dir = Dir::new();
    let id = dir.counting();
    assert!(File::open(dir.join("none")).is_err());
    assert!(fs::remove_file(dir.join("none")).is_err());
    assert_eq!(
        counts_of(id),
        Counts {
            failed: 2,
            ..zero()
        }
    );
}

#[test]
fn trace_lists_the_calls_that_match() {
    let dir = Dir::new();
    let rule = Rule::new(dir.path(), Action::Trace)
        .ops(Op::MUTATING)
        .at(Trigger::From(2));
    let id = install(rule).unwrap();
    fs::write(dir.join("f"), "1").unwrap();
    fs::read(dir.join("f")).unwrap();
    fs::rename(dir.join("f"), dir.join("g")).unwrap();
    let calls: Vec<_> = trace(id)
        .unwrap()
        .into_iter()
        .map(|call| (call.n, call.op))
        .collect();
    assert_eq!(calls, [(2, Op::Write), (3, Op::Rename)]);
    assert_eq!(
        trace(id).unwrap()[1].path,
        dir.join("g").canonicalize().unwrap()
    );
}

#[test]
fn descriptor_is_known_however_it_came_about() {
    let dir = Dir::new();
    let mut before = File::create(dir.join("before")).unwrap();
    let id = dir.counting();
    before.write_all(b"1").unwrap();
    before.try_clone().unwrap().write_all(b"1").unwrap();
    fs::rename(dir.join("before"), dir.join("after")).unwrap();
    before.write_all(b"1").unwrap();
    fs::remove_file(dir.join("after")).unwrap();
    before.write_all(b"1").unwrap();
    assert_eq!(counts_of(id).writes, 4);
    // The number goes to another file behind the back of whoever remembers descriptors.
    let number = before.as_raw_fd();
    let elsewhere = tempfile::tempfile_in(env!("CARGO_TARGET_TMPDIR")).unwrap();
    // SAFETY: both descriptors are open and ours.
    assert_eq!(unsafe { libc::dup2(elsewhere.as_raw_fd(), number) }, number);
    before.write_all(b"1").unwrap();
    assert_eq!(counts_of(id).writes, 4);
}
