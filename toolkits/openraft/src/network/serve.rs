//! The receiving side of one group.

use std::sync::Arc;

use bytes::Bytes;
use futures_util::FutureExt;
use openraft::Raft;
use openraft::async_runtime::WatchReceiver;
use openraft::raft::{AppendEntriesRequest, AppendEntriesResponse, VoteRequest, VoteResponse};
use openraft::storage::RaftStateMachine;
use tokio::runtime::Handle;
use tokio::sync::Semaphore;
use tsoracle_peer_transport::{Delivery, GroupId, Handler, PeerId, Responder, SessionEvent};

use super::Network;
use super::client::refused;
use super::partials::{Partials, Sender};
use super::snapshot::checksum;
use super::wire::{self, Answer, Request, SnapshotAnswer, SnapshotId};
use crate::{Keeper, RaftBallot, RaftTypes, Snapshot, SnapshotMeta, SnapshotPayload, Vote};

/// Payloads above this size are read on a task of their own, not on the one that reads the link.
const INLINE_BYTES: usize = 64 << 10;

/// Hands what comes to the engine and the keeper.
pub(super) struct Server<C: RaftTypes, SM: RaftStateMachine<C>> {
    ends: Arc<Ends<C, SM>>,
}

struct Ends<C: RaftTypes, SM: RaftStateMachine<C>> {
    group: GroupId,
    raft: Raft<C, SM>,
    keeper: Keeper,
    partials: Arc<Partials>,
    appends: Arc<Semaphore>,
    others: Arc<Semaphore>,
    runtime: Handle,
}

impl<C, SM> Server<C, SM>
where
    C: RaftTypes,
    SM: RaftStateMachine<C, SnapshotData = C::SnapshotData>,
{
    pub(super) fn new(
        network: &Network,
        group: GroupId,
        raft: Raft<C, SM>,
        keeper: Keeper,
    ) -> Self {
        let requests = network.inner.settings.requests;
        let ends = Ends {
            group,
            raft,
            keeper,
            partials: Arc::clone(&network.inner.partials),
            appends: Arc::new(Semaphore::new(requests)),
            others: Arc::new(Semaphore::new(requests)),
            runtime: Handle::current(),
        };
        Self {
            ends: Arc::new(ends),
        }
    }
}

impl<C, SM> Handler for Server<C, SM>
where
    C: RaftTypes,
    SM: RaftStateMachine<C, SnapshotData = C::SnapshotData>,
{
    fn on_message(&self, from: PeerId, payload: Bytes) -> Delivery {
        match wire::decode(&payload) {
            Ok(message) => self.ends.keeper.receive(from, message),
            Err(error) => {
                tracing::warn!(group = %self.ends.group, %from, "an unreadable message: {error}");
            }
        }
        Delivery::Taken
    }

    fn on_request(&self, from: PeerId, payload: Bytes, responder: Responder) {
        let ends = Arc::clone(&self.ends);
        if payload.len() <= INLINE_BYTES {
            ends.request(from, &payload, responder);
        } else {
            let runtime = ends.runtime.clone();
            runtime.spawn(async move { ends.request(from, &payload, responder) });
        }
    }

    fn on_session(&self, _: SessionEvent) {}
}

