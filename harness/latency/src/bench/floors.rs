//! The floors of a measurement, made before the nodes, so that what they cost is not taken for theirs.

use std::path::Path;
use std::sync::Arc;

use tokio::runtime::Runtime;

use crate::floor::{Floor, bare_sync, durable_floor};
use crate::wire::Wire;
use crate::{FloorKind, LatencyError, Options};

/// What everything is held against.
pub(crate) struct Floors {
    pub(super) persist: Box<dyn Floor>,
    /// One disk alone, where the floor of a persist is more than that.
    pub(super) bare: Option<Box<dyn Floor>>,
    /// The way between nodes, where there are several and their network is known.
    pub(super) wire: Option<Arc<Wire>>,
}

impl Floors {
    /// For so many nodes with their stores in `dir`.
    pub(crate) fn prepare(
        options: &Options,
        nodes: usize,
        dir: &Path,
        runtime: &Runtime,
    ) -> Result<Self, LatencyError> {
        let dir = dir.join("floor");
        let network = options.network.as_ref().filter(|_| nodes > 1);
        let wire = network.map(|network| Wire::connect(network, runtime));
        let wire = wire.transpose()?.map(Arc::new);
        let persist = durable_floor(&dir, nodes, wire.clone())?;
        let bare = (persist.kind() != FloorKind::Sync).then(|| bare_sync(&dir));
        Ok(Self {
            bare: bare.transpose()?,
            persist,
            wire,
        })
    }
}
