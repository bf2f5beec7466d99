//! Changes of members through a node of another process.

use std::sync::Arc;

use async_trait::async_trait;
use tsoracle_consensus::{Member, Membership, MembershipError, NodeId};

use super::super::pipe::Pipe;
use super::super::protocol::{Answer, MembershipCall, NodeRequest};

/// A process that ends before it answers makes the change `Transient`.
#[derive(Debug)]
pub(in super::super) struct RemoteMembership {
    pipe: Arc<Pipe>,
}

impl RemoteMembership {
    pub(in super::super) fn new(pipe: &Arc<Pipe>) -> Self {
        let pipe = Arc::clone(pipe);
        Self { pipe }
    }

    async fn ask(&self, call: MembershipCall) -> Result<Answer, MembershipError> {
        let answer = self.pipe.ask(NodeRequest::Membership(call)).await;
        answer.map_err(|error| error.into_consensus().into())
    }

    async fn change(&self, call: MembershipCall) -> Result<(), MembershipError> {
        match self.ask(call).await? {
            Answer::Changed(outcome) => outcome,
            other => Err(refusal(other)),
        }
    }
}

#[async_trait]
impl Membership for RemoteMembership {
    async fn members(&self) -> Result<Vec<Member>, MembershipError> {
        match self.ask(MembershipCall::Members).await? {
            Answer::Members(outcome) => outcome,
            other => Err(refusal(other)),
        }
    }

    async fn add(&self, member: Member) -> Result<(), MembershipError> {
        self.change(MembershipCall::Add(member)).await
    }

    async fn remove(&self, node: NodeId) -> Result<(), MembershipError> {
        self.change(MembershipCall::Remove(node)).await
    }

    async fn replace(&self, old: NodeId, new: Member) -> Result<(), MembershipError> {
        self.change(MembershipCall::Replace { old, new }).await
    }
}

fn refusal(answer: Answer) -> MembershipError {
    answer.into_error().into_consensus().into()
}
