use std::fs;
use std::future::Future;

use tempfile::TempDir;
use tokio::time::Instant;
use tsoracle_faultfs::{Action, NameChange, Trigger};

use super::*;
use crate::run_in_virtual_time;
use crate::simulation::{Life, Machine, SimMachine};

const LONG: Duration = Duration::from_secs(60);
const TICK: Duration = Duration::from_millis(1);

struct Bench {
    dir: TempDir,
    machine: Arc<SimMachine>,
}

impl Bench {
    fn run<F: Future<Output = ()>>(test: impl FnOnce(Self) -> F) {
        let dir = tempfile::tempdir().unwrap();
        let machine = SimMachine::new(dir.path());
        run_in_virtual_time(test(Self { dir, machine })).unwrap();
    }

    fn boot(&self) -> (Life, SimDisk) {
        let life = self.machine.boot().unwrap();
        let disk = life.disk();
        (life, disk)
    }

    fn content(&self, name: &str) -> Option<Vec<u8>> {
        let running = self.machine.board.content(name);
        running.or_else(|| fs::read(self.dir.path().join(name)).ok())
    }

    /// A rule for the whole folder, by a path with a detour.
    fn rule(&self, action: Action) -> Rule {
        Rule::new(self.dir.path().join("."), action)
    }

    async fn install(&self, rule: Rule) -> RuleId {
        self.machine.disk().install(rule).await.unwrap()
    }

    async fn hits(&self, id: RuleId) -> u64 {
        let faults = self.machine.disk();
        faults.wait_for_hits(id, 0, Duration::ZERO).await.unwrap()
    }

    fn lose_power(&self) -> Loss {
        self.machine.kill();
        self.machine.lose_unsynced().unwrap()
    }
}

async fn put(disk: &SimDisk, name: &str, text: &str) {
    disk.write(name, text.as_bytes()).await.unwrap();
}

async fn put_synced(disk: &SimDisk, name: &str, text: &str) {
    put(disk, name, text).await;
    disk.sync(name).await.unwrap();
}

async fn get(disk: &SimDisk, name: &str) -> Option<String> {
    let bytes = disk.read(name).await.unwrap();
    bytes.map(|bytes| String::from_utf8(bytes).unwrap())
}

#[test]
fn power_takes_what_no_life_has_synced() {
    Bench::run(|bench| async move {
        let (_life, disk) = bench.boot();
        put_synced(&disk, "log", "one").await;
        put(&disk, "log", "three").await;
        put(&disk, "new", "x").await;
        assert!(bench.machine.lose_unsynced().is_err(), "the node runs");
        bench.machine.kill();

        let (_life, disk) = bench.boot();
        assert_eq!(get(&disk, "log").await.as_deref(), Some("three"));
        put(&disk, "other", "y").await;
        let loss = bench.lose_power();
        assert_eq!(bench.content("log").unwrap(), b"one");
        let log = &loss.contents[0];
        assert_eq!((log.bytes, log.length_before, log.length_after), (5, 5, 3));
        assert!(log.path.ends_with("log") && loss.bytes() == 5);
        let names = loss.names.iter().map(|name| (&name.path, name.change));
        let names: Vec<_> = names.collect();
        assert!(names[0].0.ends_with("new") && names[1].0.ends_with("other"));
        assert!(names.iter().all(|name| name.1 == NameChange::Vanished));
        // The same bytes as those that were lost, but from somebody else.
        fs::write(bench.dir.path().join("log"), "three").unwrap();
        assert!(bench.lose_power().is_empty());
        assert_eq!(bench.content("log").unwrap(), b"three");
    });
}

#[test]
fn a_later_life_can_sync_what_an_earlier_one_wrote() {
    Bench::run(|bench| async move {
        let (life, disk) = bench.boot();
        put(&disk, "log", "one").await;
        life.close();
        let (_life, disk) = bench.boot();
        disk.sync("log").await.unwrap();
        assert!(bench.lose_power().is_empty());
        assert_eq!(bench.content("log").unwrap(), b"one");
    });
}

#[test]
fn a_wipe_is_for_good() {
    for boots_between in [false, true] {
        Bench::run(|bench| async move {
            let (life, disk) = bench.boot();
            put_synced(&disk, "log", "one").await;
            put(&disk, "log", "two").await;
            life.close();
            fs::remove_dir_all(bench.dir.path()).unwrap();
            fs::create_dir(bench.dir.path()).unwrap();
            if boots_between {
                let (_life, disk) = bench.boot();
                assert_eq!(get(&disk, "log").await, None);
                put(&disk, "log", "three").await;
            }
            let loss = bench.lose_power();
            assert_eq!(loss.names.len(), usize::from(boots_between));
            assert_eq!(bench.content("log"), None);
        });
    }
}

