//! Who is told of the lease.

use std::fmt::Debug;

use tsoracle_lease::Reading;

use crate::PaxosBallot;

/// Is told of this node's own lease, in order, at the moment of each change, on the engine's
/// thread: return at once.
pub trait LeaseObserver: Debug + Send + Sync + 'static {
    /// This node's lease at `ballot` lasts until `deadline`, itself outside of it, on the lease's
    /// clock. Deadlines of one ballot grow. A lease that has passed its deadline may be renewed
    /// under the same ballot, if nobody led in between.
    fn renewed(&self, ballot: PaxosBallot, deadline: Reading);

    /// The leadership at `ballot` is over, or its lease is given up; it is not renewed again. Told
    /// before anybody else may learn of it.
    fn ended(&self, ballot: PaxosBallot);
}

/// Nobody is told.
impl LeaseObserver for () {
    fn renewed(&self, _: PaxosBallot, _: Reading) {}
    fn ended(&self, _: PaxosBallot) {}
}
