//! A process dies at each of its file calls in turn, on either side of it: what it was doing has
//! happened as a whole or not at all.

use std::os::unix::process::ExitStatusExt;
use std::path::Path;
use std::process::Stdio;

use openraft::storage::RaftLogStorage;
use tsoracle_faultfs::{Action, Op, Rule, Trigger, When};
use tsoracle_openraft_toolkit::{Flat, RocksdbSnapshots, SNAPSHOT_FAMILY, SnapshotKeeper};

use crate::common::{Place, Texts, at, close, fill, in_child, log, positions, snapshot};

const POINT: &str = "OPENRAFT_TOOLKIT_TEST_POINT";

/// Three pieces, so that there are points between them.
const OLD: usize = 600_000;
const NEW: usize = 700_000;

/// In a child: from now on, dies at the point that the parent chose.
fn arm(place: &Place) {
    let point = std::env::var(POINT).unwrap();
    let (side, number) = point.split_at(1);
    let when = if side == "<" {
        When::Before
    } else {
        When::After
    };
    let rule = Rule::new(place.data(), Action::Crash(when)).ops(Op::MUTATING);
    let nth = Trigger::Nth(number.parse().unwrap());
    tsoracle_faultfs::install(rule.at(nth)).unwrap();
}

fn copy(from: &Path, to: &Path) {
    std::fs::create_dir_all(to).unwrap();
    for entry in std::fs::read_dir(from).unwrap() {
        let entry = entry.unwrap();
        let target = to.join(entry.file_name());
        if entry.file_type().unwrap().is_dir() {
            copy(&entry.path(), &target);
        } else {
            std::fs::copy(entry.path(), target).unwrap();
        }
    }
}

/// Lets a child die at each point of `test`'s program, each time on a copy of what `prepare` left,
/// and looks at what is left. How many points there were.
fn each_point(test: &str, place: &Place, look: impl Fn(&Place)) -> u64 {
    let prepared = place.data().with_extension("prepared");
    std::fs::rename(place.data(), &prepared).unwrap();
    for number in 1.. {
        for side in ["<", ">"] {
            copy(&prepared, &place.data());
            let mut child = place.child(test);
            let child = child
                .env(POINT, format!("{side}{number}"))
                .stdout(Stdio::null());
            let status = child.status().unwrap();
            if status.signal() != Some(9) {
                assert!(status.success(), "{status}");
                return number - 1;
            }
            look(place);
            std::fs::remove_dir_all(place.data()).unwrap();
        }
    }
    unreachable!("a program has an end");
}

fn block_on<T>(future: impl Future<Output = T>) -> T {
    let mut runtime = tokio::runtime::Builder::new_current_thread();
    runtime.enable_time().build().unwrap().block_on(future)
}

#[test]
fn a_snapshot_is_replaced_whole_or_not_at_all() {
    let place = Place::new();
    let test = "points::a_snapshot_is_replaced_whole_or_not_at_all";
    let save = |index, bytes: usize| {
        let place = &place;
        async move {
            let store = place.store();
            let kept = RocksdbSnapshots::<Texts, _>::open(store.clone(), Flat).await;
            if in_child() {
                arm(place);
            }
            let state = vec![u8::try_from(index).unwrap(); bytes];
            kept.unwrap().save(snapshot(1, index, state)).await.unwrap();
            store
        }
    };
    if in_child() {
        // No shutdown: the process ends with the save.
        block_on(async { drop(save(2, NEW).await) });
        return;
    }
    block_on(async { close(save(1, OLD).await).await });
    let points = each_point(test, &place, |place| {
        block_on(async {
            let store = place.store();
            let kept = RocksdbSnapshots::<Texts, _>::open(store.clone(), Flat).await;
            let current = kept.unwrap().current().await.unwrap().unwrap();
            let new = current.meta.last_log_id == Some(at(1, 2));
            let expected = if new { vec![2; NEW] } else { vec![1; OLD] };
            assert!(current.snapshot == expected);
            let family = store.family(SNAPSHOT_FAMILY).unwrap();
            assert_eq!(store.scan(family, .., usize::MAX).unwrap().len(), 3);
            close(store).await;
        });
    });
    println!("{points} points");
    assert!(points >= 4);
}

#[test]
fn a_purge_happens_as_a_whole_and_never_under_a_later_entry() {
    let place = Place::new();
    let test = "points::a_purge_happens_as_a_whole_and_never_under_a_later_entry";
    if in_child() {
        return block_on(async {
            let store = place.store();
            let mut log = log(&store, Flat).await;
            arm(&place);
            log.purge(at(1, 9)).await.unwrap();
            fill(&mut log, 1, 20..21).await;
            // Beyond the log, as after a snapshot from the leader.
            log.purge(at(2, 100)).await.unwrap();
            fill(&mut log, 2, 101..103).await;
        });
    }
    block_on(async {
        let store = place.store();
        fill(&mut log(&store, Flat).await, 1, 0..20).await;
        close(store).await;
    });
    let points = each_point(test, &place, |place| {
        block_on(async {
            let store = place.store();
            let mut log = log(&store, Flat).await;
            let purged = log.get_log_state().await.unwrap().last_purged_log_id;
            let found = positions(&mut log).await;
            let ones = |range: std::ops::Range<u64>| range.map(|index| at(1, index));
            match purged.map(|purged| purged.index) {
                None => assert_eq!(found, ones(0..20).collect::<Vec<_>>()),
                Some(9) => assert_eq!(found, ones(10..21).collect::<Vec<_>>()),
                Some(100) => assert_eq!(found, [at(2, 101), at(2, 102)]),
                other => panic!("purged up to {other:?}"),
            }
            drop(log);
            close(store).await;
        });
    });
    println!("{points} points");
    assert!(points >= 4);
}