impl<C, SM> Ends<C, SM>
where
    C: RaftTypes,
    SM: RaftStateMachine<C, SnapshotData = C::SnapshotData>,
{
    fn request(self: Arc<Self>, from: PeerId, payload: &Bytes, responder: Responder) {
        let (request, rest) = match wire::decode_request::<C>(payload) {
            Ok(request) => request,
            Err(error) => {
                responder.fail(&format!("an unreadable request: {error}"));
                return;
            }
        };
        match request {
            Request::Append(append) => self.append(append, responder),
            request => self.other(from, request, rest, responder),
        }
    }

    /// The engine gets appends in the order of the link: the first poll of the call queues it.
    fn append(self: Arc<Self>, append: AppendEntriesRequest<C>, responder: Responder) {
        let Ok(place) = Arc::clone(&self.appends).try_acquire_owned() else {
            responder.fail("too many appends wait here");
            return;
        };
        let runtime = self.runtime.clone();
        let mut call = Box::pin(async move {
            let vote = append.vote;
            match self.raft.append_entries(append).await {
                Ok(answer) => {
                    self.heard(&vote, &answer);
                    respond::<C>(responder, &Answer::Append(answer));
                }
                Err(error) => responder.fail(&error.to_string()),
            }
            drop(place);
        });
        if call.as_mut().now_or_never().is_none() {
            runtime.spawn(call);
        }
    }

    /// An append was answered, so what the engine promised with it is durable.
    fn heard(&self, vote: &Vote, answer: &AppendEntriesResponse<C>) {
        match answer {
            AppendEntriesResponse::HigherVote(higher) => self.keeper.promised(higher),
            _ => self.keeper.promised(vote),
        }
    }

    fn other(
        self: Arc<Self>,
        from: PeerId,
        request: Request<C>,
        rest: Bytes,
        responder: Responder,
    ) {
        let Ok(place) = Arc::clone(&self.others).try_acquire_owned() else {
            responder.fail("too many requests wait here");
            return;
        };
        let runtime = self.runtime.clone();
        runtime.spawn(async move {
            match self.answer(from, request, rest, &responder).await {
                Ok(answer) => respond(responder, &answer),
                Err(why) => responder.fail(&why),
            }
            drop(place);
        });
    }

    async fn answer(
        &self,
        from: PeerId,
        request: Request<C>,
        rest: Bytes,
        responder: &Responder,
    ) -> Result<Answer<C>, String> {
        let group = self.group;
        let sender = Sender { group, from };
        match request {
            Request::Append(_) => Err("an append takes another way".to_owned()),
            Request::Vote(vote) => self.vote(vote, responder).await.map(Answer::Vote),
            Request::PreVote(vote) => self.pre_vote(vote).await.map(Answer::Vote),
            Request::Transfer(transfer) => {
                let answer = self.raft.handle_transfer_leader(transfer).await;
                answer
                    .map(Answer::Transfer)
                    .map_err(|error| error.to_string())
            }
            Request::SnapshotOpen { vote, id } => Ok(Answer::Snapshot(self.open(sender, vote, id))),
            Request::SnapshotChunk { id, at } => {
                let answer = self.partials.extend(sender, id, at, &rest);
                Ok(Answer::Snapshot(answer))
            }
            Request::SnapshotInstall { vote, id, meta } => {
                let answer = self.install(sender, vote, id, meta).await;
                answer.map(Answer::Snapshot)
            }
        }
    }

    /// Held for as long as the gate asks and the sender waits. Once it has passed, nothing cancels
    /// it before the engine has answered.
    async fn vote(
        &self,
        request: VoteRequest<C>,
        responder: &Responder,
    ) -> Result<VoteResponse<C>, String> {
        let ballot = RaftBallot::from(&request.vote);
        let passed = self.keeper.admit(ballot, responder.time_left()).await;
        let passed = passed.map_err(|_| "held back by a lease".to_owned())?;
        let answer = self
            .raft
            .vote(request)
            .await
            .map_err(|error| error.to_string())?;
        passed.settle(&answer.vote);
        Ok(answer)
    }

    async fn pre_vote(&self, request: VoteRequest<C>) -> Result<VoteResponse<C>, String> {
        if !self.keeper.admits_probe(RaftBallot::from(&request.vote)) {
            return Ok(refused());
        }
        let answer = self.raft.pre_vote(request).await;
        answer.map_err(|error| error.to_string())
    }

    fn open(&self, sender: Sender, vote: Vote, id: SnapshotId) -> SnapshotAnswer {
        let own = self.raft.server_metrics().borrow_watched().vote;
        if RaftBallot::from(&own) > RaftBallot::from(&vote) {
            return SnapshotAnswer::Answered(own);
        }
        self.partials.open(sender, id)
    }

    async fn install(
        &self,
        sender: Sender,
        vote: Vote,
        id: SnapshotId,
        meta: SnapshotMeta<C>,
    ) -> Result<SnapshotAnswer, String> {
        let Some(bytes) = self.partials.take(sender, id) else {
            return Ok(SnapshotAnswer::Missing);
        };
        if checksum(bytes.clone()).await != Some(id.checksum) {
            return Ok(SnapshotAnswer::Damaged);
        }
        let snapshot = Snapshot::<C> {
            meta,
            snapshot: C::SnapshotData::from_bytes(bytes),
        };
        let answer = self.raft.install_full_snapshot(vote, snapshot).await;
        let answer = answer.map_err(|error| error.to_string())?;
        self.keeper.promised(&answer.vote);
        Ok(SnapshotAnswer::Answered(answer.vote))
    }
}

fn respond<C: RaftTypes>(responder: Responder, answer: &Answer<C>) {
    match wire::encode(answer) {
        Ok(bytes) => responder.respond(bytes),
        Err(error) => responder.fail(&error.to_string()),
    }
}
