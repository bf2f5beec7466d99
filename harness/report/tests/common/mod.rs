//! Results made by hand: two drivers, every kind of verdict, every kind of figure. The clauses that
//! do not hold are short ones, since a report quotes them.

use std::time::Duration;

use serde_json::json;
use tsoracle_conformance::CheckResult;
use tsoracle_latency::{
    AllocatorResults, Bucket, Comparison, Concurrent, Costs, Delayed, Distribution, FloorKind,
    Grant, Idle, LatencyResults, Memory, NetworkResults, OpenLoop, Profile, Ratio, Sends,
    SpinnerPolicy, Spinners, Starts, SyncVerdict, Syncs, TrafficRate,
};
use tsoracle_report::{Commit, DriverResults, Environment, Results, SCHEMA_VERSION};
use tsoracle_testbed::{Capabilities, Damage, Durability, Timing, UnnoticedDamage};

const SPINNERS: Spinners = Spinners {
    threads: 2,
    policy: SpinnerPolicy::Idle,
};

pub(crate) fn results() -> Results {
    Results {
        schema_version: SCHEMA_VERSION,
        contract_version: 1,
        command: "cargo run --release -p tsoracle-lab -- compare --seed 7".into(),
        environment: Environment {
            cores: 2,
            cpu_model: Some("Example CPU at 3.0 GHz".into()),
            memory_gib: 23.4,
            os: "Linux 6.18 x86_64".into(),
            filesystem: "ext4".into(),
            tmpfs: false,
            profile: Profile::Quick,
        },
        crates: [
            ("tsoracle-driver-file", "0.1.0"),
            ("tsoracle-driver-raft", "0.1.0"),
        ]
        .map(|(name, version)| (name.to_owned(), version.to_owned()))
        .into(),
        commit: Some(Commit {
            id: "0123456789abcdef".into(),
            clean: false,
        }),
        seed: 7,
        settings_hash: "a1b2c3d4".into(),
        allocator: Some(AllocatorResults {
            grants: vec![grant(1, 4.1), grant(1_000, 44.0)],
            spinners: SPINNERS,
        }),
        network: Some(network()),
        benches: None,
        drivers: vec![file(), raft()],
    }
}

fn network() -> NetworkResults {
    NetworkResults {
        name: "example-transport".into(),
        call_bytes: 128,
        call: comparison(FloorKind::RoundTrip, 48_000.0, 1.18, 1),
        message_bytes: 16,
        messages_per_block: 100_000,
        message: distribution(1_900.0),
        spinners: SPINNERS,
    }
}

fn file() -> DriverResults {
    let mut capabilities = Capabilities::single_durable_node();
    capabilities.unnoticed_damage.push(UnnoticedDamage {
        file: "journal-*".into(),
        damage: Damage::Truncate,
        cause: "a lost tail looks like a write that was never synced".into(),
    });
    DriverResults {
        name: "file".into(),
        nodes: 1,
        capabilities,
        timing: timing(0, None),
        command: "cargo run --release -p tsoracle-lab -- compare --driver file".into(),
        variant_of: None,
        is_experiment: false,
        settings_hash: "00000000000000f1".into(),
        settings: Vec::new(),
        conformance: vec![
            check(
                "file",
                "P3",
                "acknowledged_survives_power_loss",
                "held",
                None,
            ),
            check("file", "L1", "first_item_is_ready", "held", None),
            check(
                "file",
                "P3",
                "acknowledged_survives_kill",
                "failed",
                Some("9 came back where 19 was acknowledged"),
            ),
            check(
                "file",
                "L7",
                "leases_never_overlap",
                "not_offered",
                Some("one node has nobody to overlap with"),
            ),
            check(
                "file",
                "R3",
                "fresh_store_loads_zero",
                "invalid",
                Some("no store was opened | nothing was loaded"),
            ),
        ],
        latency: Some(latency(1, FloorKind::Sync, 90_000.0, 1.18)),
        latency_missing: None,
        scenarios: Vec::new(),
    }
}

fn raft() -> DriverResults {
    let mut conformance = vec![
        check("raft", "L1", "first_item_is_ready", "held", None),
        check("raft", "P3", "acknowledged_survives_kill", "held", None),
        check(
            "raft",
            "P3",
            "acknowledged_survives_power_loss",
            "held",
            None,
        ),
        check("raft", "C1", "elects_within_bound", "held", None),
    ];
    let mut on_five = check(
        "raft",
        "C1",
        "elects_within_bound",
        "failed",
        Some("no lease after 10 election timeouts"),
    );
    on_five.nodes = 5;
    conformance.push(on_five);
    let mut capabilities = Capabilities::single_durable_node();
    capabilities.cluster_sizes = 3..=7;
    DriverResults {
        name: "raft".into(),
        nodes: 3,
        capabilities,
        timing: timing(150, Some(100)),
        command: "cargo run --release -p tsoracle-lab -- compare --driver raft".into(),
        variant_of: None,
        is_experiment: false,
        settings_hash: "00000000000000f2".into(),
        settings: vec![("times".into(), "heartbeats every 50 ms".into())],
        conformance,
        latency: Some(LatencyResults {
            sync_floor: Some(distribution(110_000.0)),
            costs: Some(costs(Some(TrafficRate {
                frames_per_s: 42.5,
                bytes_per_s: 3_120.0,
            }))),
            delayed: vec![delayed(1.0, Some(2_600_000.0)), delayed(10.0, None)],
            ..latency(3, FloorKind::QuorumSyncAndRoundTrip, 230_000.0, 1.62)
        }),
        latency_missing: None,
        scenarios: Vec::new(),
    }
}

