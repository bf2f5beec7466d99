//! Changing who is in the group (M1, M2).

use std::collections::BTreeSet;

use async_trait::async_trait;
use openraft::async_runtime::WatchReceiver;
use tsoracle_consensus::{
    ConsensusError, Handoff, HandoffError, Member, Membership, MembershipError, NodeId,
};
use tsoracle_openraft_toolkit::ChangeError;

use crate::{OpenraftDriver, OpenraftHighWaterHost};

impl<H: OpenraftHighWaterHost> OpenraftDriver<H> {
    /// The voters of the newest membership that this node has.
    fn voters(&self) -> Vec<Member> {
        let metrics = self.host.lifecycle().raft().server_metrics();
        let metrics = metrics.borrow_watched();
        let membership = metrics.membership_config.membership();
        let described = |node: NodeId| {
            let described = membership.get_node(&node)?;
            Some(self.host.member(node, described))
        };
        membership.voter_ids().filter_map(described).collect()
    }

    /// Brings a node up to date and puts it in the place of another, or beside all.
    async fn bring_in(&self, new: &Member, old: Option<NodeId>) -> Result<(), MembershipError> {
        let voters = self.voters();
        if voters.iter().any(|member| member.node == new.node) {
            return Err(refused(format!(
                "node {} is a member already; remove it first, or give the new one another number",
                new.node
            )));
        }
        let within = self.settings.change_deadline;
        let described = self.host.describe(new);
        let lifecycle = self.host.lifecycle();
        let learner = lifecycle.add_learner(new.node, described, within).await;
        match learner {
            Err(ChangeError::Late { within }) => {
                // It has no vote, so the voters are as they were, whether this succeeds or not.
                let limit = self.settings.deadline;
                let _ = lifecycle.remove_learner(new.node, limit).await;
                return Err(refused(format!(
                    "node {} did not get the log within {within:?}; start it, or see to its links",
                    new.node
                )));
            }
            other => other.map_err(|error| self.unchanged(error))?,
        }
        let stay = voters.iter().map(|member| member.node);
        let stay = stay.filter(|node| Some(*node) != old);
        self.vote_with(stay.chain([new.node]).collect()).await
    }

    async fn vote_with(&self, voters: BTreeSet<NodeId>) -> Result<(), MembershipError> {
        let within = self.settings.change_deadline;
        let only = voters.first().copied().filter(|_| voters.len() == 1);
        let lifecycle = self.host.lifecycle();
        let change = lifecycle.change_membership(voters, false, within).await;
        match (change, only) {
            (Err(ChangeError::SingleOther), Some(only)) => self.leave_it_to(only).await,
            (changed, _) => changed.map_err(|error| self.unchanged(error)),
        }
    }

    /// A voter that is to stay alone must lead before the others go, or it would elect itself past
    /// this node's lease: it gets leadership, and the caller is sent to it.
    async fn leave_it_to(&self, only: NodeId) -> Result<(), MembershipError> {
        match self.hand_off(only).await {
            Ok(()) | Err(HandoffError::TimedOut { .. }) => Err(self.not_leading().into()),
            Err(HandoffError::BadTarget { reason, .. }) => Err(refused(reason)),
            Err(HandoffError::Consensus(error)) => Err(error.into()),
        }
    }

    fn unchanged(&self, error: ChangeError) -> MembershipError {
        match error {
            ChangeError::NotLeader { .. } => self.not_leading().into(),
            ChangeError::NoVoters
            | ChangeError::NotMembers { .. }
            | ChangeError::WouldLoseQuorum { .. }
            | ChangeError::SingleOther
            | ChangeError::Silent { .. }
            | ChangeError::Refused { .. } => refused(error.to_string()),
            ChangeError::Busy
            | ChangeError::LeadershipLost
            | ChangeError::Late { .. }
            | ChangeError::Stopped { .. } => ConsensusError::transient(error).into(),
        }
    }
}

#[async_trait]
impl<H: OpenraftHighWaterHost> Membership for OpenraftDriver<H> {
    async fn members(&self) -> Result<Vec<Member>, MembershipError> {
        self.shared.refusal_of_all()?;
        Ok(self.voters())
    }

    async fn add(&self, member: Member) -> Result<(), MembershipError> {
        self.leading()?;
        self.bring_in(&member, None).await
    }

    async fn remove(&self, node: NodeId) -> Result<(), MembershipError> {
        self.leading()?;
        let voters: BTreeSet<NodeId> = self.voters().iter().map(|member| member.node).collect();
        if !voters.contains(&node) {
            return Err(refused(format!("node {node} is no member")));
        }
        let stay = voters.into_iter().filter(|voter| *voter != node);
        self.vote_with(stay.collect()).await
    }

    async fn replace(&self, old: NodeId, new: Member) -> Result<(), MembershipError> {
        self.leading()?;
        if old == new.node {
            return Err(refused(format!(
                "node {old} cannot take its own place; give the new node another number"
            )));
        }
        if !self.voters().iter().any(|member| member.node == old) {
            return Err(refused(format!("node {old} is no member")));
        }
        self.bring_in(&new, Some(old)).await
    }
}

fn refused(reason: String) -> MembershipError {
    MembershipError::Refused { reason }
}
