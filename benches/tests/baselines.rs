//! Baselines from the workspace root: every target that `cargo bench` runs there speaks criterion's
//! language, and the second run is compared with the first.
//!
//! It runs cargo, which builds every bench; `scripts/test` therefore asks for it by name, and
//! `cargo test` alone leaves it out. What is measured is the allocator: the other targets start, find
//! nothing of theirs in the filter, and end.
#![allow(clippy::expect_used, reason = "a test that cannot run has failed")]

use std::path::Path;
use std::process::{Command, Output};

const MEASURED: [&str; 3] = [
    "allocator/grant/floor_empty",
    "allocator/grant/1",
    "allocator/grant/1000",
];

/// `cargo bench -- ARGUMENTS` where a user types it, with estimates in a folder of its own.
fn cargo_bench(home: &Path, arguments: &[&str]) -> Output {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).parent();
    let quick = ["--warm-up-time", "0.1", "--measurement-time", "0.1"];
    Command::new(std::env::var_os("CARGO").expect("cargo runs this test"))
        .args(["bench", "--quiet", "--", "allocator", "--noplot"])
        .args(quick)
        .args(arguments)
        .current_dir(root.expect("a package of the workspace"))
        .env("CRITERION_HOME", home)
        .output()
        .expect("cargo runs")
}

fn said(output: &Output) -> String {
    let streams = [&output.stdout, &output.stderr];
    streams.map(|text| String::from_utf8_lossy(text)).concat()
}

#[test]
#[ignore = "builds every bench; scripts/test runs it"]
fn baselines_work_from_the_workspace_root() {
    let home = tempfile::tempdir().expect("a folder for estimates");
    let saved = cargo_bench(home.path(), &["--save-baseline", "before"]);
    assert!(saved.status.success(), "{}", said(&saved));
    for benchmark in MEASURED {
        assert!(said(&saved).contains(benchmark), "{}", said(&saved));
    }
    assert!(!said(&saved).contains("change:"), "{}", said(&saved));
    let kept = home.path().join("allocator_grant/1/before/estimates.json");
    assert!(kept.exists(), "{}", kept.display());

    let compared = cargo_bench(home.path(), &["--baseline", "before"]);
    assert!(compared.status.success(), "{}", said(&compared));
    let changes = said(&compared).matches("change:").count();
    assert_eq!(changes, MEASURED.len(), "{}", said(&compared));

    let unknown = cargo_bench(home.path(), &["--baseline", "never"]);
    assert!(!unknown.status.success(), "{}", said(&unknown));
    assert!(said(&unknown).contains("never"), "{}", said(&unknown));
}
