//! The proof, from inside, that nothing of the host is in reach. It fails closed: what cannot be looked up is a
//! reason to refuse.
//!
//! `guard-lab` leaves one file behind before it lets go of the host, [`HOST`]: lines of `device MAJOR:MINOR` for
//! each of the host's file systems, and `file DEVICE INODE PATH` for files and directories that must not be
//! there any more.

use nix::sys::stat::{major, minor, stat};
use std::collections::BTreeSet;
use std::path::Path;

/// Where the facts about the host lie inside.
pub const HOST: &str = "/.lab/host";

/// Everything that the decision rests on.
#[derive(Clone, Debug, Default)]
pub struct Facts {
    /// The lines of `/proc/self/mountinfo`.
    pub mounts: Vec<String>,
    /// The lines of [`HOST`].
    pub host: Vec<String>,
    /// The device of `/`, `MAJOR:MINOR`.
    pub root_device: String,
    /// Whether `/` is held in memory.
    pub root_in_memory: bool,
    /// Which of the host's files are still what they were, by path.
    pub host_files: Vec<String>,
    /// The line of `/proc/self/uid_map`.
    pub uid_map: String,
    /// The user that this process is, inside.
    pub uid: u32,
    /// The lines of `/proc/self/status`.
    pub status: Vec<String>,
    /// The network interfaces.
    pub interfaces: Vec<String>,
    /// The process's number.
    pub pid: i32,
    /// What the open descriptors are: `pipe:[…]`, or a path.
    pub descriptors: Vec<String>,
}

impl Facts {
    /// Looks.
    pub fn gather() -> Self {
        let lines = |path: &str| -> Vec<String> {
            std::fs::read_to_string(path).unwrap_or_default().lines().map(str::to_owned).collect()
        };
        let host = lines(HOST);
        let device = |path: &str| stat(path).map(|s| format!("{}:{}", major(s.st_dev), minor(s.st_dev)));
        let same = |line: &&String| {
            let mut words = line.splitn(4, ' ').skip(1);
            let (Some(dev), Some(ino), Some(path)) = (words.next(), words.next(), words.next()) else {
                return true;
            };
            stat(path).is_ok_and(|s| s.st_dev.to_string() == dev && s.st_ino.to_string() == ino)
        };
        let interfaces = nix::net::if_::if_nameindex().map_or_else(
            |e| vec![format!("unknown ({e})")],
            |all| all.iter().map(|i| i.name().to_string_lossy().into_owned()).collect(),
        );
        let fds = std::fs::read_dir("/proc/self/fd").into_iter().flatten().flatten();
        Self {
            mounts: lines("/proc/self/mountinfo"),
            root_device: device("/").unwrap_or_default(),
            root_in_memory: nix::sys::statfs::statfs("/")
                .is_ok_and(|s| s.filesystem_type() == nix::sys::statfs::TMPFS_MAGIC),
            host_files: host.iter().filter(|l| l.starts_with("file ")).filter(same).cloned().collect(),
            host,
            uid_map: lines("/proc/self/uid_map").join(","),
            uid: nix::unistd::getuid().as_raw(),
            status: lines("/proc/self/status"),
            interfaces,
            pid: std::process::id().cast_signed(),
            descriptors: fds
                .filter_map(|e| std::fs::read_link(e.path()).ok())
                .map(|p| p.to_string_lossy().into_owned())
                .collect(),
        }
    }
}

/// Why nothing may be run here; nothing if the seal holds.
pub fn refusals(facts: &Facts) -> Vec<String> {
    let mut why = Vec::new();
    let devices: BTreeSet<&str> = facts.host.iter().filter_map(|l| l.strip_prefix("device ")).collect();
    if devices.is_empty() || !facts.host.iter().any(|l| l.starts_with("file ")) {
        why.push("nothing is known about the host".to_owned());
    }
    mounts(facts, &devices, &mut why);
    if !facts.root_in_memory {
        why.push("the root is not in memory".to_owned());
    }
    if facts.root_device.is_empty() || devices.contains(facts.root_device.as_str()) {
        why.push(format!("the root is one of the host's file systems ({})", facts.root_device));
    }
    why.extend(facts.host_files.iter().map(|l| format!("a file of the host is in reach: {l}")));
    // "inside outside count": the middle one is who we are in the eyes of the host.
    let map: Vec<&str> = facts.uid_map.split_whitespace().collect();
    match map.as_slice() {
        [_, outside, "1"] if *outside != "0" && !facts.uid_map.contains(',') => {}
        _ => why.push(format!("the user outside is or may be root (uid map: {})", facts.uid_map)),
    }
    if facts.uid == 0 {
        why.push("the user inside is root".to_owned());
    }
    for set in ["CapInh:", "CapPrm:", "CapEff:", "CapAmb:"] {
        let line = facts.status.iter().find_map(|l| l.strip_prefix(set));
        if line.is_none_or(|l| !l.trim().trim_start_matches('0').is_empty()) {
            why.push(format!("capabilities are left ({set} {})", line.unwrap_or("unknown").trim()));
        }
    }
    if !facts.status.iter().any(|l| l.starts_with("NoNewPrivs:") && l.trim_end().ends_with('1')) {
        why.push("new privileges can be gained".to_owned());
    }
    if facts.interfaces.iter().any(|name| name != "lo") {
        why.push(format!("a network is in reach ({})", facts.interfaces.join(", ")));
    }
    if facts.pid != 1 {
        why.push(format!("the processes are not its own (it is process {})", facts.pid));
    }
    // The directory of /proc that was just read is the one that is no pipe.
    let strange = |d: &&String| !d.starts_with("pipe:[") && !d.starts_with("/proc/");
    why.extend(facts.descriptors.iter().filter(strange).map(|d| format!("a descriptor is no pipe: {d}")));
    if facts.descriptors.is_empty() {
        why.push("the open descriptors are unknown".to_owned());
    }
    why
}

