//! The sending side: what openraft asks of one other node.

use std::future::Future;
use std::marker::PhantomData;
use std::time::Duration;

use bytes::Bytes;
use futures_util::Stream;
use openraft::base::{BoxFuture, BoxStream};
use openraft::error::{NetworkError, RPCError, ReplicationClosed, StreamingError, Timeout};
use openraft::network::{Backoff, RPCOption, RPCTypes};
use openraft::raft::{
    AppendEntriesRequest, AppendEntriesResponse, SnapshotResponse, StreamAppendResult,
    TransferLeaderRequest, TransferLeaderResponse, VoteRequest, VoteResponse,
};
use openraft::{OptionalSend, RaftNetworkFactory, RaftNetworkV2};
use tsoracle_peer_transport::{GroupId, PeerId};

use super::append::Pipeline;
use super::error::{Asked, rpc_error, unreadable};
use super::wire::{self, Answer, Request};
use super::{Network, PeerAddress};
use crate::{Keeper, RaftBallot, RaftTypes, Snapshot, Vote};

/// The network of one group: openraft's `RaftNetworkFactory`.
#[derive(Clone, Debug)]
pub struct GroupNetwork {
    pub(super) network: Network,
    pub(super) me: u64,
    pub(super) group: GroupId,
    pub(super) keeper: Keeper,
}

impl GroupNetwork {
    pub(super) const fn new(network: Network, me: u64, group: GroupId, keeper: Keeper) -> Self {
        Self {
            network,
            me,
            group,
            keeper,
        }
    }

    /// Makes the node a peer of the transport, at the address that the membership has for it.
    fn dial(&self, target: u64, node: &impl PeerAddress) {
        let transport = self.network.transport();
        let wanted = node.peer(target);
        let known = transport
            .peers()
            .into_iter()
            .find(|peer| peer.node == wanted.node);
        if known.as_ref() == Some(&wanted) {
            return;
        }
        if known.is_some()
            && let Err(error) = transport.remove_peer(wanted.node)
        {
            tracing::warn!("node {target} keeps its old address: {error}");
        }
        if let Err(error) = transport.add_peer(wanted) {
            tracing::warn!("node {target} is no peer: {error}");
        }
    }

    fn client<C>(&self, target: u64, appends_within: Option<Duration>) -> Client<C> {
        Client {
            group: self.clone(),
            target,
            appends_within,
            types: PhantomData,
        }
    }
}

impl<C> RaftNetworkFactory<C> for GroupNetwork
where
    C: RaftTypes,
    C::Node: PeerAddress,
{
    type Network = Client<C>;

    async fn new_client(&mut self, target: u64, node: &C::Node) -> Client<C> {
        self.dial(target, node);
        self.client(target, Some(self.network.inner.settings.append_within))
    }

    async fn new_heartbeat_client(&mut self, target: u64, node: &C::Node) -> Client<C> {
        self.dial(target, node);
        self.client(target, None)
    }
}

/// What openraft asks of one node of one group.
#[derive(Debug)]
pub struct Client<C> {
    pub(super) group: GroupNetwork,
    pub(super) target: u64,
    /// How long an append waits; `None` for as long as openraft says, for heartbeats.
    appends_within: Option<Duration>,
    types: PhantomData<fn() -> C>,
}

impl<C> Clone for Client<C> {
    fn clone(&self) -> Self {
        self.group.client(self.target, self.appends_within)
    }
}

impl<C: RaftTypes> Client<C> {
    pub(super) fn network(&self) -> &Network {
        &self.group.network
    }

    pub(super) fn appends_within(&self, option: &RPCOption) -> Duration {
        self.appends_within.unwrap_or_else(|| option.soft_ttl())
    }

    pub(super) const fn asked(&self, action: RPCTypes) -> Asked {
        Asked {
            action,
            me: self.group.me,
            target: self.target,
        }
    }

    pub(super) async fn call(
        &self,
        action: RPCTypes,
        request: Bytes,
        within: Duration,
    ) -> Result<Answer<C>, RPCError<C>> {
        let asked = self.asked(action);
        let (to, group) = (PeerId(self.target), self.group.group);
        let transport = self.network().transport();
        let answer = transport.call(to, group, request, within).await;
        let answer = answer.map_err(|error| rpc_error(asked, &error))?;
        wire::decode(&answer).map_err(|error| unreadable(&error))
    }

