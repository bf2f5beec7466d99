//! Drivers without a disk: the reference with one defect each, and some that are merely unusual.

mod cancel;
mod epoch;
mod fence;
mod honest;
mod lease;
mod load;
mod open;
mod overlay;
mod persist;
mod refusal;
mod renumbered;
mod shutdown;
pub(crate) mod spoiled;
mod stream;
mod value;

use crate::exhibit::Exhibit;

/// Every exhibit without a disk, and the checks that fail on it.
pub(crate) fn exhibits() -> Vec<Exhibit> {
    // Those that hang most come first, so that the others run meanwhile.
    [
        shutdown::exhibits(),
        honest::exhibits(),
        stream::exhibits(),
        epoch::exhibits(),
        lease::exhibits(),
        load::exhibits(),
        value::exhibits(),
        persist::exhibits(),
        fence::exhibits(),
        refusal::exhibits(),
        cancel::exhibits(),
        open::exhibits(),
    ]
    .into_iter()
    .flatten()
    .collect()
}
