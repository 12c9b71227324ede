//! The machine as the system shows it: room, file systems, locales. Nothing is decided here.

use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::time::Duration;

use super::{paths, process};
use crate::model::doctor::machine::Room;

/// File systems on which flock or rename is emulated, lost with a server, or differs: by their magic numbers.
const NETWORK: [(i64, &str); 7] = [
    (0x6969, "NFS"),
    (0xFF53_4D42, "CIFS"),
    (0xFE53_4D42, "SMB"),
    (0x517B, "SMB"),
    (0x5346_414F, "AFS"),
    (0x00C3_6400, "Ceph"),
    (0x0BD0_0BD0, "Lustre"),
];

/// The nearest directory above a path that is there.
fn nearest(path: &Path) -> Option<&Path> {
    path.ancestors().find(|p| p.exists())
}

/// Free room where a path lies, or would lie.
#[must_use]
pub fn room(what: &str, path: &Path) -> Option<Room> {
    let there = nearest(path)?;
    let seen = nix::sys::statvfs::statvfs(there).ok()?;
    Some(Room {
        what: what.to_owned(),
        path: there.to_owned(),
        bytes: seen.blocks_available() * seen.fragment_size(),
        inodes: (seen.files() > 0).then(|| seen.files_available()),
        read_only: seen.flags().contains(nix::sys::statvfs::FsFlags::ST_RDONLY),
    })
}

/// The device on which a path lies, or would lie: rooms are told once for each.
#[must_use]
pub fn device(path: &Path) -> Option<u64> {
    nearest(path)?.metadata().ok().map(|m| m.dev())
}

/// The kind of a network file system, if the path lies on one.
#[must_use]
pub fn network(path: &Path) -> Option<&'static str> {
    let kind = kind(path)?;
    NETWORK.iter().find(|(magic, _)| *magic == kind).map(|(_, name)| *name)
}

fn kind(path: &Path) -> Option<i64> {
    let seen = nix::sys::statfs::statfs(nearest(path)?).ok()?;
    #[expect(clippy::useless_conversion, reason = "its width differs between platforms")]
    Some(i64::from(seen.filesystem_type().0) & 0xFFFF_FFFF)
}

/// Why what lies at a path does not last, if so.
#[must_use]
pub fn volatile(path: &Path) -> Option<String> {
    const TMPFS: i64 = 0x0102_1994;
    const RAMFS: i64 = 0x8584_58F6;
    for place in ["/tmp", "/var/tmp", "/dev/shm", "/run"] {
        if path.starts_with(place) {
            return Some(format!("the system empties `{place}`"));
        }
    }
    matches!(kind(path), Some(TMPFS | RAMFS)).then(|| "it lies in memory".to_owned())
}

/// The locales that are installed; `None` if that cannot be told.
#[must_use]
pub fn locales() -> Option<Vec<String>> {
    let program = paths::find_program(Path::new("locale"), "/usr/bin:/bin")?;
    let said = process::run(&program, &["-a"], &[], Duration::from_secs(5)).ok()?;
    (said.status == 0).then(|| said.stdout.lines().map(str::to_owned).collect())
}

/// What a process is: its control group, its locale, and whether its program was replaced.
#[must_use]
pub fn process_of(pid: i32) -> (Option<String>, Option<String>, bool) {
    let read = |name: &str| std::fs::read_to_string(format!("/proc/{pid}/{name}")).ok();
    let environ = std::fs::read(format!("/proc/{pid}/environ")).unwrap_or_default();
    let value = |name: &str| {
        let entries = environ.split(|b| *b == 0).filter_map(|e| std::str::from_utf8(e).ok());
        let mut values = entries.filter_map(|e| e.strip_prefix(name)?.strip_prefix('='));
        values.find(|v| !v.is_empty()).map(str::to_owned)
    };
    let locale = ["LC_ALL", "LC_CTYPE", "LANG"].into_iter().find_map(value);
    let exe = std::fs::read_link(format!("/proc/{pid}/exe")).unwrap_or_else(|_| PathBuf::new());
    (read("cgroup"), locale, exe.display().to_string().ends_with(" (deleted)"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn room_is_told_of_a_path_that_is_not_there_yet() {
        let dir = tempfile::tempdir().unwrap();
        let room = room("state", &dir.path().join("not/yet")).unwrap();
        assert!(room.bytes > 0 && room.path == dir.path() && !room.read_only, "{room:?}");
        assert_eq!(device(&dir.path().join("x")), dir.path().metadata().ok().map(|m| m.dev()));
        assert!(volatile(Path::new("/var/tmp/x/state")).is_some());
    }

    #[test]
    fn our_own_process_is_seen() {
        let (_, _, replaced) = process_of(std::process::id().cast_signed());
        assert!(!replaced);
    }
}
