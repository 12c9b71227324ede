//! Carries out what `doctor --fix` may do: nothing that could lose anything, each step safe to repeat and to
//! be killed after.

use anyhow::{Context, Result};

use super::Around;
use crate::act::deploy;
use crate::env::Env;
use crate::model::finding::Fix;
use crate::sys::store::{LogEntry, Store};
use crate::sys::{atomic, clock, home, lock};

/// The right to fix; one at a time.
///
/// # Errors
/// If another run has it.
pub fn begin(around: &Around) -> Result<Option<lock::Held>, lock::LockError> {
    // Where there is no directory for locks there is nobody to exclude either: it is made by the first fix.
    if !around.store.root().join("lock").is_dir() {
        return Ok(None);
    }
    around.store.run_lock("doctor").map(Some)
}

/// Carries one fix out, and notes it.
///
/// # Errors
/// If it fails; everything is then as before it, or as after it.
pub fn apply(around: &Around, fix: &Fix) -> Result<()> {
    match fix {
        Fix::MakeDir { path, mode } => atomic::ensure_dir_mode(path, *mode)?,
        Fix::Mode { path, mode } => atomic::set_mode(path, *mode)?,
        Fix::LockFile { path } => Store::make_lock(path)?,
        Fix::Reserve { .. } => around.store.make_reserve()?,
        Fix::Quarantine { path, .. } => {
            let _locked = around.store.lock()?;
            around.store.quarantine(path, clock::now()).map(drop)?;
        }
        Fix::Home { account, home, steps } => {
            // A launch on this account prepares the same home.
            let _held = around.store.home_lock(account)?;
            atomic::sweep_home(home);
            for step in steps {
                home::apply(step, home, None)?;
            }
        }
        Fix::Hook { project } => {
            let env: &Env =
                around.env.as_ref().map_err(|e| anyhow::anyhow!("{e:#}")).context("no configuration")?;
            deploy::deploy(env, project).map(drop)?;
        }
    }
    let what = fix.to_string();
    let entry = LogEntry { command: "doctor", what: &what, why: "doctor --fix", ..LogEntry::default() };
    if around.store.root().join("log").is_dir() {
        around.store.note(clock::now(), &entry);
    }
    Ok(())
}
