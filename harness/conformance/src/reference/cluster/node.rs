//! A replica with a disk, a network and a clock: a node, and the driver on it.

use std::sync::{Arc, OnceLock};

use async_trait::async_trait;
use tokio::sync::{mpsc, oneshot, watch};
use tokio::time::{sleep, timeout};
use tsoracle_consensus::{
    BootInstant, ConsensusDriver, ConsensusError, Epoch, Handoff, HandoffError, LeaderState,
    LeadershipPublisher, LeadershipStream, Member, Membership, MembershipError, NodeId,
    reject_out_of_range_advance,
};
use tsoracle_testbed::{Life, SimDisk, SimNetwork};

use super::call::{Call, Change, Hook, Reply};
use super::message::Envelope;
use super::replica::{Effects, Replica};
use super::{Rules, Times, store};

/// Calls beyond this wait for no place: they are refused.
const MOST_CALLS: usize = 1_024;
/// So many messages or calls are handled between two syncs.
const BATCH: usize = 64;

/// One running node, and the driver itself.
pub(super) struct ReplicaNode {
    calls: mpsc::Sender<Call>,
    published: Arc<Published>,
    stop: watch::Sender<bool>,
    stopped: watch::Receiver<bool>,
    life: Life,
    rules: Rules,
    times: Times,
}

/// What outsiders see of a node without asking it.
struct Published {
    leadership: LeadershipPublisher,
    /// Why its disk cannot be used any more.
    failure: OnceLock<String>,
}

/// The node's own task.
struct Engine {
    replica: Replica,
    disk: SimDisk,
    network: SimNetwork<Envelope>,
    inbox: mpsc::Receiver<(NodeId, Envelope)>,
    calls: mpsc::Receiver<Call>,
    stop: watch::Receiver<bool>,
    published: Arc<Published>,
}

impl ReplicaNode {
    /// Sets a replica going on its machine.
    pub(super) fn start(replica: Replica, life: Life, network: SimNetwork<Envelope>) -> Self {
        let (calls, received) = mpsc::channel(MOST_CALLS);
        let (stop, stops) = watch::channel(false);
        let (stopped, has_stopped) = watch::channel(false);
        let published = Arc::new(Published {
            leadership: LeadershipPublisher::new(replica.shown()),
            failure: OnceLock::new(),
        });
        let (rules, times) = (replica.rules.clone(), replica.times);
        let engine = Engine {
            inbox: network.attach(replica.me),
            network,
            disk: life.disk(),
            calls: received,
            stop: stops,
            published: Arc::clone(&published),
            replica,
        };
        life.spawn(async move {
            engine.run().await;
            stopped.send_replace(true);
        });
        Self {
            calls,
            published,
            stop,
            stopped: has_stopped,
            life,
            rules,
            times,
        }
    }

    /// Ends lease and streams at once, and the node once no sync is under way any more.
    pub(super) async fn shutdown(&self) -> Result<(), ConsensusError> {
        self.stop.send_replace(true);
        let mut stopped = self.stopped.clone();
        let ended = timeout(self.times.deadline, stopped.wait_for(|stopped| *stopped));
        let in_time = ended.await.is_ok();
        self.published.leadership.end(LeaderState::NoLeader);
        if in_time {
            self.life.close();
            return Ok(());
        }
        let (life, mut stopped) = (self.life.clone(), self.stopped.clone());
        tokio::spawn(async move {
            // The store is let go of when the sync has ended, or with its machine.
            let _ = stopped.wait_for(|stopped| *stopped).await;
            life.close();
        });
        Err(ConsensusError::permanent("a sync hangs"))
    }

    pub(super) async fn hook(&self, hook: Hook) -> Result<(), ConsensusError> {
        self.ask(|reply| Call::Hook { hook, reply }).await
    }

    async fn ask<T>(&self, call: impl FnOnce(Reply<T>) -> Call) -> Result<T, ConsensusError> {
        let (reply, answer) = oneshot::channel();
        self.post(call(reply))?;
        self.await_answer(answer).await?
    }

    fn post(&self, call: Call) -> Result<(), ConsensusError> {
        if let Some(failure) = self.published.failure.get() {
            return Err(ConsensusError::permanent(failure.clone()));
        }
        if *self.stop.borrow() {
            return Err(ConsensusError::NotLeader { leader: None });
        }
        let posted = self.calls.try_send(call);
        posted.map_err(|_| ConsensusError::transient("the node takes no more calls"))
    }

    /// What a call came to, by the deadline.
    async fn await_answer<T>(&self, answer: oneshot::Receiver<T>) -> Result<T, ConsensusError> {
        let answered = match self.rules.answers_by_the_deadline {
            true => timeout(self.times.deadline, answer).await,
            false => Ok(answer.await),
        };
        match (answered, self.published.failure.get()) {
            (Ok(Ok(answer)), _) => Ok(answer),
            (_, Some(failure)) => Err(ConsensusError::permanent(failure.clone())),
            (Ok(Err(_)), None) => Err(ConsensusError::transient("the node has ended")),
            (Err(_), None) if !self.rules.no_quorum_is_transient => {
                Err(ConsensusError::permanent("no quorum answered in time"))
            }
            (Err(_), None) => Err(ConsensusError::transient("no quorum answered in time")),
        }
    }
}

