#![doc = include_str!("../README.md")]

mod acceptor;
mod call;
mod counters;
mod error;
mod faults;
mod grpc;
mod handler;
mod handlers;
mod identities;
mod ids;
mod inbox;
mod link;
#[cfg(feature = "measure")]
pub mod measure;
mod net;
mod outbox;
mod refusal;
mod settings;
mod shared;
mod silence;
mod transport;
mod wire;

pub use counters::{Counts, PeerCounts};
pub use error::{AlreadyRegistered, CallError, PeerError, SendError, ShutdownLate, StartError};
pub use faults::{Faults, LinkFault};
pub use handler::{
    Delivery, Direction, EndReason, Handler, Responder, SessionChange, SessionEvent,
};
pub use identities::{Identities, MemoryIdentities, Verdict};
pub use ids::{ClusterId, GroupId, Incarnation, PeerId, Session, StoreId};
#[cfg(feature = "tls")]
pub use net::Tls;
pub use net::{Dialer, Io, Listener, TcpAcceptor, TcpDialer};
#[cfg(feature = "test-fakes")]
pub use net::{MemoryListener, MemoryNetwork};
pub use refusal::{Refusal, Refused};
pub use settings::{CHUNK_BYTES_MAX, Limits, Me, Peer, Settings, SettingsError, Times, Timing};
pub use transport::{LinkStatus, Transport};
