use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use futures_util::FutureExt;
use tempfile::TempDir;
use tokio::time::sleep;

use super::*;
use crate::run_in_virtual_time;

const TICK: Duration = Duration::from_millis(1);

fn machine() -> (TempDir, Arc<SimMachine>) {
    let dir = tempfile::tempdir().unwrap();
    let machine = SimMachine::new(dir.path());
    (dir, machine)
}

fn refusal(machine: &SimMachine) -> String {
    match machine.boot() {
        Err(ConsensusError::Permanent(why)) => why.to_string(),
        other => panic!("a second boot gave {other:?}"),
    }
}

#[test]
fn a_store_has_one_holder_and_names_it() {
    let (_dir, machine) = machine();
    let first = machine.boot().unwrap();
    let holder = std::process::id().to_string();
    assert!(refusal(&machine).contains(&holder));
    first.close();
    first.close();
    let second = machine.boot().unwrap();
    assert!(!first.is_alive() && second.is_alive());
    // The end of one that has ended already does not touch its successor.
    drop(first);
    assert!(second.is_alive() && !machine.is_dead());
    machine.kill();
    assert!(!second.is_alive() && machine.is_dead());
    let third = machine.boot().unwrap();
    assert!(!machine.is_dead());
    let disk = third.disk();
    drop(third.clone());
    assert!(third.is_alive());
    drop(third);
    assert!(machine.boot().is_ok(), "{disk:?} keeps its life going");
}

#[test]
fn a_folder_that_is_not_there_is_named() {
    let (dir, machine) = machine();
    std::fs::remove_dir(dir.path()).unwrap();
    let name = dir.path().file_name().unwrap().to_str().unwrap();
    assert!(refusal(&machine).contains(name));
}

#[test]
fn a_frozen_life_waits_for_the_thaw_and_a_dead_one_for_ever() {
    let (_dir, machine) = machine();
    run_in_virtual_time(async {
        let life = machine.boot().unwrap();
        assert!(life.turn().now_or_never().is_some());
        machine.freeze();
        let waiting = tokio::spawn({
            let life = life.clone();
            async move { life.turn().await }
        });
        sleep(TICK).await;
        assert!(!waiting.is_finished() && life.is_alive());
        machine.thaw();
        waiting.await.unwrap();
        machine.freeze();
        machine.kill();
        assert!(life.ended().now_or_never().is_some());
        assert!(life.turn().now_or_never().is_none());
        let next = machine.boot().unwrap();
        assert!(next.turn().now_or_never().is_some());
        assert!(life.turn().now_or_never().is_none());
    })
    .unwrap();
}

#[test]
fn an_end_is_noticed_by_whoever_waits_for_it() {
    let (_dir, machine) = machine();
    run_in_virtual_time(async {
        for by_kill in [false, true] {
            let life = machine.boot().unwrap();
            let ended = tokio::spawn({
                let life = life.clone();
                async move { life.ended().await }
            });
            sleep(TICK).await;
            assert!(!ended.is_finished());
            if by_kill {
                machine.kill();
            } else {
                life.close();
            }
            ended.await.unwrap();
            assert_eq!(machine.is_dead(), by_kill);
        }
    })
    .unwrap();
}

#[test]
fn a_task_stands_still_while_frozen_and_is_dropped_at_the_end() {
    let (_dir, machine) = machine();
    run_in_virtual_time(async {
        let life = machine.boot().unwrap();
        let ticks = Arc::new(AtomicU64::new(0));
        life.spawn({
            let ticks = Arc::clone(&ticks);
            async move {
                loop {
                    ticks.fetch_add(1, Ordering::Relaxed);
                    sleep(TICK).await;
                }
            }
        });
        sleep(10 * TICK).await;
        machine.freeze();
        let before = ticks.load(Ordering::Relaxed);
        assert!(before >= 10);
        sleep(10 * TICK).await;
        assert_eq!(ticks.load(Ordering::Relaxed), before);
        machine.thaw();
        sleep(10 * TICK).await;
        assert!(ticks.load(Ordering::Relaxed) >= before + 9);
        machine.kill();
        sleep(TICK).await;
        assert_eq!(Arc::strong_count(&ticks), 1);
    })
    .unwrap();
}
