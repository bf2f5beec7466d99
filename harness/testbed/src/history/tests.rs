//! The checker is shown good and bad histories, and judged by two others: stateright's tester and
//! a search through every order.

use proptest::prelude::*;
use stateright::semantics::{ConsistencyTester, LinearizabilityTester, SequentialSpec};

use super::*;

const INITIAL: u64 = 1;

fn load(start_ns: u64, end_ns: u64, value: u64) -> Call {
    call(Operation::Load, start_ns, end_ns, Outcome::Value(value))
}

fn persist(at_least: u64, start_ns: u64, end_ns: u64, value: u64) -> Call {
    call(raise(at_least), start_ns, end_ns, Outcome::Value(value))
}

fn unknown(at_least: u64, start_ns: u64, end_ns: u64) -> Call {
    let outcome = Outcome::Unknown("Transient".into());
    call(raise(at_least), start_ns, end_ns, outcome)
}

fn raise(at_least: u64) -> Operation {
    let epoch = Epoch::new(1);
    Operation::Persist { at_least, epoch }
}

fn call(operation: Operation, start_ns: u64, end_ns: u64, outcome: Outcome) -> Call {
    Call {
        node: 1,
        operation,
        start_ns,
        end_ns,
        outcome,
    }
}

fn boxed(call: &Call) -> Box<Call> {
    Box::new(call.clone())
}

#[test]
fn an_empty_history_and_a_sequential_one_are_fine() {
    assert_eq!(check_history(INITIAL, &[]), Ok(()));
    let calls = [
        load(0, 1, 1),
        persist(5, 2, 3, 5),
        persist(4, 4, 5, 5),
        load(6, 7, 5),
    ];
    assert_eq!(check_history(INITIAL, &calls), Ok(()));
}

#[test]
fn concurrent_loads_may_see_either_side_of_a_persist() {
    let calls = [persist(5, 0, 9, 5), load(1, 8, 5), load(2, 7, 1)];
    assert_eq!(check_history(INITIAL, &calls), Ok(()));
}

#[test]
fn an_unknown_persist_may_take_effect_at_any_time_or_never() {
    let never = [unknown(5, 0, 1), load(2, 3, 1), load(8, 9, 1)];
    let late = [unknown(5, 0, 1), load(2, 3, 1), load(8, 9, 5)];
    for calls in [never, late] {
        assert_eq!(check_history(INITIAL, &calls), Ok(()));
    }
}

#[test]
fn a_refused_persist_has_no_effect() {
    let refused = call(raise(5), 0, 1, Outcome::Refused("Fenced".into()));
    let seen = load(2, 3, 5);
    assert_eq!(
        check_history(INITIAL, &[refused.clone(), load(2, 3, 1)]),
        Ok(())
    );
    assert_eq!(
        check_history(INITIAL, &[refused, seen.clone()]),
        Err(HistoryError::FromNowhere(boxed(&seen)))
    );
}

#[test]
fn a_persist_below_its_request_is_shown() {
    let short = persist(5, 0, 1, 4);
    let calls = [persist(4, 0, 1, 4), short.clone()];
    let error = HistoryError::BelowRequest(boxed(&short));
    assert_eq!(check_history(INITIAL, &calls), Err(error));
}

#[test]
fn a_value_below_the_initial_one_is_shown() {
    let zero = load(0, 1, 0);
    let error = HistoryError::BelowInitial(boxed(&zero));
    assert_eq!(check_history(INITIAL, &[zero]), Err(error));
}

#[test]
fn a_value_that_nobody_asked_for_is_shown() {
    let six = load(2, 3, 6);
    let calls = [persist(5, 0, 1, 5), six.clone()];
    let error = HistoryError::FromNowhere(boxed(&six));
    assert_eq!(check_history(INITIAL, &calls), Err(error));
}

#[test]
fn a_value_known_before_its_persist_is_shown() {
    let (known, raise) = (load(0, 1, 5), persist(5, 2, 3, 5));
    let calls = [raise.clone(), known.clone()];
    let error = HistoryError::TooEarly {
        value: 5,
        known: boxed(&known),
        raise: boxed(&raise),
    };
    assert_eq!(check_history(INITIAL, &calls), Err(error));
}

#[test]
fn a_register_that_goes_back_is_shown() {
    let (higher, lower) = (persist(5, 0, 1, 5), load(2, 3, 1));
    let calls = [lower.clone(), higher.clone()];
    let error = HistoryError::WentBack {
        higher: boxed(&higher),
        lower: boxed(&lower),
    };
    assert_eq!(check_history(INITIAL, &calls), Err(error));
}

/// The value 3 is asked for only after 7 was known, so nobody can have seen it. A rule that merely
/// asks for some persist of 3 that began before the load of 3 ended lets this pass.
#[test]
fn a_simpler_rule_accepts_a_wrong_history() {
    let calls = [persist(7, 0, 10, 7), load(5, 30, 3), unknown(3, 20, 21)];
    assert!(simpler_rule(&calls));
    assert!(!by_every_order(&calls) && !by_stateright(&calls));
    assert!(matches!(
        check_history(INITIAL, &calls),
        Err(HistoryError::TooEarly { value: 3, .. })
    ));
}

