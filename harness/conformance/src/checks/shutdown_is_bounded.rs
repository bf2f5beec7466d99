//! S3: a shutdown returns in bounded time, idle or fresh from work, with streams open; afterwards
//! its ports are free and its store opens at once. In a cluster also that of a follower, of the
//! leader, and of nodes without a quorum and with calls in flight.

use std::net::{TcpListener, TcpStream};

use futures_util::FutureExt;
use tsoracle_testbed::{Cluster, TestNode, Time};

use crate::case::Case;
use crate::verdict::ensure;
use crate::{Check, Level, Stop, service};

const ROUNDS: u64 = 4;

pub(super) const CHECK: Check = Check {
    name: "shutdown_is_bounded",
    clause: "S3",
    level: Level::Both,
    needs: &[],
    run: |case| run(case).boxed(),
};

async fn run(case: &mut Case) -> Result<(), Stop> {
    let mut cluster = case.cluster().await?;
    let mut ports = 0;
    for round in 0..ROUNDS {
        let leader = case.start_again(&mut cluster).await?;
        let _open = (
            leader.driver.leadership_events(),
            leader.driver.leadership_events(),
        );
        for persist in 1..=round {
            case.persist(&leader, 10 * round + persist).await?;
        }
        // A simulated node has no port of this machine.
        let open = match case.backend().time() {
            Time::Real => open_ports(&cluster),
            Time::Virtual => Vec::new(),
        };
        case.shut_down(&mut cluster).await?;
        for port in &open {
            let free = TcpListener::bind(port);
            ensure!(free.is_ok(), "after the shutdown {port} is held: {free:?}");
        }
        ports += open.len() as u64;
    }
    case.start_again(&mut cluster).await?;
    // Also a node that nobody waited for.
    case.shut_down(&mut cluster).await?;
    cluster.start_all().await?;
    case.shut_down(&mut cluster).await?;
    case.count("shutdowns", ROUNDS + 2);
    if case.nodes() > 1 {
        in_a_cluster(case, &mut cluster).await?;
    }
    case.count("ports that were open before", ports);
    Ok(())
}

/// The members' endpoints on which somebody listens.
fn open_ports(cluster: &Cluster) -> Vec<String> {
    let members = cluster.nodes().first().map(TestNode::spec);
    members
        .into_iter()
        .flat_map(|spec| &spec.members)
        .flat_map(|member| [&member.peer_endpoint, &member.service_endpoint])
        .filter(|endpoint| TcpStream::connect(endpoint).is_ok())
        .cloned()
        .collect()
}

/// A follower, the leader, and then all nodes in turn: the last ones have no quorum, and a call of
/// each is under way.
async fn in_a_cluster(case: &mut Case, cluster: &mut Cluster) -> Result<(), Stop> {
    let leader = case.start_again(cluster).await?;
    for index in [case.others(leader.index)[0], leader.index] {
        service::stop(case, cluster, index).await?;
        service::persist(case, cluster, 1_000).await?;
        service::start(case, cluster, index).await?;
    }
    let mut calls = 0;
    for index in 0..case.nodes() {
        let shown = cluster.leaders();
        let epoch = shown.into_iter().find(|leader| leader.index == index);
        let epoch = epoch.map(|leader| leader.epoch).unwrap_or_default();
        let driver = cluster.nodes()[index].driver()?;
        let call = tokio::spawn(async move { driver.persist_high_water(2_000, epoch).await });
        tokio::task::yield_now().await;
        service::stop(case, cluster, index).await?;
        // Whatever it is, there is an answer.
        let patience = case.call_patience();
        let answer = patience.wait_for("the answer to a persist", call).await??;
        calls += u64::from(answer.is_err());
    }
    case.count("shutdowns of one node", 2 + case.nodes() as u64);
    case.count("calls that a shutdown ended", calls);
    Ok(())
}
