//! Drivers that each break the contract in one way, and the exact set of checks that notice.
//!
//! A check that no exhibit fails could be one that cannot fail; an exhibit that fails more, or
//! less, than it says is not understood.

mod cluster;
mod exhibit;
mod file;
mod memory;

use std::process::ExitCode;

fn main() -> ExitCode {
    let mut exhibits = memory::exhibits();
    exhibits.extend(cluster::exhibits());
    exhibits.extend(file::exhibits());
    exhibit::run(exhibits)
}
