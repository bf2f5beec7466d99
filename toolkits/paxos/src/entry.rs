//! What a log of this toolkit carries.

use std::fmt;

use omnipaxos::storage::Entry;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

/// An entry of the log: a command of the service, with the name of the request that it came from.
pub trait GroupEntry:
    Entry<Snapshot: Send + 'static> + Serialize + DeserializeOwned + Send + 'static
{
    /// The name that [`Handle::append`](crate::Handle::append) gave to it; `None` for an entry that
    /// nobody waits for.
    fn request(&self) -> Option<RequestId>;
}

/// Names one append, in the whole cluster and for good. Decided entries are told apart by it and
/// never by their index, which another leader's entry may take.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct RequestId {
    /// The node that it was appended at.
    pub node: u64,
    /// The life of that node: no two lives share a number.
    pub life: u64,
    /// Counts the appends of that life.
    pub number: u64,
}

impl fmt::Display for RequestId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}/{}", self.node, self.life, self.number)
    }
}
