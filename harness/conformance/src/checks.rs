//! Every check, one per file, in the order of the contract.

mod acknowledged_survives_kill;
mod acknowledged_survives_kill_of_all;
mod acknowledged_survives_power_loss;
mod burst_keeps_last_state;
mod cancelled_persist_is_legal;
mod clock_jump_back;
mod clock_jump_forward;
mod concurrent_history_is_linearizable;
mod configuration_change_ends_lease;
mod crash_points_keep_old_or_new;
mod epochs_never_decrease;
mod error_class_by_fault;
mod every_damaged_byte_is_noticed;
mod failing_disk_stops_the_node;
mod first_item_is_current;
mod first_item_is_ready;
mod follower_load_refuses;
mod fresh_store_loads_zero;
mod hint_is_never_a_candidate;
mod hint_is_service_endpoint;
mod isolated_leader_load_refuses;
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
mod minority_never_ok;
mod no_quorum_no_ok;
mod one_leader_per_epoch;
mod one_refusal_per_situation;
mod opening_command_fences;
mod out_of_range_is_refused;
mod persist_is_bounded_while_disk_stalls;
mod persist_is_bounded_without_quorum;
mod persist_returns_maximum;
mod random_orders_never_regress;
mod restart_does_not_forget_grant;
mod resubscribe_many_times;
mod same_node_again_new_epoch;
mod second_open_fails;
mod shutdown_is_bounded;
mod shutdown_is_bounded_while_disk_stalls;
mod stale_epoch_is_fenced;
mod stale_epoch_same_node;
mod start_after_stop;
mod stop_twice;
mod stop_while_busy;
mod stream_ends_at_shutdown;
mod timestamps_are_realtime_ordered;
mod unheld_epoch_is_refused;

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
    no_quorum_no_ok::CHECK,
    minority_never_ok::CHECK,
    timestamps_are_realtime_ordered::CHECK,
    clock_jump_back::CHECK,
    clock_jump_forward::CHECK,
];
