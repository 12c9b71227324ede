//! The machine's own settings of the client: the one place that no project can switch off.

use std::path::{Path, PathBuf};

use super::{deployed, paths};
use crate::model::deploy::record::Stamp;
use crate::model::deploy::{entry, settings};

/// Our file: one of its own among those that the client reads, so that nothing has to be merged.
pub const NAME: &str = "50-claude-failover.json";

/// Where the client looks. The variable is for tests, which must not write to the machine's own.
#[must_use]
pub fn dir() -> PathBuf {
    paths::var("CLAUDE_FAILOVER_MANAGED_DIR").map_or_else(|| PathBuf::from("/etc/claude-code"), PathBuf::from)
}

/// Our file.
#[must_use]
pub fn ours() -> PathBuf {
    dir().join("managed-settings.d").join(NAME)
}

/// Whether a file is ours by its place.
#[must_use]
pub fn is_ours(path: &Path) -> bool {
    path == ours()
}

/// Every file that the client reads there, ours included, whether it is there or not.
#[must_use]
pub fn files() -> Vec<PathBuf> {
    let dir = dir();
    let drop_ins = dir.join("managed-settings.d");
    let mut all = vec![dir.join("managed-settings.json"), drop_ins.join(NAME)];
    if let Ok(entries) = std::fs::read_dir(&drop_ins) {
        let more = entries.flatten().map(|e| e.path()).filter(|p| p.extension().is_some_and(|e| e == "json"));
        all.extend(more.filter(|path| !is_ours(path)));
    }
    all.sort();
    all
}

/// The command line of our entry, if it is installed.
#[must_use]
pub fn installed() -> Option<String> {
    let text = deployed::text(&ours()).ok().flatten()?;
    let value = settings::read(&text).ok()?;
    settings::ours(&value).into_iter().find(|command| settings::holds(&value, command))
}

/// Our file, if it was there at the launch and does not hold its entry any more.
#[must_use]
pub fn missing(then: &[Stamp]) -> Option<PathBuf> {
    let path = ours();
    let was = then.iter().any(|stamp| stamp.path == path && stamp.seen.is_some());
    let holds = || installed().is_some_and(|command| entry::is_ours(&serde_json::json!({ "command": command })));
    (was && !holds()).then_some(path)
}
