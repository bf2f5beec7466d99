//! Drivers that each break the contract in one way, and the exact set of checks that notice.
//!
//! A check that no exhibit fails could be one that cannot fail; an exhibit that fails more, or
//! less, than it says is not understood.

mod exhibit;

use std::process::ExitCode;

use exhibit::Exhibit;

fn main() -> ExitCode {
    exhibit::run(Vec::<Exhibit>::new())
}
