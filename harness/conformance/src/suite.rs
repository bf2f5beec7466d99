//! The suite as a test program: a named test per check and backend.

use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::str::FromStr;
use std::sync::Arc;

use libtest_mimic::{Arguments, Completion, Failed, Trial};
use tsoracle_testbed::{Backend, run_node_process_if_asked};

use crate::{ALL, Check, RunOptions, Verdict, run_check};

/// Overrides the seed of every check: a number.
const SEED_ENV: &str = "TSORACLE_SEED";
/// Overrides the size of the larger cluster: a number.
const NODES_ENV: &str = "TSORACLE_NODES";
/// Overrides where checks make their directories.
const DIR_ENV: &str = "TSORACLE_DIR";
const DEFAULT_SEED: u64 = 1;

/// The `main` of a conformance test program, for `harness = false` targets.
///
/// Every check becomes a test called `backend::check`, and on a larger cluster than the smallest
/// `backend::check::3`; the arguments are those of `cargo test`. This program starts itself again
/// for nodes in processes of their own. Seed, size and directory come from `TSORACLE_SEED`,
/// `TSORACLE_NODES` and `TSORACLE_DIR`; by default the seed is 1, the larger cluster has 3 nodes,
/// and the directory lies beside the program, on the same disk as the build.
#[must_use]
pub fn main(backends: &[Arc<dyn Backend>]) -> ExitCode {
    if let Some(code) = run_node_process_if_asked(backends) {
        return code;
    }
    let arguments = Arguments::from_args();
    let settings = match Settings::from_env() {
        Ok(settings) => settings,
        Err(refusal) => {
            eprintln!("{refusal}");
            return ExitCode::from(2);
        }
    };
    let trials = backends
        .iter()
        .flat_map(|backend| trials_on(backend, &settings))
        .collect();
    libtest_mimic::run(&arguments, trials).exit_code()
}

fn trials_on(backend: &Arc<dyn Backend>, settings: &Settings) -> Vec<Trial> {
    let capabilities = backend.capabilities();
    let mut trials = Vec::new();
    for check in ALL {
        for nodes in check.level.sizes(&capabilities, settings.nodes) {
            let options = RunOptions::new(settings.seed, nodes, settings.dir.clone());
            trials.push(trial(backend, check, options));
        }
    }
    trials
}

fn trial(backend: &Arc<dyn Backend>, check: &'static Check, options: RunOptions) -> Trial {
    let name = name(backend.as_ref(), check.name, options.nodes);
    let (backend, test) = (Arc::clone(backend), name.clone());
    Trial::ignorable_test(name, move || {
        let result = run_check(&backend, check, &options);
        match result.verdict {
            Verdict::Held => Ok(Completion::Completed),
            Verdict::NotOffered => {
                let reason = result.reason.unwrap_or_default();
                Ok(Completion::ignored_with(format!("not offered: {reason}")))
            }
            Verdict::Failed | Verdict::Invalid => Err(Failed::from(result.explain(&replay(
                &test,
                result.seed,
                result.nodes,
            )))),
        }
    })
}

fn name(backend: &dyn Backend, check: &str, nodes: usize) -> String {
    let is_smallest = nodes == backend.capabilities().smallest_cluster();
    let name = backend.name();
    if is_smallest {
        format!("{name}::{check}")
    } else {
        format!("{name}::{check}::{nodes}")
    }
}

fn replay(test: &str, seed: u64, nodes: usize) -> String {
    let profile = if cfg!(debug_assertions) {
        ""
    } else {
        " --release"
    };
    let target = test_target().map_or_else(String::new, |target| format!(" --test {target}"));
    let nodes = if nodes > 1 {
        format!(" {NODES_ENV}={nodes}")
    } else {
        String::new()
    };
    format!("{SEED_ENV}={seed}{nodes} cargo test{profile}{target} -- --exact {test}")
}

/// The name of this test target: cargo adds a dash and a hash to the program's.
fn test_target() -> Option<String> {
    let program = std::env::current_exe().ok()?;
    let (target, _hash) = program.file_stem()?.to_str()?.rsplit_once('-')?;
    Some(target.to_owned())
}

/// What the environment says about a run.
struct Settings {
    seed: u64,
    nodes: Option<usize>,
    dir: PathBuf,
}

impl Settings {
    fn from_env() -> Result<Self, String> {
        let dir = match std::env::var_os(DIR_ENV) {
            Some(dir) => PathBuf::from(dir),
            None => {
                beside_the_program().map_err(|error| format!("where is this program? {error}"))?
            }
        };
        std::fs::create_dir_all(&dir)
            .map_err(|error| format!("cannot make the folder {}: {error}", dir.display()))?;
        Ok(Self {
            seed: number(SEED_ENV)?.unwrap_or(DEFAULT_SEED),
            nodes: number(NODES_ENV)?,
            dir,
        })
    }
}

fn number<T: FromStr>(variable: &str) -> Result<Option<T>, String> {
    match std::env::var(variable) {
        Ok(text) => match text.parse() {
            Ok(number) => Ok(Some(number)),
            Err(_) => Err(format!("{variable}={text:?} is not a number")),
        },
        Err(_) => Ok(None),
    }
}

fn beside_the_program() -> std::io::Result<PathBuf> {
    let program = std::env::current_exe()?;
    Ok(program
        .parent()
        .unwrap_or_else(|| Path::new("."))
        .join("conformance-data"))
}
