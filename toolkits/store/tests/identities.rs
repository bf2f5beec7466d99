//! The stores of peers are remembered over restarts, until an operator replaces a member.
#![allow(clippy::unwrap_used, reason = "a test that cannot run has failed")]

mod support;

use support::LIMIT;
use tsoracle_peer_transport::{Identities, PeerId, StoreId, Verdict};
use tsoracle_store::{Store, StoredIdentities};

#[test]
fn peers_are_remembered_until_they_are_forgotten() {
    let dir = support::place();
    let open = || Store::open(dir.path(), &support::settings()).unwrap();
    let store = open();
    let identities = StoredIdentities::open(store.clone()).unwrap();
    identities.remember([(PeerId(1), StoreId(10))]).unwrap();
    assert_eq!(
        identities.check(PeerId(12), StoreId(u128::MAX)),
        Verdict::Known
    );
    store.shutdown(LIMIT).unwrap();
    assert!(matches!(
        identities.check(PeerId(5), StoreId(5)),
        Verdict::Failed { .. }
    ));

    let store = open();
    let identities = StoredIdentities::open(store.clone()).unwrap();
    assert_eq!(identities.known().len(), 2);
    assert_eq!(identities.check(PeerId(1), StoreId(10)), Verdict::Known);
    let remembered = StoreId(u128::MAX);
    assert_eq!(
        identities.check(PeerId(12), StoreId(1)),
        Verdict::Changed { remembered }
    );
    identities.forget(PeerId(12)).unwrap();
    store.shutdown(LIMIT).unwrap();

    let store = open();
    let identities = StoredIdentities::open(store.clone()).unwrap();
    assert_eq!(identities.check(PeerId(12), StoreId(1)), Verdict::Known);
    store.shutdown(LIMIT).unwrap();
}
