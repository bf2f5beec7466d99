//! Which of our crates may depend on which. `docs/architecture.md` says why.
#![allow(clippy::expect_used, reason = "a test that cannot run has failed")]

use std::collections::{BTreeMap, BTreeSet};

use cargo_metadata::{DependencyKind, Metadata, MetadataCommand, Package};

/// Normal dependencies between our crates: who may use whom. Anything else is a defect.
const ALLOWED: &[(&str, &[&str])] = &[
    ("tsoracle-core", &[]),
    ("tsoracle-consensus", &["tsoracle-core"]),
    (
        "tsoracle-driver-file",
        &["tsoracle-core", "tsoracle-consensus", "tsoracle-store"],
    ),
    (
        "tsoracle-driver-openraft",
        &[
            "tsoracle-core",
            "tsoracle-consensus",
            "tsoracle-lease",
            "tsoracle-peer-transport",
            "tsoracle-openraft-toolkit",
        ],
    ),
    (
        "tsoracle-driver-paxos",
        &[
            "tsoracle-core",
            "tsoracle-consensus",
            "tsoracle-lease",
            "tsoracle-paxos-toolkit",
        ],
    ),
    ("tsoracle-codec", &[]),
    ("tsoracle-lease", &[]),
    ("tsoracle-peer-transport", &["tsoracle-codec"]),
    ("tsoracle-store", &["tsoracle-peer-transport"]),
    (
        "tsoracle-openraft-toolkit",
        &[
            "tsoracle-codec",
            "tsoracle-lease",
            "tsoracle-peer-transport",
            "tsoracle-store",
        ],
    ),
    (
        "tsoracle-paxos-toolkit",
        &[
            "tsoracle-codec",
            "tsoracle-lease",
            "tsoracle-peer-transport",
            "tsoracle-store",
        ],
    ),
    ("tsoracle-faultfs", &[]),
    (
        "tsoracle-testbed",
        &["tsoracle-core", "tsoracle-consensus", "tsoracle-faultfs"],
    ),
    (
        "tsoracle-conformance",
        &["tsoracle-core", "tsoracle-consensus", "tsoracle-testbed"],
    ),
    (
        "tsoracle-latency",
        &["tsoracle-core", "tsoracle-consensus", "tsoracle-testbed"],
    ),
    (
        "tsoracle-scenarios",
        &[
            "tsoracle-core",
            "tsoracle-consensus",
            "tsoracle-testbed",
            "tsoracle-latency",
        ],
    ),
    (
        "tsoracle-report",
        &[
            "tsoracle-consensus",
            "tsoracle-testbed",
            "tsoracle-conformance",
            "tsoracle-latency",
            "tsoracle-scenarios",
        ],
    ),
    (
        "tsoracle-backends",
        &[
            "tsoracle-core",
            "tsoracle-consensus",
            "tsoracle-codec",
            "tsoracle-driver-file",
            "tsoracle-driver-openraft",
            "tsoracle-driver-paxos",
            "tsoracle-openraft-toolkit",
            "tsoracle-paxos-toolkit",
            "tsoracle-peer-transport",
            "tsoracle-testbed",
        ],
    ),
    (
        "tsoracle-lab",
        &[
            "tsoracle-core",
            "tsoracle-consensus",
            "tsoracle-testbed",
            "tsoracle-conformance",
            "tsoracle-latency",
            "tsoracle-scenarios",
            "tsoracle-report",
            "tsoracle-backends",
        ],
    ),
    (
        "tsoracle-benches",
        &[
            "tsoracle-core",
            "tsoracle-consensus",
            "tsoracle-testbed",
            "tsoracle-latency",
            "tsoracle-backends",
            "tsoracle-driver-openraft",
            "tsoracle-driver-paxos",
            "tsoracle-openraft-toolkit",
            "tsoracle-paxos-toolkit",
        ],
    ),
    (
        "tsoracle-examples",
        &["tsoracle-core", "tsoracle-consensus", "tsoracle-testbed"],
    ),
];

