//! A toolkit of one-shot commands that keep a pool of Claude Code sessions busy and alive.
//!
//! # The map
//! * [`commands`]: one file a subcommand: its arguments, its help, and the glue.
//! * [`model`]: what is true: types and pure decisions. No files, no clock, no processes.
//! * [`act`]: the steps that commands share: look at a session, launch, deliver, stop, end a try.
//! * [`sys`]: how the world is touched: files, locks, tmux, the client.
//! * [`config`], [`mod@env`], [`cli`], [`output`], [`error`], [`logging`]: the frame around them.
//!
//! # The flow
//! Every command gathers (`sys`), decides (`model`, a pure function of now, what was gathered and
//! the configuration), applies (`sys`, intent on disk first, result after) and reports (`output`).
//!
//! # What always holds
//! * Where a task's file lies decides its state. The lease in a session's record explains it.
//! * The record says what is about to happen before it happens; a run that was killed anywhere is
//!   carried on by the next one.
//! * Nothing is written without the state lock, and the lock is never held across tmux or a child.
//! * A dedicated session is never typed into and never ended: the functions that do take only
//!   [`model::session::PoolSession`].

#![cfg_attr(test, allow(clippy::disallowed_methods, reason = "tests make the files that they look at"))]

pub mod act;
pub mod cli;
pub mod commands;
pub mod config;
pub mod env;
pub mod error;
pub mod logging;
pub mod model;
pub mod output;
pub mod sys;
