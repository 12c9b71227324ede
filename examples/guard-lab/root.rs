//! What the sealed root holds. Everything is read into memory before the host is let go.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::process::Command;

/// Real programs: shells, and those whose work a line of shell text rests on. None of them reaches further than the
/// root; where one of them writes or deletes there, the change is seen. The first three must exist.
const REAL: &[&str] = &[
    "bash", "dash", "cat", "[", "awk", "base32", "base64", "basename", "comm", "cut", "date", "dirname", "echo",
    "env", "expr", "false", "find", "flock", "fold", "getopt", "grep", "gzip", "head", "id", "ionice", "join",
    "ln", "ls", "mkdir", "mktemp", "nice", "nl", "nohup", "od", "paste", "perl", "printf", "pwd", "readlink",
    "realpath", "rev", "sed", "seq", "setsid", "sleep", "sort", "stat", "stdbuf", "tac", "tail", "tee", "test",
    "timeout", "touch", "tr", "true", "uname", "uniq", "wc", "whoami", "xargs", "xxd",
];

/// Stand-ins: they note how they were called.
pub const STAND_INS: &[&str] = &[
    "apt",
    "apt-get",
    "aria2c",
    "at",
    "batch",
    "blkdiscard",
    "busybox",
    "chgrp",
    "chmod",
    "chown",
    "chroot",
    "claude",
    "cp",
    "crontab",
    "curl",
    "dd",
    "docker",
    "doas",
    "ed",
    "ex",
    "fd",
    "frob",
    "git",
    "gdb",
    "helm",
    "http",
    "install",
    "journalctl",
    "kubectl",
    "make",
    "mke2fs",
    "mkfs",
    "mkfs.btrfs",
    "mkfs.ext2",
    "mkfs.ext3",
    "mkfs.ext4",
    "mkfs.fat",
    "mkfs.vfat",
    "mkfs.xfs",
    "mkswap",
    "mv",
    "mysql",
    "node",
    "nsenter",
    "parallel",
    "patch",
    "payload-run",
    "payload-stored",
    "php",
    "pkexec",
    "podman",
    "psql",
    "python",
    "python3",
    "rm",
    "rmdir",
    "rsync",
    "ruby",
    "run0",
    "runuser",
    "screen",
    "script",
    "shred",
    "sponge",
    "sqlite3",
    "ssh",
    "strace",
    "su",
    "sudo",
    "sudoedit",
    "systemctl",
    "systemd-run",
    "tar",
    "terraform",
    "tmux",
    "truncate",
    "unlink",
    "unshare",
    "unzip",
    "vi",
    "vim",
    "watch",
    "wget",
    "wipefs",
    "zip",
];

/// Directories and files of the made-up machine; a text that ends in `/` is a directory, one that begins with `->`
/// a link. The home is `/home/u`, the project in it on a feature branch, beside it one on `main`.
pub const FILES: &[(&str, &str)] = &[
    ("/boot/vmlinuz", "x"),
    ("/dev/fd", "->/proc/self/fd"),
    ("/dev/stdin", "->/proc/self/fd/0"),
    ("/dev/stdout", "->/proc/self/fd/1"),
    ("/dev/stderr", "->/proc/self/fd/2"),
    ("/dev/null", ""),
    ("/dev/sda", ""),
    ("/dev/sdb1", ""),
    ("/dev/nvme0n1", ""),
    ("/dev/disk/by-id/ata-disk", "->../../sda"),
    (
        "/etc/passwd",
        "root:x:0:0::/root:/bin/bash\nu:x:1000:1000::/home/u:/bin/bash\nv:x:1001:1001::/home/v:/bin/bash\n",
    ),
    ("/etc/group", "root:x:0:\nu:x:1000:\nv:x:1001:\n"),
    ("/etc/hosts", "127.0.0.1 localhost\n"),
    ("/etc/nginx/nginx.conf", "x"),
    ("/etc/profile", ""),
    ("/etc/sudoers", "x"),
    ("/etc/sudoers.d/x", "x"),
    ("/etc/systemd/system/x.service", "x"),
    ("/etc/skel/.bashrc", ""),
    ("/home/u/.bashrc", ""),
    ("/home/u/.profile", ""),
    ("/home/u/.zshrc", ""),
    ("/home/u/.gitconfig", "[user]\n"),
    ("/home/u/.cache/go-build/x", "x"),
    ("/home/u/.claude/settings.json", "{}"),
    ("/home/u/.claude/hooks/guard.sh", "x"),
    ("/home/u/.claude-accounts/a/settings.json", "{}"),
    ("/home/u/.config/claude-failover/config.yaml", "x"),
    ("/home/u/.ssh/authorized_keys", "x"),
    ("/home/u/Documents/x", "x"),
    ("/home/u/project/.claude/settings.json", "{}"),
    ("/home/u/project/.git/HEAD", "ref: refs/heads/feature/a\n"),
    ("/home/u/project/.git/config", "[core]\n"),
    ("/home/u/project/build/x", "x"),
    ("/home/u/project/src/main.c", "x"),
    ("/home/u/onmain/.git/HEAD", "ref: refs/heads/main\n"),
    ("/home/u/onmain/.git/config", "[core]\n"),
    ("/home/u/detached/.git/HEAD", "0123456789012345678901234567890123456789\n"),
    ("/home/v/Documents/x", "x"),
    ("/lib", "->usr/lib"),
    ("/lib64", "->usr/lib64"),
    ("/bin", "->usr/bin"),
    ("/sbin", "->usr/sbin"),
    ("/media/", ""),
    ("/mnt/x", "x"),
    ("/opt/x", "x"),
    ("/root/x", "x"),
    ("/run/x", "x"),
    ("/srv/cf/state/x", "x"),
    ("/tmp/b/x", "x"),
    ("/usr/local/bin/", ""),
    ("/usr/local/lib/x", "x"),
    ("/usr/sbin/", ""),
    ("/usr/lib64/", ""),
    ("/usr/share/x", "x"),
    ("/var/lib/x/x", "x"),
    ("/var/log/x", "x"),
    ("/var/tmp/b1/x", "x"),
];

