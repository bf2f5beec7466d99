//! A service whose log carries the oracle too: the worked example of `docs/consensus-integration.md`,
//! run on one node, over a restart.
#![allow(clippy::unwrap_used, reason = "a test that cannot run has failed")]

use std::error::Error;
use std::fmt;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use futures_util::StreamExt;
use openraft::async_runtime::WatchReceiver;
use serde::{Deserialize, Serialize};
use tsoracle_consensus::{ConsensusDriver, ConsensusError, LeaderState, Member};
use tsoracle_core::Epoch;
use tsoracle_driver_openraft::{
    CarriesHighWater, DriverSettings, Endpoints, HighWaterCommand, HighWaterOutcome,
    HighWaterSnapshot, HighWaterStateMachine, NodeHost, OpenraftDriver,
};
use tsoracle_openraft_toolkit::{LogId, StateMachine, declare_raft_types_ext};

/// One log for both: the service's commands and the oracle's.
#[derive(Clone, Debug, Serialize, Deserialize)]
enum Command {
    Append(String),
    HighWater(HighWaterCommand),
}

impl fmt::Display for Command {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Append(line) => write!(f, "append {line}"),
            Self::HighWater(command) => command.fmt(f),
        }
    }
}

#[derive(Clone, Debug, Serialize, Deserialize)]
enum Answer {
    Nothing,
    Lines(usize),
    HighWater(HighWaterOutcome),
}

declare_raft_types_ext!(
    /// The service's group.
    Notebook: D = Command, R = Answer, Node = Endpoints, SnapshotData = Bytes,
);

/// One state machine for both.
#[derive(Default)]
struct Pages {
    lines: Vec<String>,
    high_water: HighWaterStateMachine,
}

impl StateMachine<Notebook> for Pages {
    fn apply(&mut self, _at: &LogId, command: &Command) -> Answer {
        match command {
            Command::Append(line) => {
                self.lines.push(line.clone());
                Answer::Lines(self.lines.len())
            }
            Command::HighWater(command) => Answer::HighWater(self.high_water.apply(command)),
        }
    }

    fn answer_without_command(&self) -> Answer {
        Answer::Nothing
    }

    // One snapshot for both: the oracle's part has a fixed length and stands in front.
    fn snapshot(&self) -> Bytes {
        let oracle = self.high_water.snapshot().to_bytes();
        [&oracle[..], self.lines.join("\n").as_bytes()]
            .concat()
            .into()
    }

    fn restore(&mut self, state: Bytes) -> Result<(), Box<dyn Error + Send + Sync>> {
        let (oracle, lines) = state
            .split_at_checked(HighWaterSnapshot::LEN)
            .ok_or("a snapshot without the oracle's part")?;
        self.high_water
            .restore(HighWaterSnapshot::from_bytes(oracle)?);
        self.lines = std::str::from_utf8(lines)?
            .lines()
            .map(str::to_owned)
            .collect();
        Ok(())
    }
}

impl CarriesHighWater for Pages {
    type Types = Notebook;

    fn high_water(&self) -> &HighWaterStateMachine {
        &self.high_water
    }

    fn command(command: HighWaterCommand) -> Command {
        Command::HighWater(command)
    }

    fn outcome(answer: Answer) -> Option<HighWaterOutcome> {
        match answer {
            Answer::HighWater(outcome) => Some(outcome),
            Answer::Nothing | Answer::Lines(_) => None,
        }
    }
}

/// The service's node.
type Service = NodeHost<Pages>;

async fn start(dir: &Path) -> Result<Service, ConsensusError> {
    let alone = Member {
        node: 1,
        peer_endpoint: "127.0.0.1:0".into(),
        service_endpoint: "127.0.0.1:8000".into(),
    };
    Service::builder(42, 1, dir).member(&alone).start().await
}

async fn leads(driver: &OpenraftDriver<Service>) -> Epoch {
    let mut states = driver.leadership_events();
    let leader = async {
        loop {
            match states.next().await {
                Some(LeaderState::Leader { epoch, .. }) => return epoch,
                Some(_) => {}
                None => unreachable!("the node runs"),
            }
        }
    };
    let limit = Duration::from_secs(20);
    tokio::time::timeout(limit, leader).await.unwrap()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn one_log_and_one_snapshot_carry_both() {
    let dir = tempfile::tempdir().unwrap();
    let mut last = Epoch::ZERO;
    for life in 1..=3_u64 {
        let service = Arc::new(start(dir.path()).await.unwrap());
        let driver = OpenraftDriver::start(Arc::clone(&service), DriverSettings::default());
        let epoch = leads(&driver).await;
        assert!(epoch > last, "{epoch} after {last}");
        last = epoch;
        assert_eq!(driver.load_high_water().await.unwrap(), (life - 1) * 100);

        let line = Command::Append(format!("life {life}"));
        let written = service.node().raft().client_write(line).await.unwrap();
        assert!(matches!(written.data, Answer::Lines(lines) if lines as u64 == life));
        let value = driver.persist_high_water(life * 100, epoch).await.unwrap();
        assert_eq!(value, life * 100);

        let raft = service.node().raft();
        let written_to = raft.metrics().borrow_watched().last_applied;
        raft.trigger().snapshot().await.unwrap();
        let snapshot = raft.wait(Some(Duration::from_secs(20)));
        let taken = snapshot.metrics(|metrics| metrics.snapshot >= written_to, "a snapshot");
        let upto = taken.await.unwrap().snapshot.unwrap();
        raft.trigger().purge_log(upto.index).await.unwrap();
        driver.stop();
        service.shutdown(Duration::from_secs(20)).await.unwrap();
    }
}
