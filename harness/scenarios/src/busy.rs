//! A processor that others keep busy.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

const PERIOD: Duration = Duration::from_millis(10);
const BUSY: Duration = Duration::from_millis(8);

/// One thread per core, busy for 8 of every 10 ms at normal priority, until it is dropped.
pub(crate) struct Busy {
    stop: Arc<AtomicBool>,
    threads: Vec<JoinHandle<()>>,
}

impl Busy {
    pub(crate) fn start() -> Self {
        let stop = Arc::new(AtomicBool::new(false));
        let cores = std::thread::available_parallelism().map_or(1, usize::from);
        let spin = |_| {
            let stop = Arc::clone(&stop);
            let thread = std::thread::Builder::new().name("busy".to_owned());
            // With fewer threads there is less load; how many there were is told.
            thread.spawn(move || spin_until(&stop)).ok()
        };
        let threads = (0..cores).filter_map(spin).collect();
        Self { stop, threads }
    }

    /// No load at all.
    pub(crate) fn none() -> Self {
        Self {
            stop: Arc::default(),
            threads: Vec::new(),
        }
    }

    /// How many threads are busy.
    pub(crate) fn threads(&self) -> usize {
        self.threads.len()
    }
}

impl Drop for Busy {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Relaxed);
        for thread in self.threads.drain(..) {
            // It does nothing that could panic.
            let _ = thread.join();
        }
    }
}

fn spin_until(stop: &AtomicBool) {
    while !stop.load(Ordering::Relaxed) {
        let begun = Instant::now();
        while begun.elapsed() < BUSY {
            std::hint::spin_loop();
        }
        std::thread::sleep(PERIOD - BUSY);
    }
}