/// All files of the root, in memory.
pub struct Root {
    programs: BTreeMap<PathBuf, Vec<u8>>,
    inside: Vec<u8>,
}

impl Root {
    /// Reads the programs of the host, with their libraries, and the program that runs inside.
    pub fn read(inside: &Path) -> std::io::Result<Self> {
        let mut programs = BTreeMap::new();
        for (at, name) in REAL.iter().enumerate() {
            let dirs = ["/usr/bin", "/bin", "/usr/sbin", "/sbin"];
            let Some(host) = dirs.iter().map(|d| Path::new(d).join(name)).find(|p| p.exists()) else {
                if at < 3 {
                    return Err(std::io::Error::other(format!("{name} is not installed")));
                }
                continue;
            };
            programs.insert(Path::new("/usr/bin").join(name), std::fs::read(&host)?);
            for library in libraries(&host)? {
                let place = beside_usr(&library);
                if !programs.contains_key(&place) {
                    programs.insert(place, std::fs::read(&library)?);
                }
            }
        }
        for library in libraries(inside)? {
            programs.entry(beside_usr(&library)).or_insert(std::fs::read(&library)?);
        }
        // stdbuf works by a library of its own.
        for file in ["/usr/libexec/coreutils/libstdbuf.so", "/usr/lib/coreutils/libstdbuf.so"] {
            if let Ok(bytes) = std::fs::read(file) {
                programs.insert(file.into(), bytes);
            }
        }
        Ok(Self { programs, inside: std::fs::read(inside)? })
    }

    /// Writes everything below `dir`, an empty file system in memory.
    pub fn write(&self, dir: &Path, host_facts: &str) -> std::io::Result<()> {
        let at = |path: &Path| dir.join(path.strip_prefix("/").unwrap_or(path));
        let put = |path: &Path, bytes: &[u8], mode: u32| {
            let path = at(path);
            std::fs::create_dir_all(path.parent().unwrap_or(dir))?;
            std::fs::write(&path, bytes)?;
            std::fs::set_permissions(&path, std::os::unix::fs::PermissionsExt::from_mode(mode))
        };
        for (path, text) in FILES {
            if let Some(target) = text.strip_prefix("->") {
                let path = at(Path::new(path));
                std::fs::create_dir_all(path.parent().unwrap_or(dir))?;
                std::os::unix::fs::symlink(target, path)?;
            } else if path.ends_with('/') {
                std::fs::create_dir_all(at(Path::new(path)))?;
            } else {
                put(Path::new(path), text.as_bytes(), 0o644)?;
            }
        }
        for (path, bytes) in &self.programs {
            put(path, bytes, 0o555)?;
        }
        std::os::unix::fs::symlink("dash", at(Path::new("/usr/bin/sh")))?;
        put(Path::new("/.lab/guard-lab-inside"), &self.inside, 0o555)?;
        for file in ["host", "log", "out", "empty"] {
            put(&Path::new("/.lab").join(file), if file == "host" { host_facts.as_bytes() } else { b"" }, 0o644)?;
        }
        for name in STAND_INS {
            let path = at(&Path::new("/usr/bin").join(name));
            std::fs::hard_link(at(Path::new("/.lab/guard-lab-inside")), path)?;
        }
        // Where programs and libraries lie, nobody inside can add or remove anything.
        let places = self.programs.keys().flat_map(|p| p.ancestors().skip(1)).filter(|p| p.starts_with("/usr"));
        let closed: BTreeSet<&Path> = places.chain([Path::new("/.lab"), Path::new("/usr/sbin")]).collect();
        for path in closed {
            let mode = std::os::unix::fs::PermissionsExt::from_mode(0o555);
            std::fs::set_permissions(at(path), mode)?;
        }
        Ok(())
    }
}

/// What the loader would load for a program; nothing for a static one.
fn libraries(program: &Path) -> std::io::Result<Vec<PathBuf>> {
    let output = Command::new("ldd").arg(program).output()?;
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    let path = |line: &str| line.split_whitespace().find(|w| w.starts_with('/')).map(PathBuf::from);
    Ok(text.lines().filter_map(path).collect())
}

/// `/lib/x` is `/usr/lib/x` inside, as on every merged system.
fn beside_usr(path: &Path) -> PathBuf {
    if path.starts_with("/usr") {
        path.to_owned()
    } else {
        Path::new("/usr").join(path.strip_prefix("/").unwrap_or(path))
    }
}
