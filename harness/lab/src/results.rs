//! The file of results: one whole file at any time, written after every step.

use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use crc::{CRC_64_XZ, Crc};
use tsoracle_consensus::CONTRACT_VERSION;
use tsoracle_report::{DriverResults, Results, SCHEMA_VERSION};
use tsoracle_testbed::Backend;

use crate::cli::Run;
use crate::environment;
use crate::error::LabError;

const FILE: &str = "results.json";

/// Results in the making, and the folders that belong to them.
pub(crate) struct Gathering {
    path: PathBuf,
    data: PathBuf,
    pub(crate) results: Results,
}

impl Gathering {
    /// Begins anew in `run.out`, or goes on with what is there if the run is a resumed one.
    pub(crate) fn begin(
        run: &Run,
        backends: &[Arc<dyn Backend>],
        command: &str,
    ) -> Result<Self, LabError> {
        let data = run.dir.clone().unwrap_or_else(|| run.out.join("data"));
        for folder in [&run.out, &data] {
            fs::create_dir_all(folder).map_err(LabError::io("make the folder", folder))?;
        }
        let path = run.out.join(FILE);
        let fresh = fresh(run, backends, command, &data)?;
        let results = match run.resume && path.exists() {
            true => resumed(read(&path)?, fresh, &path)?,
            false => fresh,
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
    pub(crate) fn data(&self) -> &Path {
        &self.data
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
            ..fresh
        });
    }
    let why = "it was made with other drivers, settings, profile or seed; run without --resume";
    Err(LabError::Results {
        path: path.to_owned(),
        why: why.into(),
    })
}

fn fresh(
    run: &Run,
    backends: &[Arc<dyn Backend>],
    command: &str,
    data: &Path,
) -> Result<Results, LabError> {
    let profile = run.profile.into();
    let drivers: Vec<_> = backends
        .iter()
        .map(|backend| driver(backend.as_ref(), run))
        .collect();
    let crates = backends.iter().flat_map(|backend| backend.crates());
    let own = (
        "tsoracle-lab".to_owned(),
        env!("CARGO_PKG_VERSION").to_owned(),
    );
    Ok(Results {
        schema_version: SCHEMA_VERSION,
        contract_version: CONTRACT_VERSION,
        environment: environment::environment(data, profile)?,
        crates: crates.chain([own]).collect(),
        commit: environment::commit(),
        seed: run.seed,
        settings_hash: settings_hash(run, &drivers),
        command: command.to_owned(),
        allocator: None,
        drivers,
    })
}

fn driver(backend: &dyn Backend, run: &Run) -> DriverResults {
    let capabilities = backend.capabilities();
    DriverResults {
        name: backend.name().to_owned(),
        nodes: capabilities.smallest_cluster(),
        capabilities,
        timing: backend.timing(),
        command: format!(
            "lab compare --driver {} --seed {} --profile {}",
            backend.name(),
            run.seed,
            tsoracle_latency::Profile::from(run.profile)
        ),
        conformance: Vec::new(),
        latency: None,
        latency_missing: None,
    }
}

/// Two runs with the same hash may be joined: same contract, seed, profile and settings.
fn settings_hash(run: &Run, drivers: &[DriverResults]) -> String {
    let settings: Vec<_> = drivers
        .iter()
        .map(|driver| (&driver.name, &driver.capabilities, &driver.timing))
        .collect();
    // What is hashed are plain numbers and names; they always have a JSON form.
    let settings = serde_json::to_string(&settings).unwrap_or_default();
    let text = format!(
        "{CONTRACT_VERSION} {} {:?} {settings}",
        run.seed, run.profile
    );
    format!(
        "{:016x}",
        Crc::<u64>::new(&CRC_64_XZ).checksum(text.as_bytes())
    )
}
