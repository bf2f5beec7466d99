//! Whether what was acknowledged may stand side by side.

use tsoracle_consensus::Epoch;
use tsoracle_testbed::{Call, Operation, Outcome, check_history};

/// Why a history is unsafe, if it is: a value that was acknowledged went back, or an epoch was
/// acknowledged that a later one had fenced.
pub(crate) fn contradiction(calls: &[Call]) -> Option<String> {
    let history = check_history(0, calls).err().map(|error| error.to_string());
    history.or_else(|| fenced_and_acknowledged(calls))
}

/// A persist that was acknowledged although it began after one of a later epoch had been.
fn fenced_and_acknowledged(calls: &[Call]) -> Option<String> {
    let mut by_start = acknowledged(calls);
    let mut by_end = by_start.clone();
    by_start.sort_by_key(|ack| ack.start_ns);
    by_end.sort_by_key(|ack| ack.end_ns);
    let mut ended = by_end.into_iter().peekable();
    let mut highest: Option<Acknowledged> = None;
    for ack in by_start {
        while let Some(earlier) = ended.next_if(|earlier| earlier.end_ns < ack.start_ns) {
            let higher = highest.is_none_or(|highest| earlier.epoch > highest.epoch);
            highest = if higher { Some(earlier) } else { highest };
        }
        if let Some(fence) = highest.filter(|fence| fence.epoch > ack.epoch) {
            return Some(format!(
                "node {} acknowledged a persist of epoch {} that began after node {} had \
                 acknowledged one of epoch {}",
                ack.node, ack.epoch, fence.node, fence.epoch
            ));
        }
    }
    None
}

/// Persists that began and were acknowledged in a span of time, on the clock of the calls.
pub(crate) fn acknowledged_within(calls: &[Call], from_ns: u64, until_ns: u64) -> usize {
    let within = |ack: &&Acknowledged| ack.start_ns >= from_ns && ack.end_ns <= until_ns;
    acknowledged(calls).iter().filter(within).count()
}

#[derive(Clone, Copy)]
struct Acknowledged {
    node: u64,
    epoch: Epoch,
    start_ns: u64,
    end_ns: u64,
}

fn acknowledged(calls: &[Call]) -> Vec<Acknowledged> {
    let of = |call: &Call| match (call.operation, &call.outcome) {
        (Operation::Persist { epoch, .. }, Outcome::Value(_)) => Some(Acknowledged {
            node: call.node,
            epoch,
            start_ns: call.start_ns,
            end_ns: call.end_ns,
        }),
        _ => None,
    };
    calls.iter().filter_map(of).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn persist(epoch: u128, at_least: u64, start_ns: u64, end_ns: u64) -> Call {
        Call {
            node: 1,
            operation: Operation::Persist {
                at_least,
                epoch: Epoch::new(epoch),
            },
            start_ns,
            end_ns,
            outcome: Outcome::Value(at_least),
        }
    }

    #[test]
    fn an_epoch_that_is_acknowledged_after_its_fence_is_unsafe() {
        let meanwhile = [persist(2, 20, 10, 30), persist(1, 10, 20, 40)];
        assert_eq!(contradiction(&meanwhile), None);
        let fenced = [persist(2, 20, 10, 30), persist(1, 30, 31, 40)];
        assert!(
            contradiction(&fenced).unwrap().contains("epoch"),
            "{fenced:?}"
        );
    }

    #[test]
    fn a_value_that_goes_back_is_unsafe() {
        let mut load = persist(1, 10, 50, 60);
        (load.operation, load.outcome) = (Operation::Load, Outcome::Value(10));
        let calls = [persist(1, 10, 1, 5), persist(1, 20, 10, 30), load];
        assert!(contradiction(&calls).is_some());
    }

    #[test]
    fn a_call_counts_as_made_in_a_span_only_if_it_began_there() {
        let calls = [persist(1, 10, 5, 12), persist(1, 20, 11, 15)];
        assert_eq!(acknowledged_within(&calls, 10, 20), 1);
    }
}
