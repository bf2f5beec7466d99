//! `lab drivers`: what there is, and what each driver declares of itself.

use std::sync::Arc;

use comfy_table::{Table, presets};
use tsoracle_testbed::{Backend, Capabilities, Durability, Time};

use super::Ending;
use crate::cli::Format;
use crate::console::print;
use crate::error::LabError;

pub(super) fn run(backends: &[Arc<dyn Backend>], format: Format) -> Result<Ending, LabError> {
    match format {
        Format::Table => print(&table(backends))?,
        Format::Json => print(&json(backends)?)?,
        Format::Junit => {
            return Err(LabError::Usage(
                "drivers are no test cases; use table or json".into(),
            ));
        }
    }
    Ok(Ending::Good)
}

fn table(backends: &[Arc<dyn Backend>]) -> String {
    let mut table = Table::new();
    table.load_style(presets::UTF8_BORDERS_ONLY);
    table.set_header([
        "driver",
        "nodes",
        "store",
        "leases",
        "deadline",
        "also",
        "damage it cannot notice",
    ]);
    for backend in backends {
        let declared = backend.capabilities();
        let sizes = &declared.cluster_sizes;
        let nodes = match sizes.start() == sizes.end() {
            true => sizes.start().to_string(),
            false => format!("{} to {}", sizes.start(), sizes.end()),
        };
        let store = match declared.durability {
            Durability::Disk => "disk",
            Durability::Process => "memory",
        };
        let gaps: Vec<_> = declared
            .unnoticed_damage
            .iter()
            .map(|gap| format!("{:?} of {}", gap.damage, gap.file))
            .collect();
        table.add_row([
            backend.name().to_owned(),
            nodes,
            store.to_owned(),
            if declared.leases { "yes" } else { "no" }.to_owned(),
            format!("{:?}", backend.timing().deadline),
            also(backend.as_ref(), &declared),
            if gaps.is_empty() {
                "none declared".to_owned()
            } else {
                gaps.join(", ")
            },
        ]);
    }
    table.to_string()
}

/// What a driver offers beyond the three methods, to the service or to the suite.
fn also(backend: &dyn Backend, declared: &Capabilities) -> String {
    let mut also = declared.extras();
    if backend.time() == Time::Virtual {
        also.push("runs in virtual time: only if named".to_owned());
    }
    if also.is_empty() {
        return "-".to_owned();
    }
    also.join(", ")
}

fn json(backends: &[Arc<dyn Backend>]) -> Result<String, LabError> {
    let drivers: Vec<_> = backends
        .iter()
        .map(|backend| {
            serde_json::json!({
                "name": backend.name(),
                "capabilities": backend.capabilities(),
                "timing": backend.timing(),
            })
        })
        .collect();
    serde_json::to_string_pretty(&drivers)
        .map_err(|error| LabError::Environment(format!("cannot write JSON: {error}")))
}