#[test]
fn damage_done_while_the_node_is_down_is_durable() {
    Bench::run(|bench| async move {
        fs::write(bench.dir.path().join("old"), "there").unwrap();
        let (_life, disk) = bench.boot();
        put_synced(&disk, "a", "one").await;
        put_synced(&disk, "b", "one").await;
        put(&disk, "b", "two").await;
        bench.machine.kill();
        fs::write(bench.dir.path().join("a"), "onf").unwrap();
        fs::remove_file(bench.dir.path().join("old")).unwrap();
        let (_life, disk) = bench.boot();
        put(&disk, "a", "more").await;
        bench.lose_power();
        assert_eq!(bench.content("a").unwrap(), b"onf");
        assert_eq!(bench.content("b").unwrap(), b"one");
        assert_eq!(bench.content("old"), None);
    });
}

#[test]
fn a_call_of_a_dead_life_touches_nothing() {
    Bench::run(|bench| async move {
        let (_life, disk) = bench.boot();
        let delay = bench.rule(Action::Delay(10 * TICK));
        let id = bench.install(delay.clone()).await;
        let late = tokio::spawn(async move { disk.write("log", b"late").await });
        let waited = bench.machine.disk().wait_for_hits(id, 1, LONG).await;
        assert_eq!(waited.unwrap(), 1);
        bench.machine.kill();
        assert_eq!(bench.hits(id).await, 1);
        let (_life, disk) = bench.boot();
        put(&disk, "log", "now").await;
        tokio::time::sleep(100 * TICK).await;
        assert!(!late.is_finished());
        assert_eq!(bench.content("log").unwrap(), b"now");
        let asked = bench.machine.disk().counts(id).await;
        assert!(matches!(asked, Err(TestbedError::Faults(_))), "{asked:?}");
    });
}

#[test]
fn a_rule_that_is_set_before_the_boot_is_in_force() {
    Bench::run(|bench| async move {
        let fail = bench.rule(Action::Fail(Errno::Eio)).ops([Op::Open]);
        let id = bench.install(fail).await;
        let (_life, disk) = bench.boot();
        assert!(disk.read("log").await.is_err());
        assert_eq!(bench.hits(id).await, 1);
        bench.machine.disk().remove(id).await.unwrap();
        assert_eq!(get(&disk, "log").await, None);
    });
}

#[test]
fn a_delay_takes_virtual_time() {
    Bench::run(|bench| async move {
        let (_life, disk) = bench.boot();
        put(&disk, "log", "one").await;
        bench
            .install(bench.rule(Action::Delay(LONG)).ops(Op::SYNCS))
            .await;
        let began = Instant::now();
        disk.sync("log").await.unwrap();
        assert_eq!(began.elapsed(), LONG);
    });
}

#[test]
fn a_stall_ends_with_its_rule_or_its_time() {
    Bench::run(|bench| async move {
        let (_life, disk) = bench.boot();
        put(&disk, "log", "one").await;
        let faults = disk.faults();
        let sync = || {
            let disk = disk.clone();
            tokio::spawn(async move { disk.sync("log").await })
        };
        let stall = |at_most| bench.rule(Action::Stall { at_most }).ops(Op::SYNCS);
        let id = bench.install(stall(None)).await;
        let stalled = sync();
        assert_eq!(faults.wait_for_hits(id, 1, LONG).await.unwrap(), 1);
        tokio::time::sleep(LONG).await;
        assert!(!stalled.is_finished());
        // Other calls go on meanwhile.
        put(&disk, "log", "two").await;
        faults.remove(id).await.unwrap();
        stalled.await.unwrap().unwrap();

        bench.install(stall(Some(LONG))).await;
        let began = Instant::now();
        sync().await.unwrap().unwrap();
        assert_eq!(began.elapsed(), LONG);
        assert!(bench.lose_power().is_empty());
    });
}

