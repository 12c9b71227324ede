//! The durable steps on symbolic links and on the directories that they stand for.

use anyhow::{Context, Result, anyhow};
use std::fs;
use std::io;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::sync::atomic::Ordering;

use super::{SERIAL, TEMP_PREFIX, parent, rename_noreplace, step, sync_dir};
use crate::error::Mark;

/// Makes a symbolic link where nothing is yet. It is made under a temporary name and renamed, so that
/// whoever looks finds nothing or the whole of it.
///
/// # Errors
/// If the name is taken (see [`super::is_taken`]) or a step fails.
pub fn symlink(target: &Path, path: &Path) -> Result<()> {
    let temp = staged_link(target, path)?;
    step("rename link into place");
    if let Err(e) = rename_noreplace(&temp, path) {
        let _ = fs::remove_file(&temp);
        return Err(e).with_context(|| format!("could not make the link `{}`", path.display()));
    }
    sync_dir(parent(path)?)
}

/// Points a symbolic link at another place, in one step; makes it if it is not there. Nothing but a link
/// is ever replaced.
///
/// # Errors
/// If something else lies there, or a step fails.
pub fn point_link(link: &Path, target: &Path) -> Result<()> {
    match fs::read_link(link) {
        Ok(old) if old == target => return Ok(()),
        Ok(_) => {}
        Err(e) if e.kind() == io::ErrorKind::NotFound => {}
        Err(_) => {
            return Err(anyhow!("not a link: `{}`", link.display()))
                .hint("move what lies there out of the way, or point the configuration elsewhere");
        }
    }
    let temp = staged_link(target, link)?;
    step("rename link over");
    if let Err(e) = fs::rename(&temp, link) {
        let _ = fs::remove_file(&temp);
        return Err(e).with_context(|| format!("could not replace the link `{}`", link.display()));
    }
    sync_dir(parent(link)?)
}

fn staged_link(target: &Path, path: &Path) -> Result<PathBuf> {
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    let serial = SERIAL.fetch_add(1, Ordering::Relaxed);
    let temp = parent(path)?.join(format!("{TEMP_PREFIX}{name}.{}.{serial}", std::process::id()));
    step("stage link");
    let make = || std::os::unix::fs::symlink(target, &temp);
    match make() {
        // The same pid in an earlier boot left it: nobody else can own this name.
        Err(e) if e.kind() == io::ErrorKind::AlreadyExists => fs::remove_file(&temp).and_then(|()| make()),
        other => other,
    }
    .with_context(|| format!("could not make the link `{}`", temp.display()))?;
    Ok(temp)
}

/// Exchanges what two names stand for; there is no moment without either.
///
/// # Errors
/// If one is missing, they lie on different file systems, or a step fails.
pub fn exchange(one: &Path, other: &Path) -> Result<()> {
    use nix::fcntl::{AT_FDCWD, RenameFlags, renameat2};
    step("exchange");
    renameat2(AT_FDCWD, one, AT_FDCWD, other, RenameFlags::RENAME_EXCHANGE)
        .with_context(|| format!("could not exchange `{}` and `{}`", one.display(), other.display()))?;
    sync_dir(parent(other)?)?;
    sync_dir(parent(one)?)
}

/// Moves a directory to a free place and leaves a link to it behind. A link that leads to itself holds
/// the place meanwhile, then both change places at once: no moment shows neither.
///
/// # Errors
/// If the place is not free, or a step fails.
pub fn move_and_link(dir: &Path, to: &Path) -> Result<()> {
    if !is_place_holder(to) {
        step("hold the place");
        std::os::unix::fs::symlink(to, to).with_context(|| format!("could not hold `{}`", to.display()))?;
    }
    let Err(e) = exchange(dir, to) else { return Ok(()) };
    let errno = e.chain().find_map(|c| c.downcast_ref::<nix::errno::Errno>().copied());
    if !matches!(errno, Some(nix::errno::Errno::EINVAL | nix::errno::Errno::ENOSYS)) {
        return Err(e);
    }
    // A file system that cannot do it at once. Killed in between, the next run finds a link missing.
    step("let the place go");
    fs::remove_file(to).with_context(|| format!("could not let `{}` go", to.display()))?;
    super::claim(dir, to)?;
    symlink(to, dir)
}

/// Whether a move to this place was cut short before it took place.
#[must_use]
pub fn is_place_holder(path: &Path) -> bool {
    fs::read_link(path).is_ok_and(|to| to == path)
}

/// Takes everybody else's rights to a directory of ours.
///
/// # Errors
/// If its mode cannot be changed.
pub fn close_dir(dir: &Path) -> Result<()> {
    step("chmod");
    fs::set_permissions(dir, fs::Permissions::from_mode(0o700))
        .with_context(|| format!("could not change the mode of `{}`", dir.display()))
}

/// Removes what killed runs have left in the home of an account. Only under the home's lock, and only what
/// is ours: links, and copies of the one file that we write there.
pub fn sweep_home(home: &Path) {
    let Ok(entries) = fs::read_dir(home) else { return };
    for entry in entries.flatten() {
        let name = entry.file_name().to_string_lossy().into_owned();
        let Some(rest) = name.strip_prefix(TEMP_PREFIX) else { continue };
        if rest.starts_with(".claude.json.") || entry.file_type().is_ok_and(|t| t.is_symlink()) {
            let _ = fs::remove_file(entry.path());
        }
    }
}
