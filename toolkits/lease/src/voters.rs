//! Whose grants make a lease.

use std::collections::BTreeSet;

use crate::NodeId;

/// A set of voters, and how many of them a write needs.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Quorum {
    members: BTreeSet<NodeId>,
    write: usize,
}

impl Quorum {
    /// Every majority writes and elects.
    ///
    /// # Errors
    /// [`QuorumError::Empty`].
    pub fn majority(members: impl IntoIterator<Item = NodeId>) -> Result<Self, QuorumError> {
        let members: BTreeSet<_> = members.into_iter().collect();
        let write = members.len() / 2 + 1;
        Self::flexible(members, write)
    }

    /// Any `write` voters write. The engine must then elect with more than `len - write` of them.
    ///
    /// # Errors
    /// [`QuorumError`] when there are no members, or not as many.
    pub fn flexible(
        members: impl IntoIterator<Item = NodeId>,
        write: usize,
    ) -> Result<Self, QuorumError> {
        let members: BTreeSet<_> = members.into_iter().collect();
        if members.is_empty() {
            return Err(QuorumError::Empty);
        }
        if write == 0 || write > members.len() {
            let members = members.len();
            return Err(QuorumError::Size { write, members });
        }
        Ok(Self { members, write })
    }

    /// The voters.
    #[must_use]
    pub const fn members(&self) -> &BTreeSet<NodeId> {
        &self.members
    }

    /// How many of them a write needs.
    #[must_use]
    pub const fn write(&self) -> usize {
        self.write
    }

    pub(crate) fn is_only(&self, node: NodeId) -> bool {
        self.members.len() == 1 && self.members.contains(&node)
    }

    /// What the write quorum reaches: the `write`-th highest of its members' values.
    fn reached<T: Ord>(&self, value: impl Fn(NodeId) -> Option<T>) -> Option<T> {
        let mut values: Vec<T> = self
            .members
            .iter()
            .filter_map(|node| value(*node))
            .collect();
        let at = values.len().checked_sub(self.write)?;
        values.sort_unstable();
        values.into_iter().nth(at)
    }
}

/// The sets that must each have a quorum: one, or several while the voters change.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Voters {
    sets: Vec<Quorum>,
}

impl Voters {
    /// The voters outside a change.
    #[must_use]
    pub fn uniform(set: Quorum) -> Self {
        Self { sets: vec![set] }
    }

    /// The voters during a change. Without any set there are no leases.
    #[must_use]
    pub fn joint(sets: impl IntoIterator<Item = Quorum>) -> Self {
        Self {
            sets: sets.into_iter().collect(),
        }
    }

    /// The sets.
    #[must_use]
    pub fn sets(&self) -> &[Quorum] {
        &self.sets
    }

    pub(crate) fn joined_by(&self, set: Quorum) -> Self {
        let mut sets = self.sets.clone();
        if !sets.contains(&set) {
            sets.push(set);
        }
        Self { sets }
    }

    pub(crate) fn all_contain(&self, node: NodeId) -> bool {
        self.sets.iter().all(|set| set.members.contains(&node))
    }

    pub(crate) fn contain(&self, node: NodeId) -> bool {
        self.sets.iter().any(|set| set.members.contains(&node))
    }

    /// What a write quorum of every set reaches.
    pub(crate) fn reached<T: Ord>(&self, value: impl Fn(NodeId) -> Option<T>) -> Option<T> {
        let reached: Option<Vec<T>> = self.sets.iter().map(|set| set.reached(&value)).collect();
        reached?.into_iter().min()
    }
}

/// A quorum that cannot be.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum QuorumError {
    /// There are no voters.
    #[error("a quorum needs at least one voter")]
    Empty,
    /// More than there are, or none.
    #[error("{write} of {members} voters cannot be a quorum")]
    Size {
        /// How many were asked for.
        write: usize,
        /// How many there are.
        members: usize,
    },
}

#[cfg(test)]
mod tests {
    use super::*;

    fn majority(members: &[u64]) -> Quorum {
        Quorum::majority(members.iter().copied().map(NodeId)).unwrap()
    }

    #[test]
    fn a_majority_reaches_its_weakest_needed_member() {
        let values = |node: NodeId| {
            [None, Some(9), Some(5), None, Some(7)][usize::try_from(node.0).unwrap()]
        };
        assert_eq!(majority(&[1, 2, 3]).reached(values), Some(5));
        assert_eq!(majority(&[1, 2, 3, 4]).reached(values), Some(5));
        assert_eq!(majority(&[2, 3]).reached(values), None);
        assert_eq!(
            Quorum::flexible([NodeId(1), NodeId(3)], 1)
                .unwrap()
                .reached(values),
            Some(9)
        );
    }

    #[test]
    fn a_joint_set_reaches_what_both_reach() {
        let values = |node: NodeId| (node.0 < 4).then_some(node.0);
        let joint = Voters::uniform(majority(&[1, 2, 3])).joined_by(majority(&[3, 4, 5]));
        assert_eq!(joint.reached(values), None);
        let joint = Voters::joint([majority(&[1, 2, 3]), majority(&[1, 2, 4])]);
        assert_eq!(joint.reached(values), Some(1));
        assert_eq!(Voters::joint([]).reached(values), None);
    }

    #[test]
    fn impossible_quorums_are_refused() {
        assert_eq!(Quorum::majority([]), Err(QuorumError::Empty));
        let size = QuorumError::Size {
            write: 3,
            members: 2,
        };
        assert_eq!(Quorum::flexible([NodeId(1), NodeId(2)], 3), Err(size));
        assert!(Quorum::flexible([NodeId(1)], 0).is_err());
    }
}
