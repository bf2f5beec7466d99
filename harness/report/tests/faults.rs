//! What a report says of fault scenarios and of capabilities, from small results made by hand.
#![allow(clippy::unwrap_used, reason = "a test that cannot run has failed")]

mod common;

use serde_json::json;
use tsoracle_conformance::CheckResult;
use tsoracle_report::{
    DriverResults, Outcome, Results, Target, prove, render, summary_table, targets, terminal_table,
};
use tsoracle_scenarios::{ScenarioResult, Verdict};
use tsoracle_testbed::Reads;

const T_MS: f64 = 200.0;

fn run(driver: &str, scenario: &str, seed: u64, verdict: &str, outage_ms: f64) -> ScenarioResult {
    let nodes = if scenario == "quorum_loss" { 5 } else { 3 };
    let offered = verdict != "not_offered";
    serde_json::from_value(json!({
        "scenario": scenario,
        "driver": driver,
        "nodes": nodes,
        "seed": seed,
        "settings_hash": "00000000000000f2",
        "election_timeout_ms": T_MS,
        "verdict": verdict,
        "reason": (!offered).then_some("the driver forms no cluster of 3 nodes"),
        "outage_ms": offered.then_some(outage_ms),
        "outage_t": offered.then_some(outage_ms / T_MS),
        "phases": [],
        "leader_changes": 1,
        "availability": offered.then_some(1.0),
        "overlap_ms": offered.then_some(0.0),
        "errors": [{"class": "Down", "count": 2, "p50_ms": 0.1, "max_ms": 0.2}],
        "evidence": [],
        "figures": [],
        "duration_ms": 4_000,
    }))
    .unwrap()
}

fn crash(driver: &str, seed: u64, outage_ms: f64) -> ScenarioResult {
    ScenarioResult {
        phases: serde_json::from_value(json!([
            {"covers": ["detect"], "ms": outage_ms / 2.0},
            {"covers": ["elect", "announce"], "ms": outage_ms / 4.0},
            {"covers": ["lease_wait"], "ms": 10.0},
            {"covers": ["load"], "ms": 1.0},
            {"covers": ["persist"], "ms": 1.0},
            {"covers": ["redirect"], "ms": outage_ms / 4.0 - 12.0},
        ]))
        .unwrap(),
        ..run(driver, "leader_crash", seed, "recovered", outage_ms)
    }
}

/// Three engines under a crash and a partition: `slow` stalls in the latter.
fn faulty() -> Results {
    let mut results = common::results();
    let named = |driver: &DriverResults, name: &str| DriverResults {
        name: name.to_owned(),
        ..driver.clone()
    };
    let raft = results.drivers.pop().unwrap();
    results.drivers.push(named(&raft, "openraft"));
    results.drivers.push(named(&raft, "paxos"));
    results.drivers[0].scenarios = vec![run("file", "leader_crash", 7, "not_offered", 0.0)];
    for (at, name, base_ms) in [(1, "openraft", 400.0), (2, "paxos", 200.0)] {
        let crashes = (0..5).map(|n: u32| crash(name, 7 + u64::from(n), base_ms + f64::from(n)));
        results.drivers[at].scenarios.extend(crashes);
    }
    let stalled = run("openraft", "quorum_loss", 7, "stalled_until_heal", 6_100.0);
    let recovered = run("paxos", "quorum_loss", 7, "recovered", 450.0);
    results.drivers[1].scenarios.push(stalled);
    results.drivers[2].scenarios.push(recovered);
    results
}

fn page(results: &Results) -> String {
    let mut report = render(results).unwrap();
    report.files.remove("choosing-a-driver.md").unwrap()
}

