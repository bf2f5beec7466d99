use std::fs::{self, File};
use std::os::unix::fs::FileExt;
use std::thread;
use std::time::Duration;

use tsoracle_faultfs::{
    Action, Errno, Error, Op, Rule, hits, install, lose_unsynced, record_unsynced, release,
    stop_recording, wait_for_hits,
};

use crate::Case;
use crate::support::{Place, die, was_killed};

#[test]
fn write_that_waits_while_the_file_is_synced_is_lost() {
    let case = Case::with(&[("f", "old")]);
    case.run(|data| {
        let file = File::options().write(true).open(data.join("f")).unwrap();
        file.write_all_at(b"new", 0).unwrap();
        let stall = Action::Stall { at_most: None };
        let stall = install(Rule::new(data, stall).ops([Op::Write])).unwrap();
        thread::scope(|scope| {
            let writer = scope.spawn(|| file.write_all_at(b"late", 0).unwrap());
            assert_eq!(wait_for_hits(stall, 1, Duration::from_mins(1)).unwrap(), 1);
            file.sync_data().unwrap();
            release(stall).unwrap();
            writer.join().unwrap();
        });
    });
    case.leaves(&[("f", "new")]);
}

#[test]
fn failed_sync_keeps_nothing() {
    let case = Case::with(&[("f", "old")]);
    case.run(|data| {
        let fail = install(Rule::new(data, Action::Fail(Errno::Eio)).ops(Op::SYNCS)).unwrap();
        fs::write(data.join("f"), "new").unwrap();
        assert!(File::open(data.join("f")).unwrap().sync_all().is_err());
        assert_eq!(hits(fail).unwrap(), 1);
    });
    case.leaves(&[("f", "old")]);
}

#[test]
fn recording_goes_on_after_a_restart() {
    let case = Case::with(&[("f", "old"), ("g", "old")]);
    let place = &case.place;
    for _ in 0..2 {
        let status = place.run("recording::recording_goes_on_after_a_restart", |place| {
            record_unsynced(&place.data(), &place.journal()).unwrap();
            if place.data().join("h").exists() {
                fs::write(place.data().join("g"), "new").unwrap();
                File::open(place.data().join("g"))
                    .unwrap()
                    .sync_all()
                    .unwrap();
            } else {
                fs::write(place.data().join("f"), "new").unwrap();
                fs::write(place.data().join("h"), "new").unwrap();
            }
            die()
        });
        assert!(was_killed(status));
    }
    lose_unsynced(&place.data(), &place.journal()).unwrap();
    case.leaves(&[("f", "old"), ("g", "new")]);
}

#[test]
fn half_a_record_at_the_end_does_not_count() {
    let case = Case::with(&[("f", "old")]);
    let place = &case.place;
    place.run(
        "recording::half_a_record_at_the_end_does_not_count",
        |place| {
            record_unsynced(&place.data(), &place.journal()).unwrap();
            fs::write(place.data().join("f"), "new").unwrap();
            die()
        },
    );
    let journal = File::options()
        .append(true)
        .open(place.journal().join("journal"))
        .unwrap();
    let end = journal.metadata().unwrap().len();
    journal
        .write_all_at(&[40, 0, 0, 0, 0, 0, 0, 0, 1], end)
        .unwrap();
    lose_unsynced(&place.data(), &place.journal()).unwrap();
    case.leaves(&[("f", "old")]);
}

#[test]
fn journal_that_does_not_fit_is_refused() {
    let place = Place::new();
    let status = place.run("recording::journal_that_does_not_fit_is_refused", |place| {
        let (data, journal) = (place.data(), place.journal());
        let inside = record_unsynced(&data, &data.join("journal"));
        assert!(matches!(inside, Err(Error::JournalPlace(_))), "{inside:?}");
        record_unsynced(&data, &journal).unwrap();
        assert!(matches!(
            record_unsynced(&data, &journal),
            Err(Error::InUse(_))
        ));
        assert!(matches!(
            lose_unsynced(&data, &journal),
            Err(Error::InUse(_))
        ));
        stop_recording();
        let elsewhere = data.with_file_name("elsewhere");
        fs::create_dir(&elsewhere).unwrap();
        let other = record_unsynced(&elsewhere, &journal);
        assert!(matches!(other, Err(Error::Journal { .. })), "{other:?}");
        assert!(lose_unsynced(&data, &journal).unwrap().is_empty());
        // Nothing was recorded since: there is nothing to lose, and no journal to tell.
        assert!(matches!(
            lose_unsynced(&data, &journal),
            Err(Error::Path { .. })
        ));
    });
    assert!(status.success(), "{status}");
}
