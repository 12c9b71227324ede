//! What is true: types and decisions. No files, no clock, no processes, no environment.

#![warn(missing_docs)]

pub mod account;
pub mod account_record;
pub mod archive;
pub mod checkpoint;
pub mod control;
pub mod delivery;
pub mod deploy;
pub mod dispatch;
pub mod doctor;
pub mod endpoint_budget;
pub mod event;
pub mod finding;
pub mod forecast;
pub mod front_matter;
pub mod guard;
pub mod home;
pub mod init;
pub mod janitor;
pub mod journal;
pub mod log;
pub mod metrics;
pub mod moving;
pub mod name;
pub mod notify;
pub mod observe;
pub mod queue;
pub mod quota;
pub mod redact;
pub mod refusal;
pub mod report;
pub mod screen;
pub mod session;
pub mod signals;
pub mod status;
pub mod switch;
pub mod task;
pub mod timers;
pub mod watch;
