//! Files as they lie: one at a time, however many there are, no link followed.

use jiff::Timestamp;
use nix::fcntl::OFlag;
use std::fs::{File, Metadata};
use std::hash::{DefaultHasher, Hash, Hasher};
use std::io;
use std::os::unix::fs::{MetadataExt, OpenOptionsExt};
use std::path::Path;
use walkdir::WalkDir;

use crate::model::janitor::Seen;

/// What lies in a directory.
#[derive(Clone, Debug)]
pub enum Entry {
    /// A plain file, with its name, which is UTF-8.
    File(String, Seen),
    /// Something else: its name made printable, and what it is.
    Other(String, String),
    /// Something that cannot be seen, and why: an entry, or the rest of the directory.
    Unseen(String, String),
}

/// What lies in a directory, in the order of the disk; nothing if there is no directory.
pub fn list(dir: &Path) -> impl Iterator<Item = Entry> + use<> {
    walk(dir, 1, |_| true)
}

/// All that lies in a directory at one time; nothing if there is no directory.
///
/// # Errors
/// Says why it cannot be listed to its end: what is missing of half a listing is not known to be gone.
pub fn list_whole(dir: &Path) -> Result<Vec<Entry>, String> {
    let found: Vec<Entry> = list(dir).collect();
    match found
        .iter()
        .find_map(|entry| if let Entry::Unseen(name, why) = entry { Some((name, why)) } else { None })
    {
        Some((name, why)) => Err(format!("{why}: `{name}`")),
        None => Ok(found),
    }
}

/// The files with a wanted name in a directory and all below it.
pub fn below(dir: &Path, wanted: fn(&str) -> bool) -> impl Iterator<Item = Seen> + use<> {
    walk(dir, usize::MAX, wanted).filter_map(|entry| match entry {
        Entry::File(_, seen) => Some(seen),
        Entry::Other(..) | Entry::Unseen(..) => None,
    })
}

fn walk(dir: &Path, depth: usize, wanted: fn(&str) -> bool) -> impl Iterator<Item = Entry> + use<> {
    let walk = WalkDir::new(dir).min_depth(1).max_depth(depth).follow_links(false).follow_root_links(false);
    walk.into_iter().filter_map(move |entry| {
        let entry = match entry {
            Ok(entry) => entry,
            // Gone between the listing and the look, or no such directory.
            Err(e) if e.io_error().is_some_and(|e| e.kind() == std::io::ErrorKind::NotFound) => return None,
            Err(e) => {
                let name = e.path().map(|p| p.display().to_string()).unwrap_or_default();
                let why = e.io_error().map_or_else(|| "it cannot be walked".to_owned(), ToString::to_string);
                return Some(Entry::Unseen(crate::model::name::printable(&name), why));
            }
        };
        let shown = || crate::model::name::printable(&entry.path().to_string_lossy());
        match (entry.file_name().to_str(), entry.file_type()) {
            (_, kind) if kind.is_symlink() => Some(Entry::Other(shown(), "a symbolic link".into())),
            (_, kind) if !kind.is_file() => Some(Entry::Other(shown(), "not a regular file".into())),
            (None, _) => Some(Entry::Other(shown(), "its name is not UTF-8".into())),
            (Some(name), _) if !wanted(name) => None,
            (Some(name), _) => match entry.metadata() {
                Ok(meta) => Some(Entry::File(name.to_owned(), seen(entry.path(), &meta))),
                Err(e) if e.io_error().is_some_and(|e| e.kind() == std::io::ErrorKind::NotFound) => None,
                Err(e) => Some(Entry::Unseen(shown(), e.to_string())),
            },
        }
    })
}

/// Opens a plain file without following a link, and without waiting for whoever would write into a pipe; `None` if
/// there is none.
///
/// # Errors
/// If it cannot be opened or is something else.
pub fn open_plain(path: &Path) -> io::Result<Option<File>> {
    open_with(path, OFlag::O_NOFOLLOW | OFlag::O_NONBLOCK)
}

