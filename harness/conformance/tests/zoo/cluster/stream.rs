//! L2, L3, L4: epochs that two terms share, states that are lost.

use std::sync::{Arc, Mutex};

use async_trait::async_trait;
use futures_util::{FutureExt, StreamExt, stream};
use tokio::sync::mpsc;
use tokio::task::unconstrained;
use tsoracle_consensus::{ConsensusError, Epoch, LeaderState, LeadershipStream};

use crate::exhibit::Exhibit;
use crate::memory::spoiled::{Defect, Life, cluster_exhibit, lock};

pub(super) fn exhibits() -> Vec<Exhibit> {
    vec![
        cluster_exhibit::<CountedInTheStore>(),
        cluster_exhibit::<CountedInMemory>(),
        cluster_exhibit::<NumberOfTheNode>(),
        cluster_exhibit::<FullBuffer>(),
        cluster_exhibit::<SameKind>(),
        cluster_exhibit::<FollowersNeverEnd>(),
    ]
}

/// The reference's epochs, each shown as the number of its place among those of one node.
#[derive(Default)]
struct Counted(Mutex<Vec<Epoch>>);

const UNHELD: Epoch = Epoch::new(u128::MAX);

impl Counted {
    fn shown(&self, real: Epoch) -> Epoch {
        let mut terms = lock(&self.0);
        let place = terms.iter().position(|term| *term == real);
        let place = place.unwrap_or_else(|| {
            terms.push(real);
            terms.len() - 1
        });
        Epoch::new(place as u128 + 1)
    }

    fn real(&self, shown: Epoch) -> Epoch {
        let place = usize::try_from(shown.as_u128()).unwrap_or(0);
        let terms = lock(&self.0);
        let real = place.checked_sub(1).and_then(|place| terms.get(place));
        real.copied().unwrap_or(UNHELD)
    }
}

/// The reference's stream with other epochs.
fn renumbered<D: Defect>(
    life: &Arc<Life<D>>,
    shown: impl Fn(&Life<D>, Epoch) -> Epoch + Send + 'static,
) -> LeadershipStream {
    let states = life.honest.leadership_events();
    let life = Arc::clone(life);
    let renumber = move |state| match state {
        LeaderState::Leader { epoch, lease } => LeaderState::Leader {
            epoch: shown(&life, epoch),
            lease,
        },
        other => other,
    };
    states.map(renumber).boxed()
}

/// A fence that shows other epochs.
fn refence<T>(
    answer: Result<T, ConsensusError>,
    offered: Epoch,
    shown: impl Fn(Epoch) -> Epoch,
) -> Result<T, ConsensusError> {
    answer.map_err(|refusal| match refusal {
        ConsensusError::Fenced { current, .. } => ConsensusError::Fenced {
            offered,
            current: shown(current),
        },
        other => other,
    })
}

/// Each node counts its own terms, durably.
#[derive(Default)]
struct CountedInTheStore;

#[async_trait]
impl Defect for CountedInTheStore {
    const NAME: &'static str = "epoch_counted_by_each_node";
    const FAILS: &'static [&'static str] = &[
        "one_leader_per_epoch",
        "later_term_greater_epoch",
        "same_node_again_new_epoch",
        "hint_is_service_endpoint",
        "hint_is_never_a_candidate",
        "restart_does_not_forget_grant",
        "lapsed_lease_answers_transient",
        "load_sees_own_persist",
        "load_sees_all_acknowledged_after_failover",
        "follower_load_refuses",
        "isolated_leader_load_refuses",
        "random_orders_never_regress",
        "concurrent_history_is_linearizable",
        "stale_epoch_is_fenced",
        "stale_epoch_same_node",
        "late_commit_of_old_epoch_has_no_effect",
        "opening_command_fences",
        "unheld_epoch_is_refused",
        "cancelled_persist_is_legal",
        "snapshot_keeps_value_and_fence",
        "purge_then_restart",
        "laggard_catches_up_by_snapshot",
        "elects_within_bound",
        "minority_never_ok",
        "handoff_loses_nothing",
        "added_member_counts",
        "removed_member_does_not_count",
        "replaced_member_hands_over_its_part",
        "removed_leader_makes_way",
        "members_change_under_load",
        "timestamps_are_realtime_ordered",
    ];
    type Store = Counted;

    fn events(life: &Arc<Life<Self>>) -> LeadershipStream {
        renumbered(life, |life, real| life.store.shown(real))
    }

    async fn persist(
        life: &Arc<Life<Self>>,
        at_least: u64,
        epoch: Epoch,
    ) -> Result<u64, ConsensusError> {
        let real = life.store.real(epoch);
        let answer = life.honest.persist_high_water(at_least, real).await;
        refence(answer, epoch, |current| life.store.shown(current))
    }
}

/// Each node counts its terms since it was started.
#[derive(Default)]
struct CountedInMemory(Counted);

