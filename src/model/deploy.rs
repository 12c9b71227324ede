//! The guard in a project: what is written into it, what switches it off, and what is in order.
//!
//! Two lines of defence. The *overlay* of each session that we launch carries an entry that calls the
//! guard itself; the client keeps it in memory, and no file in a project can take it away, except by the
//! switches that turn every hook off ([`switches`]). The *project's* own settings carry an entry that calls
//! a script in `.claude/hooks/`, for sessions that somebody else starts there. Both fail closed by
//! themselves ([`entry`]): the client lets a call run when a hook is missing, crashes or hangs.

pub mod entry;
pub mod exclude;
pub mod record;
pub mod settings;
pub mod switches;

use std::fmt;

/// Something that is not as it should be, in words, with what to do about it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fault {
    /// What kind.
    pub kind: FaultKind,
    /// What, with the file.
    pub what: String,
}

/// What kind of fault: the word in `deploy-hook --check`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FaultKind {
    /// Nothing of ours is there, or a part of it.
    Missing,
    /// Something of ours is there, and it is not what this program writes.
    Outdated,
    /// Something switches hooks off.
    Disabled,
    /// A file that the client would not take, or that cannot be read.
    Broken,
}

impl FaultKind {
    /// The word.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Missing => "missing",
            Self::Outdated => "outdated",
            Self::Disabled => "disabled",
            Self::Broken => "broken",
        }
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.what)
    }
}
