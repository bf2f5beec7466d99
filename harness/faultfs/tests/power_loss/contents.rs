use std::fs::{self, File, OpenOptions};
use std::io::Write;
use std::os::unix::fs::{FileExt, OpenOptionsExt};
use std::path::Path;

use crate::{Case, sync_dir};

fn open(path: &Path) -> File {
    OpenOptions::new()
        .read(true)
        .write(true)
        .open(path)
        .unwrap()
}

#[test]
fn unsynced_write_is_lost() {
    let case = Case::with(&[("f", "old")]);
    let loss = case.run(|data| open(&data.join("f")).write_all(b"newer").unwrap());
    case.leaves(&[("f", "old")]);
    assert_eq!(loss.contents.len(), 1);
    let lost = &loss.contents[0];
    assert_eq!(
        (lost.bytes, lost.length_before, lost.length_after),
        (5, 5, 3)
    );
    assert!(loss.names.is_empty() && lost.path.ends_with("f"));
}

#[test]
fn write_with_data_sync_is_kept() {
    let case = Case::with(&[("f", "old")]);
    let loss = case.run(|data| {
        let mut file = open(&data.join("f"));
        file.write_all(b"newer").unwrap();
        file.sync_data().unwrap();
    });
    case.leaves(&[("f", "newer")]);
    assert!(loss.is_empty(), "{loss:?}");
}

#[test]
fn append_after_sync_is_lost_append_before_is_kept() {
    let case = Case::with(&[("f", "1")]);
    case.run(|data| {
        let mut file = OpenOptions::new()
            .append(true)
            .open(data.join("f"))
            .unwrap();
        file.write_all(b"2").unwrap();
        file.sync_all().unwrap();
        file.write_all(b"3").unwrap();
    });
    case.leaves(&[("f", "12")]);
}

#[test]
fn truncation_is_undone() {
    let case = Case::with(&[("shorter", "12345"), ("longer", "12345"), ("cut", "12345")]);
    let loss = case.run(|data| {
        open(&data.join("shorter")).set_len(2).unwrap();
        open(&data.join("longer")).set_len(9).unwrap();
        File::create(data.join("cut"))
            .unwrap()
            .write_all(b"x")
            .unwrap();
    });
    case.leaves(&[("shorter", "12345"), ("longer", "12345"), ("cut", "12345")]);
    assert_eq!(loss.contents.len(), 3);
}

#[test]
fn overwrite_in_place_is_undone() {
    let case = Case::with(&[("f", "0123456789")]);
    case.run(|data| {
        let file = open(&data.join("f"));
        file.write_all_at(b"ab", 1).unwrap();
        file.sync_data().unwrap();
        file.write_all_at(b"XYZ", 2).unwrap();
        file.write_all_at(b"..", 4).unwrap();
    });
    case.leaves(&[("f", "0ab3456789")]);
}

#[test]
fn sparse_growth_is_undone() {
    let case = Case::with(&[("f", "1")]);
    case.run(|data| open(&data.join("f")).write_all_at(b"far", 9000).unwrap());
    case.leaves(&[("f", "1")]);
}

#[test]
fn synced_writes_are_durable_without_a_sync() {
    let case = Case::with(&[("f", "0123456789"), ("g", "01")]);
    case.run(|data| {
        let plain = open(&data.join("f"));
        plain.write_all_at(b"....", 0).unwrap();
        let flags = [libc::O_DSYNC, libc::O_SYNC];
        let synced = flags.map(|flag| {
            OpenOptions::new()
                .write(true)
                .custom_flags(flag)
                .open(data.join("f"))
                .unwrap()
        });
        synced[0].write_all_at(b"A", 1).unwrap();
        synced[1].write_all_at(b"B", 12).unwrap();
        plain.write_all_at(b"!!", 0).unwrap();
        let grown = open(&data.join("g"));
        grown.set_len(1).unwrap();
        write_with_flags(&grown, b"G", 3, libc::RWF_DSYNC);
        write_with_flags(&grown, b"h", 0, 0);
    });
    case.leaves(&[("f", "0A23456789\0\0B"), ("g", "01\0G")]);
}