fn delayed(link_delay_ms: f64, persist_ns: Option<f64>) -> Delayed {
    Delayed {
        link_delay_ms,
        persist: persist_ns.map(distribution),
        load: None,
        missing: persist_ns.is_none().then(|| "nobody led".to_owned()),
    }
}

fn timing(election_ms: u64, lease_ms: Option<u64>) -> Timing {
    Timing {
        election_timeout: Duration::from_millis(election_ms),
        lease: lease_ms.map(Duration::from_millis),
        deadline: Duration::from_secs(1),
    }
}

#[expect(clippy::expect_used, reason = "the object above is a result")]
fn check(
    backend: &str,
    clause: &str,
    check: &str,
    verdict: &str,
    why: Option<&str>,
) -> CheckResult {
    let tried = if verdict == "held" {
        json!([{"what": "acknowledged values", "count": 1_214}])
    } else {
        json!([])
    };
    let history = if verdict == "failed" {
        json!(["persist(19) -> 19", "kill", "load() -> 9"])
    } else {
        json!([])
    };
    serde_json::from_value(json!({
        "check": check,
        "clause": clause,
        "backend": backend,
        "nodes": 1,
        "verdict": verdict,
        "reason": why,
        "seed": 7,
        "duration_ms": 120,
        "evidence": tried,
        "history": history,
    }))
    .expect("a check result")
}

fn latency(nodes: usize, kind: FloorKind, floor_ns: f64, ratio: f64) -> LatencyResults {
    let at_rate = |rate_per_s: u32, slower: f64| OpenLoop {
        rate_per_s,
        comparison: comparison(kind, floor_ns * slower, ratio, 1),
        sends: Sends {
            sent: 400,
            late: 3,
            unsent: 0,
            peak_in_flight: 4,
        },
        floor_sends: Sends::default(),
    };
    LatencyResults {
        profile: Profile::Quick,
        nodes,
        durability: Durability::Disk,
        spinners: SPINNERS,
        persist: comparison(kind, floor_ns, ratio, 1),
        persist_at_rate: vec![at_rate(200, 1.1), at_rate(1_000, 1.6)],
        load: comparison(FloorKind::BoxedCall, 14.0, 4.4, 50),
        concurrent: Concurrent {
            persists_per_round: 64,
            rounds: comparison(kind, floor_ns, 2.2, 1),
            syncs: syncs(nodes, 20, 41),
        },
        syncs: syncs(nodes, 100, 100),
        sync_floor: None,
        costs: Some(costs(None)),
        delayed: Vec::new(),
    }
}

fn costs(traffic_per_node: Option<TrafficRate>) -> Costs {
    let (percent, cold_ms, warm_ms) = match traffic_per_node {
        Some(_) => (1.35, [405.0, 369.0, 468.0], [549.0, 540.0, 594.0]),
        None => (0.015, [4.5, 4.1, 5.2], [6.1, 6.0, 6.6]),
    };
    Costs {
        idle: Idle {
            watched_ms: 5_000.0,
            empty_cpu_percent: Some(0.12),
            cpu_percent_per_node: Some(percent),
            traffic_per_node,
        },
        memory: Some(Memory {
            empty_bytes: 12_000_000,
            idle_bytes_per_node: 6_500_000,
            busy_bytes_per_node: 9_800_000,
        }),
        starts: Starts {
            cold_ms: cold_ms.into(),
            warm_ms: warm_ms.into(),
        },
    }
}

fn syncs(nodes: usize, operations: u64, each: u64) -> Syncs {
    Syncs {
        verdict: SyncVerdict::Enough,
        reason: None,
        operations,
        per_node: vec![each; nodes],
        most_per_operation: each.div_ceil(operations),
        bytes_per_node: vec![each * 512; nodes],
    }
}

fn grant(timestamps: u32, ns: f64) -> Grant {
    Grant {
        timestamps,
        comparison: comparison(FloorKind::EmptyLoop, 0.5, ns / 0.5, 1_000),
    }
}

fn comparison(floor_kind: FloorKind, floor_ns: f64, ratio: f64, calls: u32) -> Comparison {
    Comparison {
        measured: distribution(floor_ns * ratio),
        floor: distribution(floor_ns),
        floor_kind,
        ratio: Ratio {
            median: ratio,
            blocks: 19,
            dropped_blocks: 1,
            samples_per_block: 100,
        },
        calls_per_sample: calls,
    }
}

/// A body, a shoulder and a tail.
fn distribution(p50_ns: f64) -> Distribution {
    let at = |times: f64| (p50_ns * times * 10.0).round() / 10.0;
    let buckets = [
        (0.9, 600),
        (1.0, 600),
        (1.2, 500),
        (1.5, 200),
        (3.0, 80),
        (8.0, 18),
        (20.0, 2),
    ];
    Distribution {
        samples: 2_000,
        p50_ns: at(1.0),
        p90_ns: at(1.5),
        p99_ns: at(3.0),
        p999_ns: at(8.0),
        max_ns: at(20.0),
        buckets: buckets
            .map(|(times, count)| Bucket(at(times), count))
            .into(),
    }
}
