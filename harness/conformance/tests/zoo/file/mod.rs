//! Drivers with a disk: one that is plainly correct, and what can be wrong with it.

mod flaw;
mod lock;
mod node;
mod store;
mod writer;

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use tsoracle_consensus::ConsensusError;
use tsoracle_testbed::{Backend, Capabilities, Damage, Node, NodeSpec, Timing, UnnoticedDamage};

use crate::exhibit::Exhibit;
use flaw::Flaw;
use node::{FileNode, SharedNode};
use store::STATE;

/// Long enough for a busy machine; an exhibit that hangs costs a few of them.
const DEADLINE: Duration = Duration::from_millis(750);

/// A durable driver of one node, with one flaw or none.
struct FileBackend {
    name: String,
    flaw: Flaw,
}

#[async_trait]
impl Backend for FileBackend {
    fn name(&self) -> &str {
        &self.name
    }

    fn capabilities(&self) -> Capabilities {
        let declared = [Damage::Flip, Damage::Truncate, Damage::Zero];
        let declared = declared.map(|damage| UnnoticedDamage {
            file: STATE.into(),
            damage,
            cause: "a copy that is whole stands in for it".into(),
        });
        let mut capabilities = Capabilities::single_durable_node();
        if self.flaw.is_declared() {
            capabilities.unnoticed_damage.extend(declared);
        }
        capabilities
    }

    fn timing(&self) -> Timing {
        Timing {
            election_timeout: Duration::ZERO,
            lease: None,
            deadline: DEADLINE,
        }
    }

    async fn start(&self, spec: NodeSpec) -> Result<Arc<dyn Node>, ConsensusError> {
        let node = FileNode::open(&spec, self.flaw)?;
        Ok(Arc::new(SharedNode(Arc::new(node))))
    }
}

/// Every exhibit with a disk, and the checks that fail on it.
pub(crate) fn exhibits() -> Vec<Exhibit> {
    let exhibit = |(flaw, fails)| Exhibit {
        backend: Arc::new(FileBackend {
            name: format!("file-{flaw:?}"),
            flaw,
        }),
        fails,
    };
    EXHIBITS.iter().copied().map(exhibit).collect()
}

const EXHIBITS: &[(Flaw, &[&str])] = &[
    (Flaw::None, &[]),
    (
        Flaw::NoFileSync,
        &[
            "acknowledged_survives_power_loss",
            "crash_points_keep_old_or_new",
            "failing_disk_stops_the_node",
        ],
    ),
    (
        Flaw::NoDirSync,
        &[
            "acknowledged_survives_power_loss",
            "crash_points_keep_old_or_new",
            "failing_disk_stops_the_node",
        ],
    ),
    (Flaw::TrustsNames, &["crash_points_keep_old_or_new"]),
    (
        Flaw::SyncsLater,
        &[
            "acknowledged_survives_power_loss",
            "crash_points_keep_old_or_new",
            "failing_disk_stops_the_node",
        ],
    ),
    (
        Flaw::AcksFromMemory,
        &[
            "load_is_bounded_while_persist_is_slow",
            "acknowledged_survives_kill",
            "acknowledged_survives_kill_of_all",
            "acknowledged_survives_power_loss",
            "persist_is_bounded_while_disk_stalls",
            "error_class_by_fault",
            "crash_points_keep_old_or_new",
            "failing_disk_stops_the_node",
            "shutdown_is_bounded_while_disk_stalls",
        ],
    ),
    (Flaw::LoadsBeforeSync, &["acknowledged_survives_power_loss"]),
    (
        Flaw::OpensInPlace,
        &[
            "crash_points_keep_old_or_new",
            "failing_disk_stops_the_node",
        ],
    ),
    (
        Flaw::ForgetsEpoch,
        &["same_node_again_new_epoch", "stale_epoch_same_node"],
    ),
    (
        Flaw::FirstOpenNotAtomic,
        &[
            "crash_points_keep_old_or_new",
            "failing_disk_stops_the_node",
        ],
    ),
    (Flaw::DamageIsZero, &["every_damaged_byte_is_noticed"]),
    (Flaw::DamageIsOlder, &["every_damaged_byte_is_noticed"]),
    (Flaw::DamageIsDeclared, &[]),
    (
        Flaw::DamageIsZeroThoughDeclared,
        &["every_damaged_byte_is_noticed"],
    ),
    (Flaw::DamagePanics, &["every_damaged_byte_is_noticed"]),
    (
        Flaw::DamageIsTransient,
        &[
            "every_damaged_byte_is_noticed",
            "failing_disk_stops_the_node",
        ],
    ),
    (Flaw::DamageIsNotNamed, &["every_damaged_byte_is_noticed"]),
    (Flaw::MissingStateIsNew, &["every_damaged_byte_is_noticed"]),
    (Flaw::NoChecksum, &["every_damaged_byte_is_noticed"]),
    (Flaw::IgnoresFailedWrite, &["failing_disk_stops_the_node"]),
    (Flaw::IgnoresFullDisk, &["failing_disk_stops_the_node"]),
    (Flaw::RepeatsFailedSync, &["failing_disk_stops_the_node"]),
    (Flaw::ForgetsFailure, &["failing_disk_stops_the_node"]),
    (
        Flaw::FailureIsTransient,
        &["error_class_by_fault", "failing_disk_stops_the_node"],
    ),
    (
        Flaw::FailurePanics,
        &["error_class_by_fault", "failing_disk_stops_the_node"],
    ),
    (Flaw::LeadsAfterFailure, &["failing_disk_stops_the_node"]),
    (
        Flaw::IgnoresFailedIdentity,
        &["failing_disk_stops_the_node"],
    ),
    (Flaw::LoadWaits, &["load_is_bounded_while_persist_is_slow"]),
    (
        Flaw::PersistWaits,
        &["persist_is_bounded_while_disk_stalls"],
    ),
    (Flaw::QueueWaits, &["persist_is_bounded_while_disk_stalls"]),
    (Flaw::SlowIsDead, &["persist_is_bounded_while_disk_stalls"]),
    (
        Flaw::ShutdownWaits,
        &["shutdown_is_bounded_while_disk_stalls"],
    ),
    (
        Flaw::ShutdownHidesStall,
        &["shutdown_is_bounded_while_disk_stalls"],
    ),
    (
        Flaw::LockIsProcessLocal,
        &["second_open_fails", "shutdown_is_bounded_while_disk_stalls"],
    ),
    (
        Flaw::LockOutlivesProcess,
        &[
            "same_node_again_new_epoch",
            "acknowledged_survives_kill",
            "acknowledged_survives_kill_of_all",
            "acknowledged_survives_power_loss",
            "persist_is_bounded_while_disk_stalls",
            "second_open_fails",
            "crash_points_keep_old_or_new",
            "failing_disk_stops_the_node",
        ],
    ),
    (
        Flaw::UnlocksTooEarly,
        &["shutdown_is_bounded_while_disk_stalls"],
    ),
    (
        Flaw::StallKeepsLock,
        &["shutdown_is_bounded_while_disk_stalls"],
    ),
];
