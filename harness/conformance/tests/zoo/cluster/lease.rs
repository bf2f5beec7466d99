//! L7, L8: leases that last too long, and what becomes of a lapsed one.

use std::sync::Arc;

use async_trait::async_trait;
use tsoracle_consensus::{ConsensusError, Epoch, LeaderState};

use super::exhibit;
use crate::exhibit::Exhibit;
use crate::memory::spoiled::{Defect, Life, cluster_exhibit};

pub(super) fn exhibits() -> Vec<Exhibit> {
    let mut exhibits = leases_that_last_too_long();
    exhibits.extend([
        exhibit(
            "lapsed_lease_loads_a_value",
            |rules| rules.asks_the_quorum_without_a_lease = false,
            &[
                "lapsed_lease_answers_transient",
                "isolated_leader_load_refuses",
                "concurrent_history_is_linearizable",
                "fresh_store_under_known_identity_is_refused",
                "no_quorum_no_ok",
                "heal_converges",
            ],
        ),
        exhibit(
            "lapsed_lease_never_comes_back",
            |rules| rules.renews_a_lapsed_lease = false,
            &[
                "lease_ends_when_isolated",
                "lapsed_lease_answers_transient",
                "load_is_bounded_while_persist_is_slow",
                "acknowledged_survives_kill",
                "persist_is_bounded_without_quorum",
                "persist_is_bounded_while_disk_stalls",
                "error_class_by_fault",
                "fresh_store_under_known_identity_is_refused",
                "no_quorum_no_ok",
                "heal_converges",
            ],
        ),
        // It answers `Transient` once its time is up, and what it appended may count later: allowed.
        exhibit(
            "lapsed_lease_appends",
            |rules| rules.refuses_without_a_lease = false,
            &[],
        ),
        cluster_exhibit::<PersistsAsFollower>(),
        cluster_exhibit::<LoadsAsFollower>(),
        cluster_exhibit::<PersistsAsFenced>(),
    ]);
    exhibits
}

fn leases_that_last_too_long() -> Vec<Exhibit> {
    vec![
        exhibit(
            "lease_of_a_quorum_of_one",
            |rules| rules.leases_need_a_quorum = false,
            &[
                "lease_ends_when_isolated",
                "leases_never_overlap",
                "restart_does_not_forget_grant",
                "lapsed_lease_answers_transient",
                "isolated_leader_load_refuses",
                "concurrent_history_is_linearizable",
                "persist_is_bounded_without_quorum",
                "one_refusal_per_situation",
                "error_class_by_fault",
                "fresh_store_under_known_identity_is_refused",
                "no_quorum_no_ok",
                "heal_converges",
                "timestamps_are_realtime_ordered",
            ],
        ),
        exhibit(
            "lease_counted_from_the_answer",
            |rules| rules.counts_from_the_sending = false,
            &["lease_ends_when_isolated", "leases_never_overlap"],
        ),
        exhibit(
            "lease_goes_on_after_a_handoff",
            |rules| rules.ends_its_lease_before_a_handoff = false,
            &["leases_never_overlap", "failed_handoff_recovers"],
        ),
        exhibit(
            "lease_of_a_removed_leader_binds_nobody",
            |rules| {
                rules.ends_its_lease_before_it_is_removed = false;
                rules.grants_outlive_membership = false;
            },
            &["configuration_change_ends_lease"],
        ),
        exhibit(
            "grant_binds_nobody",
            |rules| rules.keeps_grants = false,
            &[
                "leases_never_overlap",
                "restart_does_not_forget_grant",
                "timestamps_are_realtime_ordered",
            ],
        ),
        exhibit(
            "grant_ends_too_early",
            |rules| rules.grants_last_as_long_as_leases = false,
            &["leases_never_overlap", "timestamps_are_realtime_ordered"],
        ),
        exhibit(
            "grant_forgotten_at_a_restart",
            |rules| rules.remembers_grants = false,
            &["restart_does_not_forget_grant"],
        ),
    ]
}

/// Whether the node leads and its lease has lapsed.
fn has_lapsed<D: Defect>(life: &Life<D>) -> bool {
    matches!(life.state(), Some(LeaderState::Leader { lease, .. }) if !lease.is_valid())
}

/// Without a lease, a leader says that it does not lead.
#[derive(Default)]
struct PersistsAsFollower;

#[async_trait]
impl Defect for PersistsAsFollower {
    const NAME: &'static str = "lapsed_lease_answers_not_leader";
    const FAILS: &'static [&'static str] = &[
        "lapsed_lease_answers_transient",
        "one_refusal_per_situation",
        "error_class_by_fault",
    ];
    type Store = ();

    async fn persist(
        life: &Arc<Life<Self>>,
        at_least: u64,
        epoch: Epoch,
    ) -> Result<u64, ConsensusError> {
        if has_lapsed(life) {
            return Err(ConsensusError::NotLeader { leader: None });
        }
        life.honest.persist_high_water(at_least, epoch).await
    }
}

/// So it does when it is asked for the value.
#[derive(Default)]
struct LoadsAsFollower;

#[async_trait]
impl Defect for LoadsAsFollower {
    const NAME: &'static str = "lapsed_lease_loads_as_not_leader";
    const FAILS: &'static [&'static str] = &["lapsed_lease_answers_transient"];
    type Store = ();

    async fn load(life: &Arc<Life<Self>>) -> Result<u64, ConsensusError> {
        if has_lapsed(life) {
            return Err(ConsensusError::NotLeader { leader: None });
        }
        life.honest.load_high_water().await
    }
}

/// An epoch without a lease is taken for an old one.
#[derive(Default)]
struct PersistsAsFenced;

#[async_trait]
impl Defect for PersistsAsFenced {
    const NAME: &'static str = "lapsed_lease_is_fenced";
    const FAILS: &'static [&'static str] = &[
        "lapsed_lease_answers_transient",
        "load_sees_all_acknowledged_after_failover",
        "persist_is_bounded_without_quorum",
        "one_refusal_per_situation",
        "error_class_by_fault",
    ];
    type Store = ();

    async fn persist(
        life: &Arc<Life<Self>>,
        at_least: u64,
        epoch: Epoch,
    ) -> Result<u64, ConsensusError> {
        if has_lapsed(life) {
            let (offered, current) = (epoch, epoch);
            return Err(ConsensusError::Fenced { offered, current });
        }
        life.honest.persist_high_water(at_least, epoch).await
    }
}
