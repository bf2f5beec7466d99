//! L7: `Leader` is shown with a valid lease, and no lease is valid while a later one is, nor ever
//! again: a store is taken over as soon as it can be, and in a cluster leaders are cut off, frozen,
//! killed, started again, and hand over.

use std::sync::Arc;
use std::time::Duration;

use futures_util::FutureExt;
use tokio::sync::oneshot;
use tsoracle_consensus::{BootInstant, ConsensusError, Lease};
use tsoracle_testbed::{Backend, Cluster, Durability, Leader, Links, Node, NodeSpec};

use crate::case::Case;
use crate::overlap::{Change, Overlap};
use crate::verdict::{ensure, guard};
use crate::{Check, Level, Need, Stop};

const ROUNDS: u64 = 5;
const SAMPLES: u64 = 30;
/// How often a leader falls in each way.
const TURNS: u64 = 3;
/// Between two tries to open a store that is held.
const RETRY: Duration = Duration::from_micros(200);

pub(super) const CHECK: Check = Check {
    name: "leases_never_overlap",
    clause: "L7",
    level: Level::Both,
    needs: &[Need::Leases],
    run: |case| run(case).boxed(),
};

async fn run(case: &mut Case) -> Result<(), Stop> {
    let mut cluster = case.cluster().await?;
    let mut ended: Vec<Lease> = Vec::new();
    let mut value = 0;
    for _ in 0..ROUNDS {
        let before = BootInstant::now();
        let leader = case.start_again(&mut cluster).await?;
        ensure_shown_valid(&leader, before)?;
        for _ in 0..SAMPLES {
            value = case.persist(&leader, value + 1).await?;
            ensure_no_overlap(&ended, &leader.lease)?;
        }
        take_over(case, &mut cluster, &leader).await?;
        ended.push(leader.lease);
        case.shut_down(&mut cluster).await?;
        ensure_all_over(&ended, "after a shutdown")?;
    }
    case.count("terms", ROUNDS);
    case.count("samples", ROUNDS * SAMPLES);
    if case.nodes() > 1 && case.capabilities().links != Links::None {
        through_falls(case).await?;
    }
    Ok(())
}

/// One way after the other, again and again, so that each comes after every other.
async fn through_falls(case: &mut Case) -> Result<(), Stop> {
    let mut overlap = Overlap::begin(case).await?;
    let capabilities = case.capabilities();
    let mut changes = vec![Change::Cut, Change::Crash];
    if capabilities.durability == Durability::Disk {
        changes.extend([Change::Freeze, Change::FreezeAndCut]);
    }
    if capabilities.handoff {
        changes.push(Change::HandOff);
        if capabilities.durability == Durability::Disk {
            changes.push(Change::HandOffAndFreeze);
        }
    }
    for _ in 0..TURNS {
        for change in &changes {
            overlap.change(case, *change).await?;
        }
    }
    overlap.note(case)
}

/// A lease may lapse between the state that shows it and this look at it, on a slow machine; it
/// cannot have covered an earlier moment without having been valid.
fn ensure_shown_valid(leader: &Leader, before: BootInstant) -> Result<(), Stop> {
    let Leader { epoch, lease, .. } = leader;
    ensure!(
        !lease.is_absent(),
        "epoch {epoch} has no lease, and the driver declares leases"
    );
    ensure!(
        lease.is_valid_at(before),
        "epoch {epoch} was shown before its lease was valid"
    );
    Ok(())
}

/// Reads old, new, old at one instant: only a lease that was valid on both sides overlaps.
fn ensure_no_overlap(ended: &[Lease], current: &Lease) -> Result<(), Stop> {
    for old in ended {
        let at = BootInstant::now();
        let readings = [old, current, old].map(|lease| lease.is_valid_at(at));
        ensure!(
            readings != [true; 3],
            "a lease that had ended was valid beside the present one"
        );
    }
    ensure_all_over(ended, "under a later leader")
}

fn ensure_all_over(ended: &[Lease], when: &str) -> Result<(), Stop> {
    ensure!(
        !ended.iter().any(Lease::is_valid),
        "a lease was valid {when}, and its leadership had ended"
    );
    Ok(())
}

/// Shuts the leader down while somebody else tries to open its store. The old lease must have
/// ended by the time that the store opens, and by the time that the shutdown returns.
async fn take_over(case: &Case, cluster: &mut Cluster, leader: &Leader) -> Result<(), Stop> {
    let node = cluster.node_mut(leader.index)?;
    let (tried, has_tried) = oneshot::channel();
    let successor = Successor {
        backend: Arc::clone(case.backend()),
        spec: node.spec().clone(),
        old: leader.lease.clone(),
        tried: Some(tried),
    };
    let patience = case.election_patience();
    let successor = tokio::spawn(patience.wait_for("the store to open again", successor.open()));
    let patience = case.brief_patience();
    let tried = patience.wait_for("a first try to open the store", has_tried);
    guard!(tried.await?.is_ok(), "nobody tried to open the store");
    let patience = case.call_patience();
    patience
        .wait_for("the end of a shutdown", node.shutdown())
        .await??;
    ensure!(
        !leader.lease.is_valid(),
        "the shutdown had returned, and the lease was valid"
    );
    let (node, was_valid) = successor.await???;
    ensure!(
        !was_valid,
        "the store could be opened while the old lease was valid"
    );
    let patience = case.call_patience();
    patience
        .wait_for("the end of a shutdown", node.shutdown())
        .await??;
    Ok(())
}

struct Successor {
    backend: Arc<dyn Backend>,
    spec: NodeSpec,
    old: Lease,
    tried: Option<oneshot::Sender<()>>,
}

impl Successor {
    /// Tries until the store opens. Returns the node, and whether the old lease was valid then.
    async fn open(mut self) -> Result<(Arc<dyn Node>, bool), Stop> {
        loop {
            let opened = self.backend.start(self.spec.clone()).await;
            let was_valid = self.old.is_valid();
            if let Some(tried) = self.tried.take() {
                // Nobody listens once the check has stopped.
                let _ = tried.send(());
            }
            match opened {
                Ok(node) => return Ok((node, was_valid)),
                Err(ConsensusError::Permanent(_)) => tokio::time::sleep(RETRY).await,
                Err(other) => return Err(other.into()),
            }
        }
    }
}
