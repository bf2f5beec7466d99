//! What the process takes while nobody calls: first without nodes, then with them.

use std::time::Duration;

use tsoracle_testbed::{TestbedError, Traffic};

use crate::distribution::rounded;
use crate::process::Process;
use crate::time::Time;
use crate::{Idle, Memory, TrafficRate};

const DIGITS: i32 = 4;
/// Before they are watched, nodes get such a part of that time to end what a start has left to do.
const SETTLE_SHARE: u32 = 10;
const NS_PER_MS: f64 = 1e6;
const NS_PER_S: f64 = 1e9;

/// The process before there are nodes.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Empty {
    /// CPU time per time.
    cpu_share: Option<f64>,
    memory_bytes: Option<u64>,
}

impl Empty {
    /// Watches for `watched`, asleep.
    pub(crate) fn watch(time: &dyn Time, process: &dyn Process, watched: Duration) -> Self {
        Self {
            cpu_share: cpu_share(time, process, watched).0,
            memory_bytes: process.memory_bytes(),
        }
    }

    /// What has been added since, for each of so many nodes: `idle_bytes` was the memory when they
    /// had been idle, and now everything is measured.
    pub(crate) fn memory(
        self,
        process: &dyn Process,
        idle_bytes: Option<u64>,
        nodes: usize,
    ) -> Option<Memory> {
        let empty_bytes = self.memory_bytes?;
        let grown = |bytes: u64| bytes.saturating_sub(empty_bytes) / nodes.max(1) as u64;
        Some(Memory {
            empty_bytes,
            idle_bytes_per_node: grown(idle_bytes?),
            busy_bytes_per_node: grown(process.memory_bytes()?),
        })
    }
}

/// Watches so many nodes for `watched`, asleep; `traffic` is what all of them have sent so far.
pub(crate) fn watch_nodes(
    time: &dyn Time,
    process: &dyn Process,
    watched: Duration,
    empty: Empty,
    nodes: usize,
    traffic: impl Fn() -> Result<Option<Traffic>, TestbedError>,
) -> Result<Idle, TestbedError> {
    sleep(time, watched / SETTLE_SHARE);
    let (before, nodes) = (traffic()?, nodes.max(1) as f64);
    let (share, took_ns) = cpu_share(time, process, watched);
    let after = traffic()?;
    let per_node_and_s = |sent: u64| rounded(sent as f64 / (took_ns / NS_PER_S) / nodes, DIGITS);
    let sent = before.zip(after).map(|(before, after)| TrafficRate {
        frames_per_s: per_node_and_s(after.frames.saturating_sub(before.frames)),
        bytes_per_s: per_node_and_s(after.bytes.saturating_sub(before.bytes)),
    });
    let percent = |share: f64| rounded(share * 100.0, DIGITS);
    let added = share.zip(empty.cpu_share);
    Ok(Idle {
        watched_ms: rounded(took_ns / NS_PER_MS, DIGITS),
        empty_cpu_percent: empty.cpu_share.map(percent),
        cpu_percent_per_node: added.map(|(all, empty)| percent((all - empty).max(0.0) / nodes)),
        traffic_per_node: sent,
    })
}

/// CPU time of the process per time, while this thread sleeps, and how long it slept.
fn cpu_share(time: &dyn Time, process: &dyn Process, watched: Duration) -> (Option<f64>, f64) {
    let (began_ns, cpu_before) = (time.now_ns(), process.cpu_ns());
    sleep(time, watched);
    let took_ns = (time.now_ns() - began_ns).max(1) as f64;
    let used = cpu_before.zip(process.cpu_ns());
    let share = used.map(|(before, after)| after.saturating_sub(before) as f64 / took_ns);
    (share, took_ns)
}

/// A wake-up meant for something else does not end it.
fn sleep(time: &dyn Time, duration: Duration) {
    let for_ns = u64::try_from(duration.as_nanos()).unwrap_or(u64::MAX);
    let until_ns = time.now_ns().saturating_add(for_ns);
    while time.now_ns() < until_ns {
        time.wait_until(until_ns);
    }
}

/// What all nodes have sent; `None` as soon as one of them does not count.
pub(crate) fn total(
    each: impl IntoIterator<Item = Result<Option<Traffic>, TestbedError>>,
) -> Result<Option<Traffic>, TestbedError> {
    let mut total = Some(Traffic::default());
    for of_node in each {
        total = total.zip(of_node?).map(|(total, node)| Traffic {
            frames: total.frames + node.frames,
            bytes: total.bytes + node.bytes,
        });
    }
    Ok(total)
}

