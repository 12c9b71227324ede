//! The home of an account (`CLAUDE_CONFIG_DIR`): which of its directories all accounts share, what their
//! links look like, and which steps make a home ready. Pure: everything was looked at before.
//!
//! A conversation is found by its file alone, so it can be resumed under any account as long as all
//! homes show the same `projects`. The login and the identity are never shared.

pub mod facts;
pub mod findings;
pub mod identity;
pub mod plan;

use std::path::{Path, PathBuf};

use super::name::AccountName;

/// The directories that all homes share: transcripts, and what belongs to a single conversation.
pub const SHARED: [&str; 4] = ["projects", "session-env", "file-history", "todos"];

/// Where the shared directories lie.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Tree {
    projects: PathBuf,
    beside: PathBuf,
}

impl Tree {
    /// The tree of a configuration. `~/.claude-shared/projects` unless another is named; the other
    /// directories lie beside it if it is called `projects`, else in a directory of its name and `.d`.
    #[must_use]
    pub fn new(shared_projects: Option<&Path>, home: &Path) -> Self {
        let projects =
            shared_projects.map_or_else(|| home.join(".claude-shared").join("projects"), Path::to_owned);
        let beside = match (projects.file_name(), projects.parent()) {
            (Some(name), Some(parent)) if name == "projects" => parent.to_owned(),
            _ => {
                let mut own = projects.clone().into_os_string();
                own.push(".d");
                own.into()
            }
        };
        Self { projects, beside }
    }

    /// The place of one of [`SHARED`].
    #[must_use]
    pub fn place(&self, name: &str) -> PathBuf {
        if name == "projects" { self.projects.clone() } else { self.beside.join(name) }
    }

    /// Where what was in the way is kept. Outside of `projects`: the client must not find it.
    #[must_use]
    pub fn parked(&self, account: &AccountName) -> PathBuf {
        self.beside.join("parked").join(account.as_str())
    }
}

/// What is in the place of a link.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum LinkState {
    /// The right link.
    Linked,
    /// The shared directory itself lies in this home.
    Itself,
    /// Nothing.
    Missing,
    /// A directory of its own: what is in it no other account sees.
    Shadowed {
        /// How many files are in it.
        files: u64,
        /// How many of them are transcripts.
        transcripts: u64,
    },
    /// A link to what is not there.
    Dangling {
        /// Where it points.
        to: PathBuf,
    },
    /// A link to something else.
    Wrong {
        /// Where it points.
        to: PathBuf,
        /// How many files are there.
        files: u64,
    },
    /// A link that leads back to itself.
    Loop,
    /// A file.
    File,
}

/// What is in the place that a link should point to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TargetState {
    /// Nothing, or the mark of a move that was cut short.
    Absent,
    /// A directory without files.
    Empty,
    /// A directory with files.
    Full,
    /// Something that is no directory.
    Odd,
}

/// One of the shared directories, seen from a home.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Link {
    /// Its name.
    pub name: &'static str,
    /// Where the link belongs.
    pub path: PathBuf,
    /// What it should point to.
    pub target: PathBuf,
    /// What is in its place.
    pub state: LinkState,
    /// What is in the place of its target.
    pub there: TargetState,
    /// Whether a rename gets from one to the other.
    pub same_disk: bool,
}

/// The directory itself.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Place {
    /// Nothing is there.
    Missing,
    /// It is no directory.
    Odd,
    /// It belongs to another user.
    Foreign {
        /// Who.
        uid: u32,
    },
    /// It is ours.
    Ours {
        /// Its mode.
        mode: u32,
    },
}

/// `1 file`, `2 files`.
#[must_use]
pub fn count(n: u64, what: &str) -> String {
    if n == 1 { format!("1 {what}") } else { format!("{n} {what}s") }
}

/// What to put under `accounts` for a home.
#[must_use]
pub fn snippet(name: &AccountName, home: &str) -> String {
    // As JSON, which is YAML too: whatever is in a path, it comes back as it was.
    let home = serde_json::Value::from(home);
    format!("accounts:\n  - name: {name}\n    home: {home}\n")
}

#[cfg(test)]
mod tests;
