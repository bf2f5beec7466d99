//! Disk faults of a node process, set over its pipe.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use tsoracle_faultfs::{Call, Counts, Loss, Rule, RuleId};

use super::TestbedError;
use super::pipe::Pipe;
use super::protocol::{Answer, FaultRequest, Request};
use crate::DiskFaults;

/// [`DiskFaults`] of a node in a process of its own.
#[derive(Clone, Debug)]
pub struct ProcessDisk {
    pipe: Arc<Pipe>,
    journal_dir: PathBuf,
}

impl ProcessDisk {
    pub(super) fn new(pipe: Arc<Pipe>, journal_dir: PathBuf) -> Self {
        Self { pipe, journal_dir }
    }

    async fn ask(&self, request: FaultRequest) -> Result<Answer, TestbedError> {
        match self.pipe.call(Request::Fault(request)).await? {
            refusal @ Answer::Fault(_) => Err(refusal.into_error()),
            answer => Ok(answer),
        }
    }
}

#[async_trait]
impl DiskFaults for ProcessDisk {
    async fn install(&self, rule: Rule) -> Result<RuleId, TestbedError> {
        match self.ask(FaultRequest::Install(rule)).await? {
            Answer::Rule(id) => Ok(id),
            other => Err(other.into_error()),
        }
    }

    async fn remove(&self, id: RuleId) -> Result<(), TestbedError> {
        self.ask(FaultRequest::Remove(id)).await.map(drop)
    }

    async fn wait_for_hits(
        &self,
        id: RuleId,
        at_least: u64,
        limit: Duration,
    ) -> Result<u64, TestbedError> {
        match self
            .ask(FaultRequest::WaitForHits {
                id,
                at_least,
                limit,
            })
            .await?
        {
            Answer::Value(hits) => Ok(hits),
            other => Err(other.into_error()),
        }
    }

    async fn counts(&self, id: RuleId) -> Result<Counts, TestbedError> {
        match self.ask(FaultRequest::Counts(id)).await? {
            Answer::Counts(counts) => Ok(counts),
            other => Err(other.into_error()),
        }
    }

    async fn trace(&self, id: RuleId) -> Result<Vec<Call>, TestbedError> {
        match self.ask(FaultRequest::Trace(id)).await? {
            Answer::Trace(calls) => Ok(calls),
            other => Err(other.into_error()),
        }
    }

    async fn record_unsynced(&self, prefix: &Path) -> Result<(), TestbedError> {
        let (prefix, journal_dir) = (prefix.to_owned(), self.journal_dir.clone());
        std::fs::create_dir_all(&journal_dir)
            .map_err(|source| TestbedError::system("cannot make a journal folder", source))?;
        self.ask(FaultRequest::Record {
            prefix,
            journal_dir,
        })
        .await
        .map(drop)
    }

    async fn lose_unsynced(&self, prefix: &Path) -> Result<Loss, TestbedError> {
        tsoracle_faultfs::lose_unsynced(prefix, &self.journal_dir)
            .map_err(|error| TestbedError::Faults(error.to_string()))
    }
}
