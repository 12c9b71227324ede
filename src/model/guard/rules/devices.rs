//! Writing to disks past their file systems.

use super::on_paths::Seen;
use crate::model::guard::changes::{Change, disks};
use crate::model::guard::paths::Last;
use crate::model::guard::policy::Effect;
use crate::model::guard::verdict::Rule;

/// The rules of this file.
pub static RULES: &[Rule] = &[
    Rule {
        id: "dev.dd",
        effect: Effect::Block,
        title: "dd writes to a disk",
        instead: "Write to an image file: `dd if=/dev/zero of=./disk.raw bs=1M count=64`.",
        verbs: &["dd", "dcfldd", "dc3dd"],
        finds: &[
            "dd if=a.iso of=/dev/sdc",
            "dd of=/dev/sda if=/dev/zero bs=1M",
            "dd if=x of=/dev/nvme0n1",
            "dd if=x of=/dev/nvme0n1p2 conv=fsync",
            "dd if=x \"of=/dev/mmcblk0\"",
            "dd if=x of='/dev/hda'",
            "dd if=x of=/dev/disk/by-id/usb-x",
            "dd if=x of=/dev/disk2",
            "dd if=x of=/dev/mapper/root",
            "dd if=x of=/dev/../dev/sda",
            "dd if=x of=//dev/vda1",
            "dd if=x of=/dev/sd$X",
            "dd if=x of=/dev$X/sda",
            "/usr/bin/dd if=x of=/dev/xvda",
            "cd /dev && dd if=/dev/zero of=sda",
        ],
        passes: &[
            "dd of=./out.raw",
            "dd if=/dev/zero of=/dev/null count=1",
            "dd if=/dev/sda of=./backup.img",
            "dd if=/dev/sda bs=512 count=1 | xxd",
            "dd if=/dev/urandom of=/tmp/random bs=1k count=4",
            "dd if=a of=dev/sda",
            "dd if=x of=/dev/stdout",
            "dd if=x of=/dev/fd/3",
            "dd if=x of=/dev/loop0",
            "dd --help",
            "dd if=x of=/dev/shm/x",
            "dd if=x of=/dev/tty",
            "lsblk /dev/sda",
        ],
    },
    Rule {
        id: "dev.mkfs",
        effect: Effect::Block,
        title: "makes a file system or swap space on a disk",
        instead: "Make it in an image file: `truncate -s 64M ./disk.img`, then `mkfs.ext4 ./disk.img`.",
        verbs: disks::MAKERS,
        finds: &[
            "mkfs.xfs /dev/nvme1n1",
            "mkfs -t ext4 /dev/sdb1",
            "mkfs.ext4 -F -L data /dev/sdb",
            "mke2fs /dev/vda2",
            "mkswap /dev/sdc2",
            "mkswap -L swap /dev/dm-1",
            "mkfs.vfat -F 32 /dev/mmcblk0p1",
            "/sbin/mkfs.btrfs -f /dev/md0",
            "mkfs.ext4 /dev/disk/by-label/data",
            "mkfs.ext4 /dev/mapper/vg-root",
            "mkfs /dev/./sda",
            "mkfs.xfs /dev/sd[bc]",
            "mkfs.ntfs --quick /dev/sd$X",
        ],
        passes: &[
            "mkfs.ext4 disk.img",
            "mkfs.xfs -f ./disk.img",
            "mkfs.vfat -C /tmp/efi.img 65536",
            "mkfs --help",
            "mkfs.ext4 -V",
            "mkswap ./swapfile",
            "mke2fs -t ext4 build/root.img",
            "mkfs.ext4 /dev/loop0",
            "man mkfs.ext4",
            "lsblk -f",
            "blkid /dev/sda1",
            "grep mkfs /proc/filesystems",
        ],
    },
    Rule {
        id: "dev.raw-write",
        effect: Effect::Block,
        title: "writes to a disk, its partition table or its encryption",
        instead: "Work on an image file: `cp boot.img ./disk.img`. Reading a disk is free: `lsblk`.",
        verbs: &[
            "wipefs",
            "blkdiscard",
            "shred",
            "badblocks",
            "parted",
            "fdisk",
            "sfdisk",
            "sgdisk",
            "cryptsetup",
            "pvcreate",
            "mdadm",
            "hdparm",
            "nvme",
        ],
        finds: &[
            "cp boot.img /dev/sdc",
            "cat boot.img > /dev/sdc",
            "cat boot.img | tee /dev/sdc",
            "echo x >> /dev/nvme0n1",
            ": > /dev/mapper/root",
            "shred -v /dev/sda",
            "wipefs -a /dev/sdb",
            "blkdiscard /dev/nvme0n1",
            "badblocks -w /dev/sdb",
            "parted -s /dev/sda mklabel gpt",
            "sgdisk --zap-all /dev/sda",
            "sgdisk -Z /dev/sda",
            "sfdisk /dev/sda < table",
            "cryptsetup luksFormat /dev/sdb1",
            "pvcreate /dev/sdb",
            "mdadm --create /dev/md0 --level=1 /dev/sdb /dev/sdc",
            "hdparm --security-erase x /dev/sda",
            "nvme format /dev/nvme0",
            "mv x.img /dev/sda",
            "truncate -s 0 /dev/sda",
            "curl -o /dev/sdb https://example.org/x.img",
            "cat x 1<> /dev/sda",
        ],
        passes: &[
            "ls 2>/dev/null",
            "ls > /dev/null 2>&1",
            "echo x > /dev/stderr",
            "echo x > /dev/tty",
            "echo x > /dev/fd/2",
            "cat /dev/sda | head -c 512",
            "cp /dev/sda ./backup.img",
            "echo x > /dev/shm/x",
            "echo x > /dev/pts/0",
            "wipefs /dev/sda",
            "parted /dev/sda print",
            "parted -l",
            "fdisk -l /dev/sda",
            "sfdisk -d /dev/sda",
            "sgdisk -p /dev/sda",
            "cryptsetup luksDump /dev/sda2",
            "mdadm --detail /dev/md0",
            "hdparm -I /dev/sda",
            "nvme list",
            "smartctl -a /dev/sda",
            "cat x > dev/sda",
        ],
    },
];

/// Holds a change against the rules.
pub fn judge(seen: &mut Seen<'_>) {
    let (Change::Write { path } | Change::Put { path, .. }) = seen.change else { return };
    let program = seen.call.program.as_deref().unwrap_or_default();
    let makes = disks::MAKERS.iter().any(|name| match name.strip_suffix('*') {
        Some(start) => program.starts_with(start),
        None => program == *name,
    });
    let rule = match program {
        "dd" | "gdd" | "dcfldd" | "dc3dd" => "dev.dd",
        _ if makes => "dev.mkfs",
        _ => "dev.raw-write",
    };
    for at in seen.locate(path, Last::Followed).iter() {
        if seen.paths.is_disk(at) {
            seen.report(rule, "write to", path, at, "a disk");
        }
    }
}
