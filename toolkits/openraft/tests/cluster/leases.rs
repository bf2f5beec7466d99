//! A board of all leases, on one clock, that notices when two are valid at once.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};

use tsoracle_lease::Reading;
use tsoracle_openraft_toolkit::{Clock, LeaseObserver, RaftBallot, TokioClock};

/// What all nodes were told of their leases. Clones are the same board.
#[derive(Clone, Debug, Default)]
pub(crate) struct Leases {
    pub(crate) clock: TokioClock,
    board: Arc<Mutex<Board>>,
}

#[derive(Debug, Default)]
struct Board {
    /// The deadline of each node's lease that has not ended.
    valid: BTreeMap<u64, (RaftBallot, Reading)>,
    highest: Option<RaftBallot>,
    broken: Vec<String>,
    begun: u64,
    ended: u64,
}

impl Leases {
    /// How many leases have begun, each under a ballot of its own. Fails if two were ever valid at
    /// once, or if one came after a higher one.
    pub(crate) fn checked(&self) -> u64 {
        let board = self.board.lock().unwrap();
        assert!(board.broken.is_empty(), "{:#?}", board.broken);
        board.begun
    }

    pub(crate) fn ended(&self) -> u64 {
        self.board.lock().unwrap().ended
    }

    /// A crash forgets the node's lease, which others must wait for all the same.
    pub(crate) fn observer(&self, node: u64) -> Arc<dyn LeaseObserver<RaftBallot>> {
        let leases = self.clone();
        Arc::new(Observer { node, leases })
    }
}

#[derive(Debug)]
struct Observer {
    node: u64,
    leases: Leases,
}

impl LeaseObserver<RaftBallot> for Observer {
    fn renewed(&self, ballot: RaftBallot, deadline: Reading) {
        let now = self.leases.clock.now();
        let mut board = self.leases.board.lock().unwrap();
        if deadline <= now {
            return;
        }
        let others: Vec<_> = board
            .valid
            .iter()
            .filter(|(node, _)| **node != self.node)
            .collect();
        let mut broken = Vec::new();
        for (node, (other, until)) in others {
            if now < *until {
                broken.push(format!(
                    "{ballot} is valid at {now:?} beside {other} of {node}"
                ));
            }
        }
        if board.highest > Some(ballot) {
            broken.push(format!("{ballot} is valid after {:?}", board.highest));
        }
        board.broken.extend(broken);
        board.begun += u64::from(board.highest < Some(ballot));
        board.highest = board.highest.max(Some(ballot));
        board.valid.insert(self.node, (ballot, deadline));
    }

    fn ended(&self, ballot: RaftBallot) {
        let mut board = self.leases.board.lock().unwrap();
        if board
            .valid
            .get(&self.node)
            .is_some_and(|(valid, _)| *valid == ballot)
        {
            board.valid.remove(&self.node);
        }
        board.ended += 1;
    }
}
