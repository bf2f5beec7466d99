use std::fs::{self, File};
use std::io::{self, ErrorKind, Write};
use std::thread;
use std::time::{Duration, Instant};

use tsoracle_faultfs::{
    Action, Errno, Error, Op, Rule, Trigger, counts, hits, install, release, remove, wait_for_hits,
};

use crate::{Dir, counts_of};

const LONG: Duration = Duration::from_mins(1);

fn fail(errno: Errno) -> Action {
    Action::Fail(errno)
}

#[test]
fn every_kind_of_call_fails_with_the_error_asked_for() {
    let dir = Dir::new();
    fs::create_dir(dir.join("d")).unwrap();
    let file = File::create(dir.join("f")).unwrap();
    let id = install(Rule::new(dir.path(), fail(Errno::Eio))).unwrap();
    let results: Vec<io::Result<()>> = vec![
        File::open(dir.join("f")).map(drop),
        File::create(dir.join("g")).map(drop),
        (&file).write(b"1").map(drop),
        file.set_len(1),
        file.sync_all(),
        file.sync_data(),
        fs::rename(dir.join("f"), dir.join("g")),
        fs::hard_link(dir.join("f"), dir.join("g")),
        fs::remove_file(dir.join("f")),
        fs::create_dir(dir.join("e")),
        fs::remove_dir(dir.join("d")),
    ];
    let count = results.len() as u64;
    for result in results {
        assert_eq!(result.unwrap_err().raw_os_error(), Some(libc::EIO));
    }
    assert_eq!((hits(id).unwrap(), counts_of(id).failed), (count, count));
    remove(id).unwrap();
    assert_eq!(file.metadata().unwrap().len(), 0);
    assert!(!dir.join("g").exists() && dir.join("d").exists() && !dir.join("e").exists());
}

#[test]
fn triggers_count_matching_calls_from_one() {
    let dir = Dir::new();
    let mut file = File::create(dir.join("f")).unwrap();
    let rule = |trigger| {
        Rule::new(dir.path(), fail(Errno::Enospc))
            .ops([Op::Write])
            .at(trigger)
    };
    for (trigger, fails) in [
        (Trigger::Every, [true, true, true]),
        (Trigger::Nth(2), [false, true, false]),
        (Trigger::From(2), [false, true, true]),
    ] {
        let id = install(rule(trigger)).unwrap();
        for fails in fails {
            file.sync_data().unwrap();
            let kind = file.write_all(b"1").err().map(|error| error.kind());
            assert_eq!(kind, fails.then_some(ErrorKind::StorageFull));
        }
        remove(id).unwrap();
    }
    assert_eq!(file.metadata().unwrap().len(), 3);
}

#[test]
fn disk_that_fills_up_takes_half_a_write_first() {
    let dir = Dir::new();
    let mut file = File::create(dir.join("f")).unwrap();
    let short = Rule::new(dir.path(), Action::ShortWrite).at(Trigger::Nth(1));
    let full = Rule::new(dir.path(), fail(Errno::Enospc))
        .ops([Op::Write])
        .at(Trigger::From(2));
    let ids = [short, full].map(|rule| install(rule).unwrap());
    assert_eq!(
        file.write_all(b"12345").unwrap_err().kind(),
        ErrorKind::StorageFull
    );
    assert_eq!(fs::read(dir.join("f")).unwrap(), b"12");
    let seen = ids.map(|id| (hits(id).unwrap(), counts(id).unwrap().bytes_written));
    assert_eq!(seen, [(1, 2), (1, 2)]);
    remove(ids[1]).unwrap();
    remove(ids[0]).unwrap();
    let id = install(Rule::new(dir.path(), Action::ShortWrite)).unwrap();
    let parts = [io::IoSlice::new(b"ab"), io::IoSlice::new(b"cdef")];
    assert_eq!(file.write_vectored(&parts).unwrap(), 3);
    assert_eq!(file.write(b"x").unwrap(), 1);
    remove(id).unwrap();
    assert_eq!(fs::read(dir.join("f")).unwrap(), b"12abcx");
}

#[test]
fn delayed_call_takes_so_long() {
    let dir = Dir::new();
    let file = File::create(dir.join("f")).unwrap();
    let delay = Duration::from_millis(20);
    install(Rule::new(dir.path(), Action::Delay(delay)).ops(Op::SYNCS)).unwrap();
    let start = Instant::now();
    file.sync_data().unwrap();
    assert!(start.elapsed() >= delay);
}

#[test]
fn stalled_call_has_no_effect_before_it_is_released() {
    let dir = Dir::new();
    let stall = Action::Stall { at_most: None };
    let id = install(Rule::new(dir.path(), stall).ops([Op::Rename])).unwrap();
    fs::write(dir.join("f"), "1").unwrap();
    thread::scope(|scope| {
        let renamer = scope.spawn(|| fs::rename(dir.join("f"), dir.join("g")));
        assert_eq!(wait_for_hits(id, 1, LONG).unwrap(), 1);
        assert!(dir.join("f").exists());
        // Other threads and other calls go on meanwhile.
        fs::write(dir.join("f"), "2").unwrap();
        release(id).unwrap();
        renamer.join().unwrap().unwrap();
    });
    assert_eq!(fs::read(dir.join("g")).unwrap(), b"2");
    fs::rename(dir.join("g"), dir.join("f")).unwrap();
    assert_eq!(hits(id).unwrap(), 1);
}

#[test]
fn stall_ends_with_its_time_or_its_rule() {
    let dir = Dir::new();
    let file = File::create(dir.join("f")).unwrap();
    let at_most = Duration::from_millis(20);
    let rule = |at_most| Rule::new(dir.path(), Action::Stall { at_most }).ops([Op::Sync]);
    let brief = install(rule(Some(at_most))).unwrap();
    let start = Instant::now();
    file.sync_data().unwrap();
    assert!(start.elapsed() >= at_most);
    remove(brief).unwrap();
    let endless = install(rule(None)).unwrap();
    thread::scope(|scope| {
        scope.spawn(|| file.sync_data().unwrap());
        assert_eq!(wait_for_hits(endless, 1, LONG).unwrap(), 1);
        remove(endless).unwrap();
    });
}

#[test]
fn wrong_ids_are_refused() {
    let dir = Dir::new();
    let id = dir.counting();
    assert!(matches!(release(id), Err(Error::NotAStall(_))));
    assert_eq!(wait_for_hits(id, 1, Duration::ZERO).unwrap(), 0);
    remove(id).unwrap();
    assert!(matches!(remove(id), Err(Error::UnknownRule(_))));
    assert!(matches!(hits(id), Err(Error::UnknownRule(_))));
    assert!(matches!(
        wait_for_hits(id, 1, LONG),
        Err(Error::UnknownRule(_))
    ));
}

#[test]
fn success_leaves_the_error_number_alone() {
    let dir = Dir::new();
    let id = dir.counting();
    let file = File::create(dir.join("f")).unwrap();
    assert!(File::open(dir.join("none")).is_err());
    file.sync_data().unwrap();
    (&file).write_all(b"1").unwrap();
    assert_eq!(
        io::Error::last_os_error().raw_os_error(),
        Some(libc::ENOENT)
    );
    assert_eq!(counts_of(id).syncs, 1);
}
