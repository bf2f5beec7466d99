use std::fs::{self, File};
use std::io::Write;
use std::path::Path;

use tsoracle_faultfs::{
    Action, Call, Op, Rule, Trigger, When, install, lose_unsynced, record_unsynced, trace,
};

use crate::support::{Place, in_child, was_killed};
use crate::sync_dir;

/// The crash that a round asks for: `None` to list the calls instead.
type Plan = Option<(u64, When)>;

fn persist(data: &Path, content: &str, syncs: bool) {
    let mut file = File::create(data.join("value.tmp")).unwrap();
    file.write_all(content.as_bytes()).unwrap();
    if syncs {
        file.sync_all().unwrap();
    }
    fs::rename(data.join("value.tmp"), data.join("value")).unwrap();
    sync_dir(data);
}

/// Persists under the plan in a child that loses its power; returns what the value is then, and
/// the calls if they were asked for.
fn round(test: &str, plan: Plan, syncs: bool) -> (String, Vec<Call>) {
    let place = Place::new();
    let note = place.data().with_file_name("note");
    if !in_child() {
        fs::write(place.data().join("value"), "old").unwrap();
        fs::write(&note, serde_json::to_vec(&plan).unwrap()).unwrap();
    }
    let status = place.run(test, |place| {
        let plan: Plan = serde_json::from_slice(&fs::read(&note).unwrap()).unwrap();
        let (at, action) = match plan {
            None => (Trigger::Every, Action::Trace),
            Some((n, when)) => (Trigger::Nth(n), Action::Crash(when)),
        };
        let rule = Rule::new(place.data(), action).ops(Op::MUTATING).at(at);
        let rule = install(serde_json::from_str(&serde_json::to_string(&rule).unwrap()).unwrap());
        record_unsynced(&place.data(), &place.journal()).unwrap();
        persist(&place.data(), "newer", syncs);
        let calls = serde_json::to_vec(&trace(rule.unwrap()).unwrap()).unwrap();
        fs::write(&note, calls).unwrap();
    });
    assert_eq!(was_killed(status), plan.is_some(), "{status}");
    lose_unsynced(&place.data(), &place.journal()).unwrap();
    let calls = match plan {
        None => serde_json::from_slice(&fs::read(&note).unwrap()).unwrap(),
        Some(_) => Vec::new(),
    };
    (
        fs::read_to_string(place.data().join("value")).unwrap(),
        calls,
    )
}

/// The values found after a crash before and after each call.
fn values_after_crashes(test: &str, calls: &[Call], syncs: bool) -> Vec<String> {
    let points = calls
        .iter()
        .flat_map(|call| [(call.n, When::Before), (call.n, When::After)]);
    points
        .map(|point| round(test, Some(point), syncs).0)
        .collect()
}

#[test]
fn sound_persist_is_old_or_new_at_every_point() {
    let test = "crash_points::sound_persist_is_old_or_new_at_every_point";
    let (value, calls) = round(test, None, true);
    assert_eq!(value, "newer");
    let ops: Vec<_> = calls.iter().map(|call| call.op).collect();
    assert_eq!(
        ops,
        [Op::Create, Op::Write, Op::Sync, Op::Rename, Op::SyncDir]
    );
    assert!(calls[3].path.ends_with("value"));
    let values = values_after_crashes(test, &calls, true);
    // Only the crash behind the last call finds the new value: that call makes the name durable.
    assert_eq!(values[..9], ["old"; 9]);
    assert_eq!(values[9], "newer");
}

#[test]
fn persist_without_a_sync_of_the_file_loses_the_value() {
    let test = "crash_points::persist_without_a_sync_of_the_file_loses_the_value";
    let (value, calls) = round(test, None, false);
    assert_eq!((value.as_str(), calls.len()), ("", 4));
    assert_eq!(values_after_crashes(test, &calls, false)[7], "");
}
