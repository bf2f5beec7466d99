//! One node of a group.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use openraft::async_runtime::WatchReceiver;
use openraft::{Config, Raft};
use tsoracle_openraft_toolkit::{
    Following, GroupTimes, Keeper, KeeperSettings, Lifecycle, MemoryLogStore, Network,
    NetworkSettings, RaftBallot, Serving, checked,
};
use tsoracle_peer_transport::{
    ClusterId, GroupId, Incarnation, Me, MemoryNetwork, Peer, PeerId, Settings, StoreId, Transport,
};

use super::leases::Leases;
use super::machine::Machine;
use super::{Numbers, SOON};

pub(crate) const GROUP: GroupId = GroupId(1);

/// What a node is started with.
#[derive(Clone, Debug)]
pub(crate) struct Options {
    pub(crate) log: MemoryLogStore<Numbers>,
    pub(crate) machine: Machine,
    pub(crate) life: u64,
    pub(crate) times: GroupTimes,
    pub(crate) network: NetworkSettings,
    pub(crate) adjust: fn(&mut Config),
    /// Starts the engine with a config that `checked` refuses.
    pub(crate) unchecked: bool,
    /// The peers that it knows from the start.
    pub(crate) knows: Vec<u64>,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            log: MemoryLogStore::default(),
            machine: Machine::default(),
            life: 1,
            times: GroupTimes::default(),
            network: NetworkSettings::default(),
            adjust: |_| {},
            unchecked: false,
            knows: (1..=5).collect(),
        }
    }
}

pub(crate) struct Node {
    pub(crate) id: u64,
    pub(crate) transport: Transport,
    pub(crate) network: Network,
    pub(crate) keeper: Keeper,
    pub(crate) raft: Raft<Numbers, Machine>,
    pub(crate) lifecycle: Lifecycle<Numbers, Machine>,
    pub(crate) log: MemoryLogStore<Numbers>,
    pub(crate) machine: Machine,
    options: Options,
    serving: Serving,
    following: Following,
}

pub(crate) fn settings(id: u64, options: &Options) -> Settings {
    let me = Me {
        cluster: ClusterId(7),
        node: PeerId(id),
        store: StoreId(u128::from(id) + 100),
        incarnation: Incarnation::counted(options.life),
    };
    let others = options.knows.iter().filter(|other| **other != id);
    let peers = others.map(|other| Peer::new(PeerId(*other), format!("node-{other}")));
    let mut settings = Settings::new(me, peers.collect());
    settings.timing = options.times.handshake();
    settings.seed = id;
    settings
}

/// One group at one node.
pub(crate) struct Engine {
    pub(crate) keeper: Keeper,
    pub(crate) raft: Raft<Numbers, Machine>,
    pub(crate) lifecycle: Lifecycle<Numbers, Machine>,
    serving: Serving,
    following: Following,
}

impl Engine {
    pub(crate) async fn start(
        id: u64,
        group: GroupId,
        network: &Network,
        leases: &Leases,
        options: &Options,
    ) -> Self {
        let timing = options.times.lease().unwrap();
        let vote = options.log.durable_vote();
        let stored = RaftBallot::stored(vote.as_ref(), timing.grant());
        let transport = network.transport().clone();
        let mut keeper = KeeperSettings::new(id, group, transport, timing, stored);
        keeper.clock = Arc::new(leases.clock);
        keeper.observer = leases.observer(id);
        let keeper = Keeper::start(keeper).unwrap();
        let mut config = options.times.config("test").unwrap();
        (options.adjust)(&mut config);
        let config = if options.unchecked {
            Arc::new(config)
        } else {
            checked(config).unwrap()
        };
        let links = network.group(id, group, keeper.clone());
        let (log, machine) = (options.log.clone(), options.machine.clone());
        let raft = Raft::build(id, config, links, log, machine).await.unwrap();
        let following = keeper.follow(&raft);
        let serving = network.serve(group, raft.clone(), keeper.clone()).unwrap();
        raft.run();
        Self {
            lifecycle: Lifecycle::new(raft.clone(), keeper.clone()),
            keeper,
            raft,
            serving,
            following,
        }
    }
}

impl Node {
    pub(crate) async fn start(
        id: u64,
        links: &MemoryNetwork,
        leases: &Leases,
        options: Options,
    ) -> Self {
        let listener = links.bind(&format!("node-{id}")).unwrap();
        let transport = Transport::start(settings(id, &options), listener, links.clone()).unwrap();
        let network = Network::new(transport.clone(), options.network);
        let engine = Engine::start(id, GROUP, &network, leases, &options).await;
        Self {
            id,
            transport,
            network,
            lifecycle: engine.lifecycle,
            keeper: engine.keeper,
            raft: engine.raft,
            log: options.log.clone(),
            machine: options.machine.clone(),
            options,
            serving: engine.serving,
            following: engine.following,
        }
    }

    /// Ends all at once, as a crash does; what the next life finds is what the disk holds.
    pub(crate) async fn stop(self) -> Options {
        let disk = self.log.crash();
        drop(self.serving);
        self.transport.shutdown().await.unwrap();
        drop(self.following);
        // A vote that waits for a held flush would keep the engine.
        self.log.release();
        self.raft.shutdown().await.unwrap();
        let mut options = self.options;
        options.log = disk;
        options.life += 1;
        options
    }

    /// Writes a number, and waits until it is applied here.
    pub(crate) async fn write(&self, value: u64) -> Result<u64, String> {
        self.write_within(value, SOON).await
    }

    pub(crate) async fn write_within(&self, value: u64, within: Duration) -> Result<u64, String> {
        let written = tokio::time::timeout(within, self.raft.client_write(value)).await;
        let written = written.map_err(|_| "late".to_owned())?;
        written
            .map(|answer| answer.response().to_owned())
            .map_err(|error| error.to_string())
    }

    pub(crate) fn voters(&self) -> Vec<u64> {
        self.raft.voter_ids().collect()
    }

    pub(crate) fn members(&self) -> BTreeSet<u64> {
        let metrics = self.raft.server_metrics();
        let metrics = metrics.borrow_watched();
        let nodes = metrics.membership_config.membership().nodes();
        nodes.map(|(id, _)| *id).collect()
    }
}
