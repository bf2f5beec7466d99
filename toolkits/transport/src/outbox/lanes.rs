//! Large payloads on their way out: in chunks, with each other and with small frames between.

use std::collections::{HashMap, VecDeque};

use bytes::Bytes;
use tsoracle_codec::EncodeError;

use crate::GroupId;
use crate::wire::{Frame, PayloadHead, TRANSFERS_MAX, encode_into};

/// Payloads that take turns. Messages of one group share a lane, so that they stay in order; each
/// large request or answer has a lane of its own.
#[derive(Debug, Default)]
pub(super) struct Lanes {
    lanes: HashMap<u32, Lane>,
    /// Those that take turns, in order of the next turn.
    active: VecDeque<u32>,
    /// Those that wait for a turn at all: a receiver takes only so many transfers at a time.
    waiting: VecDeque<u32>,
    groups: HashMap<GroupId, u32>,
    next: u32,
}

#[derive(Debug)]
struct Lane {
    group: Option<GroupId>,
    items: VecDeque<(PayloadHead, Bytes)>,
    /// Bytes of the first item that have been sent.
    sent: usize,
}

/// What one turn wrote.
#[derive(Debug, Default)]
pub(super) struct Turn {
    /// Frames.
    pub(super) frames: u64,
    /// Payloads that are now sent.
    pub(super) finished: usize,
    /// Bytes of payload.
    pub(super) bytes: usize,
}

impl Lanes {
    pub(super) fn is_empty(&self) -> bool {
        self.active.is_empty()
    }

    /// Whether messages of this group must queue here, behind a large one.
    pub(super) fn holds(&self, group: GroupId) -> bool {
        !self.groups.is_empty() && self.groups.contains_key(&group)
    }

    pub(super) fn push(&mut self, head: PayloadHead, payload: Bytes) {
        let group = match head {
            PayloadHead::Message { group } => Some(group),
            PayloadHead::Request { .. } | PayloadHead::Answer { .. } => None,
        };
        let existing = group.and_then(|group| self.groups.get(&group));
        if let Some(lane) = existing.and_then(|id| self.lanes.get_mut(id)) {
            lane.items.push_back((head, payload));
            return;
        }
        let id = self.next;
        self.next = self.next.wrapping_add(1);
        let items = VecDeque::from([(head, payload)]);
        let lane = Lane {
            group,
            items,
            sent: 0,
        };
        self.lanes.insert(id, lane);
        if let Some(group) = group {
            self.groups.insert(group, id);
        }
        if self.active.len() < TRANSFERS_MAX {
            self.active.push_back(id);
        } else {
            self.waiting.push_back(id);
        }
    }

    /// Appends the next chunk of the lane whose turn it is. A lane's id is its transfer's: a lane
    /// has one transfer at a time.
    pub(super) fn turn(&mut self, chunk: usize, out: &mut Vec<u8>) -> Result<Turn, EncodeError> {
        let mut turn = Turn::default();
        let Some(id) = self.active.pop_front() else {
            return Ok(turn);
        };
        let Some(lane) = self.lanes.get_mut(&id) else {
            return Ok(turn);
        };
        lane.write(id, chunk, out, &mut turn)?;
        if lane.items.is_empty() {
            let group = lane.group;
            self.lanes.remove(&id);
            if let Some(group) = group {
                self.groups.remove(&group);
            }
            self.active.extend(self.waiting.pop_front());
        } else {
            self.active.push_back(id);
        }
        Ok(turn)
    }
}

impl Lane {
    fn write(
        &mut self,
        transfer: u32,
        chunk: usize,
        out: &mut Vec<u8>,
        turn: &mut Turn,
    ) -> Result<(), EncodeError> {
        let Some((head, payload)) = self.items.front() else {
            return Ok(());
        };
        let head = *head;
        let end = payload.len().min(self.sent + chunk);
        let bytes = &payload[self.sent..end];
        if payload.len() <= chunk {
            let payload = bytes;
            encode_into(&Frame::Whole { head, payload }, out)?;
        } else {
            if self.sent == 0 {
                let total = payload.len() as u64;
                let open = Frame::Open {
                    transfer,
                    head,
                    total,
                };
                encode_into(&open, out)?;
                turn.frames += 1;
            }
            encode_into(&Frame::Part { transfer, bytes }, out)?;
        }
        turn.frames += 1;
        turn.bytes += bytes.len();
        self.sent = end;
        if self.sent == payload.len() {
            self.items.pop_front();
            self.sent = 0;
            turn.finished += 1;
        }
        Ok(())
    }
}