impl Drop for ReplicaNode {
    fn drop(&mut self) {
        self.stop.send_replace(true);
    }
}

impl Engine {
    async fn run(mut self) {
        let ended = self.serve().await;
        self.replica.step_down();
        self.published.leadership.end(LeaderState::NoLeader);
        self.network.detach(self.replica.me);
        match ended {
            Ok(()) => {
                for answer in std::mem::take(&mut self.replica.effects.answers) {
                    answer();
                }
            }
            // Whoever waits is not answered, and finds the failure. There is only one.
            Err(failure) => drop(self.published.failure.set(failure.to_string())),
        }
    }

    async fn serve(&mut self) -> Result<(), ConsensusError> {
        while !*self.stop.borrow() {
            self.await_something().await;
            let now = BootInstant::now();
            self.take_what_has_come(now);
            let effects = self.replica.finish(now);
            self.carry_out(effects).await?;
        }
        Ok(())
    }

    async fn await_something(&mut self) {
        let wake = self.replica.wake_at();
        let idle = sleep(wake.saturating_since(BootInstant::now()));
        tokio::select! {
            biased;
            _ = self.stop.changed() => {}
            Some((from, envelope)) = self.inbox.recv() => {
                self.replica.hear(from, envelope, BootInstant::now());
            }
            Some(call) = self.calls.recv() => self.replica.call(call, BootInstant::now()),
            () = idle => {}
        }
    }

    fn take_what_has_come(&mut self, now: BootInstant) {
        for _ in 0..BATCH {
            match (self.inbox.try_recv(), self.calls.try_recv()) {
                (Err(_), Err(_)) => return,
                (message, call) => {
                    if let Ok((from, envelope)) = message {
                        self.replica.hear(from, envelope, now);
                    }
                    if let Ok(call) = call {
                        self.replica.call(call, now);
                    }
                }
            }
        }
    }

    /// Durable first; then it is shown, sent and answered.
    async fn carry_out(&mut self, effects: Effects) -> Result<(), ConsensusError> {
        let rules = &self.replica.rules;
        let is_follower = self.replica.leader_is_another();
        let syncs = rules.syncs_before_it_speaks && (rules.accepts_once_synced || !is_follower);
        if effects.dirty && syncs {
            store::save(&self.disk, &self.replica.durable).await?;
        }
        self.published.leadership.publish(self.replica.shown());
        let (me, store) = (self.replica.me, self.replica.store);
        for (to, message) in effects.send {
            self.network.send(me, to, Envelope { store, message });
        }
        for answer in effects.answers {
            answer();
        }
        if effects.dirty && !syncs {
            store::save_unsynced(&self.disk, &self.replica.durable).await?;
        }
        Ok(())
    }
}

#[async_trait]
impl ConsensusDriver for ReplicaNode {
    fn leadership_events(&self) -> LeadershipStream {
        self.published.leadership.subscribe()
    }

    async fn load_high_water(&self) -> Result<u64, ConsensusError> {
        self.ask(Call::Load).await
    }

    async fn persist_high_water(&self, at_least: u64, epoch: Epoch) -> Result<u64, ConsensusError> {
        let leads = matches!(
            self.published.leadership.current(),
            LeaderState::Leader { .. }
        );
        if leads || self.rules.checks_the_range_first {
            reject_out_of_range_advance(at_least)?;
        }
        self.ask(|reply| Call::Persist {
            at_least,
            epoch,
            reply,
        })
        .await
    }
}

#[async_trait]
impl Handoff for ReplicaNode {
    async fn hand_off(&self, to: NodeId) -> Result<(), HandoffError> {
        let (reply, answer) = oneshot::channel();
        self.post(Call::HandOff { to, reply })?;
        match timeout(self.times.deadline, answer).await {
            Ok(Ok(outcome)) => outcome,
            Ok(Err(_)) => Err(ConsensusError::transient("the node has ended").into()),
            Err(_) => {
                let waited_ms = u64::try_from(self.times.deadline.as_millis()).unwrap_or(u64::MAX);
                Err(HandoffError::TimedOut { to, waited_ms })
            }
        }
    }
}

impl ReplicaNode {
    async fn change(&self, change: Change) -> Result<(), MembershipError> {
        let (reply, answer) = oneshot::channel();
        self.post(Call::Change { change, reply })?;
        // Two steps, each with a commit.
        match timeout(self.times.deadline * 2, answer).await {
            Ok(Ok(outcome)) => outcome,
            Ok(Err(_)) => Err(ConsensusError::transient("the node has ended").into()),
            Err(_) => Err(ConsensusError::transient("no quorum answered in time").into()),
        }
    }
}

#[async_trait]
impl Membership for ReplicaNode {
    async fn members(&self) -> Result<Vec<Member>, MembershipError> {
        let (reply, answer) = oneshot::channel();
        self.post(Call::Members(reply))?;
        self.await_answer(answer).await?
    }

    async fn add(&self, member: Member) -> Result<(), MembershipError> {
        self.change(Change::Add(member)).await
    }

    async fn remove(&self, node: NodeId) -> Result<(), MembershipError> {
        self.change(Change::Remove(node)).await
    }

    async fn replace(&self, old: NodeId, new: Member) -> Result<(), MembershipError> {
        self.change(Change::Replace(old, new)).await
    }
}
