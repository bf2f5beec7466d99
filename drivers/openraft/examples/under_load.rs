//! Three nodes in one process on a machine that is kept 80% busy: how often leadership moves with
//! no fault at all. `cargo run --release -p tsoracle-driver-openraft --example under_load -- 60`

use std::error::Error;
use std::net::TcpListener;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use futures_util::StreamExt;
use tsoracle_consensus::{ConsensusDriver, LeaderState, Member};
use tsoracle_driver_openraft::{DriverSettings, OpenraftDriver, StandaloneHost};

const BUSY: Duration = Duration::from_millis(8);
const PERIOD: Duration = Duration::from_millis(10);

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let seconds = std::env::args()
        .nth(1)
        .map_or(Ok(60), |text| text.parse())?;
    let data = std::env::current_dir()?.join("target/under_load");
    if data.exists() {
        std::fs::remove_dir_all(&data)?;
    }
    let members = (1..=3).map(member).collect::<Result<Vec<_>, _>>()?;
    let mut nodes = Vec::new();
    for own in &members {
        let dir = data.join(own.node.to_string());
        let host = StandaloneHost::builder(1, own.node, dir).members(&members);
        let host = Arc::new(host.start().await?);
        nodes.push(OpenraftDriver::start(host, DriverSettings::default()));
    }
    let (epoch, leader) = leader_of(&nodes).await;
    println!(
        "node {} leads under {epoch}; {seconds} s of load begin",
        leader + 1
    );

    let stop = Arc::new(AtomicBool::new(false));
    let cores = std::thread::available_parallelism()?.get();
    let load: Vec<_> = (0..cores).map(|_| keep_busy(Arc::clone(&stop))).collect();
    let end = Instant::now() + Duration::from_secs(seconds);
    let (mut persists, mut failed, mut terms) = (0_u64, 0_u64, vec![epoch]);
    let mut worst = Duration::ZERO;
    while Instant::now() < end {
        let (epoch, leader) = leader_of(&nodes).await;
        if terms.last() != Some(&epoch) {
            terms.push(epoch);
        }
        let began = Instant::now();
        let persisted = nodes[leader].persist_high_water(persists + 1, epoch).await;
        persists += u64::from(persisted.is_ok());
        failed += u64::from(persisted.is_err());
        worst = worst.max(began.elapsed());
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
    stop.store(true, Ordering::Relaxed);
    for thread in load {
        // A thread that panicked has stopped too.
        let _ = thread.join();
    }
    println!(
        "{} changes of leadership, {persists} persists, {failed} of them refused, the slowest took \
         {worst:?}",
        terms.len() - 1
    );
    Ok(())
}

/// A member on ports that are free now.
fn member(node: u64) -> Result<Member, Box<dyn Error>> {
    let free = || -> Result<String, Box<dyn Error>> {
        Ok(TcpListener::bind("127.0.0.1:0")?.local_addr()?.to_string())
    };
    Ok(Member {
        node,
        peer_endpoint: free()?,
        service_endpoint: free()?,
    })
}

async fn leader_of(nodes: &[OpenraftDriver<StandaloneHost>]) -> (tsoracle_core::Epoch, usize) {
    loop {
        let mut newest = None;
        for (index, node) in nodes.iter().enumerate() {
            let state = node.leadership_events().next().await;
            if let Some(LeaderState::Leader { epoch, lease }) = state
                && lease.is_valid()
            {
                newest = newest.max(Some((epoch, index)));
            }
        }
        match newest {
            Some(leader) => return leader,
            None => tokio::time::sleep(Duration::from_millis(1)).await,
        }
    }
}

/// One thread that works 8 ms of every 10.
fn keep_busy(stop: Arc<AtomicBool>) -> std::thread::JoinHandle<()> {
    std::thread::spawn(move || {
        while !stop.load(Ordering::Relaxed) {
            let began = Instant::now();
            while began.elapsed() < BUSY {
                std::hint::spin_loop();
            }
            std::thread::sleep(PERIOD.saturating_sub(began.elapsed()));
        }
    })
}
