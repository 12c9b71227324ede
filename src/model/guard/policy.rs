//! What the operator has changed of the built-in rules.

use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::path::PathBuf;

/// What a finding of a rule leads to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Effect {
    /// Nothing.
    Off,
    /// The call runs; the model and the audit log are told.
    Warn,
    /// The call does not run.
    Block,
}

/// The policy for one session: the global one with its project's on top.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Policy {
    /// What single rules lead to, by id.
    pub rules: BTreeMap<String, Effect>,
    /// Protected branches beside `main`, `master` and `production`.
    pub branches: Vec<String>,
    /// Directories protected like `/etc`, with everything below; absolute.
    pub paths: Vec<PathBuf>,
    /// Directories whose contents may be deleted and written for all that; absolute.
    pub exceptions: Vec<PathBuf>,
    /// Programs that `sudo` may run beside the built-in list.
    pub sudo: Vec<String>,
    /// Files and directories that nobody but the operator changes: our binary, configuration and state
    /// directory, the accounts' homes' settings. Filled in by us, not by the operator.
    pub ours: Vec<PathBuf>,
    /// The homes of the accounts (`CLAUDE_CONFIG_DIR`): their `settings*.json` and `hooks/` are protected.
    /// Filled in by us.
    pub account_homes: Vec<PathBuf>,
}
