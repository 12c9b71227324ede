//! How the world is touched: files, locks, clocks, processes, tmux, the client. Nothing is decided here.

pub mod atomic;
pub mod clock;
pub mod lock;
pub mod paths;
pub mod store;
