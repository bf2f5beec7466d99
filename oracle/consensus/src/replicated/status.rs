//! What a driver's calls and the task that follows its engine share.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, OnceLock};

use tsoracle_core::Epoch;

use crate::{ConsensusError, LeaderState, LeadershipPublisher, LeadershipStream, Lease};

/// The state that a node shows, until it stops or fails; then one answer to every call.
#[derive(Debug)]
pub struct DriverStatus {
    leadership: LeadershipPublisher,
    stopped: AtomicBool,
    failure: OnceLock<Arc<ConsensusError>>,
}

impl Default for DriverStatus {
    fn default() -> Self {
        Self {
            leadership: LeadershipPublisher::new(LeaderState::NoLeader),
            stopped: AtomicBool::new(false),
            failure: OnceLock::new(),
        }
    }
}

impl DriverStatus {
    /// Shows a state, unless the node has stopped.
    pub fn publish(&self, state: LeaderState) {
        self.leadership.publish(state);
    }

    /// The state that is shown.
    #[must_use]
    pub fn current(&self) -> LeaderState {
        self.leadership.current()
    }

    /// A new stream of states.
    #[must_use]
    pub fn subscribe(&self) -> LeadershipStream {
        self.leadership.subscribe()
    }

    /// Ends every stream; calls are refused from here on.
    pub fn stop(&self) {
        self.stopped.store(true, Ordering::SeqCst);
        self.leadership.end(LeaderState::NoLeader);
    }

    /// As [`stop`](Self::stop), with a reason that every later call is told. The first one counts:
    /// a later failure follows from it.
    pub fn fail(&self, failure: ConsensusError) {
        let _ = self.failure.set(Arc::new(failure));
        self.stop();
    }

    /// Once the node has failed or was stopped, every call gets the same answer.
    ///
    /// # Errors
    /// `Permanent` with the first failure, or `NotLeader` after a stop.
    pub fn refusal_of_all(&self) -> Result<(), ConsensusError> {
        if let Some(failure) = self.failure.get() {
            return Err(ConsensusError::permanent(Arc::clone(failure)));
        }
        if self.stopped.load(Ordering::SeqCst) {
            return Err(ConsensusError::NotLeader { leader: None });
        }
        Ok(())
    }

    /// The leadership that calls may use now, its lease valid or lapsed.
    ///
    /// # Errors
    /// The [refusal of all](Self::refusal_of_all), or `NotLeader` with the hint that is shown.
    pub fn leading(&self) -> Result<(Epoch, Lease), ConsensusError> {
        self.refusal_of_all()?;
        match self.current() {
            LeaderState::Leader { epoch, lease } => Ok((epoch, lease)),
            LeaderState::Follower { leader } => Err(ConsensusError::NotLeader { leader }),
            LeaderState::Candidate | LeaderState::NoLeader => {
                Err(ConsensusError::NotLeader { leader: None })
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_failure_answers_every_call() {
        let status = DriverStatus::default();
        let epoch = Epoch::new(1);
        let lease = Lease::absent();
        status.publish(LeaderState::Leader { epoch, lease });
        assert_eq!(status.leading().unwrap().0, epoch);
        status.fail(ConsensusError::transient("the first"));
        status.fail(ConsensusError::transient("the second"));
        status.publish(LeaderState::Candidate);
        let refusal = status.leading().unwrap_err();
        assert_eq!(refusal.class(), "Permanent");
        assert!(refusal.to_string().contains("the first"), "{refusal}");
        assert_eq!(status.current(), LeaderState::NoLeader);
    }

    #[test]
    fn a_stopped_node_leads_nobody() {
        let status = DriverStatus::default();
        assert!(status.refusal_of_all().is_ok());
        assert_eq!(status.leading().unwrap_err().class(), "NotLeader");
        status.stop();
        assert_eq!(status.refusal_of_all().unwrap_err().class(), "NotLeader");
    }
}
