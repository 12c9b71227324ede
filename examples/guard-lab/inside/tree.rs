//! The files of the sealed root: what a command has changed of them, and how they come back.

use std::collections::BTreeMap;
use std::os::unix::fs::{MetadataExt, PermissionsExt, symlink};
use std::path::{Path, PathBuf};

/// What is at a path.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Entry {
    /// Type and mode, size, inode, change time: nobody changes a file without changing these.
    stamp: (u32, u64, u64, i64, i64),
    /// The bytes of a file, the target of a link.
    content: Vec<u8>,
}

/// The files as they were.
pub struct Tree {
    entries: BTreeMap<PathBuf, Entry>,
}

/// The lab's own directory, what the kernel makes up, and programs and libraries, whose directories nobody inside
/// can write to.
const NOT_LOOKED_AT: [&str; 7] =
    ["/.lab", "/proc", "/usr/bin", "/usr/sbin", "/usr/lib", "/usr/lib64", "/usr/libexec"];

impl Tree {
    /// Notes the files as they are.
    pub fn note() -> Self {
        let mut entries = BTreeMap::new();
        walk(Path::new("/"), &mut |path, meta| {
            entries.insert(path.to_owned(), Entry { stamp: stamp(meta), content: content(path, meta) });
        });
        Self { entries }
    }

    /// What has changed since, by path, and puts it back: `("changed", "/etc/passwd")`.
    pub fn restore(&mut self) -> Vec<(&'static str, PathBuf)> {
        let mut changes = Vec::new();
        let mut seen = 0;
        walk(Path::new("/"), &mut |path, meta| match self.entries.get(path) {
            None => changes.push(("created", path.to_owned())),
            Some(entry) => {
                seen += 1;
                // The change time of a directory says only that a name in it came or went: told there.
                if entry.stamp != stamp(meta) && !(meta.is_dir() && entry.stamp.0 == meta.mode()) {
                    changes.push(("changed", path.to_owned()));
                }
            }
        });
        if seen < self.entries.len() {
            for path in self.entries.keys() {
                if std::fs::symlink_metadata(path).is_err() {
                    changes.push(("deleted", path.clone()));
                }
            }
        }
        self.put_back(&changes);
        changes
    }

    fn put_back(&mut self, changes: &[(&'static str, PathBuf)]) {
        // The deepest first away, the highest first back.
        for (_, path) in changes.iter().rev() {
            let Ok(meta) = std::fs::symlink_metadata(path) else { continue };
            let wanted = self.entries.get(path);
            if wanted.is_some_and(|e| e.stamp.0 & 0o170_000 == 0o40_000) && meta.is_dir() {
                let mode = wanted.map_or(0o755, |e| e.stamp.0 & 0o7777);
                let _ = std::fs::set_permissions(path, std::fs::Permissions::from_mode(mode));
            } else if meta.is_dir() {
                let _ = std::fs::set_permissions(path, std::fs::Permissions::from_mode(0o755));
                let _ = std::fs::remove_dir_all(path);
            } else {
                let _ = std::fs::remove_file(path);
            }
        }
        let mut again: Vec<&PathBuf> = changes.iter().map(|(_, path)| path).collect();
        again.sort();
        for path in again {
            let Some(entry) = self.entries.get_mut(path) else { continue };
            if std::fs::symlink_metadata(path).is_err() {
                make(path, entry);
            }
            if let Ok(meta) = std::fs::symlink_metadata(path) {
                entry.stamp = stamp(&meta);
            }
        }
    }
}

fn make(path: &Path, entry: &Entry) {
    let mode = std::fs::Permissions::from_mode(entry.stamp.0 & 0o7777);
    match entry.stamp.0 & 0o170_000 {
        0o40_000 => std::fs::create_dir(path).and_then(|()| std::fs::set_permissions(path, mode)),
        0o120_000 => symlink(String::from_utf8_lossy(&entry.content).as_ref(), path),
        _ => std::fs::write(path, &entry.content).and_then(|()| std::fs::set_permissions(path, mode)),
    }
    .unwrap_or_else(|e| eprintln!("guard-lab: {} cannot be put back: {e}", path.display()));
}

fn stamp(meta: &std::fs::Metadata) -> (u32, u64, u64, i64, i64) {
    (meta.mode(), meta.size(), meta.ino(), meta.ctime(), meta.ctime_nsec())
}

fn content(path: &Path, meta: &std::fs::Metadata) -> Vec<u8> {
    if meta.is_symlink() {
        std::fs::read_link(path).unwrap_or_default().to_string_lossy().into_owned().into_bytes()
    } else if meta.is_file() {
        std::fs::read(path).unwrap_or_default()
    } else {
        Vec::new()
    }
}

fn walk(dir: &Path, visit: &mut impl FnMut(&Path, &std::fs::Metadata)) {
    for entry in std::fs::read_dir(dir).into_iter().flatten().flatten() {
        let path = entry.path();
        if NOT_LOOKED_AT.iter().any(|no| Path::new(no) == path) {
            continue;
        }
        let Ok(meta) = std::fs::symlink_metadata(&path) else { continue };
        visit(&path, &meta);
        if meta.is_dir() {
            walk(&path, visit);
        }
    }
}
