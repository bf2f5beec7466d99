//! S3: a shutdown returns in bounded time, idle or fresh from work, with streams open; afterwards
//! its ports are free and its store opens at once.

use std::net::{TcpListener, TcpStream};

use futures_util::FutureExt;
use tsoracle_testbed::{Cluster, TestNode, Time};

use crate::case::Case;
use crate::verdict::ensure;
use crate::{Check, Level, Stop};

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
