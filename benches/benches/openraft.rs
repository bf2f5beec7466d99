//! The openraft driver on three nodes.

use std::path::Path;
use std::process::ExitCode;
use std::sync::Arc;

use tsoracle_backends::OpenraftBackend;
use tsoracle_testbed::Backend;

fn main() -> ExitCode {
    let backend: Arc<dyn Backend> = Arc::new(OpenraftBackend::default());
    tsoracle_benches::run(&backend, Path::new(env!("CARGO_TARGET_TMPDIR")))
}
