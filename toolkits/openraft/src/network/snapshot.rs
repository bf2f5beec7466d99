//! A snapshot on its way to one node: in chunks, from where the last attempt ended.

use std::sync::atomic::Ordering;

use bytes::Bytes;
use crc::{CRC_64_XZ, Crc, Table};
use openraft::error::{NetworkError, RPCError, Unreachable};
use openraft::network::RPCTypes;
use openraft::raft::SnapshotResponse;

use super::client::{Client, confused};
use super::error::unreadable;
use super::wire::{self, Answer, Request, SnapshotAnswer, SnapshotId};
use crate::{RaftTypes, Snapshot, SnapshotPayload, Vote};

static CRC: Crc<u64, Table<16>> = Crc::<u64, Table<16>>::new(&CRC_64_XZ);

/// From this size on a checksum is not for the threads of the runtime.
const CHECKSUM_INLINE: usize = 256 << 10;

/// The checksum of a snapshot's bytes; `None` if the runtime shuts down.
pub(super) async fn checksum(bytes: Bytes) -> Option<u64> {
    if bytes.len() < CHECKSUM_INLINE {
        return Some(CRC.checksum(&bytes));
    }
    let sum = tokio::task::spawn_blocking(move || CRC.checksum(&bytes));
    sum.await.ok()
}

impl<C: RaftTypes> Client<C> {
    pub(super) async fn send_snapshot(
        &self,
        vote: Vote,
        snapshot: Snapshot<C>,
    ) -> Result<SnapshotResponse<C>, RPCError<C>> {
        let meta = snapshot.meta;
        let bytes = snapshot.snapshot.into_bytes();
        let checksum = checksum(bytes.clone()).await;
        let id = SnapshotId {
            last: meta.last_log_id,
            bytes: bytes.len() as u64,
            checksum: checksum.ok_or_else(|| refused("the runtime shuts down"))?,
        };
        if let Some(higher) = self.send_chunks(vote, id, &bytes).await? {
            return Ok(SnapshotResponse { vote: higher });
        }
        let install = Request::<C>::SnapshotInstall { vote, id, meta };
        let install = wire::encode(&install).map_err(|error| unreadable(&error))?;
        let within = self.network().inner.settings.install_within;
        match self.chunk(install, within).await? {
            SnapshotAnswer::Answered(vote) => Ok(SnapshotResponse { vote }),
            other => Err(not_there(&other)),
        }
    }

    /// Sends what is missing. Gives the other node's vote if that is higher.
    async fn send_chunks(
        &self,
        vote: Vote,
        id: SnapshotId,
        bytes: &Bytes,
    ) -> Result<Option<Vote>, RPCError<C>> {
        let settings = &self.network().inner.settings;
        let open = Request::<C>::SnapshotOpen { vote, id };
        let open = wire::encode(&open).map_err(|error| unreadable(&error))?;
        let mut answer = self.chunk(open, settings.chunk_within).await?;
        loop {
            let at = match answer {
                SnapshotAnswer::Have(at) => at,
                SnapshotAnswer::Answered(higher) => return Ok(Some(higher)),
                other => return Err(not_there(&other)),
            };
            let from = usize::try_from(at).unwrap_or(usize::MAX).min(bytes.len());
            if from == bytes.len() {
                return Ok(None);
            }
            let to = from
                .saturating_add(settings.chunk_bytes.max(1))
                .min(bytes.len());
            let chunk = Request::<C>::SnapshotChunk { id, at };
            let chunk = wire::encode_with(&chunk, &bytes[from..to]);
            let chunk = chunk.map_err(|error| unreadable(&error))?;
            let sent = &self.network().inner.snapshot_bytes_sent;
            sent.fetch_add((to - from) as u64, Ordering::Relaxed);
            answer = self.chunk(chunk, settings.chunk_within).await?;
            if matches!(answer, SnapshotAnswer::Have(now) if now <= at) {
                return Err(refused("the node takes no more of the snapshot"));
            }
        }
    }

    async fn chunk(
        &self,
        request: Bytes,
        within: std::time::Duration,
    ) -> Result<SnapshotAnswer, RPCError<C>> {
        match self
            .call(RPCTypes::InstallSnapshot, request, within)
            .await?
        {
            Answer::Snapshot(answer) => Ok(answer),
            _ => Err(confused()),
        }
    }
}

fn not_there<C: RaftTypes>(answer: &SnapshotAnswer) -> RPCError<C> {
    match answer {
        SnapshotAnswer::NoRoom => refused("the node has no room for the snapshot"),
        SnapshotAnswer::Damaged => refused("the snapshot came damaged"),
        SnapshotAnswer::Missing | SnapshotAnswer::Have(_) | SnapshotAnswer::Answered(_) => {
            let error =
                NetworkError::from_string("the node has dropped what it had of the snapshot");
            RPCError::Network(error)
        }
    }
}

fn refused<C: RaftTypes>(why: &str) -> RPCError<C> {
    RPCError::Unreachable(Unreachable::from_string(why))
}