#[async_trait]
impl Defect for CountedInMemory {
    const NAME: &'static str = "epoch_counted_since_the_start";
    const FAILS: &'static [&'static str] = &[
        "one_leader_per_epoch",
        "later_term_greater_epoch",
        "same_node_again_new_epoch",
        "epochs_never_decrease",
        "hint_is_service_endpoint",
        "hint_is_never_a_candidate",
        "restart_does_not_forget_grant",
        "lapsed_lease_answers_transient",
        "load_sees_own_persist",
        "load_sees_all_acknowledged_after_failover",
        "follower_load_refuses",
        "isolated_leader_load_refuses",
        "random_orders_never_regress",
        "concurrent_history_is_linearizable",
        "stale_epoch_is_fenced",
        "stale_epoch_same_node",
        "late_commit_of_old_epoch_has_no_effect",
        "opening_command_fences",
        "unheld_epoch_is_refused",
        "cancelled_persist_is_legal",
        "snapshot_keeps_value_and_fence",
        "purge_then_restart",
        "laggard_catches_up_by_snapshot",
        "elects_within_bound",
        "minority_never_ok",
        "handoff_loses_nothing",
        "added_member_counts",
        "removed_member_does_not_count",
        "replaced_member_hands_over_its_part",
        "removed_leader_makes_way",
        "members_change_under_load",
        "timestamps_are_realtime_ordered",
    ];
    type Store = ();

    fn events(life: &Arc<Life<Self>>) -> LeadershipStream {
        renumbered(life, |life, real| life.defect.0.shown(real))
    }

    async fn persist(
        life: &Arc<Life<Self>>,
        at_least: u64,
        epoch: Epoch,
    ) -> Result<u64, ConsensusError> {
        let counted = &life.defect.0;
        let real = counted.real(epoch);
        let answer = life.honest.persist_high_water(at_least, real).await;
        refence(answer, epoch, |current| counted.shown(current))
    }
}

/// A node that is elected again shows the epoch that it always has.
#[derive(Default)]
struct NumberOfTheNode;

#[async_trait]
impl Defect for NumberOfTheNode {
    const NAME: &'static str = "epoch_is_the_number_of_the_node";
    const FAILS: &'static [&'static str] = &[
        "later_term_greater_epoch",
        "same_node_again_new_epoch",
        "hint_is_service_endpoint",
        "hint_is_never_a_candidate",
        "restart_does_not_forget_grant",
        "lapsed_lease_answers_transient",
        "load_sees_own_persist",
        "load_sees_all_acknowledged_after_failover",
        "follower_load_refuses",
        "isolated_leader_load_refuses",
        "random_orders_never_regress",
        "stale_epoch_is_fenced",
        "stale_epoch_same_node",
        "late_commit_of_old_epoch_has_no_effect",
        "opening_command_fences",
        "unheld_epoch_is_refused",
        "cancelled_persist_is_legal",
        "snapshot_keeps_value_and_fence",
        "purge_then_restart",
        "laggard_catches_up_by_snapshot",
        "elects_within_bound",
        "minority_never_ok",
        "handoff_loses_nothing",
        "added_member_counts",
        "removed_member_does_not_count",
        "replaced_member_hands_over_its_part",
        "removed_leader_makes_way",
        "timestamps_are_realtime_ordered",
    ];
    type Store = ();

    fn events(life: &Arc<Life<Self>>) -> LeadershipStream {
        renumbered(life, |life, _| Epoch::new(life.id.into()))
    }

    async fn persist(
        life: &Arc<Life<Self>>,
        at_least: u64,
        epoch: Epoch,
    ) -> Result<u64, ConsensusError> {
        let own = Epoch::new(life.id.into());
        let real = life.epoch().filter(|_| epoch == own).unwrap_or(UNHELD);
        let answer = life.honest.persist_high_water(at_least, real).await;
        refence(answer, epoch, |_| own)
    }
}

/// What a subscriber that does not read has room for.
const ROOM: usize = 3;

/// A subscriber that does not read gets the oldest states, and not the last.
#[derive(Default)]
struct FullBuffer;

#[async_trait]
impl Defect for FullBuffer {
    const NAME: &'static str = "stream_with_a_full_buffer_drops_the_last";
    const FAILS: &'static [&'static str] = &["burst_keeps_last_state"];
    type Store = ();

    fn events(life: &Arc<Life<Self>>) -> LeadershipStream {
        let mut states = life.honest.leadership_events();
        let first = unconstrained(states.next()).now_or_never().flatten();
        let (buffer, buffered) = mpsc::channel(ROOM);
        tokio::spawn(async move {
            while let Some(state) = states.next().await {
                let _ = buffer.try_send(state);
            }
        });
        let buffered = stream::unfold(buffered, |mut buffered| async {
            Some((buffered.recv().await?, buffered))
        });
        stream::iter(first).chain(buffered).boxed()
    }
}

/// A state is not delivered if the one before was of the same kind.
#[derive(Default)]
struct SameKind;

#[async_trait]
impl Defect for SameKind {
    const NAME: &'static str = "stream_skips_a_state_of_the_same_kind";
    const FAILS: &'static [&'static str] = &["burst_keeps_last_state"];
    type Store = ();

    fn events(life: &Arc<Life<Self>>) -> LeadershipStream {
        let mut kind = None;
        let is_new = move |state: &LeaderState| {
            let now = Some(std::mem::discriminant(state));
            std::future::ready(std::mem::replace(&mut kind, now) != now)
        };
        life.honest.leadership_events().filter(is_new).boxed()
    }
}

/// A stream that was opened on a follower does not end.
#[derive(Default)]
struct FollowersNeverEnd;

#[async_trait]
impl Defect for FollowersNeverEnd {
    const NAME: &'static str = "stream_of_a_follower_never_ends";
    const FAILS: &'static [&'static str] =
        &["failing_disk_stops_the_node", "stream_ends_at_shutdown"];
    type Store = ();

    fn events(life: &Arc<Life<Self>>) -> LeadershipStream {
        let states = life.honest.leadership_events();
        match life.state() {
            Some(LeaderState::Follower { .. }) => states.chain(stream::pending()).boxed(),
            _ => states,
        }
    }
}
