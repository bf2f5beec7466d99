//! What a replicated register keeps to, one rule a field: the zoo takes them away one at a time.

use tsoracle_consensus::{AdvancePayload, HighWaterState, Superseded};

/// The rules of the simulated cluster. The default keeps all of them.
#[derive(Clone, Debug)]
pub struct Rules {
    /// How many of so many voters are a quorum (C2).
    pub quorum: fn(usize) -> usize,
    /// An elected leader takes over the newest log among the promises (P3).
    pub adopts_the_newest_log: bool,
    /// Nothing that rests on a write leaves before its sync (P3).
    pub syncs_before_it_speaks: bool,
    /// A promise is kept over a restart (L2, P4).
    pub keeps_promises: bool,
    /// A node that asks to be elected does so under a ballot above all it has seen (L2).
    pub campaigns_above_all_seen: bool,
    /// A command of an epoch below the highest applied has no effect (P4).
    pub fences_when_applying: bool,
    /// A leader's first command opens its epoch (P4).
    pub opens_its_epoch: bool,
    /// `Leader` is shown after the opening command is applied (R1).
    pub waits_for_its_opening: bool,
    /// `Leader` is shown once its lease is valid (L7).
    pub waits_for_its_lease: bool,
    /// Until its grant ends, a node promises nobody else anything (L7).
    pub keeps_grants: bool,
    /// A grant lasts as long as the lease that rests on it, drift included (L7).
    pub grants_last_as_long_as_leases: bool,
    /// A grant binds though its leader is no voter any more (L7).
    pub grants_outlive_membership: bool,
    /// After a restart a node behaves as if it had granted just now (L7).
    pub remembers_grants: bool,
    /// A lease is counted from the sending of a round, not from its answer (L7).
    pub counts_from_the_sending: bool,
    /// A lease needs grants of a quorum (L7).
    pub leases_need_a_quorum: bool,
    /// A leader ends its lease before it lets somebody else take over (L7, H1).
    pub ends_its_lease_before_a_handoff: bool,
    /// A leader ends its lease before it proposes voters without itself (L7).
    pub ends_its_lease_before_it_is_removed: bool,
    /// A leader that was removed leads no more (M1).
    pub removed_leaders_step_down: bool,
    /// While somebody waits to be elected, a node grants no more (C1).
    pub lets_candidates_in: bool,
    /// A load without a valid lease asks the quorum (R2).
    pub asks_the_quorum_without_a_lease: bool,
    /// A persist without a valid lease is refused (L8).
    pub refuses_without_a_lease: bool,
    /// A lapsed lease comes back under the same epoch (L8).
    pub renews_a_lapsed_lease: bool,
    /// A hint names the leader whose round was granted last (L6).
    pub hints_name_granted_leaders: bool,
    /// A hint shows where the service is, not the peer (L6).
    pub hints_show_the_service: bool,
    /// Snapshots carry the highest applied epoch (N1).
    pub snapshots_keep_the_fence: bool,
    /// Snapshots carry the value (N1).
    pub snapshots_keep_the_value: bool,
    /// A node that is behind gets the snapshot that the rest was purged up to (N1).
    pub sends_snapshots: bool,
    /// A purge drops nothing that the snapshot does not stand for (N1).
    pub purges_only_what_the_snapshot_has: bool,
    /// A snapshot of what was applied already changes nothing (N1).
    pub installs_only_newer_snapshots: bool,
    /// A node that takes over a snapshot takes over its state (N1).
    pub installs_the_state: bool,
    /// Votes and answers count only from the store that a node is known by (S4).
    pub checks_stores: bool,
    /// A store opens for the node and the cluster that it was made for (S4).
    pub checks_identity: bool,
    /// Voters change one at a time, each change committed before the next (M1).
    pub one_change_at_a_time: bool,
    /// A change that would leave too few voters within reach is refused (M2).
    pub counts_who_is_left: bool,
    /// A new voter has the log before it counts (M1).
    pub lets_joiners_catch_up: bool,
    /// A handoff that does not happen leaves the cluster free to elect (H2).
    pub gives_up_a_failed_handoff: bool,
    /// Nobody hands off to itself or to a stranger (H1).
    pub refuses_bad_targets: bool,
    /// A handoff returns once its target leads (H2).
    pub waits_for_the_target: bool,
    /// The target of a handoff asks a quorum, as any candidate does (H1).
    pub takes_over_by_election: bool,
    /// A call is answered by its deadline (R4, P8).
    pub answers_by_the_deadline: bool,
    /// A persist that was appended and lost its leader is `Transient` (P9).
    pub lost_races_are_transient: bool,
    /// A persist is answered once its command is applied (C2, P3).
    pub answers_once_committed: bool,
    /// A follower says that it has a log once that is synced (P3).
    pub accepts_once_synced: bool,
    /// A node that does not lead returns no value (R2).
    pub only_leaders_load: bool,
    /// A late command has no effect on followers either (P4).
    pub fences_on_followers: bool,
    /// A persist under another epoch than the leader's own is refused before it is proposed (P5).
    pub checks_the_epoch_at_the_door: bool,
    /// A command carries the epoch that its caller offered (P4).
    pub proposes_what_was_offered: bool,
    /// A value out of range is refused whether or not the node leads (P9).
    pub checks_the_range_first: bool,
    /// Who does not lead says so before it looks at the epoch (P9).
    pub says_not_leader_before_fenced: bool,
    /// A leader whose lease has lapsed looks at the epoch first (P9).
    pub says_fenced_before_transient: bool,
    /// Who does not lead says `NotLeader` (P9).
    pub refuses_as_not_leader: bool,
    /// A call that found no quorum in time is `Transient` (P8).
    pub no_quorum_is_transient: bool,
}

