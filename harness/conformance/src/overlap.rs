//! Leaders that fall or give way while all leases are read all the time.

use std::time::Duration;

use rand::RngExt;
use rand_chacha::ChaCha8Rng;
use tsoracle_testbed::{Cluster, Durability, Leader, LinkFault};

use crate::Stop;
use crate::case::Case;
use crate::elections::campaign;
use crate::leases::{Sampler, leader_with_lease};
use crate::verdict::guard;
use crate::views::Views;

const LOOK_EVERY: Duration = Duration::from_millis(1);
/// More often, and rivals would keep each other from being elected.
const LOOKS_PER_CAMPAIGN: u32 = 30;
/// Readings that have to find a fallen leader with a valid lease.
const LEAST_WHILE_OLD: u64 = 20;

/// What becomes of a leader.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Change {
    /// All its links are cut.
    Cut,
    /// It stands still for longer than lease and election. In processes only.
    Freeze,
    /// It stands still for less than its lease, and goes on with its links cut: whatever had come
    /// for it is old by then. In processes only.
    FreezeAndCut,
    /// It ends without a word and comes back at once.
    Crash,
    /// It hands leadership to another node, if the driver can.
    HandOff,
    /// The same, and it stands still in the middle of it. In processes only.
    HandOffAndFreeze,
}

/// A cluster whose leases are read all the time.
pub(crate) struct Overlap {
    pub(crate) cluster: Cluster,
    pub(crate) views: Views,
    pub(crate) sampler: Sampler,
    rng: ChaCha8Rng,
    frames_lost: u64,
    successors: u64,
    /// Readings that found the lease of a leader valid that had fallen.
    read_while_old: u64,
}

impl Overlap {
    /// On a fresh cluster, in processes of their own where the backend can have them.
    pub(crate) async fn begin(case: &mut Case) -> Result<Self, Stop> {
        let cluster = match case.capabilities().durability {
            Durability::Disk => case.processes().await?,
            Durability::Process => case.cluster().await?,
        };
        Ok(Self {
            views: Views::of(&cluster)?,
            cluster,
            sampler: Sampler::default(),
            rng: case.rng(),
            frames_lost: 0,
            successors: 0,
            read_while_old: 0,
        })
    }

    /// A leader falls or gives way, and another one leads.
    pub(crate) async fn change(&mut self, case: &Case, change: Change) -> Result<(), Stop> {
        let old = leader_with_lease(case, &self.cluster).await?;
        self.sampler.sample(&self.cluster, &self.views).await?;
        // At any moment between two rounds of the lease.
        let lease = case.timing().lease.unwrap_or_default();
        tokio::time::sleep(self.rng.random_range(Duration::ZERO..=lease / 2)).await;
        let busy = tokio::spawn({
            let old = old.clone();
            async move { old.driver.persist_high_water(10, old.epoch).await }
        });
        tokio::time::sleep(self.rng.random_range(Duration::ZERO..=lease / 20)).await;
        let mut is_gone = true;
        match change {
            Change::Cut => self.cluster.isolate(old.index).await?,
            Change::Freeze => self.freeze(&old)?,
            Change::FreezeAndCut => self.freeze_and_cut(case, &old).await?,
            Change::Crash => self.crash(case, &old).await?,
            Change::HandOff | Change::HandOffAndFreeze => {
                is_gone = self.hand_off(case, &old, change).await?;
            }
        }
        if is_gone {
            self.watch_the_successor(case, &old, change).await?;
        }
        if change == Change::Freeze {
            self.cluster.nodes()[old.index].thaw()?;
            self.sampler.freeze(None);
        }
        self.sampler
            .sample_for(&self.cluster, &self.views, lease)
            .await?;
        if matches!(change, Change::Cut | Change::FreezeAndCut) {
            self.frames_lost += self.cluster.disturbed_around(old.index).await?;
        }
        self.cluster.heal().await?;
        // Whatever the answer, the node has given it, or it is gone.
        let patience = case.call_patience();
        patience
            .wait_for("the answer to a persist", busy)
            .await??
            .ok();
        Ok(())
    }

    fn freeze(&mut self, old: &Leader) -> Result<(), Stop> {
        self.sampler.freeze(Some(old.index));
        Ok(self.cluster.nodes()[old.index].freeze()?)
    }

