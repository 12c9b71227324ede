//! Which paths are disks.

use super::absolute::Absolute;
use super::names::could_be;
use super::{Paths, Value};

/// Names of disks: how they begin, and what must follow.
const FAMILIES: &[(&str, Next)] = &[
    ("sd", Next::Letter),
    ("hd", Next::Letter),
    ("vd", Next::Letter),
    ("xvd", Next::Letter),
    ("nvme", Next::Digit),
    ("mmcblk", Next::Digit),
    ("disk", Next::Digit),
    ("rdisk", Next::Digit),
    ("dm-", Next::Digit),
    ("md", Next::Digit),
    ("sr", Next::Digit),
    ("nbd", Next::Digit),
    ("pmem", Next::Digit),
    ("drbd", Next::Digit),
    ("bcache", Next::Digit),
];

#[derive(Clone, Copy)]
enum Next {
    Letter,
    Digit,
}

/// Directories in `/dev` that hold disks.
const DIRECTORIES: &[&str] = &["disk", "mapper", "md", "block"];

/// Disks for a pattern to match.
const SAMPLES: &[&str] = &[
    "sda",
    "sda1",
    "sda2",
    "sdb",
    "sdb1",
    "sdc",
    "sdc1",
    "sdd",
    "sde",
    "sdf",
    "hda",
    "hda1",
    "hdb",
    "vda",
    "vda1",
    "vdb",
    "xvda",
    "xvda1",
    "xvdb",
    "nvme0",
    "nvme0n1",
    "nvme0n1p1",
    "nvme0n1p2",
    "nvme1n1",
    "nvme1n1p1",
    "mmcblk0",
    "mmcblk0p1",
    "mmcblk1",
    "disk0",
    "disk1",
    "disk2",
    "disk3",
    "dm-0",
    "dm-1",
    "md0",
    "md1",
    "md127",
    "sr0",
];

impl Paths<'_> {
    /// Whether a path is, or could be, a disk.
    #[must_use]
    pub fn is_disk(&self, path: &Absolute) -> bool {
        let is_dev = |first: &Value| !first.has_glob() && first.if_empty() == "dev";
        if path.adrift || !path.names.first().is_some_and(is_dev) {
            return false;
        }
        match path.names.get(1..).unwrap_or_default() {
            // `/dev/$X`
            [] => path.open && path.certain == Some(1),
            [name] => is_disk_name(name),
            [directory, name, ..] => {
                DIRECTORIES.iter().any(|d| could_be(directory, d)) && name.known() != Some("control")
            }
        }
    }
}

fn is_disk_name(name: &Value) -> bool {
    let start = name.known_start();
    let family = |(family, next): &(&str, Next)| {
        let Some(rest) = start.strip_prefix(family) else { return false };
        match (rest.chars().next(), next) {
            (Some(c), Next::Letter) => c.is_ascii_alphabetic(),
            (Some(c), Next::Digit) => c.is_ascii_digit(),
            (None, _) => name.known().is_none(),
        }
    };
    if FAMILIES.iter().any(family) {
        return true;
    }
    // `/dev/disk/by-id/$X`
    name.known().is_none() && SAMPLES.iter().any(|sample| could_be(name, sample))
}