#[cfg(test)]
mod tests {
    use std::cell::Cell;

    use super::*;
    use crate::testing::VirtualTime;

    const WATCHED: Duration = Duration::from_secs(5);

    /// A process that uses a share of the time that passes, and as much memory as it is told.
    struct Fake {
        time: VirtualTime,
        percent: Cell<u64>,
        memory_bytes: Cell<u64>,
    }

    impl Process for Fake {
        fn cpu_ns(&self) -> Option<u64> {
            Some(self.time.now_ns() / 100 * self.percent.get())
        }

        fn memory_bytes(&self) -> Option<u64> {
            Some(self.memory_bytes.get())
        }
    }

    struct Mute;

    impl Process for Mute {
        fn cpu_ns(&self) -> Option<u64> {
            None
        }

        fn memory_bytes(&self) -> Option<u64> {
            None
        }
    }

    #[test]
    fn nodes_cost_what_they_add_to_the_empty_process() {
        let time = VirtualTime::default();
        let process = Fake {
            time: time.clone(),
            percent: Cell::new(1),
            memory_bytes: Cell::new(10_000),
        };
        let empty = Empty::watch(&time, &process, Duration::from_secs(1));
        time.block(4_000_000_000);
        // As if it had used 4% all along: only what is added while it is watched counts.
        let process = Fake {
            percent: Cell::new(4),
            ..process
        };
        process.memory_bytes.set(40_000);
        let traffic = || {
            let frames = time.now_ns() / 1_000_000;
            let bytes = 50 * frames;
            Ok(Some(Traffic { frames, bytes }))
        };
        let idle = watch_nodes(&time, &process, WATCHED, empty, 3, traffic).unwrap();
        assert_eq!(idle.watched_ms, 5_000.0);
        assert_eq!(idle.empty_cpu_percent, Some(1.0));
        assert_eq!(idle.cpu_percent_per_node, Some(1.0));
        let sent = idle.traffic_per_node.unwrap();
        assert_eq!((sent.frames_per_s, sent.bytes_per_s), (333.3, 16_670.0));
        let idle_bytes = process.memory_bytes();
        process.memory_bytes.set(100_000);
        let memory = empty.memory(&process, idle_bytes, 3).unwrap();
        assert_eq!(memory.empty_bytes, 10_000);
        let grown = (memory.idle_bytes_per_node, memory.busy_bytes_per_node);
        assert_eq!(grown, (10_000, 30_000));
    }

    #[test]
    fn a_process_that_shrinks_or_rests_costs_nothing() {
        let time = VirtualTime::default();
        let process = Fake {
            time: time.clone(),
            percent: Cell::new(2),
            memory_bytes: Cell::new(9),
        };
        let empty = Empty::watch(&time, &process, WATCHED);
        process.memory_bytes.set(5);
        let resting = Fake {
            percent: Cell::new(0),
            ..process
        };
        let idle = watch_nodes(&time, &resting, WATCHED, empty, 1, || Ok(None)).unwrap();
        assert_eq!(idle.cpu_percent_per_node, Some(0.0));
        assert_eq!(idle.traffic_per_node, None);
        assert_eq!(
            empty
                .memory(&resting, Some(5), 1)
                .unwrap()
                .busy_bytes_per_node,
            0
        );
    }

    #[test]
    fn what_the_system_does_not_tell_is_missing() {
        let time = VirtualTime::default();
        let empty = Empty::watch(&time, &Mute, WATCHED);
        let idle = watch_nodes(&time, &Mute, WATCHED, empty, 3, || Ok(None)).unwrap();
        assert_eq!(
            (idle.empty_cpu_percent, idle.cpu_percent_per_node),
            (None, None)
        );
        assert_eq!(empty.memory(&Mute, None, 3), None);
    }

    #[test]
    fn one_node_that_does_not_count_leaves_no_total() {
        let node = |frames| Traffic { frames, bytes: 1 };
        let all = total([Ok(Some(node(2))), Ok(Some(node(3)))])
            .unwrap()
            .unwrap();
        assert_eq!((all.frames, all.bytes), (5, 2));
        assert_eq!(total([Ok(Some(node(2))), Ok(None)]).unwrap(), None);
    }
}
