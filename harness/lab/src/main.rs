//! The `lab` command with the drivers of this workspace.

use std::process::ExitCode;

fn main() -> ExitCode {
    tsoracle_lab::run(&tsoracle_backends::all())
}