/// Dev-dependencies between our crates, listed apart: they reach no user.
const ALLOWED_IN_TESTS: &[(&str, &[&str])] = &[
    ("tsoracle-driver-file", &["tsoracle-faultfs"]),
    ("tsoracle-store", &["tsoracle-faultfs"]),
    ("tsoracle-openraft-toolkit", &["tsoracle-faultfs"]),
    ("tsoracle-driver-paxos", &["tsoracle-paxos-toolkit"]),
    ("tsoracle-latency", &["tsoracle-conformance"]),
    ("tsoracle-scenarios", &["tsoracle-conformance"]),
    ("tsoracle-backends", &["tsoracle-conformance"]),
    ("tsoracle-benches", &["tsoracle-codec"]),
    (
        "tsoracle-examples",
        &["tsoracle-conformance", "tsoracle-lab"],
    ),
];

/// What a third party's suite must build without.
const HEAVY: &[&str] = &[
    "tonic",
    "rocksdb",
    "librocksdb-sys",
    "openraft",
    "omnipaxos",
];
const LIGHT: &[&str] = &[
    "tsoracle-testbed",
    "tsoracle-conformance",
    "tsoracle-latency",
    "tsoracle-scenarios",
    "tsoracle-report",
];

fn metadata() -> Metadata {
    MetadataCommand::new()
        .exec()
        .expect("cargo metadata runs in a workspace")
}

fn ours(metadata: &Metadata) -> BTreeMap<&str, &Package> {
    metadata
        .workspace_packages()
        .into_iter()
        .map(|p| (p.name.as_str(), p))
        .collect()
}

fn surplus(kind: DependencyKind, rules: &[(&str, &[&str])]) -> Vec<String> {
    let metadata = metadata();
    let ours = ours(&metadata);
    let rules: BTreeMap<_, _> = rules.iter().copied().collect();
    let mut surplus = Vec::new();
    for (name, package) in &ours {
        let allowed = rules.get(name).copied().unwrap_or_default();
        for dependency in package.dependencies.iter().filter(|d| d.kind == kind) {
            let target = dependency.name.as_str();
            if ours.contains_key(target) && !allowed.contains(&target) {
                surplus.push(format!("{name} -> {target}"));
            }
        }
    }
    surplus
}

#[test]
fn no_crate_depends_on_more_than_the_architecture_allows() {
    assert_eq!(
        surplus(DependencyKind::Normal, ALLOWED),
        Vec::<String>::new()
    );
    assert_eq!(surplus(DependencyKind::Build, &[]), Vec::<String>::new());
}

#[test]
fn dev_dependencies_are_the_listed_ones() {
    assert_eq!(
        surplus(DependencyKind::Development, ALLOWED_IN_TESTS),
        Vec::<String>::new()
    );
}

#[test]
fn the_rules_name_every_crate_and_no_other() {
    let metadata = metadata();
    let named: BTreeSet<_> = ALLOWED.iter().map(|(name, _)| *name).collect();
    assert_eq!(named, ours(&metadata).into_keys().collect());
}

#[test]
fn the_suite_builds_without_an_engine() {
    let metadata = metadata();
    for name in LIGHT {
        for dependency in everything_below(&metadata, name) {
            assert!(
                !HEAVY.contains(&dependency.as_str()),
                "{name} pulls in {dependency}"
            );
        }
    }
}

/// Names of all packages that a crate needs, dev-dependencies of others left out.
fn everything_below(metadata: &Metadata, name: &str) -> BTreeSet<String> {
    let nodes = &metadata.resolve.as_ref().expect("a resolved graph").nodes;
    let graph: BTreeMap<_, _> = nodes.iter().map(|node| (&node.id, node)).collect();
    let start = &ours(metadata)[name].id;
    let (mut open, mut seen) = (vec![start], BTreeSet::from([start]));
    while let Some(node) = open.pop().and_then(|id| graph.get(id)) {
        let normal = node.deps.iter().filter(|dependency| {
            dependency
                .dep_kinds
                .iter()
                .any(|kind| kind.kind == DependencyKind::Normal)
        });
        open.extend(
            normal
                .map(|dependency| &dependency.pkg)
                .filter(|id| seen.insert(id)),
        );
    }
    metadata
        .packages
        .iter()
        .filter(|p| seen.contains(&p.id))
        .map(|p| p.name.to_string())
        .collect()
}
