//! Large payloads on their way in.

use std::collections::HashMap;

use bytes::Bytes;

use crate::EndReason;
use crate::wire::{Failure, Frame, PayloadHead, TRANSFERS_MAX};

/// What frames make up: a payload, or a call that failed.
#[derive(Debug, PartialEq)]
pub(crate) enum Payload {
    Whole(PayloadHead, Bytes),
    Failure(u64, Failure),
}

/// Payloads of which parts have come. At most [`TRANSFERS_MAX`], each within the limit: memory
/// grows with what has come, not with what was announced.
#[derive(Debug, Default)]
pub(super) struct Parts {
    open: HashMap<u32, Partial>,
}

#[derive(Debug)]
struct Partial {
    head: PayloadHead,
    total: usize,
    bytes: Vec<u8>,
}

impl Parts {
    /// Takes a frame out of `batch`, and gives back what it completes.
    pub(super) fn take(
        &mut self,
        frame: Frame<'_>,
        batch: &Bytes,
        limit: usize,
    ) -> Result<Option<Payload>, EndReason> {
        match frame {
            Frame::Beat => Ok(None),
            Frame::Whole { head, payload } => {
                within(payload.len() as u64, limit)?;
                Ok(Some(Payload::Whole(head, batch.slice_ref(payload))))
            }
            Frame::Failure { call, failure } => Ok(Some(Payload::Failure(call, failure))),
            Frame::Open {
                transfer,
                head,
                total,
            } => {
                let total = within(total, limit)?;
                self.begin(transfer, head, total).map(|()| None)
            }
            Frame::Part { transfer, bytes } => self.add(transfer, bytes),
        }
    }

    fn begin(&mut self, transfer: u32, head: PayloadHead, total: usize) -> Result<(), EndReason> {
        if self.open.len() >= TRANSFERS_MAX {
            let why = format!("more than {TRANSFERS_MAX} payloads in parts");
            return Err(EndReason::Malformed(why));
        }
        let bytes = Vec::new();
        let partial = Partial { head, total, bytes };
        match self.open.insert(transfer, partial) {
            None => Ok(()),
            Some(_) => Err(malformed(transfer, "it began twice")),
        }
    }

    fn add(&mut self, transfer: u32, bytes: &[u8]) -> Result<Option<Payload>, EndReason> {
        let partial = self.open.get_mut(&transfer);
        let partial = partial.ok_or_else(|| malformed(transfer, "it never began"))?;
        if partial.bytes.len() + bytes.len() > partial.total {
            return Err(malformed(transfer, "it is longer than announced"));
        }
        partial.bytes.extend_from_slice(bytes);
        if partial.bytes.len() < partial.total {
            return Ok(None);
        }
        let whole = self.open.remove(&transfer);
        Ok(whole.map(|whole| Payload::Whole(whole.head, whole.bytes.into())))
    }
}

fn within(size: u64, limit: usize) -> Result<usize, EndReason> {
    usize::try_from(size)
        .ok()
        .filter(|size| *size <= limit)
        .ok_or(EndReason::TooLarge {
            size,
            limit: limit as u64,
        })
}

fn malformed(transfer: u32, why: &str) -> EndReason {
    EndReason::Malformed(format!("transfer {transfer}: {why}"))
}
