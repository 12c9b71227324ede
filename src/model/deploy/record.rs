//! What was put into a project, as kept in `guard/deployed/<project>.json`: enough to take it out again, and
//! to see by a look at file metadata that it is still there.

use serde::{Deserialize, Serialize};
use std::path::PathBuf;

/// Format version of these files.
pub const VERSION: u32 = 1;

/// A file as one look has found it. Equal stamps: the same content, as far as the file system tells.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Stamp {
    /// The file.
    pub path: PathBuf,
    /// Device, inode, size in bytes, change of the content and of the inode in nanoseconds since 1970, and the mode;
    /// `None` if there was no such file.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub seen: Option<[i64; 6]>,
}

/// What was put into a project.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Deployed {
    /// Format version of the file.
    pub version: u32,
    /// The project's directory.
    pub project: PathBuf,
    /// The script.
    pub script: PathBuf,
    /// The script's text, to tell an edit from an older version of ours.
    pub script_text: String,
    /// The settings file that carries the entry: `settings.json` or `settings.local.json`, a link resolved.
    pub settings: PathBuf,
    /// The entry's command line.
    pub command: String,
    /// What stood in the settings file before; `None` if it did not exist.
    pub before: Option<String>,
    /// What we wrote into it: while it still says that, the old text comes back as it was.
    pub written: String,
    /// Directories that we have made, outermost first.
    #[serde(default)]
    pub made: Vec<PathBuf>,
    /// The exclude file and the lines that we have put into it.
    #[serde(default)]
    pub exclude: Option<Excluded>,
}

/// Lines of ours in an exclude file.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Excluded {
    /// The file.
    pub file: PathBuf,
    /// Whether we have made it.
    pub made: bool,
    /// The lines.
    pub lines: Vec<String>,
}

/// With what a client was launched, as kept in its session's record: looked at by every `watch`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Armed {
    /// The files on which its guard rests, and those that could switch it off.
    pub files: Vec<Stamp>,
    /// The overlay's text, by its hash.
    pub overlay: String,
    /// The project whose own entry counts too.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub project: Option<PathBuf>,
    /// What `watch` found that should not be: told until the session is launched again.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub broken: Option<String>,
    /// What tells that from the same found earlier or later: a mark of its files as they were last in order, and as
    /// they were found.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub found: String,
}

/// A short mark of a text (FNV-1a, 64 bits): tells an old one from a new one. Not a secret, and no proof
/// against somebody who may write the file that holds it.
#[must_use]
pub fn mark(text: &[u8]) -> String {
    let hash = text.iter().fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| {
        (hash ^ u64::from(*byte)).wrapping_mul(0x0000_0100_0000_01b3)
    });
    format!("{hash:016x}")
}
