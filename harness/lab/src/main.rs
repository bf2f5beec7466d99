//! The `lab` command with the drivers of this workspace.

use std::process::ExitCode;

fn main() -> ExitCode {
    tsoracle_lab::run_with_network(&tsoracle_backends::all(), tsoracle_backends::network())
}
