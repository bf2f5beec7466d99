//! What a store answers, and what is there after it was opened again.
#![allow(clippy::unwrap_used, reason = "a test that cannot run has failed")]

use std::time::Duration;

use tempfile::TempDir;
use tsoracle_store::{Batch, Settings, Store, StoreError};

const LIMIT: Duration = Duration::from_secs(30);

fn place() -> TempDir {
    tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR")).unwrap()
}

fn settings() -> Settings {
    Settings::new(7, 3, ["entries", "state"])
}

#[test]
fn what_was_written_is_there_after_a_restart() {
    let dir = place();
    let store = Store::open(dir.path(), &settings()).unwrap();
    assert!(store.is_new());
    assert_eq!(store.starts(), 1);
    let (entries, state) = (
        store.family("entries").unwrap(),
        store.family("state").unwrap(),
    );
    let mut batch = Batch::new();
    for key in 0..10_u8 {
        batch.put(entries, [key], [key; 3]);
    }
    batch.delete(entries, [9]);
    batch.delete_range(entries, [2], [5]);
    batch.put(state, "vote", "7");
    store.write_blocking(batch).unwrap();
    store.set_note("longest lease", Some(b"150")).unwrap();
    let identity = store.identity();
    store.shutdown(LIMIT).unwrap();
    store.shutdown(LIMIT).unwrap();
    assert!(matches!(
        store.get(state, "vote"),
        Err(StoreError::Closed { .. })
    ));
    drop(store);

    let store = Store::open(dir.path(), &settings()).unwrap();
    assert!(!store.is_new());
    assert_eq!((store.identity(), store.starts()), (identity, 2));
    let keys = |found: Vec<(Vec<u8>, Vec<u8>)>| -> Vec<u8> {
        found.into_iter().map(|(key, _)| key[0]).collect()
    };
    assert_eq!(
        keys(store.scan(entries, .., 100).unwrap()),
        [0, 1, 5, 6, 7, 8]
    );
    let (from, to): (&[u8], &[u8]) = (&[1], &[7]);
    assert_eq!(keys(store.scan(entries, from..to, 100).unwrap()), [1, 5, 6]);
    assert_eq!(keys(store.scan(entries, from.., 2).unwrap()), [1, 5]);
    assert_eq!(
        store.last(entries, ..).unwrap(),
        Some((vec![8], vec![8; 3]))
    );
    assert_eq!(
        store.last(entries, from..to).unwrap(),
        Some((vec![6], vec![6; 3]))
    );
    assert_eq!(store.get(state, "vote").unwrap(), Some(b"7".to_vec()));
    assert_eq!(store.note("longest lease").unwrap(), Some(b"150".to_vec()));
    assert_eq!(store.note("none").unwrap(), None);
    store.shutdown(LIMIT).unwrap();
}

#[test]
fn another_node_is_refused_and_an_unknown_family_too() {
    let dir = place();
    let store = Store::open(dir.path(), &settings()).unwrap();
    assert!(matches!(
        store.family("none"),
        Err(StoreError::UnknownFamily { .. })
    ));
    store.shutdown(LIMIT).unwrap();
    for (cluster, node) in [(7, 4), (8, 3)] {
        let refusal = Store::open(dir.path(), &Settings::new(cluster, node, ["entries"]));
        assert!(
            matches!(refusal, Err(StoreError::OtherNode { .. })),
            "{refusal:?}"
        );
    }
}

#[test]
fn second_owner_is_refused_until_the_first_is_gone() {
    let dir = place();
    let store = Store::open(dir.path(), &settings()).unwrap();
    let refusal = Store::open(dir.path(), &settings()).unwrap_err();
    let own = format!("process {}", std::process::id());
    assert!(
        matches!(&refusal, StoreError::Held { holder, .. } if *holder == own),
        "{refusal}"
    );
    store.shutdown(LIMIT).unwrap();
    let store = Store::open(dir.path(), &settings()).unwrap();
    store.shutdown(LIMIT).unwrap();
}
