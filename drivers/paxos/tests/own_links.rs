//! A host on a storage and links of the service's own: three nodes in memory that elect, persist,
//! and are read.
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    reason = "a test that cannot run has failed"
)]

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use futures_util::StreamExt;
use futures_util::future::select_all;
use tsoracle_consensus::{ConsensusDriver, ConsensusError, LeaderState, Member};
use tsoracle_driver_paxos::{
    DriverSettings, PaxosDriver, StandaloneEntry, StandaloneHost, StandaloneMachine,
};
use tsoracle_paxos_toolkit::fakes::MemoryDisk;
use tsoracle_paxos_toolkit::{Frame, Inbound, MessageSink, StartError};

/// Of a wait that ends soon, however slow the machine is.
const SOON: Duration = Duration::from_secs(20);

/// Where each node's frames go in.
type Doors = Arc<Mutex<BTreeMap<u64, Inbound<StandaloneEntry>>>>;

/// One node's way out: straight into the others.
struct Wire {
    from: u64,
    doors: Doors,
}

impl MessageSink<StandaloneEntry> for Wire {
    fn send(&mut self, to: u64, frame: Frame<StandaloneEntry>) {
        let doors = self.doors.lock().unwrap();
        // Who is not there yet, or full, begins a session later.
        if let Some(door) = doors.get(&to)
            && door.deliver(self.from, frame, 100).is_err()
        {
            door.reconnected(self.from);
        }
    }
}

fn member(node: u64) -> Member {
    Member {
        node,
        peer_endpoint: String::new(),
        service_endpoint: format!("node-{node}:8000"),
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_service_brings_its_own_storage_and_links() {
    let doors = Doors::default();
    let members: Vec<_> = (1..=3).map(member).collect();
    let mut nodes = Vec::new();
    for node in 1..=3 {
        let wire = Wire {
            from: node,
            doors: Arc::clone(&doors),
        };
        let builder = StandaloneHost::builder(42, node, "").members(&members);
        let builder = builder.machine(StandaloneMachine::default());
        let host = builder.start_on(1, MemoryDisk::default().open(), wire);
        nodes.push(Arc::new(host.await.unwrap()));
    }
    for (node, host) in (1..).zip(&nodes) {
        let mut doors = doors.lock().unwrap();
        for (other, door) in doors.iter() {
            door.reconnected(node);
            host.runner().inbound().reconnected(*other);
        }
        doors.insert(node, host.runner().inbound());
    }
    let drivers: Vec<_> = nodes
        .iter()
        .map(|host| PaxosDriver::start(Arc::clone(host), DriverSettings::default()))
        .collect();
    let leads = drivers.iter().map(|driver| {
        let states = driver.leadership_events();
        let leads =
            states.filter_map(|state| std::future::ready(LeaderState::leading_epoch(&state)));
        Box::pin(async move { Box::pin(leads).next().await.unwrap() })
    });
    let first = tokio::time::timeout(SOON, select_all(leads)).await;
    let (epoch, leader, _) = first.unwrap();
    let driver = &drivers[leader];
    assert_eq!(driver.persist_high_water(700, epoch).await.unwrap(), 700);
    assert_eq!(driver.load_high_water().await.unwrap(), 700);
    for (driver, host) in drivers.iter().zip(&nodes) {
        driver.stop();
        host.runner().shutdown(SOON).await.unwrap();
    }
}

#[tokio::test]
async fn members_that_the_engine_refuses_are_refused_by_type() {
    for members in [vec![member(1)], vec![member(2), member(3), member(4)]] {
        let wire = Wire {
            from: 1,
            doors: Doors::default(),
        };
        let builder = StandaloneHost::builder(42, 1, "").members(&members);
        let builder = builder.machine(StandaloneMachine::default());
        let host = builder.start_on(1, MemoryDisk::default().open(), wire);
        let Err(ConsensusError::Permanent(why)) = host.await else {
            panic!("{members:?} are accepted");
        };
        let cause = why.cause().downcast_ref();
        assert!(matches!(cause, Some(StartError::Members(_))), "{why}");
    }
}
