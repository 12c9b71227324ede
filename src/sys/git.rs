//! What of a project git knows: where its repository lies, which of our files are tracked, what is checked out and
//! not committed.

mod status;

pub use status::{branch, status};

use std::path::{Path, PathBuf};
use std::time::Duration;

use super::{files, paths, process};

/// The repository of a project.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Repository {
    /// The top of the working tree.
    pub top: PathBuf,
    /// The directory of this working tree: `HEAD`, the index.
    pub own: PathBuf,
    /// The directory that all its working trees share: refs, `info/`.
    pub common: PathBuf,
}

/// Of a linked working tree's `.git` or `commondir` more is never read.
const LONGEST: u64 = 4096;

fn first_line(path: &Path) -> Option<String> {
    use std::io::Read;
    let mut text = String::new();
    // The repository is the agents': in a pipe's place a read would wait for ever.
    files::open_regular(path).ok()??.take(LONGEST).read_to_string(&mut text).ok()?;
    Some(text.lines().next().unwrap_or_default().trim().to_owned())
}

/// The repository in whose working tree a directory lies.
#[must_use]
pub fn repository(dir: &Path) -> Option<Repository> {
    let dir = dir.canonicalize().ok()?;
    let top = dir.ancestors().find(|d| d.join(".git").exists())?.to_owned();
    let mut git = top.join(".git");
    if git.is_file() {
        // A linked working tree or a submodule names its directory.
        git = top.join(first_line(&git)?.strip_prefix("gitdir:")?.trim());
    }
    let common = match first_line(&git.join("commondir")) {
        Some(common) if !common.is_empty() => git.join(common),
        _ => git.clone(),
    };
    let common = common.canonicalize().ok()?;
    common.join("HEAD").exists().then_some(Repository { top, own: git, common })
}

/// Which of these files of a project are in git's index; `None` where git cannot be asked.
#[must_use]
pub fn tracked(project: &Path, files: &[&str], path: &str) -> Option<Vec<bool>> {
    let git = paths::find_program(Path::new("git"), path)?;
    let dir = project.to_str()?;
    // Nothing of the repository's own configuration may run a program here.
    let mut args = vec![
        "-C",
        dir,
        "-c",
        "core.fsmonitor=false",
        "-c",
        "safe.directory=*",
        "--literal-pathspecs",
        "ls-files",
        "-z",
        "--",
    ];
    args.extend(files);
    let without =
        ["GIT_DIR", "GIT_WORK_TREE", "GIT_INDEX_FILE", "GIT_COMMON_DIR", "GIT_CONFIG_PARAMETERS", "GIT_TRACE"];
    let said = process::run(&git, &args, &without, Duration::from_secs(10)).ok().filter(|s| s.status == 0)?;
    Some(files.iter().map(|file| said.stdout.split('\0').any(|line| line == *file)).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_repository_is_found_from_below_and_through_a_linked_tree() {
        let dir = tempfile::tempdir().unwrap();
        let root = dir.path().canonicalize().unwrap();
        let (main, tree) = (root.join("main"), root.join("tree"));
        std::fs::create_dir_all(main.join(".git/worktrees/tree")).unwrap();
        std::fs::create_dir_all(main.join("a/b")).unwrap();
        std::fs::create_dir_all(&tree).unwrap();
        assert_eq!(repository(&main), None, "no HEAD");
        std::fs::write(main.join(".git/HEAD"), "ref: refs/heads/main\n").unwrap();
        std::fs::write(main.join(".git/worktrees/tree/commondir"), "../..\n").unwrap();
        std::fs::write(tree.join(".git"), format!("gitdir: {}\n", main.join(".git/worktrees/tree").display()))
            .unwrap();
        let common = main.join(".git");
        let found = repository(&main.join("a/b"));
        assert_eq!(found, Some(Repository { top: main, own: common.clone(), common: common.clone() }));
        let own = common.join("worktrees/tree");
        assert_eq!(repository(&tree), Some(Repository { top: tree, own, common }));
        assert_eq!(repository(&root), None);
        // Pipes that nobody writes into are no repository, and nothing to wait for.
        let made = root.join("made");
        std::fs::create_dir_all(made.join(".git")).unwrap();
        for name in ["HEAD", "config", "commondir"] {
            nix::unistd::mkfifo(&made.join(".git").join(name), nix::sys::stat::Mode::S_IRWXU).unwrap();
        }
        let repository = repository(&made).unwrap();
        assert_eq!(branch(&repository), None);
        let unseen = status(&repository, &root, "/usr/bin:/bin", Duration::from_secs(5)).unseen.unwrap();
        assert!(unseen.starts_with("its configuration cannot be read"), "{unseen}");
    }
}
