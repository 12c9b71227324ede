//! Users of the machine, as its own list of them says.

use std::path::{Path, PathBuf};

/// The name of the user who runs this; the number of one without a name.
#[must_use]
pub fn name() -> String {
    let us = nix::unistd::geteuid();
    nix::unistd::User::from_uid(us).ok().flatten().map_or_else(|| us.to_string(), |user| user.name)
}

/// The user to whom a path belongs, or would: of one that is not there yet, the directory that it will be made in.
#[must_use]
pub fn owner_of(path: &Path) -> Option<String> {
    use std::os::unix::fs::MetadataExt;
    let uid = path.ancestors().find_map(|path| path.metadata().ok())?.uid();
    nix::unistd::User::from_uid(nix::unistd::Uid::from_raw(uid)).ok().flatten().map(|user| user.name)
}

/// The home of a user by name; `None` if there is no such user.
#[must_use]
pub fn home_of(user: &str) -> Option<PathBuf> {
    nix::unistd::User::from_name(user).ok().flatten().map(|user| user.dir)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_not_there_yet_belongs_to_whoever_has_the_directory() {
        let dir = tempfile::tempdir().unwrap();
        assert_eq!(owner_of(&dir.path().join("not/yet")), Some(name()));
        assert_eq!((home_of("root"), home_of("no such user")), (Some("/root".into()), None));
    }
}