    async fn ask(
        &self,
        action: RPCTypes,
        request: &Request<C>,
        within: Duration,
    ) -> Result<Answer<C>, RPCError<C>> {
        let request = wire::encode(request).map_err(|error| unreadable(&error))?;
        self.call(action, request, within).await
    }

    fn timeout(&self, action: RPCTypes, timeout: Duration) -> RPCError<C> {
        RPCError::Timeout(Timeout {
            action,
            id: self.group.me,
            target: self.target,
            timeout,
        })
    }
}

/// The node gave an answer to another question.
pub(super) fn confused<C: RaftTypes>() -> RPCError<C> {
    let error = NetworkError::from_string("the answer belongs to another request");
    RPCError::Network(error)
}

impl<C> RaftNetworkV2<C> for Client<C>
where
    C: RaftTypes,
{
    type SnapshotData = C::SnapshotData;

    async fn append_entries(
        &mut self,
        rpc: AppendEntriesRequest<C>,
        option: RPCOption,
    ) -> Result<AppendEntriesResponse<C>, RPCError<C>> {
        let within = self.appends_within(&option);
        let request = Request::Append(rpc);
        match self.ask(RPCTypes::AppendEntries, &request, within).await? {
            Answer::Append(answer) => Ok(answer),
            _ => Err(confused()),
        }
    }

    fn stream_append<'s, S>(
        &'s mut self,
        input: S,
        option: RPCOption,
    ) -> BoxFuture<'s, Result<BoxStream<'s, Result<StreamAppendResult<C>, RPCError<C>>>, RPCError<C>>>
    where
        S: Stream<Item = AppendEntriesRequest<C>> + OptionalSend + Unpin + 'static,
    {
        let stream: BoxStream<'s, _> = Box::pin(Pipeline::new(self.clone(), input, &option));
        Box::pin(std::future::ready(Ok(stream)))
    }

    /// Waits at this node's own gate first, for as long as openraft waits at all.
    async fn vote(
        &mut self,
        rpc: VoteRequest<C>,
        option: RPCOption,
    ) -> Result<VoteResponse<C>, RPCError<C>> {
        let within = option.soft_ttl();
        let asked = tokio::time::Instant::now();
        let ballot = RaftBallot::from(&rpc.vote);
        let passed = self.group.keeper.emit(ballot, within).await;
        passed.map_err(|_| self.timeout(RPCTypes::Vote, within))?;
        let left = within.saturating_sub(asked.elapsed());
        match self.ask(RPCTypes::Vote, &Request::Vote(rpc), left).await? {
            Answer::Vote(answer) => Ok(answer),
            _ => Err(confused()),
        }
    }

    /// Refused here while this node's own gate would hold the vote.
    async fn pre_vote(
        &mut self,
        rpc: VoteRequest<C>,
        option: RPCOption,
    ) -> Result<VoteResponse<C>, RPCError<C>> {
        let ballot = RaftBallot::from(&rpc.vote);
        if !self.group.keeper.admits_probe(ballot) {
            return Ok(refused());
        }
        let request = Request::PreVote(rpc);
        match self
            .ask(RPCTypes::Vote, &request, option.soft_ttl())
            .await?
        {
            Answer::Vote(answer) => Ok(answer),
            _ => Err(confused()),
        }
    }

    async fn full_snapshot(
        &mut self,
        vote: Vote,
        snapshot: Snapshot<C>,
        cancel: impl Future<Output = ReplicationClosed> + OptionalSend + 'static,
        _option: RPCOption,
    ) -> Result<SnapshotResponse<C>, StreamingError<C>> {
        tokio::select! {
            closed = cancel => Err(StreamingError::Closed(closed)),
            sent = self.send_snapshot(vote, snapshot) => sent.map_err(Into::into),
        }
    }

    async fn transfer_leader(
        &mut self,
        req: TransferLeaderRequest<C>,
        option: RPCOption,
    ) -> Result<TransferLeaderResponse<C>, RPCError<C>> {
        let request = Request::Transfer(req);
        let within = option.soft_ttl();
        match self.ask(RPCTypes::TransferLeader, &request, within).await? {
            Answer::Transfer(answer) => Ok(answer),
            _ => Err(confused()),
        }
    }

    fn backoff(&self) -> Option<Backoff> {
        let pause = self.network().inner.settings.backoff;
        Some(Backoff::new(std::iter::repeat(pause)))
    }
}

/// A refusal that tells nothing else.
pub(super) fn refused<C: RaftTypes>() -> VoteResponse<C> {
    VoteResponse::new(Vote::new(0, 0), None, false)
}
