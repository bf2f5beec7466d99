//! A bench of one driver builds no other engine: asked of cargo, nothing is built.
#![allow(clippy::expect_used, reason = "a test that cannot run has failed")]

use std::collections::BTreeSet;
use std::process::Command;

const ENGINES: [&str; 3] = ["openraft", "omnipaxos", "rocksdb"];

/// The engines among everything that the benches need with these features.
fn engines(features: &str) -> BTreeSet<String> {
    let tree = Command::new(std::env::var_os("CARGO").expect("cargo runs this test"))
        .args(["tree", "--locked", "--prefix", "none", "--format", "{lib}"])
        .args(["--package", "tsoracle-benches", "--no-default-features"])
        .args(["--features", features])
        .output()
        .expect("cargo runs");
    let said = String::from_utf8_lossy(&tree.stderr);
    assert!(tree.status.success(), "{said}");
    let names = String::from_utf8_lossy(&tree.stdout);
    let names = names.lines().map(str::trim);
    assert!(names.clone().any(|name| name == "criterion"));
    let engines = names.filter(|name| ENGINES.contains(name));
    engines.map(str::to_owned).collect()
}

#[test]
fn a_bench_of_one_driver_builds_no_other_engine() {
    let of = |names: &[&str]| names.iter().map(|name| (*name).to_owned()).collect();
    let expected: [(&str, BTreeSet<String>); 5] = [
        ("", of(&[])),
        ("file", of(&[])),
        ("openraft", of(&["openraft", "rocksdb"])),
        ("paxos", of(&["omnipaxos", "rocksdb"])),
        ("default", of(&ENGINES)),
    ];
    for (features, expected) in expected {
        assert_eq!(engines(features), expected, "feature {features:?}");
    }
}