/// A mount must be the root in memory or its own `/proc`, each once and whole.
fn mounts(facts: &Facts, devices: &BTreeSet<&str>, why: &mut Vec<String>) {
    let mut seen = BTreeSet::new();
    for line in &facts.mounts {
        // id parent major:minor root mount-point options [optional…] - type source super-options
        let words: Vec<&str> = line.split(' ').collect();
        let kind =
            words.iter().position(|w| *w == "-").and_then(|at| words.get(at + 1)).copied().unwrap_or_default();
        let (device, root, point) = match words.as_slice() {
            [_, _, device, root, point, ..] => (*device, *root, *point),
            _ => ("", "", ""),
        };
        let good = matches!((point, kind), ("/", "tmpfs") | ("/proc", "proc")) && root == "/";
        if !good || devices.contains(device) || !seen.insert(point) {
            why.push(format!("a mount is not its own: {kind} at {point}, device {device}, from {root}"));
        }
    }
    if !seen.contains("/") || !seen.contains("/proc") {
        why.push("its own root or /proc is not mounted".to_owned());
    }
    if !Path::new("/proc/self").exists() {
        why.push("/proc does not know this process".to_owned());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sealed() -> Facts {
        let lines = |all: &[&str]| all.iter().map(|l| (*l).to_owned()).collect();
        Facts {
            mounts: lines(&[
                "100 99 0:50 / / rw,nosuid,nodev - tmpfs guard-lab rw",
                "101 100 0:51 / /proc rw,nosuid,nodev,noexec - proc proc rw,subset=pid",
            ]),
            host: lines(&["device 254:0", "device 0:20", "file 65024 12 /etc/passwd"]),
            root_device: "0:50".into(),
            root_in_memory: true,
            uid_map: "      1000      64242          1".into(),
            uid: 1000,
            status: lines(&["CapInh:\t0", "CapPrm:\t0000", "CapEff:\t00", "CapAmb:\t0", "NoNewPrivs:\t1"]),
            interfaces: vec!["lo".into()],
            pid: 1,
            descriptors: lines(&["pipe:[1]", "pipe:[2]", "pipe:[3]", "/proc/1/fd"]),
            ..Facts::default()
        }
    }

    #[test]
    fn a_sealed_root_is_accepted_and_nothing_else() {
        assert_eq!(refusals(&sealed()), Vec::<String>::new());
        type Break = (&'static str, fn(&mut Facts));
        let broken: &[Break] = &[
            ("nothing is known", |f| f.host.clear()),
            ("not its own: ext4", |f| f.mounts.push("102 100 254:0 /var/tmp /mnt rw - ext4 /dev/vda rw".into())),
            ("not its own: tmpfs", |f| f.mounts.push("102 100 0:20 / /run rw - tmpfs tmpfs rw".into())),
            ("not its own: tmpfs", |f| f.mounts.push("102 100 0:50 / / rw - tmpfs tmpfs rw".into())),
            ("not its own: proc", |f| f.mounts.push("102 100 0:3 / /old/proc rw - proc proc rw".into())),
            ("is not mounted", |f| f.mounts.clear()),
            ("not in memory", |f| f.root_in_memory = false),
            ("one of the host's", |f| f.root_device = "254:0".into()),
            ("one of the host's", |f| f.root_device = String::new()),
            ("in reach", |f| f.host_files = vec!["file 65024 12 /etc/passwd".into()]),
            ("may be root", |f| f.uid_map = "0 0 4294967295".into()),
            ("may be root", |f| f.uid_map = "1000 0 1".into()),
            ("may be root", |f| f.uid_map = String::new()),
            ("inside is root", |f| f.uid = 0),
            ("capabilities", |f| f.status[2] = "CapEff:\t0000000000200000".into()),
            ("capabilities", |f| f.status.truncate(0)),
            ("new privileges", |f| f.status[4] = "NoNewPrivs:\t0".into()),
            ("network", |f| f.interfaces.push("eth0".into())),
            ("not its own (it is process 7)", |f| f.pid = 7),
            ("no pipe: /root/x", |f| f.descriptors.push("/root/x".into())),
            ("descriptors are unknown", |f| f.descriptors.clear()),
        ];
        for (expected, damage) in broken {
            let mut facts = sealed();
            damage(&mut facts);
            let why = refusals(&facts);
            assert!(why.iter().any(|w| w.contains(expected)), "{expected}: {why:?}");
        }
    }
}
