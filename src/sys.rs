//! How the world is touched: files, locks, clocks, processes, tmux, the client. Nothing is decided here.

pub mod archive;
pub mod atomic;
pub mod claude;
pub mod clock;
pub mod deployed;
pub mod events;
pub mod files;
pub mod git;
pub mod guard_policy;
pub mod guard_world;
pub mod home;
pub mod input;
pub mod last_resort;
pub mod lock;
pub mod login;
pub mod managed;
pub mod paths;
pub mod process;
pub mod provider;
pub mod queue;
pub mod secret;
pub mod send;
pub mod state_file;
pub mod store;
pub mod tmux;
pub mod transcript;