/// The cells of the first row that begins with this one, below a heading.
fn row(page: &str, heading: &str, first: &str) -> Vec<String> {
    let (_, below) = page.split_once(&format!("\n{heading}\n")).unwrap();
    let cells = |line: &str| -> Vec<String> {
        let inner = line.trim_matches('|').split(" | ");
        inner.map(|cell| cell.trim().to_owned()).collect()
    };
    let mut rows = below
        .lines()
        .filter(|line| line.starts_with('|'))
        .map(cells);
    rows.find(|row| row[0] == first).unwrap()
}

#[test]
fn a_fault_has_a_row_and_a_driver_a_column() {
    let page = page(&faulty());
    assert_eq!(
        row(&page, "## Faults", "`leader_crash`"),
        [
            "`leader_crash`",
            "3",
            "5",
            "recovered, 2.01 T (at most 2.02 T)",
            "recovered, 1.01 T (at most 1.02 T)",
            "never"
        ]
    );
    assert_eq!(
        row(&page, "## Faults", "`quorum_loss`")[3..5],
        ["stalled until heal, 30.5 T", "recovered, 2.25 T"]
    );
    assert!(
        page.contains("Not offered to file: the driver forms no cluster of 3 nodes (1 scenarios)."),
        "{page}"
    );
    let again = "lab faults --driver DRIVER --scenario leader_crash --nodes 3 --seed 7 --repeat 5 \
                 --profile quick";
    assert!(page.contains(again), "{page}");
}

#[test]
fn mixed_verdicts_are_counted_and_bad_ones_stand_out() {
    let mut results = faulty();
    let crashes = &mut results.drivers[2].scenarios;
    let mut bad = run("paxos", "leader_crash", 12, "unsafe", 900.0);
    bad.overlap_ms = Some(3.5);
    bad.reason = Some("two leases were valid at once".to_owned());
    crashes.push(bad);
    let page = page(&results);
    let cells = row(&page, "## Faults", "`leader_crash`");
    assert_eq!(
        cells[4],
        "recovered in 5 of 6, 1.01 T (at most 1.02 T); **unsafe** in 1 of 6, 4.50 T"
    );
    assert_eq!(cells[5], "**3.50 ms**");
    assert!(page.contains("### paxos: `leader_crash` unsafe"), "{page}");
    assert!(page.contains("--scenario leader_crash --nodes 3 --seed 12 --repeat 1"));
    let targets = targets(&results);
    let of_crash = targets.iter().find(|target| {
        target.driver.as_deref() == Some("paxos") && target.figure.contains("crash")
    });
    let outcome = &of_crash.unwrap().outcome;
    assert!(matches!(outcome, Outcome::Invalid(why) if why == "seed 12 was unsafe"));
}

#[test]
fn downtime_is_split_into_phases_and_ranked_where_intervals_part() {
    let results = faulty();
    let page = page(&results);
    let of = |driver| row(&page, "### `leader_crash` on 3 nodes", driver);
    let openraft = of("openraft");
    assert_eq!(
        openraft[1..5],
        ["5", "402 [400, 404]", "2.01 [2.00, 2.02]", "2"]
    );
    assert_eq!(of("paxos")[4], "1");
    // Detect, elect, lease wait, announce: what is told together stands where it ends.
    assert_eq!(openraft[5], "201 [200, 202]");
    assert_eq!(
        openraft[6..9],
        ["in announce", "10.0 [10.0, 10.0]", "100 [100, 101]"]
    );
    assert!(page.contains("- openraft does not show every border: elect + announce"));
    let svg = &render(&results).unwrap().files["downtime-leader_crash-3.svg"];
    for text in [
        "openraft",
        "paxos",
        "detect",
        "elect + announce",
        "lease wait",
        "402 ms",
    ] {
        assert!(svg.contains(text), "no {text} in {svg}");
    }
}

