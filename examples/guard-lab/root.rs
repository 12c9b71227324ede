//! What the sealed root holds. Everything is read into memory before the host is let go.

use crate::machine::{FILES, STAND_INS};
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
                if let std::collections::btree_map::Entry::Vacant(free) = programs.entry(place) {
                    free.insert(std::fs::read(&library)?);
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
