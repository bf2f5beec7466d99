//! L7: leases that outlive their leadership, come back, or were never there.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use async_trait::async_trait;
use futures_util::StreamExt;
use tsoracle_consensus::{
    BootInstant, ConsensusError, Epoch, LeaderState, LeadershipStream, Lease, LeaseHolder,
};

use super::spoiled::{Defect, Life, exhibit};
use crate::exhibit::Exhibit;

pub(super) fn exhibits() -> Vec<Exhibit> {
    vec![
        exhibit::<Outlives>(),
        exhibit::<EndsAfterTheLock>(),
        exhibit::<ComesBack>(),
        exhibit::<Absent>(),
        exhibit::<ShownTooEarly>(),
    ]
}

/// The reference's stream, with another lease.
fn with_lease<D: Defect>(life: &Arc<Life<D>>, other: Lease) -> LeadershipStream {
    let replace = move |state| match state {
        LeaderState::Leader { epoch, .. } => LeaderState::Leader {
            epoch,
            lease: other.clone(),
        },
        other => other,
    };
    life.honest.leadership_events().map(replace).boxed()
}

/// Ends with its owner, at the latest.
struct Endless(LeaseHolder);

impl Default for Endless {
    fn default() -> Self {
        Self(LeaseHolder::until(BootInstant::FAR_FUTURE))
    }
}

/// Nobody ends the lease when the node shuts down.
#[derive(Default)]
struct Outlives(Endless);

#[async_trait]
impl Defect for Outlives {
    const NAME: &'static str = "lease_outlives_shutdown";
    const FAILS: &'static [&'static str] =
        &["leases_never_overlap", "timestamps_are_realtime_ordered"];
    type Store = ();

    fn events(life: &Arc<Life<Self>>) -> LeadershipStream {
        with_lease(life, life.defect.0.0.lease())
    }
}

/// The store is let go before the lease.
#[derive(Default)]
struct EndsAfterTheLock(Endless);

#[async_trait]
impl Defect for EndsAfterTheLock {
    const NAME: &'static str = "lease_ends_after_the_lock";
    const FAILS: &'static [&'static str] = &["leases_never_overlap"];
    type Store = ();

    fn events(life: &Arc<Life<Self>>) -> LeadershipStream {
        with_lease(life, life.defect.0.0.lease())
    }

    async fn shutdown(life: &Arc<Life<Self>>) -> Result<(), ConsensusError> {
        let answer = life.node.shutdown().await;
        tokio::time::sleep(Duration::from_millis(5)).await;
        life.defect.0.0.end();
        answer
    }
}

/// All terms of a store share one handle: it lapses at a shutdown, and the next term renews it.
#[derive(Default)]
struct ComesBack(AtomicBool);

const TERM: Duration = Duration::from_millis(60);
const RENEWAL: Duration = Duration::from_millis(5);

#[derive(Default)]
struct SharedLease(OnceLock<LeaseHolder>);

impl SharedLease {
    fn holder(&self) -> &LeaseHolder {
        self.0
            .get_or_init(|| LeaseHolder::until(BootInstant::now().saturating_add(TERM)))
    }

    fn renew(&self) {
        self.holder().renew(BootInstant::now().saturating_add(TERM));
    }
}

#[async_trait]
impl Defect for ComesBack {
    const NAME: &'static str = "lease_comes_back";
    const FAILS: &'static [&'static str] =
        &["leases_never_overlap", "timestamps_are_realtime_ordered"];
    type Store = SharedLease;

    async fn begin(life: &Arc<Life<Self>>) -> Result<(), ConsensusError> {
        life.store.renew();
        let life = Arc::clone(life);
        tokio::spawn(async move {
            while !life.defect.0.load(Ordering::SeqCst) {
                life.store.renew();
                tokio::time::sleep(RENEWAL).await;
            }
        });
        Ok(())
    }

    fn events(life: &Arc<Life<Self>>) -> LeadershipStream {
        with_lease(life, life.store.holder().lease())
    }

    async fn persist(
        life: &Arc<Life<Self>>,
        at_least: u64,
        epoch: Epoch,
    ) -> Result<u64, ConsensusError> {
        if !life.defect.0.load(Ordering::SeqCst) {
            life.store.renew();
        }
        life.honest.persist_high_water(at_least, epoch).await
    }

    async fn shutdown(life: &Arc<Life<Self>>) -> Result<(), ConsensusError> {
        if !life.defect.0.swap(true, Ordering::SeqCst) {
            let lease = life.store.holder().lease();
            while lease.is_valid() {
                tokio::time::sleep(RENEWAL).await;
            }
        }
        life.node.shutdown().await
    }
}

/// The driver declares leases and has none.
#[derive(Default)]
struct Absent;

#[async_trait]
impl Defect for Absent {
    const NAME: &'static str = "lease_is_absent";
    const FAILS: &'static [&'static str] =
        &["leases_never_overlap", "timestamps_are_realtime_ordered"];
    type Store = ();

    fn events(life: &Arc<Life<Self>>) -> LeadershipStream {
        with_lease(life, Lease::absent())
    }
}

/// Leadership is shown before the lease is there, which it is at the first call.
struct ShownTooEarly(LeaseHolder);

impl Default for ShownTooEarly {
    fn default() -> Self {
        Self(LeaseHolder::until(BootInstant::from_nanos(1)))
    }
}

#[async_trait]
impl Defect for ShownTooEarly {
    const NAME: &'static str = "lease_comes_after_leader";
    const FAILS: &'static [&'static str] = &["leases_never_overlap"];
    type Store = ();

    fn events(life: &Arc<Life<Self>>) -> LeadershipStream {
        with_lease(life, life.defect.0.lease())
    }

    async fn load(life: &Arc<Life<Self>>) -> Result<u64, ConsensusError> {
        let loaded = life.honest.load_high_water().await?;
        life.defect.0.renew(BootInstant::FAR_FUTURE);
        Ok(loaded)
    }

    async fn shutdown(life: &Arc<Life<Self>>) -> Result<(), ConsensusError> {
        life.defect.0.end();
        life.node.shutdown().await
    }
}
