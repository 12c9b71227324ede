//! The made-up machine of the sealed root, as the guard asks about it: the same files, in memory.

use crate::machine::FILES;
use claude_failover::model::guard::policy::Policy;
use claude_failover::model::guard::world::{Context, World};
use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

/// The machine.
pub struct LabWorld {
    files: BTreeMap<PathBuf, String>,
    links: BTreeMap<PathBuf, PathBuf>,
    dirs: BTreeSet<PathBuf>,
    policy: Policy,
}

impl LabWorld {
    /// As it is before each command.
    pub fn new() -> Self {
        let (mut files, mut links, mut dirs) = (BTreeMap::new(), BTreeMap::new(), BTreeSet::new());
        for (path, text) in FILES {
            let at = PathBuf::from(path.trim_end_matches('/'));
            dirs.extend(at.ancestors().skip(1).map(Path::to_owned));
            if let Some(target) = text.strip_prefix("->") {
                links.insert(at, target.into());
            } else if path.ends_with('/') {
                dirs.insert(at);
            } else {
                files.insert(at, (*text).to_owned());
            }
        }
        dirs.extend(["/tmp", "/usr/bin", "/usr/lib", "/proc"].map(PathBuf::from));
        links.insert("/proc/self/root".into(), "/".into());
        links.insert("/proc/self/cwd".into(), "/home/u/project".into());
        let policy = Policy {
            ours: vec!["/home/u/.config/claude-failover".into(), "/srv/cf/state".into()],
            account_homes: vec!["/home/u/.claude-accounts/a".into()],
            ..Policy::default()
        };
        Self { files, links, dirs, policy }
    }

    /// With another text in a file.
    pub fn with(mut self, path: &Path, text: &str) -> Self {
        self.files.insert(path.to_owned(), text.to_owned());
        self
    }

    /// Where commands run.
    pub fn context(&self) -> Context<'_> {
        Context {
            cwd: "/home/u/project".into(),
            home: "/home/u".into(),
            project_dir: Some("/home/u/project".into()),
            policy: &self.policy,
            world: self,
        }
    }
}

impl World for LabWorld {
    fn link(&self, path: &Path) -> Option<PathBuf> {
        self.links.get(path).cloned()
    }
    fn small_file(&self, path: &Path) -> Option<String> {
        self.files.get(path).cloned()
    }
    fn is_dir(&self, path: &Path) -> bool {
        self.dirs.contains(path)
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
        let known =
            [("HOME", "/home/u"), ("USER", "u"), ("SHELL", "/bin/bash"), ("PATH", "/usr/local/bin:/usr/bin:/bin")];
        known.iter().find(|(n, _)| *n == name).map(|(_, v)| (*v).to_owned())
    }
}
