//! Progress of long work: a bar on a terminal, plain lines elsewhere, on standard error.

use std::io::IsTerminal;
use std::time::Duration;

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

use crate::console::say;

/// Shows how far a run is.
pub(crate) struct Progress {
    bar: ProgressBar,
    plain: bool,
}

impl Progress {
    /// `steps` pieces of work lie ahead.
    pub(crate) fn new(steps: u64) -> Self {
        let plain = !std::io::stderr().is_terminal();
        let bar = ProgressBar::with_draw_target(Some(steps), target(plain));
        let colored = std::env::var_os("NO_COLOR").is_none_or(|value| value.is_empty());
        let look = if colored {
            "{bar:30.green} {pos}/{len} {elapsed} {msg}"
        } else {
            "{bar:30} {pos}/{len} {elapsed} {msg}"
        };
        if let Ok(style) = ProgressStyle::with_template(look) {
            bar.set_style(style);
        }
        Self { bar, plain }
    }

    /// Says what is being done now.
    pub(crate) fn doing(&self, what: &str) {
        self.bar.set_message(what.to_owned());
    }

    /// One piece is done; `line` says how it ended, for a log.
    pub(crate) fn done(&self, line: &str) {
        self.bar.inc(1);
        if self.plain {
            let steps = self.bar.length().unwrap_or(0);
            say(&format!("[{}/{steps}] {line}", self.bar.position()));
        }
    }

    /// A line that stays, above the bar.
    pub(crate) fn say(&self, line: &str) {
        if self.plain {
            say(line);
        } else {
            self.bar.println(line);
        }
    }

    /// How long it has taken so far.
    pub(crate) fn elapsed(&self) -> Duration {
        self.bar.elapsed()
    }
}

impl Drop for Progress {
    fn drop(&mut self) {
        self.bar.finish_and_clear();
    }
}

fn target(plain: bool) -> ProgressDrawTarget {
    if plain {
        ProgressDrawTarget::hidden()
    } else {
        ProgressDrawTarget::stderr()
    }
}
