//! The suite as a test program: a named test per check and backend.

use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Arc;

use libtest_mimic::{Arguments, Completion, Failed, Trial};
use tsoracle_testbed::{Backend, run_node_process_if_asked};

use crate::{ALL, Check, CheckResult, RunOptions, Verdict, run_check};

/// Overrides the seed of every check: a number.
const SEED_ENV: &str = "TSORACLE_SEED";
/// Overrides where checks make their directories.
const DIR_ENV: &str = "TSORACLE_DIR";
const DEFAULT_SEED: u64 = 1;

/// The `main` of a conformance test program, for `harness = false` targets.
///
/// Every check becomes a test called `backend::check`; the arguments are those of `cargo test`.
/// This program starts itself again for nodes in processes of their own. Seed and directory come
/// from `TSORACLE_SEED` and `TSORACLE_DIR`; by default the seed is 1 and the directory lies beside
/// the program, on the same disk as the build.
#[must_use]
pub fn main(backends: &[Arc<dyn Backend>]) -> ExitCode {
    if let Some(code) = run_node_process_if_asked(backends) {
        return code;
    }
    let arguments = Arguments::from_args();
    let options = match options() {
        Ok(options) => options,
        Err(refusal) => {
            eprintln!("{refusal}");
            return ExitCode::from(2);
        }
    };
    let trials = backends
        .iter()
        .flat_map(|backend| {
            ALL.iter()
                .map(|check| trial(backend, check, options.clone()))
        })
        .collect();
    libtest_mimic::run(&arguments, trials).exit_code()
}

fn trial(backend: &Arc<dyn Backend>, check: &'static Check, options: RunOptions) -> Trial {
    let backend = Arc::clone(backend);
    Trial::ignorable_test(format!("{}::{}", backend.name(), check.name), move || {
        let result = run_check(&backend, check, &options);
        match result.verdict {
            Verdict::Held => Ok(Completion::Completed),
            Verdict::NotOffered => {
                let reason = result.reason.unwrap_or_default();
                Ok(Completion::ignored_with(format!("not offered: {reason}")))
            }
            Verdict::Failed | Verdict::Invalid => {
                Err(Failed::from(result.explain(&replay(&result))))
            }
        }
    })
}

fn replay(result: &CheckResult) -> String {
    let CheckResult {
        backend,
        check,
        seed,
        ..
    } = result;
    let profile = if cfg!(debug_assertions) {
        ""
    } else {
        " --release"
    };
    let target = test_target().map_or_else(String::new, |target| format!(" --test {target}"));
    format!("{SEED_ENV}={seed} cargo test{profile}{target} -- --exact {backend}::{check}")
}

/// The name of this test target: cargo adds a dash and a hash to the program's.
fn test_target() -> Option<String> {
    let program = std::env::current_exe().ok()?;
    let (target, _hash) = program.file_stem()?.to_str()?.rsplit_once('-')?;
    Some(target.to_owned())
}

fn options() -> Result<RunOptions, String> {
    let seed = match std::env::var(SEED_ENV) {
        Ok(text) => text
            .parse()
            .map_err(|_| format!("{SEED_ENV}={text:?} is not a number"))?,
        Err(_) => DEFAULT_SEED,
    };
    let dir = match std::env::var_os(DIR_ENV) {
        Some(dir) => PathBuf::from(dir),
        None => beside_the_program().map_err(|error| format!("where is this program? {error}"))?,
    };
    std::fs::create_dir_all(&dir)
        .map_err(|error| format!("cannot make the folder {}: {error}", dir.display()))?;
    Ok(RunOptions::new(seed, dir))
}

fn beside_the_program() -> std::io::Result<PathBuf> {
    let program = std::env::current_exe()?;
    Ok(program
        .parent()
        .unwrap_or_else(|| Path::new("."))
        .join("conformance-data"))
}
