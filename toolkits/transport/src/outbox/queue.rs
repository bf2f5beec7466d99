//! The frames that wait for one peer, encoded as they are queued.

use std::collections::VecDeque;

use bytes::Bytes;
use tsoracle_codec::EncodeError;

use super::lanes::Lanes;
use crate::Limits;
use crate::wire::{Frame, PayloadHead, encode_into};

/// Small frames are gathered up to this many bytes; what is gathered leaves as one gRPC message.
const SEGMENT_BYTES: usize = 64 << 10;

/// Frames of one session, in the order in which they leave.
#[derive(Debug, Default)]
pub(crate) struct Queue {
    segments: VecDeque<Segment>,
    lanes: Lanes,
    frames: usize,
    bytes: usize,
    /// The number of the next frame that leaves.
    next: u64,
}

#[derive(Debug, Default)]
struct Segment {
    bytes: Vec<u8>,
    frames: u64,
}

/// Frames in a row, ready to leave.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Batch {
    /// The number of the first.
    pub(crate) first: u64,
    /// How many.
    pub(crate) count: u64,
    /// The frames.
    pub(crate) frames: Vec<u8>,
}

impl Queue {
    /// Whether a payload of this size may be queued.
    pub(crate) fn has_room(&self, size: usize, limits: &Limits) -> bool {
        self.frames < limits.queue_frames
            && (self.bytes == 0 || self.bytes.saturating_add(size) <= limits.queue_bytes)
    }

    /// Queues a payload, in chunks if it is large. Messages of a group stay in order.
    pub(crate) fn push(
        &mut self,
        head: PayloadHead,
        payload: Bytes,
        limits: &Limits,
    ) -> Result<(), EncodeError> {
        let behind = match head {
            PayloadHead::Message { group } => self.lanes.holds(group),
            PayloadHead::Request { .. } | PayloadHead::Answer { .. } => false,
        };
        if behind || payload.len() > limits.chunk_bytes {
            self.frames += 1;
            self.bytes += payload.len();
            self.lanes.push(head, payload);
            return Ok(());
        }
        let payload = &payload[..];
        self.push_small(&Frame::Whole { head, payload }, payload.len())
    }

    /// Queues a frame that is small in any case.
    pub(crate) fn push_small(
        &mut self,
        frame: &Frame<'_>,
        about: usize,
    ) -> Result<(), EncodeError> {
        let full = |last: &Segment| last.bytes.len() + about > SEGMENT_BYTES;
        if self.segments.back().is_none_or(full) {
            self.segments.push_back(Segment::default());
        }
        if let Some(last) = self.segments.back_mut() {
            let before = last.bytes.len();
            encode_into(frame, &mut last.bytes)?;
            last.frames += 1;
            self.frames += 1;
            self.bytes += last.bytes.len() - before;
        }
        Ok(())
    }

    /// Takes what leaves next: gathered small frames, and one chunk of what is large.
    pub(crate) fn take(&mut self, chunk: usize) -> Result<Option<Batch>, EncodeError> {
        let mut segment = self.segments.pop_front().unwrap_or_default();
        self.bytes -= segment.bytes.len();
        self.frames -= usize::try_from(segment.frames).unwrap_or(self.frames);
        if !self.lanes.is_empty() {
            let turn = self.lanes.turn(chunk, &mut segment.bytes)?;
            segment.frames += turn.frames;
            self.bytes -= turn.bytes;
            self.frames -= turn.finished;
        }
        if segment.frames == 0 {
            return Ok(None);
        }
        let first = self.next;
        self.next += segment.frames;
        Ok(Some(Batch {
            first,
            count: segment.frames,
            frames: segment.bytes,
        }))
    }

    /// How many frames wait, and how many bytes.
    pub(crate) fn depth(&self) -> (usize, usize) {
        (self.frames, self.bytes)
    }
}
