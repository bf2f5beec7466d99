//! Two backends whose nodes keep everything in memory: one has every capability, one has none and
//! declares them all the same.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use async_trait::async_trait;
use futures_util::FutureExt;
use tsoracle_consensus::{
    ConsensusDriver, ConsensusError, Epoch, Handoff, HandoffError, LeadershipStream, Member,
    Membership, MembershipError, NodeId,
};
use tsoracle_testbed::{
    Backend, Capabilities, Hook, HookKind, Hooks, LinkFault, LinkFaults, Links, Node, NodeSpec,
    Timing,
};

/// What a node that is asked to hand off to it does: its process ends.
pub(crate) const ABYSS: NodeId = 99;

pub(crate) struct Able;

pub(crate) struct Bare;

fn capabilities() -> Capabilities {
    Capabilities {
        cluster_sizes: 1..=2,
        links: Links::Node,
        handoff: true,
        membership: true,
        hooks: BTreeSet::from([
            HookKind::HoldApply,
            HookKind::Inject,
            HookKind::SnapshotNow,
            HookKind::PurgeNow,
        ]),
        ..Capabilities::single_durable_node()
    }
}

fn timing() -> Timing {
    Timing {
        election_timeout: Duration::ZERO,
        lease: None,
        deadline: Duration::from_millis(200),
    }
}

#[async_trait]
impl Backend for Able {
    fn name(&self) -> &str {
        "able"
    }

    fn capabilities(&self) -> Capabilities {
        capabilities()
    }

    fn timing(&self) -> Timing {
        timing()
    }

    async fn start(&self, spec: NodeSpec) -> Result<Arc<dyn Node>, ConsensusError> {
        Ok(Arc::new(AbleNode(Arc::new(State {
            calls: AtomicU64::new(0),
            members: Mutex::new(spec.members),
            faults: Mutex::new(spec.link_faults),
        }))))
    }
}

#[async_trait]
impl Backend for Bare {
    fn name(&self) -> &str {
        "bare"
    }

    fn capabilities(&self) -> Capabilities {
        capabilities()
    }

    fn timing(&self) -> Timing {
        timing()
    }

    async fn start(&self, _spec: NodeSpec) -> Result<Arc<dyn Node>, ConsensusError> {
        Ok(Arc::new(BareNode))
    }
}

/// What hooks were called with, added up; the members; the faults of the links.
struct State {
    calls: AtomicU64,
    members: Mutex<Vec<Member>>,
    faults: Mutex<BTreeMap<NodeId, LinkFault>>,
}

struct AbleNode(Arc<State>);

struct BareNode;

impl State {
    fn hook<A: 'static>(
        self: &Arc<Self>,
        amount: impl Fn(A) -> u64 + Send + Sync + 'static,
    ) -> Option<Hook<A>> {
        let state = Arc::clone(self);
        Some(Arc::new(move |argument| {
            state.calls.fetch_add(amount(argument), Ordering::SeqCst);
            async { Ok(()) }.boxed()
        }))
    }
}

#[async_trait]
impl Node for AbleNode {
    fn driver(&self) -> Arc<dyn ConsensusDriver> {
        Arc::clone(&self.0) as Arc<dyn ConsensusDriver>
    }

    fn service_endpoint(&self) -> String {
        "service.of.able:1".to_owned()
    }

    async fn shutdown(&self) -> Result<(), ConsensusError> {
        Ok(())
    }

    fn hooks(&self) -> Hooks {
        Hooks {
            hold_apply: self.0.hook(|hold| if hold { 1 } else { 10 }),
            inject: self.0.hook(|payload: tsoracle_consensus::AdvancePayload| {
                payload.at_least + u64::try_from(payload.epoch.as_u128()).unwrap()
            }),
            snapshot_now: self.0.hook(|()| 100),
            purge_now: self.0.hook(|()| 1_000),
            campaign: self.0.hook(|()| 10_000),
        }
    }

    fn handoff(&self) -> Option<Arc<dyn Handoff>> {
        Some(Arc::clone(&self.0) as Arc<dyn Handoff>)
    }

    fn membership(&self) -> Option<Arc<dyn Membership>> {
        Some(Arc::clone(&self.0) as Arc<dyn Membership>)
    }

    fn links(&self) -> Option<Arc<dyn LinkFaults>> {
        Some(Arc::clone(&self.0) as Arc<dyn LinkFaults>)
    }
}

#[async_trait]
impl Node for BareNode {
    fn driver(&self) -> Arc<dyn ConsensusDriver> {
        Arc::new(State {
            calls: AtomicU64::new(0),
            members: Mutex::default(),
            faults: Mutex::default(),
        })
    }

    fn service_endpoint(&self) -> String {
        String::new()
    }

    async fn shutdown(&self) -> Result<(), ConsensusError> {
        Ok(())
    }
}

#[async_trait]
impl ConsensusDriver for State {
    fn leadership_events(&self) -> LeadershipStream {
        Box::pin(futures_util::stream::pending())
    }

    async fn load_high_water(&self) -> Result<u64, ConsensusError> {
        Ok(self.calls.load(Ordering::SeqCst))
    }

    async fn persist_high_water(&self, at_least: u64, _: Epoch) -> Result<u64, ConsensusError> {
        Ok(at_least)
    }
}

#[async_trait]
impl Handoff for State {
    async fn hand_off(&self, to: NodeId) -> Result<(), HandoffError> {
        match to {
            1 => Err(HandoffError::BadTarget {
                to,
                reason: "it leads".to_owned(),
            }),
            2 => Ok(()),
            ABYSS => std::process::abort(),
            _ => Err(HandoffError::TimedOut { to, waited_ms: 7 }),
        }
    }
}

#[async_trait]
impl Membership for State {
    async fn members(&self) -> Result<Vec<Member>, MembershipError> {
        Ok(self.members.lock().unwrap().clone())
    }

    async fn add(&self, member: Member) -> Result<(), MembershipError> {
        let mut members = self.members.lock().unwrap();
        if members.contains(&member) {
            let reason = "it is one already".to_owned();
            return Err(MembershipError::Refused { reason });
        }
        members.push(member);
        Ok(())
    }

    async fn remove(&self, node: NodeId) -> Result<(), MembershipError> {
        self.members
            .lock()
            .unwrap()
            .retain(|member| member.node != node);
        Ok(())
    }

    async fn replace(&self, old: NodeId, new: Member) -> Result<(), MembershipError> {
        self.remove(old).await?;
        self.add(new).await
    }
}

impl LinkFaults for State {
    fn set(&self, to: NodeId, fault: LinkFault) {
        self.faults.lock().unwrap().insert(to, fault);
    }

    /// The delay of the link, since a test can tell one from another by it.
    fn disturbed(&self, to: NodeId) -> u64 {
        match self.faults.lock().unwrap().get(&to) {
            Some(LinkFault::Delay(delay)) => delay.as_secs(),
            _ => 0,
        }
    }
}
