#![doc = include_str!("../docs/consensus-integration.md")]
