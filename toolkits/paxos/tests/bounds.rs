//! Queues are bounded: what finds no room waits, or is lost with its session, and comes again.
#![cfg(feature = "test-fakes")]
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a test that cannot run has failed"
)]

mod common;

use std::time::Duration;

use common::cluster::wait_for;
use common::{Command, SOON};
use tsoracle_lease::LeaseMessage;
use tsoracle_paxos_toolkit::fakes::MemoryDisk;
use tsoracle_paxos_toolkit::fakes::MemoryStorage;
use tsoracle_paxos_toolkit::{
    AppendError, Body, Decided, Frame, GroupTimes, Handle, Inbound, Members, MessageSink, NoRoom,
    PaxosBallot, PaxosRunner, RunnerSettings, decided_channel,
};

/// Hands frames straight to the other of two nodes.
#[derive(Clone, Debug, Default)]
struct Straight {
    from: u64,
    to: std::sync::Arc<std::sync::OnceLock<Inbound<Command>>>,
}

impl MessageSink<Command> for Straight {
    fn send(&mut self, _to: u64, frame: Frame<Command>) {
        if let Some(inbound) = self.to.get() {
            inbound.deliver(self.from, frame, 100).unwrap();
        }
    }
}

type Runner = PaxosRunner<Command, MemoryStorage<Command>>;

fn start<A: tsoracle_paxos_toolkit::Apply<Command>>(
    pid: u64,
    disk: &MemoryDisk<Command>,
    apply: A,
    change: impl FnOnce(&mut RunnerSettings),
) -> (Runner, Straight) {
    let mut settings = RunnerSettings::new(pid, 1, Members::new(1, [1, 2]));
    settings.lease = None;
    change(&mut settings);
    let sink = Straight {
        from: pid,
        ..Straight::default()
    };
    let runner = PaxosRunner::start(&settings, disk.open(), sink.clone(), apply).unwrap();
    (runner, sink)
}

