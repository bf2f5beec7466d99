//! The file of results: one whole file at any time, written after every step.

use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use crc::{CRC_64_XZ, Crc};
use tsoracle_consensus::CONTRACT_VERSION;
use tsoracle_latency::Options;
use tsoracle_report::{DriverResults, Results, SCHEMA_VERSION};
use tsoracle_testbed::Backend;

use crate::cli::{Run, Size};
use crate::data::DataDir;
use crate::environment;
use crate::error::LabError;

const FILE: &str = "results.json";
/// A copy of what a run that begins anew is about to replace.
const FILE_BEFORE: &str = "results.before.json";

/// Results in the making, and the folders that belong to them.
pub(crate) struct Gathering {
    path: PathBuf,
    data: Arc<DataDir>,
    pub(crate) results: Results,
}

impl Gathering {
    /// Begins anew in `run.out`, or goes on with what is there if the run is a resumed one.
    pub(crate) fn begin(
        run: &Run,
        size: Size,
        backends: &[Arc<dyn Backend>],
        command: &str,
    ) -> Result<Self, LabError> {
        fs::create_dir_all(&run.out).map_err(LabError::io("make the folder", &run.out))?;
        let data = Arc::new(DataDir::take(run.dir.as_ref().unwrap_or(&run.out))?);
        let path = run.out.join(FILE);
        let fresh = fresh(run, size, backends, command, data.path())?;
        let results = match (path.exists(), run.resume) {
            (true, true) => resumed(read(&path)?, fresh, &path)?,
            (true, false) => {
                let aside = run.out.join(FILE_BEFORE);
                fs::copy(&path, &aside).map_err(LabError::io("write", &aside))?;
                fresh
            }
            (false, _) => fresh,
        };
        let gathering = Self {
            path,
            data,
            results,
        };
        gathering.save()?;
        Ok(gathering)
    }

    /// Where drivers keep their data.
    pub(crate) fn data(&self) -> Arc<DataDir> {
        Arc::clone(&self.data)
    }

    /// The results of one driver.
    pub(crate) fn driver(&mut self, name: &str) -> Option<&mut DriverResults> {
        self.results
            .drivers
            .iter_mut()
            .find(|driver| driver.name == name)
    }

    /// Writes the file beside its place and moves it there: a full disk or a crash leaves the
    /// results of the step before.
    pub(crate) fn save(&self) -> Result<(), LabError> {
        let text = self.results.to_json().map_err(|error| LabError::Results {
            path: self.path.clone(),
            why: error.to_string(),
        })?;
        write(&self.path, &text)
    }
}

/// Writes a file whole or not at all.
pub(crate) fn write(path: &Path, text: &str) -> Result<(), LabError> {
    let beside = path.with_extension("unfinished");
    let written = fs::File::create(&beside).and_then(|mut file| {
        file.write_all(text.as_bytes())?;
        file.sync_all()
    });
    if let Err(error) = written {
        // The place is needed, and half a file is of no use.
        let _ = fs::remove_file(&beside);
        return Err(LabError::io("write", path)(error));
    }
    fs::rename(&beside, path).map_err(LabError::io("write", path))
}

/// Reads a file of results.
pub(crate) fn read(path: &Path) -> Result<Results, LabError> {
    let text = fs::read_to_string(path).map_err(LabError::io("read", path))?;
    Results::from_json(&text).map_err(|error| LabError::Results {
        path: path.to_owned(),
        why: error.to_string(),
    })
}

fn resumed(found: Results, fresh: Results, path: &Path) -> Result<Results, LabError> {
    if found.settings_hash == fresh.settings_hash {
        return Ok(Results {
            drivers: found.drivers,
            allocator: found.allocator,
            network: found.network,
            benches: found.benches,
            ..fresh
        });
    }
    let why = "it was made with other drivers, settings, profile or seed, on another kind of disk, or at another commit; run without --resume";
    Err(LabError::Results {
        path: path.to_owned(),
        why: why.into(),
    })
}

/// Results without any yet; `data` lies on the disk that they are about.
pub(crate) fn fresh(
    run: &Run,
    size: Size,
    backends: &[Arc<dyn Backend>],
    command: &str,
    data: &Path,
) -> Result<Results, LabError> {
    let drivers: Vec<_> = backends
        .iter()
        .map(|backend| driver(backend.as_ref(), run, size))
        .collect();
    let crates = backends.iter().flat_map(|backend| backend.crates());
    let own = (
        "tsoracle-lab".to_owned(),
        env!("CARGO_PKG_VERSION").to_owned(),
    );
    let mut results = Results {
        schema_version: SCHEMA_VERSION,
        contract_version: CONTRACT_VERSION,
        environment: environment::environment(data, run.profile.into())?,
        crates: crates.chain([own]).collect(),
        commit: environment::commit(),
        seed: run.seed,
        settings_hash: String::new(),
        command: String::new(),
        allocator: None,
        network: None,
        benches: None,
        drivers,
    };
    results.settings_hash = settings_hash(&results);
    results.command = command.to_owned();
    Ok(results)
}

fn driver(backend: &dyn Backend, run: &Run, size: Size) -> DriverResults {
    let capabilities = backend.capabilities();
    let wanted = Options {
        nodes: size.nodes.unwrap_or(Options::NODES),
        ..Options::new(run.profile.into(), PathBuf::new())
    };
    DriverResults {
        name: backend.name().to_owned(),
        nodes: wanted.cluster_size(&capabilities),
        capabilities,
        timing: backend.timing(),
        command: format!(
            "lab compare --driver {} --seed {} --profile {}{}",
            backend.name(),
            run.seed,
            tsoracle_latency::Profile::from(run.profile),
            size.argument()
        ),
        variant_of: backend.variant_of().map(str::to_owned),
        is_experiment: backend.is_experiment(),
        settings_hash: tsoracle_scenarios::settings_hash(backend),
        settings: backend.settings(),
        conformance: Vec::new(),
        latency: None,
        latency_missing: None,
        scenarios: Vec::new(),
    }
}

/// Two runs with the same hash may be joined: same contract, settings, seed, profile, kind of
/// machine and disk, crates and commit.
fn settings_hash(nothing_run_yet: &Results) -> String {
    // What is hashed are plain numbers and names; they always have a JSON form.
    let text = serde_json::to_string(nothing_run_yet).unwrap_or_default();
    format!(
        "{:016x}",
        Crc::<u64>::new(&CRC_64_XZ).checksum(text.as_bytes())
    )
}