#[test]
fn synced_append_is_durable_at_the_end_and_nowhere_else() {
    let case = Case::with(&[("f", "0123")]);
    case.run(|data| {
        open(&data.join("f")).write_all(b"....").unwrap();
        let mut options = OpenOptions::new();
        let mut synced = options
            .append(true)
            .custom_flags(libc::O_DSYNC)
            .open(data.join("f"))
            .unwrap();
        synced.write_all(b"AB").unwrap();
    });
    case.leaves(&[("f", "0123AB")]);
}

fn write_with_flags(file: &File, bytes: &[u8], at: i64, flags: i32) {
    use std::os::fd::AsRawFd;
    let part = libc::iovec {
        iov_base: bytes.as_ptr().cast_mut().cast(),
        iov_len: bytes.len(),
    };
    // SAFETY: one part, whose bytes are readable.
    let written = unsafe { libc::pwritev2(file.as_raw_fd(), &raw const part, 1, at, flags) };
    assert_eq!(written, bytes.len() as isize);
}

#[test]
fn sync_through_another_descriptor_counts() {
    let case = Case::with(&[("f", "old"), ("g", "old"), ("h", "old")]);
    case.run(|data| {
        for name in ["f", "g", "h"] {
            open(&data.join(name)).write_all(b"new").unwrap();
        }
        File::open(data.join("f")).unwrap().sync_all().unwrap();
        fs::rename(data.join("g"), data.join("moved")).unwrap();
        File::open(data.join("moved")).unwrap().sync_data().unwrap();
    });
    case.leaves(&[("f", "new"), ("g", "new"), ("h", "old")]);
}

#[test]
fn range_sync_and_sync_of_the_directory_keep_no_content() {
    let case = Case::with(&[("f", "old")]);
    case.run(|data| {
        use std::os::fd::AsRawFd;
        let mut file = open(&data.join("f"));
        file.write_all(b"new").unwrap();
        // SAFETY: numbers only.
        let done = unsafe { libc::sync_file_range(file.as_raw_fd(), 0, 0, 7) };
        assert_eq!(done, 0);
        sync_dir(data);
    });
    case.leaves(&[("f", "old")]);
}

#[test]
fn sync_of_the_file_system_keeps_all() {
    let case = Case::with(&[("f", "old")]);
    case.run(|data| {
        use std::os::fd::AsRawFd;
        fs::write(data.join("f"), "new").unwrap();
        fs::write(data.join("g"), "new").unwrap();
        // SAFETY: a number only.
        let done = unsafe { libc::syncfs(File::open(data).unwrap().as_raw_fd()) };
        assert_eq!(done, 0);
        fs::write(data.join("h"), "new").unwrap();
    });
    case.leaves(&[("f", "new"), ("g", "new")]);
}

#[test]
fn copies_vectors_and_allocations_are_undone() {
    let case = Case::with(&[
        ("from", "source"),
        ("to", "old"),
        ("vector", "old"),
        ("space", "old"),
    ]);
    case.run(|data| {
        use std::os::fd::AsRawFd;
        fs::copy(data.join("from"), data.join("to")).unwrap();
        let parts = [std::io::IoSlice::new(b"ne"), std::io::IoSlice::new(b"wer")];
        assert_eq!(
            open(&data.join("vector")).write_vectored(&parts).unwrap(),
            5
        );
        let space = open(&data.join("space"));
        // SAFETY: numbers only.
        let done = unsafe { libc::fallocate(space.as_raw_fd(), 0, 0, 100) };
        assert_eq!(done, 0);
        assert_eq!(space.metadata().unwrap().len(), 100);
        let punch = libc::FALLOC_FL_PUNCH_HOLE | libc::FALLOC_FL_KEEP_SIZE;
        // SAFETY: numbers only.
        let done = unsafe { libc::fallocate(space.as_raw_fd(), punch, 1, 1) };
        assert_eq!(done, 0);
        assert_eq!(fs::read(data.join("space")).unwrap()[..3], *b"o\0d");
    });
    case.leaves(&[
        ("from", "source"),
        ("to", "old"),
        ("vector", "old"),
        ("space", "old"),
    ]);
}

#[test]
fn write_to_an_unlinked_file_is_undone_with_the_unlink() {
    let case = Case::with(&[("f", "old")]);
    case.run(|data| {
        let mut file = open(&data.join("f"));
        fs::remove_file(data.join("f")).unwrap();
        file.write_all(b"new").unwrap();
    });
    case.leaves(&[("f", "old")]);
}
