//! What a driver ran with, as a number to compare.

use crc::{CRC_64_XZ, Crc};
use tsoracle_testbed::Backend;

/// A hash of what a driver declares: its name, crates, times, capabilities and settings. Figures with
/// the same hash came from the same configuration.
#[must_use]
pub fn settings_hash(backend: &dyn Backend) -> String {
    let declared = (
        backend.name(),
        backend.crates(),
        backend.timing(),
        backend.capabilities(),
        backend.settings(),
    );
    // Plain numbers and names always have a JSON form.
    let text = serde_json::to_string(&declared).unwrap_or_default();
    let hash = Crc::<u64>::new(&CRC_64_XZ).checksum(text.as_bytes());
    format!("{hash:016x}")
}
