//! What a node is and how its transport behaves.

use std::sync::Arc;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::{ClusterId, Identities, Incarnation, MemoryIdentities, PeerId, StoreId};

/// Settings of a [`Transport`](crate::Transport).
#[derive(Clone, Debug)]
pub struct Settings {
    /// Who this node is.
    pub me: Me,
    /// The other nodes, to begin with.
    pub peers: Vec<Peer>,
    /// What peers must agree on.
    pub timing: Timing,
    /// Times of the links.
    pub times: Times,
    /// Bounds of memory.
    pub limits: Limits,
    /// Remembers the store of each peer.
    pub identities: Arc<dyn Identities>,
    /// Seeds jitter and faults.
    pub seed: u64,
    /// Mutual TLS on every connection; `None` for plain text.
    #[cfg(feature = "tls")]
    pub tls: Option<crate::Tls>,
}

impl Settings {
    /// Defaults for a node with these peers; identities are remembered in memory only.
    #[must_use]
    pub fn new(me: Me, peers: Vec<Peer>) -> Self {
        Self {
            me,
            peers,
            timing: Timing::default(),
            times: Times::default(),
            limits: Limits::default(),
            identities: Arc::new(MemoryIdentities::default()),
            seed: rand::random(),
            #[cfg(feature = "tls")]
            tls: None,
        }
    }
}

/// Who a node says it is when a link opens.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Me {
    /// Its cluster.
    pub cluster: ClusterId,
    /// Its number in the cluster.
    pub node: PeerId,
    /// Its store.
    pub store: StoreId,
    /// Its life; see [`Incarnation`] for what the caller guarantees.
    pub incarnation: Incarnation,
}

/// Another node, and where to dial it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Peer {
    /// Its number in the cluster.
    pub node: PeerId,
    /// What the [`Dialer`](crate::Dialer) takes; `host:port` for TCP.
    pub endpoint: String,
    /// The name that the peer's certificate must carry, dialed or dialing; `None` for the host in
    /// `endpoint`. Without TLS it means nothing.
    pub tls_name: Option<String>,
}

impl Peer {
    /// A peer whose certificate names the host that is dialed.
    pub fn new(node: PeerId, endpoint: impl Into<String>) -> Self {
        Self {
            node,
            endpoint: endpoint.into(),
            tls_name: None,
        }
    }
}

/// Settings of the engines that must be alike on all nodes. Nodes that differ in any of them refuse
/// each other.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Timing {
    /// How long a silent leader is waited for.
    pub election_timeout: Duration,
    /// How long a lease lasts; `None` for no leases.
    pub lease: Option<Duration>,
    /// How much of a lease is given up for clocks that drift.
    pub drift: Duration,
    /// A digest of everything else that must be alike, by the caller's own rule.
    pub digest: u64,
}

/// Times of the links.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Times {
    /// Between two signs of life on a link, also on a busy one.
    pub heartbeat: Duration,
    /// A link without a sign of life for this long ends its session, on both ends.
    pub silence: Duration,
    /// The limit of a dial, and again of the handshake after it. An opening that is lost is
    /// repeated every heartbeat until then.
    pub handshake: Duration,
    /// The shortest pause between two attempts to connect, from the second on; it doubles.
    pub reconnect_min: Duration,
    /// The longest pause. A pause is drawn between half and all of its length.
    pub reconnect_max: Duration,
    /// The limit of a shutdown.
    pub shutdown: Duration,
}

impl Default for Times {
    fn default() -> Self {
        Self {
            heartbeat: Duration::from_millis(100),
            silence: Duration::from_secs(1),
            handshake: Duration::from_secs(1),
            reconnect_min: Duration::from_millis(10),
            reconnect_max: Duration::from_millis(200),
            shutdown: Duration::from_secs(2),
        }
    }
}

/// Bounds of memory.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Limits {
    /// Frames that may wait for one peer.
    pub queue_frames: usize,
    /// Bytes of payload that may wait for one peer. One payload always finds room in an empty
    /// queue.
    pub queue_bytes: usize,
    /// The longest payload of a message, a request or an answer, in bytes. Give all nodes the same:
    /// a payload above the receiver's limit ends the session. A receiver holds up to four such
    /// payloads of each peer while they come in parts.
    pub payload_bytes: usize,
    /// Payloads longer than this travel in chunks of this many bytes, with other frames between.
    pub chunk_bytes: usize,
    /// Calls that may wait for one peer's answer.
    pub calls: usize,
    /// Incoming connections at a time; further ones are closed at once, and counted.
    pub connections: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            queue_frames: 65_536,
            queue_bytes: 64 << 20,
            payload_bytes: 64 << 20,
            chunk_bytes: 64 << 10,
            calls: 65_536,
            connections: 256,
        }
    }
}

/// The longest chunk that may be set, in bytes: what every receiver is ready to take.
pub const CHUNK_BYTES_MAX: usize = 256 << 10;

/// A setting that cannot work.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{setting} cannot be {value}: {why}")]
pub struct SettingsError {
    /// Which one.
    pub setting: &'static str,
    /// What it was set to.
    pub value: String,
    /// What it may be.
    pub why: &'static str,
}

impl Settings {
    pub(crate) fn check(&self) -> Result<(), SettingsError> {
        let (times, limits) = (&self.times, &self.limits);
        let zero = [
            ("times.heartbeat", times.heartbeat),
            ("times.handshake", times.handshake),
            ("times.reconnect_min", times.reconnect_min),
            ("times.shutdown", times.shutdown),
        ];
        for (setting, value) in zero {
            let why = "it must be longer than nothing";
            refuse_if(value.is_zero(), setting, value, why)?;
        }
        let why = "a heartbeat or two must fit into it";
        let silence = times.silence;
        refuse_if(silence < 2 * times.heartbeat, "times.silence", silence, why)?;
        let max = times.reconnect_max;
        let why = "it must not be shorter than times.reconnect_min";
        refuse_if(max < times.reconnect_min, "times.reconnect_max", max, why)?;
        let sizes = [
            ("limits.queue_frames", limits.queue_frames),
            ("limits.queue_bytes", limits.queue_bytes),
            ("limits.payload_bytes", limits.payload_bytes),
            ("limits.calls", limits.calls),
            ("limits.connections", limits.connections),
        ];
        for (setting, value) in sizes {
            refuse_if(value == 0, setting, value, "it must be at least 1")?;
        }
        let chunk = limits.chunk_bytes;
        let why = "it must be from 1,024 to CHUNK_BYTES_MAX";
        let fits = (1_024..=CHUNK_BYTES_MAX).contains(&chunk);
        refuse_if(!fits, "limits.chunk_bytes", chunk, why)
    }
}

fn refuse_if(
    refuse: bool,
    setting: &'static str,
    value: impl std::fmt::Debug,
    why: &'static str,
) -> Result<(), SettingsError> {
    if refuse {
        let value = format!("{value:?}");
        return Err(SettingsError {
            setting,
            value,
            why,
        });
    }
    Ok(())
}
