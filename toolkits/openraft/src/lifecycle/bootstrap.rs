//! How a node begins: with a new group, in one that exists, or where it left off.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use openraft::async_runtime::WatchReceiver;
use openraft::error::{InitializeError, RaftError};
use openraft::storage::RaftStateMachine;

use super::{BootstrapError, Deadline, Lifecycle};
use crate::RaftTypes;

/// What the operator says of this start. It is held against the store, so that a node that lost its
/// store does not begin anew without being told to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Bootstrap<N> {
    /// A new group of these voters. Each of them may say so, with the same members.
    Fresh {
        /// The voters, and how each is reached.
        members: BTreeMap<u64, N>,
    },
    /// The node was a member before.
    Reopen,
    /// The leader of an existing group adds this node.
    Join,
}

impl<C, SM> Lifecycle<C, SM>
where
    C: RaftTypes,
    SM: RaftStateMachine<C>,
{
    /// Begins as told, or says why the store forbids it: what counts is what the store held when
    /// the keeper was started. With `Fresh` a membership is durable here when this returns, of this
    /// node's making or of another first member's, and an election follows.
    ///
    /// # Errors
    /// [`BootstrapError`].
    pub async fn bootstrap(
        &self,
        how: Bootstrap<C::Node>,
        within: Duration,
    ) -> Result<(), BootstrapError> {
        let deadline = Deadline::new(within);
        let node = *self.raft.node_id();
        let empty = self.keeper.started_empty();
        let begin = async {
            match how {
                Bootstrap::Fresh { .. } if !empty => Err(BootstrapError::NotEmpty { node }),
                Bootstrap::Fresh { members } if !members.contains_key(&node) => {
                    Err(BootstrapError::NotMember { node })
                }
                Bootstrap::Fresh { members } => self.initialize(members).await,
                Bootstrap::Reopen if empty => Err(BootstrapError::Empty { node }),
                Bootstrap::Join if !empty && self.has_log().await? => {
                    Err(BootstrapError::HasLog { node })
                }
                Bootstrap::Reopen | Bootstrap::Join => Ok(()),
            }
        };
        let done = deadline.limit(begin).await;
        done.unwrap_or(Err(BootstrapError::Late { within }))
    }

    async fn has_log(&self) -> Result<bool, BootstrapError> {
        // Its answer comes after the first metrics.
        let begun = self.raft.is_initialized().await;
        begun.map_err(|error| BootstrapError::Stopped {
            why: error.to_string(),
        })?;
        Ok(self.raft.data_metrics().borrow_watched().last_log.is_some())
    }

    async fn initialize(&self, members: BTreeMap<u64, C::Node>) -> Result<(), BootstrapError> {
        let node = *self.raft.node_id();
        let voters: BTreeSet<u64> = members.keys().copied().collect();
        let begun = self.raft.initialize(members).await;
        match begun {
            Ok(()) => Ok(()),
            // Another first member was faster.
            Err(RaftError::APIError(InitializeError::NotAllowed(_))) => {
                self.begun_by_another(&voters).await
            }
            Err(RaftError::APIError(InitializeError::NotInMembers(_))) => {
                Err(BootstrapError::NotMember { node })
            }
            Err(RaftError::Fatal(error)) => Err(BootstrapError::Stopped {
                why: error.to_string(),
            }),
        }
    }

    /// Waits for the membership that another node has begun with.
    async fn begun_by_another(&self, voters: &BTreeSet<u64>) -> Result<(), BootstrapError> {
        let node = *self.raft.node_id();
        let mut metrics = self.raft.server_metrics();
        loop {
            let members = metrics.borrow_and_update().membership_config.clone();
            if members.log_id().is_some() {
                let same = members.voter_ids().collect::<BTreeSet<_>>() == *voters;
                return if same {
                    Ok(())
                } else {
                    Err(BootstrapError::NotEmpty { node })
                };
            }
            let changed = metrics.changed().await;
            changed.map_err(|_| BootstrapError::Stopped {
                why: "it was shut down".to_owned(),
            })?;
        }
    }
}
