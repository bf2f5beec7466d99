//! The leader under test, as a measurement calls it.

use std::cell::Cell;
use std::path::{Path, PathBuf};
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use futures_util::future::try_join_all;
use tsoracle_consensus::{ConsensusDriver, ConsensusError, Epoch};

use crate::LatencyError;
use crate::error::is_disk_full;
use crate::time::{Time, drive};

/// A leader, and the value of its next persist: each asks for more than the last one, so that none
/// can be answered without a write.
pub(crate) struct Subject {
    name: String,
    driver: Arc<dyn ConsensusDriver>,
    epoch: Epoch,
    next: Cell<u64>,
    limit: Duration,
    dir: PathBuf,
}

impl Subject {
    pub(crate) fn new(
        name: &str,
        driver: Arc<dyn ConsensusDriver>,
        epoch: Epoch,
        limit: Duration,
        dir: &Path,
    ) -> Self {
        Self {
            name: name.to_owned(),
            driver,
            epoch,
            next: Cell::new(1),
            limit,
            dir: dir.to_owned(),
        }
    }

    /// How long a call may take before it counts as hung.
    pub(crate) fn limit_ns(&self) -> u64 {
        u64::try_from(self.limit.as_nanos()).unwrap_or(u64::MAX)
    }

    /// Starts above what is durable already.
    pub(crate) fn start_above_stored(&self, time: &dyn Time) -> Result<(), LatencyError> {
        let stored = self.load(time, "the first load")?;
        self.next.set(stored + 1);
        Ok(())
    }

    pub(crate) fn load(&self, time: &dyn Time, during: &'static str) -> Result<u64, LatencyError> {
        let mut load = self.driver.load_high_water();
        match drive(time, self.limit_ns(), load.as_mut()) {
            Some(answer) => answer.map_err(|error| self.refused(during, error)),
            None => Err(self.hung(during)),
        }
    }

    /// The next persist.
    pub(crate) async fn persist(&self, during: &'static str) -> Result<(), LatencyError> {
        let asked = self.next.get();
        self.next.set(asked + 1);
        let answer = self.driver.persist_high_water(asked, self.epoch).await;
        let got = answer.map_err(|error| self.refused(during, error))?;
        if got < asked {
            let driver = self.name.clone();
            return Err(LatencyError::WrongValue { driver, asked, got });
        }
        Ok(())
    }

    /// The next persist, and waits for it.
    pub(crate) fn persist_now(
        &self,
        time: &dyn Time,
        during: &'static str,
    ) -> Result<(), LatencyError> {
        let persist = pin!(self.persist(during));
        drive(time, self.limit_ns(), persist).unwrap_or_else(|| Err(self.hung(during)))
    }

    /// So many persists at once, and waits for all of them.
    pub(crate) fn persist_many(
        &self,
        time: &dyn Time,
        many: u32,
        during: &'static str,
    ) -> Result<(), LatencyError> {
        let round = pin!(try_join_all((0..many).map(|_| self.persist(during))));
        match drive(time, self.limit_ns(), round) {
            Some(answers) => answers.map(drop),
            None => Err(self.hung(during)),
        }
    }

    pub(crate) fn hung(&self, during: &'static str) -> LatencyError {
        LatencyError::Hung {
            driver: self.name.clone(),
            during,
            limit_ms: u64::try_from(self.limit.as_millis()).unwrap_or(u64::MAX),
        }
    }

    fn refused(&self, during: &'static str, source: ConsensusError) -> LatencyError {
        if is_disk_full(&source) {
            let dir = self.dir.clone();
            let during = format!("{}, {during}", self.name);
            return LatencyError::DiskFull { dir, during };
        }
        LatencyError::Driver {
            driver: self.name.clone(),
            during,
            source,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{Timed, VirtualTime};

    fn subject(time: &VirtualTime, answer: fn(u64) -> Result<u64, ConsensusError>) -> Subject {
        let driver = Timed {
            time: time.clone(),
            persist_ns: 2_000,
            answer,
        };
        let limit = Duration::from_micros(50);
        Subject::new(
            "timed",
            Arc::new(driver),
            Epoch::new(1),
            limit,
            Path::new("/data"),
        )
    }

    #[test]
    fn persists_ascend_and_take_their_time() {
        let time = VirtualTime::default();
        let subject = subject(&time, Ok);
        subject.start_above_stored(&time).unwrap();
        subject.persist_now(&time, "a test").unwrap();
        assert_eq!((time.now_ns(), subject.next.get()), (2_000, 2));
        subject.persist_many(&time, 64, "a test").unwrap();
        assert_eq!((time.now_ns(), subject.next.get()), (4_000, 66));
    }

    #[test]
    fn a_bad_answer_is_an_error_with_a_name() {
        let time = VirtualTime::default();
        let says = |answer| {
            let refused = subject(&time, answer).persist_now(&time, "a test");
            refused.unwrap_err().to_string()
        };
        assert!(says(|asked| Ok(asked - 1)).contains("breaks clause P1"));
        let full = |_| {
            Err(ConsensusError::permanent(
                std::io::Error::from_raw_os_error(28),
            ))
        };
        assert!(says(full).contains("the disk of /data is full"));
        assert!(says(|_| Err(ConsensusError::transient("no quorum"))).contains("no quorum"));
    }

    #[test]
    fn a_call_that_never_returns_is_an_error() {
        let time = VirtualTime::default();
        let mut subject = subject(&time, Ok);
        subject.limit = Duration::from_micros(1);
        let hung = subject.persist_now(&time, "a test").unwrap_err();
        assert!(matches!(hung, LatencyError::Hung { .. }), "{hung}");
    }
}
