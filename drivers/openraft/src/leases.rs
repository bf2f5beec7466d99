//! The lease of each epoch, fed by the toolkit's keeper and read through the contract's handles.

use std::sync::{Mutex, MutexGuard, PoisonError};

use tokio::sync::watch;
use tsoracle_consensus::{BootInstant, Lease, LeaseHolder};
use tsoracle_lease::Reading;
use tsoracle_openraft_toolkit::{LeaseObserver, RaftBallot};

/// The contract's lease of this node's newest leadership. Give it to the keeper as its observer,
/// and to the driver through its host.
///
/// The keeper's clock must be the machine's boot clock, which is the one of
/// [`BootInstant`].
#[derive(Debug)]
pub struct EpochLeases {
    newest: Mutex<Option<(RaftBallot, LeaseHolder)>>,
    changed: watch::Sender<()>,
}

impl Default for EpochLeases {
    fn default() -> Self {
        Self {
            newest: Mutex::new(None),
            changed: watch::Sender::new(()),
        }
    }
}

impl EpochLeases {
    /// The lease of the leadership at `ballot`, valid, lapsed or ended; `None` before it has one.
    pub(crate) fn lease(&self, ballot: RaftBallot) -> Option<Lease> {
        let newest = self.lock();
        let (held, holder) = newest.as_ref()?;
        (*held == ballot).then(|| holder.lease())
    }

    /// Marked whenever a lease becomes valid, or ends for good.
    pub(crate) fn changes(&self) -> watch::Receiver<()> {
        self.changed.subscribe()
    }

    /// Ends whatever lease there is.
    pub(crate) fn end(&self) {
        if let Some((_, holder)) = &*self.lock() {
            holder.end();
            self.changed.send_replace(());
        }
    }

    fn lock(&self) -> MutexGuard<'_, Option<(RaftBallot, LeaseHolder)>> {
        self.newest.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl LeaseObserver for EpochLeases {
    fn renewed(&self, ballot: RaftBallot, deadline: Reading) {
        let deadline = BootInstant::from_nanos(deadline.as_nanos());
        let mut newest = self.lock();
        match &*newest {
            Some((held, holder)) if *held == ballot => {
                let had_lapsed = !holder.lease().is_valid();
                if holder.renew(deadline) && had_lapsed {
                    self.changed.send_replace(());
                }
            }
            _ => {
                *newest = Some((ballot, LeaseHolder::until(deadline)));
                self.changed.send_replace(());
            }
        }
    }

    fn ended(&self, ballot: RaftBallot) {
        let newest = self.lock();
        if let Some((_, holder)) = newest.as_ref().filter(|(held, _)| *held == ballot) {
            holder.end();
            self.changed.send_replace(());
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    const FIRST: RaftBallot = RaftBallot { term: 1, node: 1 };
    const SECOND: RaftBallot = RaftBallot { term: 2, node: 1 };

    fn in_a_minute() -> Reading {
        let minute = BootInstant::now().saturating_add(Duration::from_secs(60));
        Reading::from_nanos(minute.as_nanos())
    }

    #[test]
    fn a_lease_is_renewed_in_place_and_ends_with_its_ballot() {
        let leases = EpochLeases::default();
        assert!(leases.lease(FIRST).is_none());
        leases.renewed(FIRST, Reading::from_nanos(1));
        let lease = leases.lease(FIRST).unwrap();
        assert!(!lease.is_valid());
        leases.renewed(FIRST, in_a_minute());
        assert!(lease.is_valid());
        leases.ended(SECOND);
        assert!(lease.is_valid());
        leases.ended(FIRST);
        assert!(!lease.is_valid());
        leases.renewed(FIRST, in_a_minute());
        assert!(!lease.is_valid() && !leases.lease(FIRST).unwrap().is_valid());
    }

    #[test]
    fn a_later_ballot_has_a_lease_of_its_own() {
        let leases = EpochLeases::default();
        leases.renewed(FIRST, in_a_minute());
        let first = leases.lease(FIRST).unwrap();
        leases.renewed(SECOND, in_a_minute());
        assert!(!first.is_valid());
        assert!(leases.lease(FIRST).is_none());
        assert!(leases.lease(SECOND).unwrap().is_valid());
        leases.end();
        assert!(!leases.lease(SECOND).unwrap().is_valid());
    }
}
