//! Every check, one per file, in the order of the contract.

mod acknowledged_survives_kill;
mod acknowledged_survives_kill_of_all;
mod acknowledged_survives_power_loss;
mod added_member_counts;
mod burst_keeps_last_state;
mod cancelled_persist_is_legal;
mod clock_jump_back;
mod clock_jump_forward;
mod concurrent_history_is_linearizable;
mod configuration_change_ends_lease;
mod crash_points_keep_old_or_new;
mod dead_member_is_replaced;
mod elects_within_bound;
mod epochs_never_decrease;
mod error_class_by_fault;
mod every_damaged_byte_is_noticed;
mod failed_handoff_recovers;
mod failing_disk_stops_the_node;
mod first_item_is_current;
mod first_item_is_ready;
mod follower_load_refuses;
mod fresh_store_loads_zero;
mod fresh_store_under_known_identity_is_refused;
mod handoff_loses_nothing;
mod heal_converges;
mod hint_is_never_a_candidate;
mod hint_is_service_endpoint;
mod isolated_leader_load_refuses;
mod laggard_catches_up_by_snapshot;
mod lapsed_lease_answers_transient;
mod late_commit_of_old_epoch_has_no_effect;
mod later_term_greater_epoch;
mod lease_ends_when_isolated;
mod leases_never_overlap;
mod load_after_restart_is_not_stale;
mod load_after_shutdown_refuses;
mod load_is_bounded_while_persist_is_slow;
mod load_sees_all_acknowledged_after_failover;
mod load_sees_own_persist;
mod load_waits_for_apply;
mod losing_the_quorum_is_refused;
mod members_change_under_load;
mod minority_never_ok;
mod no_quorum_no_ok;
mod one_leader_per_epoch;
mod one_refusal_per_situation;
mod opening_command_fences;
mod out_of_range_is_refused;
mod persist_is_bounded_while_disk_stalls;
mod persist_is_bounded_without_quorum;
mod persist_returns_maximum;
mod purge_then_restart;
mod random_orders_never_regress;
mod removed_leader_makes_way;
mod removed_member_does_not_count;
mod replaced_member_hands_over_its_part;
mod restart_does_not_forget_grant;
mod resubscribe_many_times;
mod same_node_again_new_epoch;
mod second_open_fails;
mod shutdown_is_bounded;
mod shutdown_is_bounded_while_disk_stalls;
mod snapshot_keeps_value_and_fence;
mod stale_epoch_is_fenced;
mod stale_epoch_same_node;
mod start_after_stop;
mod stop_twice;
mod stop_while_busy;
mod store_of_another_node_is_refused;
mod stream_ends_at_shutdown;
mod timestamps_are_realtime_ordered;
mod unheld_epoch_is_refused;
mod wiped_member_cannot_lose_values;

use crate::Check;

/// Every check of the suite, in the order of the contract's clauses.
pub const ALL: &[Check] = &[
    first_item_is_ready::CHECK,
    first_item_is_current::CHECK,
    one_leader_per_epoch::CHECK,
    later_term_greater_epoch::CHECK,
    same_node_again_new_epoch::CHECK,
    epochs_never_decrease::CHECK,
    burst_keeps_last_state::CHECK,
    stream_ends_at_shutdown::CHECK,
    resubscribe_many_times::CHECK,
    hint_is_service_endpoint::CHECK,
    hint_is_never_a_candidate::CHECK,
    lease_ends_when_isolated::CHECK,
    leases_never_overlap::CHECK,
    restart_does_not_forget_grant::CHECK,
    configuration_change_ends_lease::CHECK,
    lapsed_lease_answers_transient::CHECK,
    load_sees_own_persist::CHECK,
    load_sees_all_acknowledged_after_failover::CHECK,
    load_waits_for_apply::CHECK,
    load_after_restart_is_not_stale::CHECK,
    follower_load_refuses::CHECK,
    isolated_leader_load_refuses::CHECK,
    load_after_shutdown_refuses::CHECK,
    fresh_store_loads_zero::CHECK,
    load_is_bounded_while_persist_is_slow::CHECK,
    persist_returns_maximum::CHECK,
    random_orders_never_regress::CHECK,
    concurrent_history_is_linearizable::CHECK,
    acknowledged_survives_kill::CHECK,
    acknowledged_survives_kill_of_all::CHECK,
    acknowledged_survives_power_loss::CHECK,
    stale_epoch_is_fenced::CHECK,
    stale_epoch_same_node::CHECK,
    late_commit_of_old_epoch_has_no_effect::CHECK,
    opening_command_fences::CHECK,
    unheld_epoch_is_refused::CHECK,
    out_of_range_is_refused::CHECK,
    cancelled_persist_is_legal::CHECK,
    persist_is_bounded_without_quorum::CHECK,
    persist_is_bounded_while_disk_stalls::CHECK,
    one_refusal_per_situation::CHECK,
    error_class_by_fault::CHECK,
    second_open_fails::CHECK,
    every_damaged_byte_is_noticed::CHECK,
    crash_points_keep_old_or_new::CHECK,
    failing_disk_stops_the_node::CHECK,
    shutdown_is_bounded::CHECK,
    shutdown_is_bounded_while_disk_stalls::CHECK,
    stop_twice::CHECK,
    stop_while_busy::CHECK,
    start_after_stop::CHECK,
    fresh_store_under_known_identity_is_refused::CHECK,
    store_of_another_node_is_refused::CHECK,
    snapshot_keeps_value_and_fence::CHECK,
    purge_then_restart::CHECK,
    laggard_catches_up_by_snapshot::CHECK,
    elects_within_bound::CHECK,
    no_quorum_no_ok::CHECK,
    minority_never_ok::CHECK,
    heal_converges::CHECK,
    wiped_member_cannot_lose_values::CHECK,
    handoff_loses_nothing::CHECK,
    failed_handoff_recovers::CHECK,
    added_member_counts::CHECK,
    removed_member_does_not_count::CHECK,
    replaced_member_hands_over_its_part::CHECK,
    dead_member_is_replaced::CHECK,
    removed_leader_makes_way::CHECK,
    members_change_under_load::CHECK,
    losing_the_quorum_is_refused::CHECK,
    timestamps_are_realtime_ordered::CHECK,
    clock_jump_back::CHECK,
    clock_jump_forward::CHECK,
];
