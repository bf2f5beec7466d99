//! Threads that keep the cores awake: an idle core answers later, and slows the disk's interrupt.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc;
use std::thread::JoinHandle;

use crate::{SpinnerPolicy, Spinners};

/// One spinner per core, until this is dropped.
#[derive(Debug)]
pub(crate) struct Spinning {
    stop: Arc<AtomicBool>,
    threads: Vec<JoinHandle<()>>,
    record: Spinners,
}

impl Spinning {
    pub(crate) fn start() -> Self {
        let stop = Arc::new(AtomicBool::new(false));
        let (report, reports) = mpsc::channel();
        let threads: Vec<_> = cores()
            .into_iter()
            .filter_map(|core| {
                let (stop, report) = (Arc::clone(&stop), report.clone());
                let builder = std::thread::Builder::new().name("spinner".into());
                let spin = move || {
                    stay_on(core);
                    let policy = step_back();
                    // Whoever started it may be gone already; then `stop` is set.
                    let _ = report.send(policy);
                    // The summary waits for the last sender.
                    drop(report);
                    while policy != SpinnerPolicy::Absent && !stop.load(Ordering::Relaxed) {
                        std::hint::spin_loop();
                    }
                };
                builder.spawn(spin).ok()
            })
            .collect();
        drop(report);
        let record = summary(reports);
        Self {
            stop,
            threads,
            record,
        }
    }

    pub(crate) fn record(&self) -> Spinners {
        self.record
    }
}

impl Drop for Spinning {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Relaxed);
        for thread in self.threads.drain(..) {
            let _ = thread.join();
        }
    }
}

/// The spinners that do spin, and the least polite policy among them.
fn summary(policies: impl IntoIterator<Item = SpinnerPolicy>) -> Spinners {
    let spinning: Vec<_> = policies
        .into_iter()
        .filter(|policy| *policy != SpinnerPolicy::Absent)
        .collect();
    let policy = if spinning.is_empty() {
        SpinnerPolicy::Absent
    } else if spinning.contains(&SpinnerPolicy::Nice19) {
        SpinnerPolicy::Nice19
    } else {
        SpinnerPolicy::Idle
    };
    Spinners {
        threads: u32::try_from(spinning.len()).unwrap_or(u32::MAX),
        policy,
    }
}

/// Makes this thread give way to every other one.
fn step_back() -> SpinnerPolicy {
    use thread_priority::{
        NormalThreadSchedulePolicy, ThreadPriority, ThreadSchedulePolicy,
        set_thread_priority_and_policy, thread_native_id,
    };
    let idle = ThreadSchedulePolicy::Normal(NormalThreadSchedulePolicy::Idle);
    if set_thread_priority_and_policy(thread_native_id(), ThreadPriority::Min, idle).is_ok() {
        return SpinnerPolicy::Idle;
    }
    match rustix::process::setpriority_process(None, 19) {
        Ok(()) if cfg!(target_os = "linux") => SpinnerPolicy::Nice19,
        // Elsewhere niceness is the whole process's.
        _ => SpinnerPolicy::Absent,
    }
}

/// The cores that this process may use.
#[cfg(target_os = "linux")]
fn cores() -> Vec<usize> {
    use rustix::thread::{CpuSet, sched_getaffinity};
    let Ok(allowed) = sched_getaffinity(None) else {
        return (0..available()).collect();
    };
    (0..CpuSet::MAX_CPU)
        .filter(|core| allowed.is_set(*core))
        .collect()
}

#[cfg(not(target_os = "linux"))]
fn cores() -> Vec<usize> {
    (0..available()).collect()
}

fn available() -> usize {
    std::thread::available_parallelism().map_or(1, usize::from)
}

#[cfg(target_os = "linux")]
fn stay_on(core: usize) {
    use rustix::thread::{CpuSet, sched_setaffinity};
    let mut one = CpuSet::new();
    one.set(core);
    // A spinner that roams serves too, only less evenly.
    let _ = sched_setaffinity(None, &one);
}

#[cfg(not(target_os = "linux"))]
fn stay_on(_core: usize) {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn spinners_start_and_stop() {
        let spinning = Spinning::start();
        let Spinners { threads, policy } = spinning.record();
        assert!(threads as usize <= cores().len());
        assert_eq!(policy == SpinnerPolicy::Absent, threads == 0);
    }

    #[test]
    fn the_least_polite_policy_is_recorded() {
        use SpinnerPolicy::{Absent, Idle, Nice19};
        assert_eq!(summary([Idle, Nice19, Absent]).policy, Nice19);
        assert_eq!(summary([Idle, Nice19, Absent]).threads, 2);
        assert_eq!(summary([Absent]).policy, Absent);
    }
}
