//! What drivers write to disk and send to peers: commands, snapshots, an entry of a log, a frame.
//!
//! The floor beside each is a copy of its bytes.

#![allow(clippy::expect_used, reason = "a bench that cannot run has no figure")]

use std::fmt::Debug;
use std::hint::black_box;
use std::time::Duration;

use criterion::Criterion;
use serde::Serialize;
use serde::de::DeserializeOwned;
use tsoracle_codec::{decode, encode_into};
use tsoracle_consensus::replicated::{HighWaterCommand, HighWaterSnapshot};
use tsoracle_consensus::{AdvancePayload, Epoch, HighWaterState};

const VERSION: u8 = 1;
const HIGH_WATER: u64 = 1_800_000_000_000;
const EPOCH: Epoch = Epoch::new((7 << 64) | 3);

fn main() {
    let mut criterion = Criterion::default()
        .warm_up_time(Duration::from_millis(500))
        .measurement_time(Duration::from_secs(2))
        .configure_from_args();
    let payload = AdvancePayload {
        at_least: HIGH_WATER,
        epoch: EPOCH,
    };
    let command = HighWaterCommand(payload);
    both_ways(&mut criterion, "codec/command", &command);
    snapshot(&mut criterion);
    #[cfg(feature = "openraft")]
    both_ways(
        &mut criterion,
        "codec/openraft_entry",
        &openraft::entry(command),
    );
    #[cfg(feature = "paxos")]
    both_ways(&mut criterion, "codec/paxos_frame", &paxos::frame(command));
    criterion.final_summary();
}

/// A value to bytes, into a buffer that has room, and back.
fn both_ways<T: Serialize + DeserializeOwned + Debug>(
    criterion: &mut Criterion,
    name: &str,
    value: &T,
) {
    let mut group = criterion.benchmark_group(name);
    let mut bytes = Vec::new();
    encode_into(VERSION, value, &mut bytes).expect("a value with a form");
    let mut buffer = Vec::with_capacity(bytes.len());
    group.bench_function("floor_copy", |bencher| {
        bencher.iter(|| {
            buffer.clear();
            buffer.extend_from_slice(black_box(&bytes));
            black_box(&buffer).len()
        });
    });
    group.bench_function("encode", |bencher| {
        bencher.iter(|| {
            buffer.clear();
            encode_into(VERSION, black_box(value), &mut buffer).expect("a value with a form");
            black_box(&buffer).len()
        });
    });
    group.bench_function("decode", |bencher| {
        bencher.iter(|| decode::<T>(VERSION, black_box(&bytes)).expect("its own bytes"));
    });
    group.finish();
}

/// The oracle's part of a snapshot has a form of its own, of a fixed length.
fn snapshot(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("codec/snapshot");
    let state = HighWaterState {
        high_water: HIGH_WATER,
        epoch: EPOCH,
    };
    let snapshot = HighWaterSnapshot(state);
    let bytes = snapshot.to_bytes();
    group.bench_function("floor_copy", |bencher| {
        bencher.iter(|| *black_box(&bytes));
    });
    group.bench_function("encode", |bencher| {
        bencher.iter(|| black_box(snapshot).to_bytes());
    });
    group.bench_function("decode", |bencher| {
        let decode = |bytes| HighWaterSnapshot::from_bytes(bytes).expect("its own bytes");
        bencher.iter(|| decode(black_box(&bytes)));
    });
    group.finish();
}

/// What a follower of the openraft driver appends: one command.
#[cfg(feature = "openraft")]
mod openraft {
    use tsoracle_driver_openraft::{HighWaterCommand, StandaloneTypes};
    use tsoracle_openraft_toolkit::{Entry, LeaderId, LogId, Payload};

    pub(super) fn entry(command: HighWaterCommand) -> Entry<StandaloneTypes> {
        let leader_id = LeaderId {
            term: 7,
            node_id: 3,
        };
        Entry::<StandaloneTypes> {
            log_id: LogId {
                leader_id,
                index: 1_000_000,
            },
            payload: Payload::<StandaloneTypes>::Normal(command),
        }
    }
}

/// What the leader of the OmniPaxos driver sends to a follower for one command.
#[cfg(feature = "paxos")]
mod paxos {
    use omnipaxos::ballot_leader_election::Ballot;
    use omnipaxos::messages::Message;
    use omnipaxos::messages::sequence_paxos::{AcceptDecide, PaxosMessage, PaxosMsg};
    use omnipaxos::util::SequenceNumber;
    use tsoracle_driver_paxos::{HighWaterCommand, StandaloneEntry};
    use tsoracle_paxos_toolkit::{Body, Frame, RequestId};

    pub(super) fn frame(command: HighWaterCommand) -> Frame<StandaloneEntry> {
        let request = RequestId {
            node: 3,
            life: 2,
            number: 1_000_000,
        };
        let accept = AcceptDecide {
            n: Ballot::with(1, 7, 0, 3),
            seq_num: SequenceNumber {
                session: 1,
                counter: 1_000_000,
            },
            decided_idx: 999_999,
            entries: vec![StandaloneEntry { command, request }],
        };
        let message = PaxosMessage {
            from: 3,
            to: 1,
            msg: PaxosMsg::AcceptDecide(accept),
        };
        Frame {
            configuration: 1,
            body: Body::Engine(Message::SequencePaxos(message)),
        }
    }
}
