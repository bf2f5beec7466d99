//! What is queued comes out whole, in order, and with turns.

use std::collections::BTreeMap;

use bytes::Bytes;
use proptest::collection::vec;
use proptest::prelude::*;

use super::queue::Queue;
use crate::inbox::{Payload, read_frames};
use crate::wire::{Frame, PayloadHead, decode_prefix};
use crate::{GroupId, Limits};

const CHUNK: usize = 1_024;

fn limits() -> Limits {
    Limits {
        chunk_bytes: CHUNK,
        ..Limits::default()
    }
}

fn payload(number: usize, size: usize) -> Bytes {
    let mut payload = vec![0; size.max(8)];
    payload[..8].copy_from_slice(&(number as u64).to_be_bytes());
    payload.into()
}

proptest! {
    #[test]
    fn every_payload_comes_out_once_and_messages_of_a_group_in_order(
        pushes in vec((0..5_u64, prop_oneof![8 => 0..CHUNK, 1 => CHUNK..8 * CHUNK], 0..3_u8), 1..80),
    ) {
        let (mut queue, mut sent) = (Queue::default(), BTreeMap::<_, Vec<_>>::new());
        let (mut batches, mut next) = (Vec::new(), 0);
        for (number, (group, size, takes)) in pushes.into_iter().enumerate() {
            let payload = payload(number, size);
            let group = GroupId(group);
            // Group 0 stands for calls, which have no order among them.
            let head = match group {
                GroupId(0) => PayloadHead::Answer { call: number as u64 },
                group => PayloadHead::Message { group },
            };
            queue.push(head, payload.clone(), &limits()).unwrap();
            sent.entry(group).or_default().push(payload);
            for _ in 0..takes {
                batches.extend(queue.take(CHUNK).unwrap());
            }
        }
        while let Some(batch) = queue.take(CHUNK).unwrap() {
            batches.push(batch);
        }
        prop_assert_eq!(queue.depth(), (0, 0));
        let mut all = Vec::new();
        for batch in batches {
            prop_assert_eq!(batch.first, next);
            next += batch.count;
            all.extend(batch.frames);
        }
        let mut received = BTreeMap::<_, Vec<_>>::new();
        // Which fails, too, if more transfers are open than a receiver takes.
        for whole in read_frames(&all.into()).unwrap() {
            match whole {
                Payload::Whole(PayloadHead::Message { group }, payload) => {
                    received.entry(group).or_default().push(payload);
                }
                Payload::Whole(_, payload) => {
                    received.entry(GroupId(0)).or_default().push(payload);
                }
                Payload::Failure(..) => prop_assert!(false, "nothing failed"),
            }
        }
        for calls in [received.get_mut(&GroupId(0)), sent.get_mut(&GroupId(0))] {
            calls.into_iter().for_each(|calls| calls.sort());
        }
        prop_assert!(received == sent);
    }
}

#[test]
fn a_small_frame_waits_for_one_chunk_of_a_large_payload_at_most() {
    let mut queue = Queue::default();
    let answer = PayloadHead::Answer { call: 1 };
    queue
        .push(answer, payload(0, 100 * CHUNK), &limits())
        .unwrap();
    for _ in 0..10 {
        queue.take(CHUNK).unwrap().unwrap();
        let group = GroupId(1);
        let message = PayloadHead::Message { group };
        queue.push(message, payload(1, 8), &limits()).unwrap();
        let batch = queue.take(CHUNK).unwrap().unwrap();
        let (first, _) = decode_prefix::<Frame<'_>>(&batch.frames).unwrap();
        assert!(matches!(first, Frame::Whole { .. }), "it stands first");
        assert_eq!(batch.count, 2, "and one chunk behind it");
    }
}
