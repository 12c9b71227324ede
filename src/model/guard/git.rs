//! git: what a call of it asks for, in which repository, on which branch, and what an alias stands for.
//!
//! Nothing of git is run: `HEAD` and the configuration are read as files, through [`super::world::World`].

mod alias;
mod branch;
mod command;
mod config;
mod repository;

pub use alias::{Alias, alias, config_is_out_of_sight};
pub use branch::{Head, head_before};
pub use command::{Command, GLOBAL_OPTIONS, command};

#[cfg(test)]
mod tests;
