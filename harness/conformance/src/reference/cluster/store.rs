//! The two files of a node, each with a checksum.

use std::time::Duration;

use crc::{CRC_32_ISCSI, Crc};
use serde::Deserialize;
use serde::Serialize;
use serde::de::DeserializeOwned;
use tokio::time::sleep;
use tsoracle_consensus::{ConsensusError, NodeId};
use tsoracle_testbed::{NodeSpec, SimDisk};

use super::Rules;
use super::ballot::Ballot;
use super::log::{Log, StoreId};
use super::replica::Durable;

/// Whose store this is (S4).
const IDENTITY: &str = "identity";
const STATE: &str = "state";
/// So that a kill can come between a write and its acknowledgement.
const SYNC_TAKES: Duration = Duration::from_millis(1);
const CHECKSUM: Crc<u32> = Crc::<u32>::new(&CRC_32_ISCSI);

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
struct Identity {
    cluster: u64,
    node: NodeId,
    store: StoreId,
}

/// Opens the store, or makes it: the state first, the identity last, so that a first open that was
/// cut short is told from a store that has lost a file.
pub(super) async fn open(
    disk: &SimDisk,
    spec: &NodeSpec,
    new_store: StoreId,
    rules: &Rules,
) -> Result<(StoreId, Durable), ConsensusError> {
    let identity: Option<Identity> = read(disk, IDENTITY).await?;
    let state: Option<Durable> = read(disk, STATE).await?;
    match (identity, state) {
        (Some(identity), Some(durable)) => {
            let Identity {
                cluster,
                node,
                store,
            } = identity;
            if rules.checks_identity && (cluster, node) != (spec.cluster, spec.node) {
                let refusal = format!("the store is that of node {node} of cluster {cluster}");
                return Err(ConsensusError::permanent(refusal));
            }
            // An earlier life may have ended between a write and its sync.
            sync(disk, STATE).await?;
            sync(disk, IDENTITY).await?;
            Ok((store, durable))
        }
        (Some(_), None) => Err(missing(STATE)),
        (None, Some(durable)) if durable.promised != Ballot::NONE => Err(missing(IDENTITY)),
        (None, _) => create(disk, spec, new_store).await,
    }
}

async fn create(
    disk: &SimDisk,
    spec: &NodeSpec,
    store: StoreId,
) -> Result<(StoreId, Durable), ConsensusError> {
    let members = match spec.joining {
        true => Vec::new(),
        false => spec.members.clone(),
    };
    let durable = Durable {
        promised: Ballot::NONE,
        accepted: Ballot::NONE,
        log: Log::of(members),
        committed: 0,
    };
    let identity = Identity {
        cluster: spec.cluster,
        node: spec.node,
        store,
    };
    save(disk, &durable).await?;
    write(disk, IDENTITY, &identity).await?;
    sync(disk, IDENTITY).await?;
    Ok((store, durable))
}

/// Writes and syncs the state.
pub(super) async fn save(disk: &SimDisk, durable: &Durable) -> Result<(), ConsensusError> {
    write(disk, STATE, durable).await?;
    sync(disk, STATE).await
}

/// Writes the state without a sync.
pub(super) async fn save_unsynced(disk: &SimDisk, durable: &Durable) -> Result<(), ConsensusError> {
    write(disk, STATE, durable).await
}

async fn write(disk: &SimDisk, name: &str, content: &impl Serialize) -> Result<(), ConsensusError> {
    let mut bytes = postcard::to_stdvec(content).map_err(ConsensusError::permanent)?;
    let checksum = CHECKSUM.checksum(&bytes);
    bytes.extend(checksum.to_le_bytes());
    disk.write(name, &bytes)
        .await
        .map_err(|error| failed(name, &error))
}

async fn sync(disk: &SimDisk, name: &str) -> Result<(), ConsensusError> {
    sleep(SYNC_TAKES).await;
    disk.sync(name).await.map_err(|error| failed(name, &error))
}

async fn read<T: DeserializeOwned>(
    disk: &SimDisk,
    name: &str,
) -> Result<Option<T>, ConsensusError> {
    let read = disk.read(name).await;
    let Some(bytes) = read.map_err(|error| failed(name, &error))? else {
        return Ok(None);
    };
    let damaged = || ConsensusError::permanent(format!("the file {name} is damaged"));
    let (content, checksum) = bytes.split_last_chunk::<4>().ok_or_else(damaged)?;
    if CHECKSUM.checksum(content) != u32::from_le_bytes(*checksum) {
        return Err(damaged());
    }
    postcard::from_bytes(content)
        .map(Some)
        .map_err(|_| damaged())
}

fn missing(name: &str) -> ConsensusError {
    ConsensusError::permanent(format!("the file {name} is missing"))
}

fn failed(name: &str, error: &std::io::Error) -> ConsensusError {
    ConsensusError::permanent(format!("the file {name}: {error}"))
}
