//! Where the records of a group stand: one group per store, or many side by side.

use std::fmt::Debug;

/// What the keys of one group begin with.
///
/// All groups that share a store's families use one implementation: prefixes of one length keep
/// them apart, whatever their ids.
pub trait KeySpace: Clone + Debug + Send + Sync + 'static {
    /// The prefix's bytes.
    type Prefix: AsRef<[u8]>;

    /// What every key of the group begins with, and no key of another.
    fn prefix(&self) -> Self::Prefix;
}

/// The only group of its store: keys without a prefix.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Flat;

impl KeySpace for Flat {
    type Prefix = [u8; 0];

    fn prefix(&self) -> [u8; 0] {
        []
    }
}

/// One of many groups of a store, told apart by its id: eight bytes, the most significant first,
/// before each key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct GroupPrefixed(
    /// The group's id.
    pub u64,
);

impl KeySpace for GroupPrefixed {
    type Prefix = [u8; 8];

    fn prefix(&self) -> [u8; 8] {
        self.0.to_be_bytes()
    }
}

/// Keys of one group: its prefix, and what a record is called within it.
#[cfg(feature = "rocksdb-log-store")]
#[derive(Clone, Debug)]
pub(crate) struct Keys<K>(pub(crate) K);

#[cfg(feature = "rocksdb-log-store")]
impl<K: KeySpace> Keys<K> {
    /// The key of the record that is called `name`.
    pub(crate) fn named(&self, name: &[u8]) -> Vec<u8> {
        let prefix = self.0.prefix();
        [prefix.as_ref(), name].concat()
    }

    /// The key of number `index`: in the order of the numbers.
    pub(crate) fn numbered(&self, index: u64) -> Vec<u8> {
        self.named(&index.to_be_bytes())
    }

    /// The first key behind that of number `index`, and before that of the next: where a range ends
    /// that includes `index`, for `u64::MAX` too.
    pub(crate) fn behind(&self, index: u64) -> Vec<u8> {
        let mut key = self.numbered(index);
        key.push(0);
        key
    }

    /// The number of a key, if it is one of this group's.
    pub(crate) fn number_of(&self, key: &[u8]) -> Option<u64> {
        let rest = key.strip_prefix(self.0.prefix().as_ref())?;
        rest.try_into().ok().map(u64::from_be_bytes)
    }
}

#[cfg(all(test, feature = "rocksdb-log-store"))]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// Ids and indices, with those next to each other and at the ends more often than by chance.
    fn number() -> impl Strategy<Value = u64> {
        prop_oneof![
            any::<u64>(),
            prop::sample::select(vec![0, 1, 2, 10, 11, 255, 256, u64::MAX - 1, u64::MAX]),
        ]
    }

    proptest! {
        #[test]
        fn a_key_tells_its_number_to_its_own_group_only(
            group in number(), other in number(), index in number(),
        ) {
            let key = Keys(GroupPrefixed(group)).numbered(index);
            let read = Keys(GroupPrefixed(other)).number_of(&key);
            prop_assert_eq!(read, (group == other).then_some(index));
            prop_assert_eq!(Keys(Flat).number_of(&Keys(Flat).numbered(index)), Some(index));
        }

        #[test]
        fn keys_stand_in_the_order_of_group_and_number(
            one in (number(), number()), other in (number(), number()),
        ) {
            let key = |(group, index)| Keys(GroupPrefixed(group)).numbered(index);
            prop_assert_eq!(key(one).cmp(&key(other)), one.cmp(&other));
        }

        #[test]
        fn a_range_holds_its_group_and_nothing_else(
            group in number(), from in number(), to in number(),
            other in number(), index in number(),
        ) {
            let keys = Keys(GroupPrefixed(group));
            let range = keys.numbered(from)..keys.behind(to);
            let key = Keys(GroupPrefixed(other)).numbered(index);
            let inside = other == group && (from..=to).contains(&index);
            prop_assert_eq!(range.contains(&key), inside);
        }
    }
}
