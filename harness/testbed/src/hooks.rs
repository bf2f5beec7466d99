//! Ways into an engine that the three methods of the contract do not give.

use std::fmt;
use std::sync::Arc;

use futures_util::future::BoxFuture;
use serde::{Deserialize, Serialize};
use tsoracle_consensus::{AdvancePayload, ConsensusError};

/// One way in: called with its argument, it returns when the engine has done what was asked.
pub type Hook<A = ()> =
    Arc<dyn Fn(A) -> BoxFuture<'static, Result<(), ConsensusError>> + Send + Sync>;

/// The kinds of hook, by which a backend declares what its nodes offer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum HookKind {
    /// [`Hooks::hold_apply`].
    HoldApply,
    /// [`Hooks::inject`].
    Inject,
    /// [`Hooks::snapshot_now`].
    SnapshotNow,
    /// [`Hooks::purge_now`].
    PurgeNow,
    /// [`Hooks::campaign`].
    Campaign,
}

/// The hooks that a node offers. A check whose hook is missing is not offered.
#[derive(Clone, Default)]
pub struct Hooks {
    /// With `true`: stop applying what is committed; with `false`: go on. What a node holds back
    /// stays held back over the end of its leadership, and until it is started again.
    pub hold_apply: Option<Hook<bool>>,
    /// Put a command into the log as if the leader of its epoch had proposed it; on the leader.
    /// Returns once it is applied, with or without effect.
    pub inject: Option<Hook<AdvancePayload>>,
    /// Take a snapshot now.
    pub snapshot_now: Option<Hook>,
    /// Purge the log up to the last snapshot now.
    pub purge_now: Option<Hook>,
    /// Ask to be elected now, as after an election timeout. Returns at once.
    pub campaign: Option<Hook>,
}

impl fmt::Debug for Hooks {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Hooks")
            .field("hold_apply", &self.hold_apply.is_some())
            .field("inject", &self.inject.is_some())
            .field("snapshot_now", &self.snapshot_now.is_some())
            .field("purge_now", &self.purge_now.is_some())
            .field("campaign", &self.campaign.is_some())
            .finish()
    }
}
