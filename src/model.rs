//! What is true: types and decisions. No files, no clock, no processes, no environment.

pub mod name;
