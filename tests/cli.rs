//! The one test binary.
#![allow(
    clippy::disallowed_methods,
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::print_stderr,
    reason = "tests make, run and break things"
)]

mod accounts;
mod architecture;
mod bad_input;
mod checkpoint;
mod common;
mod contention;
mod control;
mod crash;
mod deploy;
mod doctor;
mod faults;
mod flow;
mod guard;
mod guard_lab;
mod help;
mod init;
mod janitor;
mod log;
mod metrics;
mod notify;
mod notify_faults;
mod ownership;
mod real_client;
mod real_guard;
mod real_switch;
mod scripts;
mod soak;
mod status;
mod switch;
mod tasks;
mod timers;