#[test]
fn overlapping_intervals_leave_the_rank_open() {
    let mut results = faulty();
    let crashes = (0..5).map(|n: u32| crash("paxos", 7 + u64::from(n), 398.0 + f64::from(n * 2)));
    results.drivers[2].scenarios = crashes.collect();
    let page = page(&results);
    let rank = |driver| row(&page, "### `leader_crash` on 3 nodes", driver)[4].clone();
    assert_eq!([rank("openraft"), rank("paxos")], ["1 to 2", "1 to 2"]);
    results.drivers[2].scenarios.truncate(3);
    let page = self::page(&results);
    assert_eq!(row(&page, "### `leader_crash` on 3 nodes", "paxos")[4], "-");
}

#[test]
fn failovers_stand_in_the_summary() {
    let results = faulty();
    let table = summary_table(&results);
    assert!(
        table.contains("no service after a leader crash, ms"),
        "{table}"
    );
    assert!(
        table.contains("402 [400, 404]") && table.contains("202 [200, 204]"),
        "{table}"
    );
    assert!(!table.contains("after a handoff"), "{table}");
    assert!(!summary_table(&common::results()).contains("no service"));
    assert!(terminal_table(&results).contains("stalled until heal, 30.5 T"));
}

#[test]
fn aims_for_faults_follow_the_engine() {
    let mut results = faulty();
    results.drivers[2]
        .latency
        .as_mut()
        .unwrap()
        .persist
        .measured
        .p50_ns *= 1.05;
    let told: Vec<_> = targets(&results)
        .iter()
        .filter(|target| target.driver.as_deref() != Some("file"))
        .map(|target| {
            let driver = target.driver.as_deref().unwrap_or("-");
            format!("{driver}: {} {}", target.figure, target.verdict())
        })
        .collect();
    for expected in [
        "openraft: leader crash to the first persist, median of 5 met, 10.7% below",
        "paxos: leader crash to the first persist, median of 5 met, 19.2% below",
        "openraft: recovery from `quorum_loss`, worst of 1 **missed** by 662%",
        "paxos: recovery from `quorum_loss`, worst of 1 met, 43.8% below",
        "paxos: two leases valid at once, in 6 runs met",
        "paxos: persist, p50 over openraft's of the same run met, 4.55% below",
    ] {
        assert!(
            told.iter().any(|line| line == expected),
            "{expected}: {told:#?}"
        );
    }
}

#[test]
fn what_recovered_in_some_runs_only_is_marked_and_not_ranked() {
    let mut results = faulty();
    let crashes = results.drivers[2].scenarios.iter_mut();
    let mut crashes = crashes.filter(|run| run.scenario == "leader_crash");
    crashes.next().unwrap().verdict = Verdict::StalledUntilHeal;
    let table = summary_table(&results);
    assert!(table.contains("**4 of 5 recovered**"), "{table}");
    let crash = |target: &&Target| {
        target.driver.as_deref() == Some("paxos") && target.figure.starts_with("leader crash")
    };
    let targets = targets(&results);
    assert_eq!(targets.iter().find(crash).unwrap().outcome, Outcome::Missed);
    let page = page(&results);
    let downtime = row(&page, "### `leader_crash` on 3 nodes", "paxos");
    assert_eq!(
        (downtime[1].as_str(), downtime[4].as_str()),
        ("4 of 5", "-")
    );
}

#[test]
fn a_load_through_the_log_is_held_against_a_persist() {
    let mut results = common::results();
    results.drivers[1].capabilities.reads = Reads::Log;
    let latency = results.drivers[1].latency.as_mut().unwrap();
    latency.load.measured.p50_ns = latency.persist.measured.p50_ns * 1.2;
    let targets = targets(&results);
    let load = targets
        .iter()
        .find(|target| target.figure == "load through the log, p50 over a persist of the same run");
    assert_eq!(load.unwrap().verdict(), "**missed** by 9.09%");
}

#[test]
fn slow_links_stand_beside_the_loopback() {
    let page = page(&common::results());
    let (_, below) = page.split_once("## Over slow links").unwrap();
    for cells in [
        "| raft   | persist | loopback | ",
        "| raft   | persist | +1 ms    | ",
        "2.60 ms",
        "no answer: nobody led",
    ] {
        assert!(below.contains(cells), "{cells}: {below}");
    }
}

