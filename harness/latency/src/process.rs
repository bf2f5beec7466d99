//! What this process has used so far.

/// A process that is measured.
pub(crate) trait Process {
    /// CPU time of all its threads, in nanoseconds; `None` where the system does not tell.
    fn cpu_ns(&self) -> Option<u64>;

    /// Resident memory; `None` where the system does not tell.
    fn memory_bytes(&self) -> Option<u64>;
}

/// The process that this runs in.
pub(crate) struct ThisProcess;

impl Process for ThisProcess {
    fn cpu_ns(&self) -> Option<u64> {
        use rustix::time::{ClockId, clock_gettime};
        let used = clock_gettime(ClockId::ProcessCPUTime);
        let (whole_s, rest_ns) = (u64::try_from(used.tv_sec), u64::try_from(used.tv_nsec));
        Some(whole_s.ok()? * 1_000_000_000 + rest_ns.ok()?)
    }

    fn memory_bytes(&self) -> Option<u64> {
        let status = std::fs::read_to_string("/proc/self/status").ok()?;
        resident_bytes(&status)
    }
}

/// From the kernel's table: `VmRSS:     5432 kB`.
fn resident_bytes(status: &str) -> Option<u64> {
    let line = status
        .lines()
        .find_map(|line| line.strip_prefix("VmRSS:"))?;
    let kib: u64 = line.trim().strip_suffix(" kB")?.parse().ok()?;
    Some(kib * 1_024)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_kernels_table_is_read() {
        let status = "Name:\tlab\nVmHWM:\t    9000 kB\nVmRSS:\t    5432 kB\nThreads:\t3\n";
        assert_eq!(resident_bytes(status), Some(5_432 * 1_024));
        assert_eq!(resident_bytes("Name:\tlab\n"), None);
    }

    #[test]
    fn work_costs_time_and_memory_is_somewhere() {
        let before = ThisProcess.cpu_ns().unwrap();
        let worked = std::hint::black_box((0..1_000_000_u64).fold(0, |sum, n| sum ^ (n * n)));
        assert!(ThisProcess.cpu_ns().unwrap() > before, "{worked}");
        if cfg!(target_os = "linux") {
            assert!(ThisProcess.memory_bytes().unwrap() > 100_000);
        }
    }
}
