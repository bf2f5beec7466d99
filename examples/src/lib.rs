//! Complete programs on the consensus driver contract.
