//! The lease of each ballot, fed by whoever keeps it and read through the contract's handles.

use std::sync::{Mutex, MutexGuard, PoisonError};

use tokio::sync::watch;

use crate::{BootInstant, Lease, LeaseHolder};

/// The contract's lease of this node's newest leadership.
#[derive(Debug)]
pub struct BallotLeases<B> {
    newest: Mutex<Option<(B, LeaseHolder)>>,
    changed: watch::Sender<()>,
}

impl<B> Default for BallotLeases<B> {
    fn default() -> Self {
        Self {
            newest: Mutex::new(None),
            changed: watch::Sender::new(()),
        }
    }
}

impl<B: Copy + Eq> BallotLeases<B> {
    /// The lease of the leadership at `ballot`, valid, lapsed or ended; `None` before it has one.
    pub fn lease(&self, ballot: B) -> Option<Lease> {
        let newest = self.lock();
        let (held, holder) = newest.as_ref()?;
        (*held == ballot).then(|| holder.lease())
    }

    /// Marked whenever a lease becomes valid, or ends for good.
    #[must_use]
    pub fn changes(&self) -> watch::Receiver<()> {
        self.changed.subscribe()
    }

    /// The lease at `ballot` lasts until `deadline`. The lease of another ballot is over.
    pub fn renewed(&self, ballot: B, deadline: BootInstant) {
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

    /// The lease at `ballot` is over for good when this returns.
    pub fn ended(&self, ballot: B) {
        let newest = self.lock();
        if let Some((_, holder)) = newest.as_ref().filter(|(held, _)| *held == ballot) {
            holder.end();
            self.changed.send_replace(());
        }
    }

    /// Ends whatever lease there is.
    pub fn end(&self) {
        if let Some((_, holder)) = &*self.lock() {
            holder.end();
            self.changed.send_replace(());
        }
    }

    fn lock(&self) -> MutexGuard<'_, Option<(B, LeaseHolder)>> {
        self.newest.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    fn in_a_minute() -> BootInstant {
        BootInstant::now().saturating_add(Duration::from_secs(60))
    }

    #[test]
    fn a_lease_is_renewed_in_place_and_ends_with_its_ballot() {
        let leases = BallotLeases::default();
        assert!(leases.lease(1).is_none());
        leases.renewed(1, BootInstant::from_nanos(1));
        let lease = leases.lease(1).unwrap();
        assert!(!lease.is_valid());
        leases.renewed(1, in_a_minute());
        assert!(lease.is_valid());
        leases.ended(2);
        assert!(lease.is_valid());
        leases.ended(1);
        assert!(!lease.is_valid());
        leases.renewed(1, in_a_minute());
        assert!(!lease.is_valid() && !leases.lease(1).unwrap().is_valid());
    }

    #[test]
    fn a_later_ballot_has_a_lease_of_its_own() {
        let leases = BallotLeases::default();
        leases.renewed(1, in_a_minute());
        let first = leases.lease(1).unwrap();
        leases.renewed(2, in_a_minute());
        assert!(!first.is_valid());
        assert!(leases.lease(1).is_none());
        assert!(leases.lease(2).unwrap().is_valid());
        leases.end();
        assert!(!leases.lease(2).unwrap().is_valid());
    }
}
