//! Every check, one per file, in the order of the contract.

mod acknowledged_survives_power_loss;
mod first_item_is_current;
mod first_item_is_ready;
mod persist_returns_maximum;
mod second_open_fails;

use crate::Check;

/// Every check of the suite, in the order of the contract's clauses.
pub const ALL: &[Check] = &[
    first_item_is_ready::CHECK,
    first_item_is_current::CHECK,
    persist_returns_maximum::CHECK,
    acknowledged_survives_power_loss::CHECK,
    second_open_fails::CHECK,
];
