//! Measures the transport beside a bare unary tonic call, in turns, and messages one way.
//!
//! `cargo run --release -p tsoracle-peer-transport --features measure --example measure`

use std::time::Duration;

use tsoracle_peer_transport::measure::{Floor, MeasureError, Pair};

const PAYLOADS: [usize; 3] = [16, 128, 4_096];
const BLOCKS: usize = 60;
const BLOCK: usize = 100;
const MESSAGES: u64 = 1_000_000;

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()?;
    runtime.block_on(async { tokio::spawn(measure()).await })??;
    Ok(())
}

async fn measure() -> Result<(), MeasureError> {
    let floor = Floor::start().await?;
    let pair = Pair::start().await?;
    println!("payload  bare tonic p50   transport p50   ratio (median of {BLOCKS} blocks)");
    for payload in PAYLOADS {
        floor.round_trips(payload, 1_000).await?;
        pair.calls(payload, 1_000).await?;
        let (mut floors, mut calls, mut ratios) = (Vec::new(), Vec::new(), Vec::new());
        for _ in 0..BLOCKS {
            let floor = median(floor.round_trips(payload, BLOCK).await?);
            let call = median(pair.calls(payload, BLOCK).await?);
            ratios.push(call.as_secs_f64() / floor.as_secs_f64());
            floors.push(floor);
            calls.push(call);
        }
        ratios.sort_by(f64::total_cmp);
        let (floor, call, ratio) = (median(floors), median(calls), ratios[BLOCKS / 2]);
        println!("{payload:>5} B  {floor:>12.1?}  {call:>14.1?}   {ratio:.2}");
    }
    for payload in [16, 128] {
        let took = pair.messages(payload, MESSAGES).await?;
        let rate = f64::from(u32::try_from(MESSAGES).unwrap_or(u32::MAX)) / took.as_secs_f64();
        println!("{payload:>5} B  {rate:>9.0} messages/s, one way");
    }
    Ok(())
}

fn median(mut times: Vec<Duration>) -> Duration {
    times.sort();
    times[times.len() / 2]
}
