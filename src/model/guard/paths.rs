//! What a path is: made absolute, links followed, and held against what is protected.

use std::path::{Component, Path, PathBuf};

/// A path without `.`, `..` and double slashes, by its letters alone.
#[must_use]
pub fn normalised(path: &Path) -> PathBuf {
    let mut out = PathBuf::new();
    for part in path.components() {
        match part {
            Component::ParentDir => {
                out.pop();
            }
            Component::CurDir => {}
            other => out.push(other),
        }
    }
    out
}
