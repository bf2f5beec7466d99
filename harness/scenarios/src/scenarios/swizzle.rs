//! A random set of links is clogged one by one, and set free in another order.

use rand::seq::SliceRandom;
use tsoracle_testbed::LinkFault;

use crate::fault::DISTURBED;
use crate::scenario::ANY_SIZE;
use crate::{Need, Repeats, Run, Scenario, Stop};

pub(super) const SCENARIO: Scenario = Scenario {
    name: "swizzle",
    about: "a random half of the links is cut one by one, and healed one by one in another order",
    sizes: ANY_SIZE,
    needs: &[Need::Links],
    repeats: Repeats::Verdict,
    needs_journal: false,
    run: |run| Box::pin(swizzle(run)),
};

async fn swizzle(run: &mut Run) -> Result<(), Stop> {
    let leader = run.leader().await?;
    let nodes = 0..run.options.nodes;
    let pairs = nodes
        .clone()
        .flat_map(|from| nodes.clone().map(move |to| (from, to)));
    let mut links: Vec<_> = pairs.filter(|(from, to)| from != to).collect();
    links.shuffle(&mut run.rng);
    links.truncate(links.len() / 2);
    run.begin_fault(Some(leader));
    for (from, to) in &links {
        run.cut_one_way(*from, *to).await?;
        run.hold(0.5).await;
    }
    run.hold(5.0).await;
    run.count_disturbed_frames(DISTURBED).await?;
    links.shuffle(&mut run.rng);
    for (from, to) in links {
        run.set_link(from, to, LinkFault::Deliver).await?;
        run.hold(0.5).await;
    }
    run.serve_again("service after all links were set free")
        .await
}
