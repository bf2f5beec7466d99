//! The file driver on one node.

use std::path::Path;
use std::process::ExitCode;
use std::sync::Arc;

use tsoracle_backends::FileBackend;
use tsoracle_testbed::Backend;

fn main() -> ExitCode {
    let backend: Arc<dyn Backend> = Arc::new(FileBackend::default());
    tsoracle_benches::run(&backend, Path::new(env!("CARGO_TARGET_TMPDIR")))
}