async fn leader(runners: [&Runner; 2]) -> (Handle<Command>, PaxosBallot) {
    wait_for("a leader", || {
        let leads = runners.map(|runner| runner.handle().leadership().borrow().leads());
        match leads {
            [Some(ballot), None] => Some((runners[0].handle(), ballot)),
            [None, Some(ballot)] => Some((runners[1].handle(), ballot)),
            _ => None,
        }
    })
    .await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_slow_service_is_waited_for_and_misses_nothing() {
    let disks = [MemoryDisk::default(), MemoryDisk::default()];
    let (to_one, mut from_one) = decided_channel(1);
    let (to_two, mut from_two) = decided_channel(1);
    let small = |settings: &mut RunnerSettings| settings.limits.batch = 3;
    let (one, out_of_one) = start(1, &disks[0], to_one, small);
    let (two, out_of_two) = start(2, &disks[1], to_two, small);
    out_of_one.to.set(two.inbound()).unwrap();
    out_of_two.to.set(one.inbound()).unwrap();
    for (runner, peer) in [(&one, 2), (&two, 1)] {
        runner.inbound().reconnected(peer);
    }
    let (handle, ballot) = leader([&one, &two]).await;
    let appends = (1..=50).map(|add| {
        let handle = handle.clone();
        tokio::spawn(async move {
            let make = |id| Command::of(add, id);
            handle.append(ballot, make, SOON).await
        })
    });
    let appends: Vec<_> = appends.collect();
    for stream in [&mut from_one, &mut from_two] {
        let (mut sum, mut next) = (0, 0);
        while next < 50 {
            let decided = tokio::time::timeout(SOON, stream.next())
                .await
                .unwrap()
                .unwrap();
            let end = decided.end();
            match decided {
                Decided::Entries { from, entries } => {
                    assert_eq!(from, next);
                    assert!(entries.len() <= 3);
                    sum += entries.iter().map(|entry| entry.add).sum::<u64>();
                }
                Decided::Snapshot { snapshot, .. } => sum = snapshot.0,
                other => panic!("{other:?}"),
            }
            next = end;
        }
        assert_eq!(sum, 50 * 51 / 2);
    }
    for append in appends {
        append.await.unwrap().unwrap();
    }
    one.shutdown(SOON).await.unwrap();
    assert!(from_one.next().await.is_none());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_full_inbox_loses_the_frame_and_says_so() {
    let disk = MemoryDisk::default();
    let (sender, _stream) = decided_channel(1);
    let (runner, _) = start(1, &disk, sender, |settings| settings.limits.frames = 4);
    disk.hold();
    runner.handle().campaign();
    wait_for("the sync", || disk.is_waiting().then_some(())).await;
    let inbound = runner.inbound();
    let ballot = PaxosBallot {
        configuration: 1,
        n: 9,
        priority: 0,
        pid: 2,
    };
    let grant = tsoracle_lease::Grant { ballot, round: 1 };
    let frame = Frame {
        configuration: 1,
        body: Body::Lease(LeaseMessage::Grant(grant)),
    };
    for _ in 0..4 {
        inbound.deliver(2, frame.clone(), 1).unwrap();
    }
    assert_eq!(inbound.deliver(2, frame.clone(), 1), Err(NoRoom));
    disk.release();
    wait_for("room", || inbound.deliver(2, frame.clone(), 1).ok()).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn appends_wait_for_room_until_their_deadline() {
    let disks = [MemoryDisk::default(), MemoryDisk::default()];
    let few = |settings: &mut RunnerSettings| settings.limits.appends = 2;
    let quiet = GroupTimes {
        election_ticks: 10,
        ..GroupTimes::default()
    };
    let (to_one, _one) = decided_channel(64);
    let (to_two, _two) = decided_channel(64);
    let change = |settings: &mut RunnerSettings| {
        few(settings);
        settings.times = quiet;
    };
    let (one, out_of_one) = start(1, &disks[0], to_one, change);
    let (two, out_of_two) = start(2, &disks[1], to_two, change);
    out_of_one.to.set(two.inbound()).unwrap();
    out_of_two.to.set(one.inbound()).unwrap();
    for (runner, peer) in [(&one, 2), (&two, 1)] {
        runner.inbound().reconnected(peer);
    }
    let (handle, ballot) = leader([&one, &two]).await;
    disks.iter().for_each(MemoryDisk::hold);
    let append = |within| {
        let handle = handle.clone();
        let make = |id| Command::of(1, id);
        tokio::spawn(async move { handle.append(ballot, make, within).await })
    };
    let held = [append(SOON), append(SOON)];
    wait_for("the sync", || {
        disks.iter().any(MemoryDisk::is_waiting).then_some(())
    })
    .await;
    let full = append(Duration::from_millis(20))
        .await
        .unwrap()
        .unwrap_err();
    let full = matches!(
        full,
        AppendError::Busy { appends: 2 } | AppendError::TimedOut { .. }
    );
    assert!(full);
    disks.iter().for_each(MemoryDisk::release);
    for append in held {
        let _ = append.await.unwrap();
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn callers_that_give_up_leave_no_more_behind_than_there_is_room_for() {
    let disk = MemoryDisk::default();
    let (sender, _stream) = decided_channel(1);
    let (runner, _) = start(1, &disk, sender, |settings| settings.limits.appends = 2);
    disk.hold();
    let handle = runner.handle();
    handle.campaign();
    wait_for("the sync", || disk.is_waiting().then_some(())).await;
    let ballot = PaxosBallot {
        configuration: 1,
        n: 1,
        priority: 0,
        pid: 1,
    };
    let soon = Duration::from_millis(5);
    for _ in 0..2 {
        let gave_up = handle.append(ballot, |id| Command::of(1, id), soon).await;
        assert!(matches!(gave_up, Err(AppendError::TimedOut { .. })));
    }
    let full = handle.append(ballot, |id| Command::of(1, id), soon).await;
    assert!(matches!(full, Err(AppendError::Busy { appends: 2 })));
    disk.release();
    // Their places come back when the engine has seen that nobody waits.
    let answered = handle.append(ballot, |id| Command::of(1, id), SOON).await;
    assert!(!matches!(
        answered,
        Err(AppendError::Busy { .. } | AppendError::TimedOut { .. })
    ));
}
