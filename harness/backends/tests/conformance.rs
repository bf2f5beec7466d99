//! The conformance suite on every driver of this workspace.

use std::process::ExitCode;

fn main() -> ExitCode {
    tsoracle_conformance::main(&tsoracle_backends::all())
}
