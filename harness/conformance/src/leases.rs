//! Every lease that was ever shown, and whether two are valid at one instant.

use std::time::Duration;

use tsoracle_consensus::BootInstant;
use tsoracle_testbed::{Cluster, Leader, LeaseDeadlines, Term, valid_leases};

use crate::Stop;
use crate::case::Case;
use crate::views::Views;

const SAMPLE_EVERY: Duration = Duration::from_millis(1);

/// Reads all leases twice, with an instant between the two: what was valid before and has not
/// ended after was valid then.
#[derive(Default)]
pub(crate) struct Sampler {
    /// What nodes in other processes said last; who stands still is not asked.
    told: LeaseDeadlines,
    frozen: Option<usize>,
    /// How often all leases were read.
    pub(crate) samples: u64,
}

impl Sampler {
    /// From now on this node is not asked, and keeps the lease that it had, or no node any more.
    pub(crate) fn freeze(&mut self, index: Option<usize>) {
        self.frozen = index;
    }

    /// What this node said last no longer counts: it may give its lease up by itself.
    pub(crate) fn forget(&mut self, index: usize) {
        self.told.retain(|(told, _), _| *told != index);
    }

    /// One look at every lease. Returns whose was valid.
    pub(crate) async fn sample(
        &mut self,
        cluster: &Cluster,
        views: &Views,
    ) -> Result<Option<Term>, Stop> {
        let before = self.read(cluster, views).await?;
        let at = BootInstant::now();
        let after = self.read(cluster, views).await?;
        let valid = valid_leases(&before, at, &after);
        if let [(one, epoch), (other, other_epoch), ..] = valid[..] {
            return Err(Stop::Failed(format!(
                "at one instant the lease of node {} of epoch {epoch} was valid, and so was that \
                 of node {} of epoch {other_epoch}",
                one + 1,
                other + 1
            )));
        }
        self.samples += 1;
        Ok(valid.first().copied())
    }

    /// Looks again and again until `done` says so.
    pub(crate) async fn sample_until(
        &mut self,
        cluster: &Cluster,
        views: &Views,
        mut done: impl FnMut() -> bool,
    ) -> Result<(), Stop> {
        while !done() {
            self.sample(cluster, views).await?;
            tokio::time::sleep(SAMPLE_EVERY).await;
        }
        Ok(())
    }

    /// Looks for so long.
    pub(crate) async fn sample_for(
        &mut self,
        cluster: &Cluster,
        views: &Views,
        time: Duration,
    ) -> Result<(), Stop> {
        let end = BootInstant::now().saturating_add(time);
        self.sample_until(cluster, views, || BootInstant::now() >= end)
            .await
    }

    /// The deadlines of all leases that have not ended.
    async fn read(&mut self, cluster: &Cluster, views: &Views) -> Result<LeaseDeadlines, Stop> {
        let mut deadlines = LeaseDeadlines::new();
        for term in views.terms() {
            if let Some(deadline) = term.lease.deadline() {
                deadlines.insert((term.index, term.epoch), deadline);
            }
        }
        let leaders = cluster.leaders();
        // That of a node in another process.
        for leader in leaders.iter().filter(|leader| leader.lease.is_absent()) {
            let key = (leader.index, leader.epoch);
            if self.frozen == Some(leader.index) {
                deadlines.extend(self.told.get(&key).map(|told| (key, *told)));
                continue;
            }
            match deadline(cluster, leader).await? {
                Some(deadline) => {
                    self.told.insert(key, deadline);
                    deadlines.insert(key, deadline);
                }
                None => drop(self.told.remove(&key)),
            }
        }
        Ok(deadlines)
    }
}

/// Until when a leader's lease is valid, wherever its node is.
pub(crate) async fn deadline(
    cluster: &Cluster,
    leader: &Leader,
) -> Result<Option<BootInstant>, Stop> {
    match leader.lease.is_absent() {
        true => Ok(cluster.nodes()[leader.index].lease_deadline().await?),
        false => Ok(leader.lease.deadline()),
    }
}

/// A leader whose lease is valid, once there is one.
pub(crate) async fn leader_with_lease(case: &Case, cluster: &Cluster) -> Result<Leader, Stop> {
    let found = async {
        loop {
            for leader in cluster.leaders() {
                if deadline(cluster, &leader).await? > Some(BootInstant::now()) {
                    return Ok(leader);
                }
            }
            tokio::time::sleep(SAMPLE_EVERY).await;
        }
    };
    let patience = case.election_patience();
    patience
        .wait_for("a leader with a valid lease", found)
        .await?
}