#[test]
fn an_experiment_takes_part_in_faults_alone() {
    let mut results = faulty();
    results.drivers[1] = DriverResults {
        variant_of: Some("raft".to_owned()),
        is_experiment: true,
        conformance: Vec::new(),
        latency: None,
        ..results.drivers[1].clone()
    };
    assert!(!summary_table(&results).contains("openraft"));
    let page = page(&results);
    assert_eq!(row(&page, "## Faults", "scenario")[3], "openraft");
    let about = row(&page, "## Settings", "openraft");
    assert_eq!(about[1], "150 ms");
    assert!(about[5].contains("experiment on raft"), "{about:?}");
    assert!(!row(&page, "## Conformance", "clause").contains(&"openraft".to_owned()));
}

fn held(check: &str, nodes: usize) -> CheckResult {
    serde_json::from_value(json!({
        "check": check, "clause": "P3", "backend": "file", "nodes": nodes, "verdict": "held",
        "reason": null, "seed": 7, "duration_ms": 1, "evidence": [], "history": [],
    }))
    .unwrap()
}

/// The file driver alone, with every check that its declarations stand on.
fn proved() -> Results {
    let mut results = common::results();
    results.drivers.truncate(1);
    results.drivers[0].conformance = [
        "persist_returns_maximum",
        "acknowledged_survives_kill_of_all",
        "acknowledged_survives_power_loss",
        "every_damaged_byte_is_noticed",
        "leases_never_overlap",
        "concurrent_history_is_linearizable",
    ]
    .map(|check| held(check, 1))
    .into();
    results
}

#[test]
fn every_capability_names_the_check_that_proves_it() {
    let results = proved();
    prove(&results).unwrap();
    let page = page(&results);
    assert_eq!(
        row(&page, "## Capabilities", "leases"),
        ["leases", "yes: `leases_never_overlap`"]
    );
    assert!(!page.contains("Not proved"), "{page}");
}

#[test]
fn a_capability_without_a_held_check_fails_the_report() {
    let mut results = proved();
    results.drivers[0].capabilities.handoff = true;
    let refusal = prove(&results).unwrap_err();
    assert_eq!(
        refusal.claims,
        ["file declares handoff (yes), but `handoff_loses_nothing` was not run"]
    );
    assert!(refusal.to_string().contains("needs a held check"));
    assert!(page(&results).contains("**`handoff_loses_nothing` was not run**"));

    let mut results = proved();
    let leases = &mut results.drivers[0].conformance[4];
    leases.verdict = tsoracle_conformance::Verdict::NotOffered;
    leases.reason = Some("no leases".to_owned());
    let refusal = prove(&results).unwrap_err().to_string();
    assert!(
        refusal.contains("`leases_never_overlap` was not offered (no leases)"),
        "{refusal}"
    );
}

#[test]
fn results_from_before_settings_and_slow_links_are_read() {
    let text = common::results().to_json().unwrap();
    let mut file: serde_json::Value = serde_json::from_str(&text).unwrap();
    for driver in file["drivers"].as_array_mut().unwrap() {
        let driver = driver.as_object_mut().unwrap();
        for later in [
            "variant_of",
            "is_experiment",
            "settings_hash",
            "settings",
            "scenarios",
        ] {
            assert!(driver.remove(later).is_some(), "{later}");
        }
        let latency = driver["latency"].as_object_mut().unwrap();
        assert!(latency.remove("delayed").is_some());
    }
    let old = Results::from_json(&file.to_string()).unwrap();
    let page = page(&old);
    for later in ["## Faults", "## Downtime", "## Over slow links"] {
        assert!(!page.contains(later), "{later}");
    }
    assert!(page.contains("## Settings"));
}
