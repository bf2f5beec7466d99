//! Who is told of the lease.

use std::fmt::Debug;

use crate::Reading;

/// Is told of a node's own lease, in order, at the moment of each change, by whoever drives the
/// [`LeaseNode`](crate::LeaseNode).
///
/// It is called under a lock, or on an engine's thread: return at once, and do not call back.
pub trait LeaseObserver<B>: Debug + Send + Sync + 'static {
    /// This node's lease at `ballot` lasts until `deadline`, itself outside of it, on the node's
    /// clock. Deadlines of one ballot grow. A lease that has passed its deadline may be renewed
    /// under the same ballot, if nobody led in between.
    fn renewed(&self, ballot: B, deadline: Reading);

    /// The leadership at `ballot` is over, or its lease is given up; it is not renewed again. Told
    /// before anybody else may learn of it.
    fn ended(&self, ballot: B);
}

/// Nobody is told.
impl<B> LeaseObserver<B> for () {
    fn renewed(&self, _: B, _: Reading) {}
    fn ended(&self, _: B) {}
}