    async fn freeze_and_cut(&mut self, case: &Case, old: &Leader) -> Result<(), Stop> {
        let lease = case.timing().lease.unwrap_or_default();
        // It has to cut its own links itself, so that comes before it stands still.
        for other in case.others(old.index) {
            let cut = LinkFault::Drop;
            self.cluster.set_link(old.index, other, cut).await?;
        }
        self.freeze(old)?;
        let for_less = self.rng.random_range(lease / 4..=lease * 3 / 4);
        self.sampler
            .sample_for(&self.cluster, &self.views, for_less)
            .await?;
        for other in case.others(old.index) {
            let cut = LinkFault::Drop;
            self.cluster.set_link(other, old.index, cut).await?;
        }
        self.sampler.freeze(None);
        Ok(self.cluster.nodes()[old.index].thaw()?)
    }

    async fn crash(&mut self, case: &Case, old: &Leader) -> Result<(), Stop> {
        let node = self.cluster.node_mut(old.index)?;
        node.crash()?;
        let patience = case.election_patience();
        let start = patience.wait_for("the start of a node", node.start());
        start.await??;
        self.views.follow(&self.cluster, old.index)
    }

    /// Leases are read while one node hands over. Whether it did.
    async fn hand_off(&mut self, case: &Case, old: &Leader, change: Change) -> Result<bool, Stop> {
        let handoff = self.cluster.nodes()[old.index].handoff()?;
        let others = case.others(old.index);
        let to = others[self.rng.random_range(0..others.len())];
        let to = self.cluster.nodes()[to].spec().node;
        let handing_over = tokio::spawn(async move { handoff.hand_off(to).await });
        if change == Change::HandOffAndFreeze {
            let lease = case.timing().lease.unwrap_or_default();
            tokio::time::sleep(self.rng.random_range(Duration::ZERO..=lease / 20)).await;
            self.freeze(old)?;
            self.sampler.forget(old.index);
            self.sampler
                .sample_for(&self.cluster, &self.views, lease * 2)
                .await?;
            self.cluster.nodes()[old.index].thaw()?;
            self.sampler.freeze(None);
        }
        let is_over = || handing_over.is_finished();
        let sampled = self
            .sampler
            .sample_until(&self.cluster, &self.views, is_over);
        let patience = case.election_patience();
        patience.wait_for("the end of a handoff", sampled).await??;
        match handing_over.await? {
            Ok(()) => Ok(true),
            // The target was not fast enough, or has yet to catch up, or the leader had fallen.
            Err(_) => Ok(false),
        }
    }

    /// Reads all leases until another term has a valid one. Now and then a rival campaigns, so that
    /// one is elected as soon as it may be.
    async fn watch_the_successor(
        &mut self,
        case: &Case,
        old: &Leader,
        change: Change,
    ) -> Result<(), Stop> {
        // The lease of a node that has ended has ended with it.
        let old_term = Some((old.index, old.epoch)).filter(|_| change != Change::Crash);
        let patience = case.election_patience();
        let others = case.others(old.index);
        for look in 0_u32.. {
            if look.is_multiple_of(LOOKS_PER_CAMPAIGN) {
                let rival = others[self.rng.random_range(0..others.len())];
                campaign(&self.cluster, rival).await?;
            }
            let valid = self.sampler.sample(&self.cluster, &self.views).await?;
            self.read_while_old += u64::from(valid.is_some() && valid == old_term);
            if valid.is_some_and(|term| Some(term) != old_term) {
                self.successors += 1;
                return Ok(());
            }
            guard!(!patience.left().is_zero(), "nobody leads after {old:?}");
            tokio::time::sleep(LOOK_EVERY).await;
        }
        Ok(())
    }

    /// Notes what happened.
    pub(crate) fn note(&self, case: &mut Case) -> Result<(), Stop> {
        case.count("readings of all leases", self.sampler.samples);
        case.count("of these, with an old lease valid", self.read_while_old);
        case.count("leaders with a successor", self.successors);
        case.count("frames lost around a leader", self.frames_lost);
        guard!(self.frames_lost > 0, "no frame of a leader was lost");
        guard!(
            self.read_while_old >= LEAST_WHILE_OLD,
            "only {} readings found the lease of a fallen leader valid",
            self.read_while_old
        );
        Ok(())
    }
}
