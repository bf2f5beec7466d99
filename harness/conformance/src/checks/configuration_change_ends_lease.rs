//! L7: a leader that has been removed has no lease any more once that is in force: not when the
//! removal is acknowledged, and not beside its successor's, when the leader is cut off or frozen in
//! the moment in which the others learn of it.

use std::time::Duration;

use futures_util::FutureExt;
use tsoracle_consensus::{BootInstant, MembershipError};
use tsoracle_testbed::{Cluster, Durability, Leader, LinkFault};

use crate::case::Case;
use crate::elections::campaign;
use crate::leases::{Sampler, deadline, leader_with_lease};
use crate::verdict::{ensure, guard};
use crate::views::Views;
use crate::{Check, Level, Need, Stop};

const TURNS: u64 = 3;
const LOOK_EVERY: Duration = Duration::from_millis(1);
/// The part of a lease by which a leader learns late what the others know.
const LATER: u32 = 8;
/// More often, and rivals would keep each other from being elected.
const LOOKS_PER_CAMPAIGN: u32 = 30;

pub(super) const CHECK: Check = Check {
    name: "configuration_change_ends_lease",
    clause: "L7",
    level: Level::Cluster,
    needs: &[Need::Links, Need::Leases, Need::Membership],
    run: |case| run(case).boxed(),
};

#[derive(Clone, Copy, PartialEq, Eq)]
enum Blow {
    /// It may step down as it likes.
    None,
    Cut,
    Freeze,
}

async fn run(case: &mut Case) -> Result<(), Stop> {
    let mut blows = vec![Blow::None, Blow::Cut];
    if case.capabilities().durability == Durability::Disk {
        blows.push(Blow::Freeze);
    }
    let (mut samples, mut lost) = (0, 0);
    for _ in 0..TURNS {
        for blow in &blows {
            let (sampled, frames) = remove_the_leader(case, *blow).await?;
            (samples, lost) = (samples + sampled, lost + frames);
        }
    }
    guard!(samples > 0, "no leader could be removed");
    guard!(lost > 0, "no frame of a leader was lost");
    case.count("frames lost around a leader", lost);
    case.count("readings of all leases", samples);
    case.count("leaders removed", TURNS * blows.len() as u64);
    Ok(())
}

/// Returns how often all leases were read, and how many frames around the leader were lost.
async fn remove_the_leader(case: &mut Case, blow: Blow) -> Result<(u64, u64), Stop> {
    let mut cluster = match case.capabilities().durability {
        Durability::Disk => case.processes().await?,
        Durability::Process => case.cluster().await?,
    };
    let views = Views::of(&cluster)?;
    let mut sampler = Sampler::default();
    let old = leader_with_lease(case, &cluster).await?;
    sampler.sample(&cluster, &views).await?;
    let node = &cluster.nodes()[old.index];
    let (number, membership) = (node.spec().node, node.membership()?);
    let lease = case.timing().lease.unwrap_or_default();
    if blow != Blow::None {
        hear_late(case, &mut cluster, &old, lease / LATER).await?;
    }
    let removal = tokio::spawn(async move { membership.remove(number).await });
    if blow == Blow::None {
        let patience = case.call_patience();
        let removed = patience.wait_for("the answer to a removal", removal);
        match removed.await?? {
            Ok(()) => ensure_over(&cluster, &old).await?,
            Err(MembershipError::Refused { reason }) => {
                return Err(Stop::Failed(format!("{old:?} was not removed: {reason}")));
            }
            // Leadership had moved of itself.
            Err(MembershipError::Consensus(_)) => return Ok((0, 0)),
        }
    } else {
        wait_until_others_know(case, &cluster, &old).await?;
    }
    let late = strike(&mut cluster, &views, &mut sampler, &old, blow).await?;
    watch_the_successor(case, &cluster, &views, &mut sampler, &old).await?;
    let lost = match blow {
        Blow::None => 0,
        // One that had stepped down before had nothing to say.
        Blow::Cut => cluster.disturbed_around(old.index).await?,
        Blow::Freeze => {
            cluster.nodes()[old.index].thaw()?;
            sampler.freeze(None);
            0
        }
    };
    sampler.sample_for(&cluster, &views, lease).await?;
    Ok((sampler.samples, lost.saturating_sub(late)))
}

/// Returns how many frames around the leader were late before a cut.
async fn strike(
    cluster: &mut Cluster,
    views: &Views,
    sampler: &mut Sampler,
    old: &Leader,
    blow: Blow,
) -> Result<u64, Stop> {
    match blow {
        Blow::None => Ok(0),
        Blow::Cut => {
            cluster.isolate(old.index).await?;
            Ok(cluster.disturbed_around(old.index).await?)
        }
        Blow::Freeze => {
            // What it says of its lease now is what counts while it stands still.
            sampler.sample(cluster, views).await?;
            sampler.freeze(Some(old.index));
            cluster.nodes()[old.index].freeze()?;
            Ok(0)
        }
    }
}

/// What the others answer reaches the leader late, so that it still leads when they know.
async fn hear_late(
    case: &Case,
    cluster: &mut Cluster,
    leader: &Leader,
    delay: Duration,
) -> Result<(), Stop> {
    for index in case.others(leader.index) {
        let late = LinkFault::Delay(delay);
        cluster.set_link(index, leader.index, late).await?;
    }
    Ok(())
}

async fn ensure_over(cluster: &Cluster, old: &Leader) -> Result<(), Stop> {
    let valid = deadline(cluster, old).await? > Some(BootInstant::now());
    ensure!(
        !valid,
        "the removal of {old:?} was acknowledged, and its lease was valid"
    );
    Ok(())
}

/// Until one of the others goes by voters without the leader.
async fn wait_until_others_know(case: &Case, cluster: &Cluster, old: &Leader) -> Result<(), Stop> {
    let leader = cluster.nodes()[old.index].spec().node;
    let patience = case.call_patience();
    loop {
        for index in case.others(old.index) {
            let members = cluster.nodes()[index].membership()?.members().await;
            let members = members.unwrap_or_default();
            if !members.is_empty() && members.iter().all(|member| member.node != leader) {
                return Ok(());
            }
        }
        ensure!(
            !patience.left().is_zero(),
            "{old:?} was to be removed, and no other node came to know of it"
        );
        tokio::time::sleep(LOOK_EVERY).await;
    }
}

/// Reads all leases until another node has a valid one.
async fn watch_the_successor(
    case: &Case,
    cluster: &Cluster,
    views: &Views,
    sampler: &mut Sampler,
    old: &Leader,
) -> Result<(), Stop> {
    let patience = case.election_patience();
    let others = case.others(old.index);
    for look in 0_u32.. {
        if look.is_multiple_of(LOOKS_PER_CAMPAIGN) {
            let rival = (look / LOOKS_PER_CAMPAIGN) as usize % others.len();
            campaign(cluster, others[rival]).await?;
        }
        let valid = sampler.sample(cluster, views).await?;
        if valid.is_some_and(|(index, _)| index != old.index) {
            break;
        }
        ensure!(
            !patience.left().is_zero(),
            "{old:?} was removed, and nobody leads after it"
        );
        tokio::time::sleep(LOOK_EVERY).await;
    }
    Ok(())
}
