//! One state file: JSON with its format version. A file that does not parse is named and left alone,
//! never read as empty; one of a newer program may be read but not written.

use anyhow::{Context, Result, anyhow, bail};
use serde::Serialize;
use serde::de::DeserializeOwned;
use std::io::Read;
use std::os::unix::fs::MetadataExt;
use std::path::Path;

use super::atomic;
use crate::error::Mark;

/// The largest state file that is read, in bytes.
const MAX_STATE_FILE: u64 = 4 << 20;

/// A file that a newer program wrote.
#[derive(Debug)]
pub struct Newer(String);

impl std::fmt::Display for Newer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for Newer {}

/// The names of the state files in a directory, without their suffix, sorted.
///
/// # Errors
/// If it cannot be listed; one that is not there is empty.
pub fn list(dir: &Path) -> Result<Vec<String>> {
    let entries = match std::fs::read_dir(dir) {
        Ok(entries) => entries,
        Err(e) if e.kind() == std::io::ErrorKind::NotFound => return Ok(Vec::new()),
        Err(e) => return Err(e).with_context(|| format!("could not list `{}`", dir.display())),
    };
    // Half a listing would make a session or a checkpoint that is there look gone.
    let entries: Vec<_> = entries
        .collect::<std::io::Result<_>>()
        .with_context(|| format!("could not list `{}` to its end", dir.display()))?;
    let mut names: Vec<String> = entries
        .into_iter()
        .filter_map(|e| e.file_name().into_string().ok())
        .filter(|n| !n.starts_with('.'))
        .filter_map(|n| n.strip_suffix(".json").map(str::to_owned))
        .collect();
    names.sort();
    Ok(names)
}

/// Reads a state file; `None` if it does not exist.
///
/// # Errors
/// If it is damaged, of a newer program, somebody else's, or no plain file.
pub fn read<T: DeserializeOwned>(path: &Path, known: u32) -> Result<Option<T>> {
    use std::os::unix::fs::OpenOptionsExt;
    let opened = std::fs::OpenOptions::new()
        .read(true)
        .custom_flags((nix::fcntl::OFlag::O_NOFOLLOW | nix::fcntl::OFlag::O_NONBLOCK).bits())
        .open(path);
    let mut file = match opened {
        Ok(file) => file,
        Err(e) if e.kind() == std::io::ErrorKind::NotFound => return Ok(None),
        Err(e) => return Err(e).with_context(|| format!("could not open `{}`", path.display())),
    };
    let meta = file.metadata().with_context(|| format!("could not look at `{}`", path.display()))?;
    if !meta.is_file() {
        bail!("not a regular file: `{}`", path.display());
    }
    if meta.uid() != nix::unistd::geteuid().as_raw() {
        return Err(anyhow!("belongs to user {}, not to us: `{}`", meta.uid(), path.display()))
            .hint("look who wrote it, then `chown` it or move it away");
    }
    if meta.len() > MAX_STATE_FILE {
        bail!("larger than 4 MiB: `{}`", path.display());
    }
    let mut text = String::new();
    file.read_to_string(&mut text).with_context(|| format!("could not read `{}`", path.display()))?;
    parse_json(&text, path, known).map(Some)
}

fn parse_json<T: DeserializeOwned>(text: &str, path: &Path, known: u32) -> Result<T> {
    let hint = "restore it, or move it away: the rest goes on without it";
    let broken = |e: &serde_json::Error| {
        Err(anyhow!("damaged state file: {e}: `{}:{}`", path.display(), e.line())).hint(hint)
    };
    // The version first: a newer format may not fit our types at all.
    #[derive(serde::Deserialize)]
    struct Version {
        version: u32,
    }
    match serde_json::from_str::<Version>(text) {
        Ok(v) if v.version > known => {
            let (found, path) = (v.version, path.display());
            let text =
                format!("written by a newer version (format {found}, this program knows {known}): `{path}`");
            return Err(Newer(text)).hint("upgrade claude-failover");
        }
        Ok(_) => {}
        Err(e) => return broken(&e),
    }
    serde_json::from_str(text).or_else(|e| broken(&e))
}

/// Writes a state file.
///
/// # Errors
/// If what was read was of a newer format, or a step fails.
pub fn write<T: Serialize>(path: &Path, value: &T, version: u32, known: u32) -> Result<()> {
    if version > known {
        bail!("will not write a file of a newer format: `{}`", path.display());
    }
    atomic::write(path, text_of(path, value)?.as_bytes())
}

/// Creates a state file that must not exist yet.
///
/// # Errors
/// If the name is taken ([`atomic::is_taken`]) or a step fails.
pub fn create<T: Serialize>(path: &Path, value: &T) -> Result<()> {
    atomic::create(path, text_of(path, value)?.as_bytes(), 0o600)
}

fn text_of<T: Serialize>(path: &Path, value: &T) -> Result<String> {
    let mut text =
        serde_json::to_string_pretty(value).with_context(|| format!("could not prepare `{}`", path.display()))?;
    text.push('\n');
    Ok(text)
}
