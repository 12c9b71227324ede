//! What the guard asks of the machine while it judges. `sys::guard_world` answers from the disk.

use std::path::{Path, PathBuf};

/// Questions about the machine. None of them starts a program, writes, or blocks for long.
pub trait World {
    /// Where a symbolic link at exactly this path points, as it is written in the link.
    fn link(&self, path: &Path) -> Option<PathBuf>;
    /// The text of a small regular file (64 KB at most), lossy. `None` where it is missing, large or not readable.
    fn small_file(&self, path: &Path) -> Option<String>;
    /// Whether a directory is at this path, links followed.
    fn is_dir(&self, path: &Path) -> bool;
    /// The home of a user, by name.
    fn home_of(&self, user: &str) -> Option<PathBuf>;
    /// A variable of the guard's own environment, which is the client's.
    fn variable(&self, name: &str) -> Option<String>;
}

/// Where and as whom a line would run.
pub struct Context<'a> {
    /// The working directory from the hook's payload, absolute.
    pub cwd: PathBuf,
    /// The own home.
    pub home: PathBuf,
    /// The project that the session belongs to, where it has one.
    pub project_dir: Option<PathBuf>,
    /// What is allowed beyond the built-in rules, and what less.
    pub policy: &'a super::policy::Policy,
    /// The machine.
    pub world: &'a dyn World,
}

/// A made-up machine for unit tests and for the rules' own examples: home `/home/u`, another user `v`,
/// the directory `/home/u/project` on branch `feature/a`, `/home/u/onmain` on `main`.
#[cfg(test)]
pub(crate) mod made_up {
    use super::*;
    use crate::model::guard::policy::Policy;
    use std::collections::BTreeMap;

    /// What there is.
    #[derive(Default)]
    pub(crate) struct MadeUp {
        pub(crate) links: BTreeMap<PathBuf, PathBuf>,
        pub(crate) files: BTreeMap<PathBuf, String>,
        pub(crate) variables: BTreeMap<String, String>,
        pub(crate) policy: Policy,
    }

    impl MadeUp {
        pub(crate) fn new() -> Self {
            let mut world = MadeUp::default();
            for (path, text) in [
                ("/home/u/project/.git/HEAD", "ref: refs/heads/feature/a\n"),
                ("/home/u/project/.git/config", "[core]\n"),
                ("/home/u/onmain/.git/HEAD", "ref: refs/heads/main\n"),
                ("/home/u/detached/.git/HEAD", "0123456789012345678901234567890123456789\n"),
            ] {
                world.files.insert(path.into(), text.to_owned());
            }
            world.policy.ours = vec!["/home/u/.config/claude-failover".into(), "/srv/cf/state".into()];
            world.policy.account_homes = vec!["/home/u/.claude-accounts/a".into()];
            world
        }

        pub(crate) fn context(&self) -> Context<'_> {
            Context {
                cwd: "/home/u/project".into(),
                home: "/home/u".into(),
                project_dir: Some("/home/u/project".into()),
                policy: &self.policy,
                world: self,
            }
        }
    }

    impl World for MadeUp {
        fn link(&self, path: &Path) -> Option<PathBuf> {
            self.links.get(path).cloned()
        }
        fn small_file(&self, path: &Path) -> Option<String> {
            self.files.get(path).cloned()
        }
        fn is_dir(&self, path: &Path) -> bool {
            self.files.keys().any(|file| file != path && file.starts_with(path))
        }
        fn home_of(&self, user: &str) -> Option<PathBuf> {
            match user {
                "u" => Some("/home/u".into()),
                "v" => Some("/home/v".into()),
                "root" => Some("/root".into()),
                _ => None,
            }
        }
        fn variable(&self, name: &str) -> Option<String> {
            self.variables.get(name).cloned()
        }
    }
}
