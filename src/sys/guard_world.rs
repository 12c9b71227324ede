//! What the guard sees of the machine: links, small files, users, variables. It starts nothing, writes
//! nothing, and opens nothing that could make it wait.

use std::cell::{OnceCell, RefCell};
use std::collections::BTreeMap;
use std::ffi::OsString;
use std::fs::OpenOptions;
use std::io::Read;
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

use super::paths;
use crate::model::guard::world::World;

/// The largest file that is read, in bytes.
const SMALL: u64 = 64 << 10;

/// The most of `/etc/passwd` that is read, in bytes.
const PASSWD: u64 = 1 << 20;

/// This machine.
#[derive(Debug, Default)]
pub struct Disk {
    /// What was looked at already, by the letters of the path: the words of one line share their directories.
    links: RefCell<BTreeMap<OsString, Option<PathBuf>>>,
    /// The users of `/etc/passwd` with their homes. Not by the name service, which may ask a network.
    users: OnceCell<Vec<(String, PathBuf)>>,
}

impl World for Disk {
    fn link(&self, path: &Path) -> Option<PathBuf> {
        if let Some(known) = self.links.borrow().get(path.as_os_str()) {
            return known.clone();
        }
        let link = std::fs::read_link(path).ok();
        self.links.borrow_mut().insert(path.as_os_str().to_owned(), link.clone());
        link
    }

    fn small_file(&self, path: &Path) -> Option<String> {
        read_small(path, SMALL)
    }

    fn is_dir(&self, path: &Path) -> bool {
        path.is_dir()
    }

    fn home_of(&self, user: &str) -> Option<PathBuf> {
        let users =
            self.users.get_or_init(|| users(&read_small("/etc/passwd".as_ref(), PASSWD).unwrap_or_default()));
        users.iter().find(|(name, _)| name == user).map(|(_, home)| home.clone())
    }

    fn variable(&self, name: &str) -> Option<String> {
        paths::var(name).map(|value| value.to_string_lossy().into_owned())
    }
}

fn users(passwd: &str) -> Vec<(String, PathBuf)> {
    let user = |line: &str| {
        let mut fields = line.split(':');
        let name = fields.next().filter(|name| !name.is_empty())?;
        let home = PathBuf::from(fields.nth(4)?);
        home.is_absolute().then(|| (name.to_owned(), home))
    };
    passwd.lines().filter_map(user).collect()
}

/// The home of the user that this program runs as, by `/etc/passwd`.
#[must_use]
pub fn own_home() -> Option<PathBuf> {
    let uid = nix::unistd::geteuid().to_string();
    let passwd = read_small("/etc/passwd".as_ref(), PASSWD)?;
    let line = passwd.lines().find(|line| line.split(':').nth(2) == Some(&uid))?;
    Some(PathBuf::from(line.split(':').nth(5)?)).filter(|home| home.is_absolute())
}

/// The text of a regular file of at most so many bytes. Looks before it opens: opening a device can do
/// things, opening a pipe can wait.
fn read_small(path: &Path, most: u64) -> Option<String> {
    let fits = |meta: &std::fs::Metadata| meta.is_file() && meta.len() <= most;
    if !std::fs::metadata(path).is_ok_and(|meta| fits(&meta)) {
        return None;
    }
    let flags = nix::fcntl::OFlag::O_NONBLOCK | nix::fcntl::OFlag::O_NOCTTY;
    let file = OpenOptions::new().read(true).custom_flags(flags.bits()).open(path).ok()?;
    if !file.metadata().is_ok_and(|meta| fits(&meta)) {
        return None;
    }
    let mut bytes = Vec::new();
    file.take(most + 1).read_to_end(&mut bytes).ok()?;
    (bytes.len() as u64 <= most).then(|| String::from_utf8_lossy(&bytes).into_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_small_regular_files_are_read_and_nothing_waits() {
        let dir = tempfile::tempdir().unwrap();
        let (world, path) = (Disk::default(), |name: &str| dir.path().join(name));
        std::fs::write(path("small"), b"a\xffb").unwrap();
        std::fs::write(path("large"), vec![b'x'; 70_000]).unwrap();
        nix::unistd::mkfifo(&path("fifo"), nix::sys::stat::Mode::S_IRWXU).unwrap();
        std::os::unix::fs::symlink("small", path("link")).unwrap();
        assert_eq!(world.small_file(&path("small")).as_deref(), Some("a\u{fffd}b"));
        assert_eq!(world.small_file(&path("link")).as_deref(), Some("a\u{fffd}b"));
        for name in ["large", "fifo", "missing", "."] {
            assert_eq!(world.small_file(&path(name)), None, "{name}");
        }
        for device in ["/dev/zero", "/dev/tty"] {
            assert_eq!(world.small_file(device.as_ref()), None);
        }
        for _ in 0..2 {
            assert_eq!(world.link(&path("link")), Some("small".into()));
            assert_eq!(world.link(&path("small")), None);
        }
        assert!(world.is_dir(dir.path()) && !world.is_dir(&path("small")));
        assert_eq!(world.home_of("root"), Some("/root".into()));
        assert_eq!(world.home_of("nobody of this name"), None);
    }

    #[test]
    fn lines_of_any_kind_in_the_list_of_users_are_taken() {
        let found = users("a:x:1:1::/home/a:/bin/sh\n\nbroken\n:x:1:1::/h:\nb:x:2:2::rel:/bin/sh\nc:x:3:3:n:/c:");
        assert_eq!(found, [("a".to_owned(), "/home/a".into()), ("c".to_owned(), "/c".into())]);
    }
}
