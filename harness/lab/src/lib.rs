#![doc = include_str!("../README.md")]

mod cli;
mod commands;
mod console;
mod data;
mod environment;
mod error;
mod progress;
mod results;
mod round;
mod selection;

pub use commands::{run, run_with_network};
