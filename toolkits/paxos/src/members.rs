//! Who votes in a configuration, and which configurations are refused.

use std::collections::BTreeSet;

use omnipaxos::ClusterConfig;
use omnipaxos::util::FlexibleQuorum;
use tsoracle_lease::{NodeId, Quorum};

/// The greatest pid. The engine keeps vectors as long as the greatest pid of a configuration, and
/// fills one of them anew in each turn: some 130 bytes of memory and 40 bytes of work for each
/// number up to it.
pub const PID_MAX: u64 = 1 << 17;

/// A configuration of the engine.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Members {
    /// Counts the configurations, from 1.
    pub configuration: u32,
    /// The voters.
    pub members: Vec<Member>,
    /// Sizes of the quorums that elect and that write; `None` for majorities.
    pub quorums: Option<FlexibleQuorum>,
}

/// A voter.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Member {
    /// Its number, from 1 to [`PID_MAX`].
    pub pid: u64,
    /// The greater wins where two elections have the same number.
    pub priority: u32,
}

/// A configuration that the engine, or whoever packs its ballots, could not work with.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum MembersError {
    /// A node that is in it twice.
    #[error("node {pid} is a member twice; name it once")]
    Twice {
        /// The node.
        pid: u64,
    },
    /// A number that the engine cannot work with.
    #[error("the pid {pid} is not from 1 to {}; number the nodes from 1", PID_MAX)]
    Pid {
        /// The number.
        pid: u64,
    },
    /// The node itself is missing.
    #[error("node {pid} is not a member; start it with a configuration that it is in")]
    NotMember {
        /// The node.
        pid: u64,
    },
    /// Ballots compare priorities before pids, and what packs ballots into numbers leaves
    /// priorities out.
    #[error(
        "node {lower} has a higher priority than node {higher}; \
         give no node a higher priority than any with a greater pid"
    )]
    Priorities {
        /// The lesser pid, with the higher priority.
        lower: u64,
        /// The greater pid.
        higher: u64,
    },
    /// The engine refuses it: a single node, or quorums that do not meet.
    #[error("the engine refuses the configuration: {why}")]
    Engine {
        /// Its words.
        why: String,
    },
}

impl Members {
    /// A configuration without priorities, in which majorities decide.
    #[must_use]
    pub fn new(configuration: u32, pids: impl IntoIterator<Item = u64>) -> Self {
        let member = |pid| Member { pid, priority: 0 };
        Self {
            configuration,
            members: pids.into_iter().map(member).collect(),
            quorums: None,
        }
    }

    /// Refuses what the engine could not work with.
    ///
    /// # Errors
    /// [`MembersError`].
    pub fn check(&self) -> Result<(), MembersError> {
        let mut sorted = self.members.clone();
        sorted.sort_unstable();
        for member in &sorted {
            if !(1..=PID_MAX).contains(&member.pid) {
                return Err(MembersError::Pid { pid: member.pid });
            }
        }
        for pair in sorted.windows(2) {
            let [lower, higher] = pair else { continue };
            if lower.pid == higher.pid {
                return Err(MembersError::Twice { pid: lower.pid });
            }
            if lower.priority > higher.priority {
                return Err(MembersError::Priorities {
                    lower: lower.pid,
                    higher: higher.pid,
                });
            }
        }
        let engine = self.engine().validate();
        engine.map_err(|error| MembersError::Engine {
            why: error.to_string(),
        })
    }

    /// The pids, in order.
    #[must_use]
    pub fn pids(&self) -> BTreeSet<u64> {
        self.members.iter().map(|member| member.pid).collect()
    }

    /// The engine's own form.
    #[must_use]
    pub fn engine(&self) -> ClusterConfig {
        ClusterConfig {
            configuration_id: self.configuration,
            nodes: self.pids().into_iter().collect(),
            flexible_quorum: self.quorums,
        }
    }

    pub(crate) fn priority(&self, pid: u64) -> Result<u32, MembersError> {
        let found = self.members.iter().find(|member| member.pid == pid);
        let priority = found.map(|member| member.priority);
        priority.ok_or(MembersError::NotMember { pid })
    }

    /// Whose grants make a lease: the write quorum, which meets every quorum that elects.
    pub(crate) fn lease_quorum(&self) -> Result<Quorum, MembersError> {
        let pids = self.pids().into_iter().map(NodeId);
        let quorum = match self.quorums {
            None => Quorum::majority(pids),
            Some(sizes) => Quorum::flexible(pids, sizes.write_quorum_size),
        };
        quorum.map_err(|error| MembersError::Engine {
            why: error.to_string(),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn with_priorities(members: &[(u64, u32)]) -> Members {
        let mut all = Members::new(1, []);
        all.members = members
            .iter()
            .map(|&(pid, priority)| Member { pid, priority })
            .collect();
        all
    }

    #[test]
    fn priorities_follow_pids_or_are_refused() {
        assert_eq!(with_priorities(&[(3, 7), (1, 0), (2, 0)]).check(), Ok(()));
        let refused = with_priorities(&[(1, 0), (2, 5), (9, 4)]).check();
        let named = MembersError::Priorities {
            lower: 2,
            higher: 9,
        };
        assert_eq!(refused, Err(named));
    }

    #[test]
    fn pids_are_bounded() {
        assert_eq!(Members::new(1, [1, 65_536, PID_MAX]).check(), Ok(()));
        for pid in [0, PID_MAX + 1] {
            let refused = Members::new(1, [1, pid]).check();
            assert_eq!(refused, Err(MembersError::Pid { pid }));
        }
    }

    #[test]
    fn what_the_engine_refuses_is_refused_by_type() {
        let twice = Members::new(1, [1, 2, 2]).check();
        assert_eq!(twice, Err(MembersError::Twice { pid: 2 }));
        for alone in [Members::new(1, [1]), Members::new(0, [1, 2])] {
            assert!(matches!(alone.check(), Err(MembersError::Engine { .. })));
        }
        let stranger = Members::new(1, [1, 2]).priority(3);
        assert_eq!(stranger, Err(MembersError::NotMember { pid: 3 }));
    }
}