#[test]
fn a_failure_changes_nothing_and_a_full_disk_takes_half() {
    Bench::run(|bench| async move {
        let (_life, disk) = bench.boot();
        put_synced(&disk, "log", "one").await;
        let count = bench.install(bench.rule(Action::Count)).await;
        let fail = bench.rule(Action::Fail(Errno::Eio)).at(Trigger::Nth(1));
        bench.install(fail.clone().ops([Op::Write])).await;
        bench.install(fail.ops([Op::Sync])).await;
        let refused = disk.write("log", b"three").await.unwrap_err();
        assert_eq!(
            refused.raw_os_error(),
            io::Error::from(Errno::Eio).raw_os_error()
        );
        assert_eq!(bench.content("log").unwrap(), b"one");
        put(&disk, "log", "two").await;
        assert!(disk.sync("log").await.is_err());
        let short = bench.install(bench.rule(Action::ShortWrite)).await;
        let refused = disk.write("log", b"12345").await.unwrap_err();
        assert_eq!(refused.kind(), io::ErrorKind::StorageFull);
        assert_eq!(bench.content("log").unwrap(), b"12");
        assert_eq!(bench.hits(short).await, 1);
        let counts = disk.faults().counts(count).await.unwrap();
        assert_eq!(
            (counts.writes, counts.bytes_written, counts.failed),
            (1, 3, 3)
        );
        bench.lose_power();
        assert_eq!(bench.content("log").unwrap(), b"one");
    });
}

#[test]
fn a_crash_is_on_its_side_of_the_call() {
    for (when, left) in [(When::Before, "one"), (When::After, "two")] {
        Bench::run(|bench| async move {
            let (life, disk) = bench.boot();
            put_synced(&disk, "log", "one").await;
            let crash = bench.rule(Action::Crash(when)).ops([Op::Write]);
            let id = bench.install(crash).await;
            let hung = tokio::spawn(async move { disk.write("log", b"two").await });
            life.ended().await;
            tokio::time::sleep(LONG).await;
            assert!(!hung.is_finished() && bench.machine.is_dead());
            assert_eq!(bench.hits(id).await, 1);
            assert_eq!(bench.content("log").unwrap(), left.as_bytes());
            let (_life, disk) = bench.boot();
            put(&disk, "log", "three").await;
        });
    }
}

#[test]
fn a_trace_lists_calls_as_they_begin() {
    Bench::run(|bench| async move {
        let (_life, disk) = bench.boot();
        let id = bench
            .install(bench.rule(Action::Trace).ops(Op::MUTATING))
            .await;
        let file = Rule::new(bench.dir.path().join("log"), Action::Count);
        let file = bench.install(file).await;
        put_synced(&disk, "log", "one").await;
        put(&disk, "log", "two").await;
        put(&disk, "other", "").await;
        assert_eq!(get(&disk, "none").await, None);
        let faults = disk.faults();
        let calls = faults.trace(id).await.unwrap();
        let calls = calls.iter().map(|call| (call.n, call.op));
        let calls: Vec<_> = calls.collect();
        let seen = [Op::Create, Op::Sync, Op::Write, Op::Create];
        assert_eq!(calls, (1..).zip(seen).collect::<Vec<_>>());
        assert_eq!(bench.hits(file).await, 3);
        for name in ["", "..", "a/b", "a/"] {
            let refused = disk.write(name, b"x").await.unwrap_err();
            assert_eq!(refused.kind(), io::ErrorKind::InvalidInput);
        }
    });
}

#[test]
fn a_wait_for_hits_ends_with_its_limit() {
    Bench::run(|bench| async move {
        let id = bench.install(bench.rule(Action::Count)).await;
        let faults = bench.machine.disk();
        let began = Instant::now();
        assert_eq!(faults.wait_for_hits(id, 1, LONG).await.unwrap(), 0);
        assert_eq!(began.elapsed(), LONG);
        let waiting = tokio::spawn(async move { faults.wait_for_hits(id, 1, LONG).await });
        tokio::task::yield_now().await;
        bench.machine.disk().remove(id).await.unwrap();
        assert!(waiting.await.unwrap().is_err());
    });
}

#[test]
fn a_frozen_node_makes_no_call() {
    Bench::run(|bench| async move {
        let (_life, disk) = bench.boot();
        let id = bench.install(bench.rule(Action::Delay(TICK))).await;
        let write = |text: &'static [u8]| {
            let disk = disk.clone();
            tokio::spawn(async move { disk.write("log", text).await })
        };
        let under_way = write(b"one");
        tokio::task::yield_now().await;
        bench.machine.freeze();
        let not_begun = write(b"two");
        tokio::time::sleep(LONG).await;
        assert!(bench.content("log").is_none());
        assert_eq!(bench.hits(id).await, 1);
        bench.machine.thaw();
        under_way.await.unwrap().unwrap();
        not_begun.await.unwrap().unwrap();
        assert_eq!(bench.content("log").unwrap(), b"two");
    });
}
