//! The lease of each epoch, fed by the toolkit's keeper and read through the contract's handles.

use tsoracle_consensus::BootInstant;
use tsoracle_consensus::replicated::BallotLeases;
use tsoracle_lease::{LeaseObserver, Reading};
use tsoracle_openraft_toolkit::RaftBallot;

/// The contract's lease of this node's newest leadership. Give it to the keeper as its observer,
/// and to the driver through its host.
///
/// The keeper's clock must be the machine's boot clock, which is the one of
/// [`BootInstant`].
#[derive(Debug, Default)]
pub struct EpochLeases(pub(crate) BallotLeases<RaftBallot>);

impl LeaseObserver<RaftBallot> for EpochLeases {
    fn renewed(&self, ballot: RaftBallot, deadline: Reading) {
        let deadline = BootInstant::from_nanos(deadline.as_nanos());
        self.0.renewed(ballot, deadline);
    }

    fn ended(&self, ballot: RaftBallot) {
        self.0.ended(ballot);
    }
}