/// … where a link is as good as the file: in what is somebody else's.
///
/// # Errors
/// If it cannot be opened or is no regular file.
pub fn open_regular(path: &Path) -> io::Result<Option<File>> {
    open_with(path, OFlag::O_NONBLOCK)
}

fn open_with(path: &Path, flags: OFlag) -> io::Result<Option<File>> {
    match std::fs::OpenOptions::new().read(true).custom_flags(flags.bits()).open(path) {
        Ok(file) if file.metadata()?.is_file() => Ok(Some(file)),
        Ok(_) => Err(io::Error::other("not a regular file")),
        Err(e) if e.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(e) => Err(e),
    }
}

/// A file as it is now; `None` if there is none, or something else.
#[must_use]
pub fn look(path: &Path) -> Option<Seen> {
    let meta = path.symlink_metadata().ok().filter(Metadata::is_file)?;
    Some(seen(path, &meta))
}

/// Whether a file is as it was seen.
#[must_use]
pub fn is_as_seen(old: &Seen) -> bool {
    look(&old.path).is_some_and(|now| now.mark == old.mark)
}

/// A file by what an open descriptor or a listing tells of it.
#[must_use]
pub fn seen(path: &Path, meta: &Metadata) -> Seen {
    let time = |s: i64, n: i64| Timestamp::new(s, n.try_into().unwrap_or(0)).unwrap_or(Timestamp::MAX);
    let written = time(meta.mtime(), meta.mtime_nsec());
    let mut hash = DefaultHasher::new();
    path.hash(&mut hash);
    (meta.dev(), meta.ino(), meta.size(), meta.mode()).hash(&mut hash);
    (meta.mtime(), meta.mtime_nsec(), meta.ctime(), meta.ctime_nsec()).hash(&mut hash);
    Seen {
        path: path.to_owned(),
        bytes: meta.size(),
        written,
        changed: time(meta.ctime(), meta.ctime_nsec()),
        mark: hash.finish(),
    }
}

/// Whether a directory really lies below another one: a link may lead out of it.
#[must_use]
pub fn is_inside(dir: &Path, root: &Path) -> bool {
    match (dir.canonicalize(), root.canonicalize()) {
        (Ok(dir), Ok(root)) => dir.starts_with(root),
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn links_are_told_and_not_followed_and_a_change_is_seen() {
        let dir = tempfile::tempdir().unwrap();
        let (a, sub) = (dir.path().join("a"), dir.path().join("sub"));
        std::fs::write(&a, "x").unwrap();
        std::fs::create_dir(&sub).unwrap();
        std::fs::write(sub.join("deep"), "y").unwrap();
        std::os::unix::fs::symlink("/etc", dir.path().join("out")).unwrap();
        let names = |entries: Vec<Entry>| {
            let mut names: Vec<String> = entries
                .into_iter()
                .map(|e| match e {
                    Entry::File(name, _) => name,
                    Entry::Other(_, why) | Entry::Unseen(_, why) => why,
                })
                .collect();
            names.sort();
            names
        };
        assert_eq!(names(list(dir.path()).collect()), ["a", "a symbolic link", "not a regular file"]);
        let deep: Vec<String> = below(dir.path(), |name| name.starts_with('d')).map(|seen| seen.name()).collect();
        assert_eq!(deep, ["deep"]);
        assert_eq!(list(&dir.path().join("none")).count(), 0);
        assert_eq!(list(&dir.path().join("out")).count(), 0, "a root that is a link is not walked");
        assert_eq!(list_whole(dir.path()).unwrap().len(), 3);
        assert_eq!(list_whole(&dir.path().join("none")).unwrap().len(), 0);
        let odd = dir.path().join("x".repeat(300));
        assert!(list_whole(&odd).is_err(), "what cannot be listed is not empty");
        let before = look(&a).unwrap();
        assert!(is_as_seen(&before));
        std::fs::write(&a, "longer").unwrap();
        assert!(!is_as_seen(&before));
        assert!(is_inside(&sub, dir.path()) && !is_inside(&dir.path().join("out"), dir.path()));
    }
}
