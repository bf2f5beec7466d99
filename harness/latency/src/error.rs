use std::error::Error;
use std::io;
use std::path::PathBuf;

use tsoracle_consensus::ConsensusError;
use tsoracle_testbed::{TestbedError, TimedOut};

/// Why there is no figure.
#[derive(Debug, thiserror::Error)]
pub enum LatencyError {
    /// The driver under test refused a call.
    #[error(
        "{driver}: {class} during {during}: {source}; run its conformance checks, or measure again \
         on a quieter machine", class = .source.class()
    )]
    Driver {
        /// The backend's name.
        driver: String,
        /// What was being measured.
        during: &'static str,
        /// Its answer.
        source: ConsensusError,
    },
    /// The disk has no room left.
    #[error("the disk of {} is full ({during}); make room there, or choose another folder", dir.display())]
    DiskFull {
        /// The folder of the run.
        dir: PathBuf,
        /// What was being done.
        during: String,
    },
    /// The driver acknowledged a persist with less than it was asked for.
    #[error(
        "{driver}: a persist of {asked} was acknowledged with {got}, which breaks clause P1; \
         run its conformance checks first"
    )]
    WrongValue {
        /// The backend's name.
        driver: String,
        /// The value that was to be durable.
        asked: u64,
        /// The value that the driver says is durable.
        got: u64,
    },
    /// A call did not return, long after the deadline that the driver declares.
    #[error(
        "{driver}: a call did not return within {limit_ms} ms during {during}, which breaks R4 or \
         P8; run its conformance checks first"
    )]
    Hung {
        /// The backend's name.
        driver: String,
        /// What was being measured.
        during: &'static str,
        /// How long it was waited for.
        limit_ms: u64,
    },
    /// The nodes could not be started, stopped, or watched.
    #[error("{driver}: {source}")]
    Testbed {
        /// The backend's name.
        driver: String,
        /// What was refused.
        source: TestbedError,
    },
    /// The nodes started, and then did not get where they should.
    #[error("{driver}: {source}; run its conformance checks first")]
    TimedOut {
        /// The backend's name.
        driver: String,
        /// What was waited for.
        source: TimedOut,
    },
    /// The operating system refused something to the measurement itself.
    #[error("{what}: {source}")]
    System {
        /// What was being done.
        what: String,
        /// The refusal.
        source: io::Error,
    },
    /// An open loop was asked for at no rate at all.
    #[error("an open loop needs a rate between 1 and 1,000,000 per second, not {rate_per_s}")]
    Rate {
        /// The rate.
        rate_per_s: u32,
    },
    /// The allocator refused what it must grant.
    #[error("the allocator refused: {0}; this is a defect of tsoracle-core")]
    Allocator(#[source] Box<dyn Error + Send + Sync>),
    /// The measuring thread panicked, in the driver or in the harness.
    #[error("{driver}: a panic while it was measured: {message}")]
    Panicked {
        /// The backend's name.
        driver: String,
        /// What the panic said.
        message: String,
    },
}

impl LatencyError {
    pub(crate) fn testbed(driver: &str, source: TestbedError) -> Self {
        let driver = driver.to_owned();
        Self::Testbed { driver, source }
    }

    pub(crate) fn timed_out(driver: &str, source: TimedOut) -> Self {
        let driver = driver.to_owned();
        Self::TimedOut { driver, source }
    }

    pub(crate) fn system(what: impl Into<String>, source: io::Error) -> Self {
        Self::System {
            what: what.into(),
            source,
        }
    }

    /// A file operation below `dir` failed.
    pub(crate) fn file(what: &str, dir: &std::path::Path, source: io::Error) -> Self {
        if source.kind() == io::ErrorKind::StorageFull {
            let (dir, during) = (dir.to_owned(), what.to_owned());
            return Self::DiskFull { dir, during };
        }
        Self::system(format!("cannot {what} in {}", dir.display()), source)
    }
}

/// Whether an error comes from a full disk, as far as its chain of sources tells.
pub(crate) fn is_disk_full(error: &(dyn Error + 'static)) -> bool {
    let mut chain = std::iter::successors(Some(error), |error| (*error).source());
    let full = |error: &(dyn Error + 'static)| {
        let kind = error.downcast_ref::<io::Error>().map(io::Error::kind);
        kind == Some(io::ErrorKind::StorageFull)
            || error.to_string().contains("No space left on device")
    };
    chain.any(full)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_full_disk_is_seen_through_the_drivers_error() {
        let full = io::Error::from_raw_os_error(28);
        assert_eq!(full.kind(), io::ErrorKind::StorageFull);
        assert!(is_disk_full(&ConsensusError::permanent(full)));
        assert!(!is_disk_full(&ConsensusError::permanent(
            "sector 7 is gone"
        )));
    }

    #[test]
    fn an_error_names_the_driver_and_what_to_do() {
        let error = LatencyError::Driver {
            driver: "file".into(),
            during: "persist, closed loop",
            source: ConsensusError::transient("no quorum"),
        };
        let text = error.to_string();
        for part in [
            "file",
            "Transient",
            "closed loop",
            "no quorum",
            "measure again",
        ] {
            assert!(text.contains(part), "{part:?} is missing in {text:?}");
        }
    }
}
