//! What a container sees of this machine: paths in it, led back to what they are here.

use std::path::{Path, PathBuf};

use super::reading::{Call, Dir, Mount};
use super::value::Value;

/// The directory of this machine that a container's directory is, if it is one.
#[must_use]
pub fn directory(mounts: &[Mount], dir: &Dir) -> Dir {
    let Dir::Known(dir) = dir else { return Dir::Unknown };
    let found = mounts.iter().filter_map(|mount| {
        let at = mount.at.iter().fold(PathBuf::from("/"), |path, name| path.join(name));
        let rest = dir.strip_prefix(&at).ok()?;
        Some((mount.at.len(), Path::new(mount.from.known()?).join(rest)))
    });
    found
        .max_by_key(|(depth, _)| *depth)
        .map_or(Dir::Unknown, |(_, path)| Dir::Known(super::paths::normalised(&path)))
}

/// `-v FROM:AT[:OPTIONS]`, `--device FROM[:AT]`. The name of a volume is no mount of this machine's.
#[must_use]
pub fn volume(value: &Value, call: &Call) -> Option<Mount> {
    let pieces = value.split(':');
    let from = absolute(pieces.first()?, call)?;
    let at = pieces.get(1).unwrap_or(&from);
    let read_only =
        pieces.get(2).is_some_and(|options| options.split(',').iter().any(|o| o.known() == Some("ro")));
    Some(Mount { at: names(at)?, from, read_only })
}

/// `--mount type=bind,source=FROM,target=AT[,readonly]`.
#[must_use]
pub fn mount(value: &Value, call: &Call) -> Option<Mount> {
    let (mut from, mut at, mut read_only) = (None, None, false);
    for field in value.split(',') {
        let Some((key, value)) = field.split_once('=') else {
            read_only |= matches!(field.known(), Some("readonly" | "ro"));
            continue;
        };
        match key {
            "source" | "src" => from = Some(value),
            "target" | "destination" | "dst" => at = Some(value),
            // A volume that is made of a directory.
            "volume-opt" | "volume-option" => from = value.strip_prefix("device=").or(from),
            "readonly" | "ro" => read_only |= value.known() != Some("false"),
            _ => {}
        }
    }
    Some(Mount { at: names(&at?)?, from: absolute(&from?, call)?, read_only })
}

/// A path of this machine; `None` for the name of a volume.
fn absolute(path: &Value, call: &Call) -> Option<Value> {
    match (path.if_empty().chars().next()?, &call.dir) {
        ('/', _) => Some(path.clone()),
        ('.', Dir::Known(dir)) => Some(super::changes::join(&Value::from(&*dir.to_string_lossy()), path)),
        _ => None,
    }
}

/// The names of a path in a container.
fn names(path: &Value) -> Option<Vec<String>> {
    let path = path.known().filter(|path| path.starts_with('/'))?;
    let path = super::paths::normalised(Path::new(path));
    Some(path.iter().skip(1).map(|name| name.to_string_lossy().into_owned()).collect())
}
