//! Whether the guard of a project is in order: by its files, and by running its entries as the client would.

use anyhow::Result;
use std::path::Path;

use super::{SETTINGS, Wanted, faults, wanted};
use crate::act::self_test::{self, Entry};
use crate::env::Env;
use crate::model::deploy::{Fault, settings};
use crate::sys::deployed;

/// What was found.
#[derive(Debug)]
pub struct Checked {
    /// What is not in order, by the files alone.
    pub faults: Vec<Fault>,
    /// Whether its entries block; only tried where the files are in order.
    pub proof: Result<()>,
}

/// Every entry that is installed in a project, as the client reads it.
///
/// # Errors
/// If a settings file cannot be read.
pub fn entries(wanted: &Wanted) -> Result<Vec<Entry>> {
    let mut entries = Vec::new();
    for name in SETTINGS {
        let path = wanted.project.join(".claude").join(name);
        let text = deployed::text(&path)?.unwrap_or_default();
        for command in settings::read(&text).map(|v| settings::ours(&v)).unwrap_or_default() {
            let what = format!("the entry in `{}`", path.display());
            entries.push(Entry { what, command, script: Some(wanted.script.clone()) });
        }
    }
    Ok(entries)
}

/// Looks at a project, and proves its entries: anew and without a note, or only where that was not done before.
///
/// # Errors
/// If the project is gone, or nothing can be put there.
pub fn check(env: &Env, dir: &Path, anew: bool) -> Result<Checked> {
    let wanted = wanted(env, dir)?;
    let faults = faults(&wanted);
    if !faults.is_empty() {
        return Ok(Checked { faults, proof: Ok(()) });
    }
    let prove = |entries: Vec<Entry>| match anew {
        true => entries.iter().try_for_each(|entry| self_test::run(env, entry, &wanted.project)),
        false => self_test::prove(env, &entries, &wanted.project),
    };
    Ok(Checked { faults, proof: entries(&wanted).and_then(prove) })
}