impl Default for Rules {
    fn default() -> Self {
        Self {
            quorum: |voters| voters / 2 + 1,
            adopts_the_newest_log: true,
            syncs_before_it_speaks: true,
            keeps_promises: true,
            campaigns_above_all_seen: true,
            fences_when_applying: true,
            opens_its_epoch: true,
            waits_for_its_opening: true,
            waits_for_its_lease: true,
            keeps_grants: true,
            grants_last_as_long_as_leases: true,
            grants_outlive_membership: true,
            remembers_grants: true,
            counts_from_the_sending: true,
            leases_need_a_quorum: true,
            ends_its_lease_before_a_handoff: true,
            ends_its_lease_before_it_is_removed: true,
            removed_leaders_step_down: true,
            lets_candidates_in: true,
            asks_the_quorum_without_a_lease: true,
            refuses_without_a_lease: true,
            renews_a_lapsed_lease: true,
            hints_name_granted_leaders: true,
            hints_show_the_service: true,
            snapshots_keep_the_fence: true,
            snapshots_keep_the_value: true,
            sends_snapshots: true,
            purges_only_what_the_snapshot_has: true,
            installs_only_newer_snapshots: true,
            installs_the_state: true,
            checks_stores: true,
            checks_identity: true,
            one_change_at_a_time: true,
            counts_who_is_left: true,
            lets_joiners_catch_up: true,
            gives_up_a_failed_handoff: true,
            refuses_bad_targets: true,
            waits_for_the_target: true,
            takes_over_by_election: true,
            answers_by_the_deadline: true,
            lost_races_are_transient: true,
            answers_once_committed: true,
            accepts_once_synced: true,
            only_leaders_load: true,
            fences_on_followers: true,
            checks_the_epoch_at_the_door: true,
            proposes_what_was_offered: true,
            checks_the_range_first: true,
            says_not_leader_before_fenced: true,
            says_fenced_before_transient: true,
            refuses_as_not_leader: true,
            no_quorum_is_transient: true,
        }
    }
}

impl Rules {
    /// Applies a command to the state (P2, P4).
    pub(super) fn apply(
        &self,
        payload: AdvancePayload,
        state: &mut HighWaterState,
        leads: bool,
    ) -> Result<u64, Superseded> {
        let fences = self.fences_when_applying && (leads || self.fences_on_followers);
        if fences || payload.epoch >= state.epoch {
            return payload.apply(state);
        }
        state.high_water = state.high_water.max(payload.at_least);
        Ok(state.high_water)
    }
}
