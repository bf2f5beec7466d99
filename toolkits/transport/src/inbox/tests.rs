//! The inbox against arbitrary input.

use std::cell::RefCell;

use proptest::collection::vec;
use proptest::prelude::*;

use super::*;
use crate::wire::{Head, PayloadHead, decode_head, encode, encode_into};

#[derive(Default)]
struct Written(RefCell<Vec<(Session, Vec<u8>)>>);

impl Sink for Written {
    fn started(&self, _: Session) {}

    fn ended(&self, _: Session, _: &EndReason) {}

    fn take(&self, session: Session, payload: Payload) -> Taken {
        if let Payload::Whole(_, payload) = payload {
            self.0.borrow_mut().push((session, payload.to_vec()));
        }
        Taken::Yes
    }
}

fn session(life: u64, number: u64) -> Session {
    Session {
        incarnation: Incarnation::counted(life),
        number,
    }
}

/// A batch of messages, each of which says its session and number.
fn batch(session: Session, first: u64, count: u64) -> Bytes {
    let mut frames = Vec::new();
    for number in first..first + count {
        let payload = encode(&(session, number)).unwrap();
        let group = GroupId(1);
        let frame = Frame::Whole {
            head: PayloadHead::Message { group },
            payload: &payload,
        };
        encode_into(&frame, &mut frames).unwrap();
    }
    frames.into()
}

proptest! {
    /// Whatever sessions are opened, and whatever batches of them come in whatever order.
    #[test]
    fn engines_see_a_prefix_of_each_session_and_never_an_older_one(
        steps in vec((0..3_u64, 1..4_u64, any::<bool>(), 0..8_u64, 1..4_u64), 1..200),
    ) {
        let inbox = Inbox::new(PeerId(1), Newest::default());
        let written = Written::default();
        for (life, number, open, first, count) in steps {
            let session = session(life, number);
            if open {
                let newest = inbox.newest().0;
                let opened = inbox.open(session, &written).is_ok();
                prop_assert_eq!(opened, Some(session) > newest);
            } else {
                let frames = batch(session, first, count);
                let _ = inbox.receive(session, first, &frames, 1_000, &written);
            }
        }
        let mut seen: Vec<(Session, u64)> = Vec::new();
        for (session, payload) in written.0.into_inner() {
            let sent: (Session, u64) = crate::wire::decode(&payload).unwrap();
            prop_assert_eq!(sent.0, session);
            match seen.last() {
                Some((last, number)) if *last == session => prop_assert_eq!(sent.1, number + 1),
                Some((last, _)) => prop_assert!(*last < session && sent.1 == 0),
                None => prop_assert_eq!(sent.1, 0),
            }
            seen.push(sent);
        }
    }

    #[test]
    fn no_bytes_panic_or_hold_more_than_came(chunks in vec(vec(any::<u8>(), 0..200), 0..20)) {
        let inbox = Inbox::new(PeerId(1), Newest::default());
        let written = Written::default();
        let mut number = 0;
        for bytes in chunks {
            number += 1;
            let _ = inbox.open(session(1, number), &written);
            let bytes = Bytes::from(bytes);
            if let Ok((Head::Frames { first }, frames)) = decode_head(&bytes) {
                let _ = inbox.receive(session(1, number), first, &frames, 1 << 30, &written);
            }
            let _ = inbox.receive(session(1, number), 0, &bytes, 1 << 30, &written);
        }
    }

    /// Frames that are well formed, in an order that no sender has.
    #[test]
    fn no_frames_panic_or_exceed_the_limits(
        frames in vec((0..4_u8, 0..6_u32, 0..40_usize), 0..60),
    ) {
        let inbox = Inbox::new(PeerId(1), Newest::default());
        let written = Written::default();
        inbox.open(session(1, 1), &written).unwrap();
        let bytes = [7; 64];
        let head = PayloadHead::Answer { call: 1 };
        let mut row = Vec::new();
        for (kind, transfer, size) in frames {
            let frame = match kind {
                0 => Frame::Beat,
                1 => Frame::Whole { head, payload: &bytes[..size] },
                2 => Frame::Open { transfer, head, total: size as u64 },
                _ => Frame::Part { transfer, bytes: &bytes[..size] },
            };
            encode_into(&frame, &mut row).unwrap();
        }
        let _ = inbox.receive(session(1, 1), 0, &row.into(), 32, &written);
        for (_, payload) in written.0.into_inner() {
            prop_assert!(payload.len() <= 32);
        }
    }
}

#[test]
fn a_payload_that_is_announced_too_large_ends_the_session_before_any_of_it() {
    let inbox = Inbox::new(PeerId(1), Newest::default());
    let written = Written::default();
    inbox.open(session(1, 1), &written).unwrap();
    let open = Frame::Open {
        transfer: 1,
        head: PayloadHead::Answer { call: 1 },
        total: u64::MAX,
    };
    let frames = encode(&open).unwrap().into();
    let refused = inbox.receive(session(1, 1), 0, &frames, 1_000, &written);
    let size = u64::MAX;
    assert_eq!(refused, Err(EndReason::TooLarge { size, limit: 1_000 }));
}