#[test]
fn a_call_reads_as_a_line() {
    let text = persist(5, 1_000, 2_000, 6).to_string();
    let expected = "[        1 ..         2 us] node 1: persist 5 in \
                    0000000000000000-0000000000000001 -> 6";
    assert_eq!(text, expected);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(20_000))]

    #[test]
    fn three_judges_agree(calls in histories()) {
        let accepted = check_history(INITIAL, &calls).is_ok();
        prop_assert_eq!(accepted, by_every_order(&calls));
        prop_assert_eq!(accepted, by_stateright(&calls));
    }

    #[test]
    fn what_a_register_did_is_accepted(calls in true_histories()) {
        prop_assert_eq!(check_history(INITIAL, &calls), Ok(()));
    }

    #[test]
    fn an_error_is_made_of_calls_that_contradict_each_other(calls in histories()) {
        match check_history(INITIAL, &calls) {
            Err(HistoryError::WentBack { higher, lower }) => {
                prop_assert!(higher.end_ns < lower.start_ns);
                prop_assert!(higher.returned() > lower.returned());
            }
            Err(HistoryError::TooEarly { value, known, raise }) => {
                prop_assert!(known.end_ns < raise.start_ns);
                prop_assert!(known.returned() >= Some(value));
                prop_assert_eq!(raise.asked(), Some(value));
            }
            _ => {}
        }
    }
}

/// Small values and times, so that they collide.
fn histories() -> impl Strategy<Value = Vec<Call>> {
    let one = (0u64..12, 0u64..6, 0u64..5, 0u64..5, 0u32..10).prop_map(
        |(start, length, asked, returned, kind)| {
            let end = start + length;
            match kind {
                0..4 => load(start, end, returned),
                4..8 => persist(asked, start, end, returned.max(asked)),
                8 => unknown(asked, start, end),
                _ => call(
                    raise(asked),
                    start,
                    end,
                    Outcome::Refused("NotLeader".into()),
                ),
            }
        },
    );
    prop::collection::vec(one, 0..7)
}

/// Histories of a true register: each call takes effect at a moment of its own, in this order.
fn true_histories() -> impl Strategy<Value = Vec<Call>> {
    let one = (0u64..8, 0u64..8, prop::option::of(0u64..20), 0u32..5);
    prop::collection::vec(one, 0..30).prop_map(|calls| {
        let mut register = INITIAL;
        let at_its_moment = |(index, (before, after, asked, fate))| {
            let moment = 3 * index as u64 + 10;
            let (start, end) = (moment - before, moment + after);
            let Some(asked) = asked else {
                return load(start, end, register);
            };
            if fate > 1 {
                register = register.max(asked);
            }
            match fate {
                0 => call(raise(asked), start, end, Outcome::Refused("Fenced".into())),
                // Never applied, or applied and not told.
                1 | 2 => unknown(asked, start, moment),
                _ => persist(asked, start, end, register),
            }
        };
        calls.into_iter().enumerate().map(at_its_moment).collect()
    })
}

fn matters(call: &Call) -> bool {
    !matches!(call.outcome, Outcome::Refused(_))
}

fn simpler_rule(calls: &[Call]) -> bool {
    calls.iter().all(|call| {
        let Some(value) = call.returned() else {
            return true;
        };
        let raised = |other: &Call| other.asked() == Some(value) && other.start_ns <= call.end_ns;
        value == INITIAL || calls.iter().any(raised)
    })
}

fn by_every_order(calls: &[Call]) -> bool {
    let calls: Vec<&Call> = calls.iter().filter(|call| matters(call)).collect();
    some_order(&calls, INITIAL)
}

/// Whether the calls that are left can be put in an order that respects time and the register.
fn some_order(left: &[&Call], register: u64) -> bool {
    if left.iter().all(|call| call.is_unknown()) {
        return true;
    }
    (0..left.len()).any(|next| {
        let call = left[next];
        let is_due = |other: &&Call| !other.is_unknown() && other.end_ns < call.start_ns;
        let after = register.max(call.asked().unwrap_or(0));
        let fits = call.is_unknown() || call.returned() == Some(after);
        let mut rest = left.to_vec();
        rest.remove(next);
        fits && !left.iter().any(is_due) && some_order(&rest, after)
    })
}

#[derive(Clone)]
struct MaxRegister(u64);

impl SequentialSpec for MaxRegister {
    type Op = u64;
    type Ret = u64;

    /// A load is a persist of 0.
    fn invoke(&mut self, at_least: &u64) -> u64 {
        self.0 = self.0.max(*at_least);
        self.0
    }
}

/// Each call is a thread of its own; one without an answer stays in flight.
fn by_stateright(calls: &[Call]) -> bool {
    let mut events = Vec::new();
    for (thread, call) in calls.iter().enumerate().filter(|(_, call)| matters(call)) {
        // At one moment, calls begin before others end: they are concurrent then.
        events.push((call.start_ns, 0, thread));
        if !call.is_unknown() {
            events.push((call.end_ns, 1, thread));
        }
    }
    events.sort_unstable();
    let mut tester = LinearizabilityTester::new(MaxRegister(INITIAL));
    for (_, kind, thread) in events {
        let call = &calls[thread];
        let fed = match (kind, call.returned()) {
            (1, Some(value)) => tester.on_return(thread, value),
            _ => tester.on_invoke(thread, call.asked().unwrap_or(0)),
        };
        fed.unwrap();
    }
    tester.is_consistent()
}
