//! What is checked out in a working tree, and what in it is not committed: one child process with a limit of time.
//!
//! The repository belongs to the agents that work in it. Nothing that its configuration names is run, nothing is
//! fetched, and its index is not touched.

use std::ffi::OsStr;
use std::io::Read;
use std::path::Path;
use std::time::Duration;

use super::{Repository, first_line};
use crate::model::checkpoint::{DIRTY_NAMED, Git};
use crate::sys::{files, paths, process};

/// Of a repository's configuration more is never read, in bytes.
const CONFIG: u64 = 64 << 10;

/// The branch that is checked out, read from the file that says so.
#[must_use]
pub fn branch(repository: &Repository) -> Option<String> {
    let head = first_line(&repository.own.join("HEAD"))?;
    Some(plain(head.strip_prefix("ref: refs/heads/")?))
}

/// A name of git's, at most as long as it lets one be: the file that holds it is the agents', and is printed.
fn plain(name: &str) -> String {
    name.chars().filter(|c| !c.is_control()).take(250).collect()
}

/// Asks git. What it cannot tell is said in the answer.
#[must_use]
pub fn status(repository: &Repository, home: &Path, path: &str, limit: Duration) -> Git {
    let unseen = |why: String| Git { branch: branch(repository), unseen: Some(why), ..Git::default() };
    if let Some(why) = obstacle(repository) {
        return unseen(why);
    }
    let Some(git) = paths::find_program(Path::new("git"), path) else {
        return unseen("git is not installed".to_owned());
    };
    let args = [
        "--no-optional-locks",
        "-c",
        "core.fsmonitor=false",
        "-c",
        "safe.directory=*",
        "status",
        "--porcelain=v2",
        "--branch",
        "-z",
        "--untracked-files=normal",
        // Submodules have configurations of their own.
        "--ignore-submodules=dirty",
    ];
    let env: [(&str, &OsStr); 6] = [
        ("HOME", home.as_os_str()),
        ("PATH", path.as_ref()),
        ("LC_ALL", "C".as_ref()),
        ("GIT_TERMINAL_PROMPT", "0".as_ref()),
        // A part that was never fetched stays so.
        ("GIT_NO_LAZY_FETCH", "1".as_ref()),
        ("GIT_ALLOW_PROTOCOL", "none".as_ref()),
    ];
    match process::feed(&git, &args, &env, &repository.top, "", limit) {
        Ok(said) if said.status == 0 => parse(&said.stdout),
        Ok(said) => unseen(format!("git says: {}", crate::model::name::shown(said.stderr.trim()))),
        Err(e) => unseen(e.to_string()),
    }
}

/// A filter of the repository's own would be run on files that have changed. Those of the user's configuration are
/// the user's.
fn obstacle(repository: &Repository) -> Option<String> {
    for file in [repository.common.join("config"), repository.own.join("config.worktree")] {
        let mut text = String::new();
        let unreadable = || Some(format!("its configuration cannot be read: `{}`", file.display()));
        let opened = match files::open_regular(&file) {
            Ok(Some(opened)) => opened,
            Ok(None) => continue,
            Err(_) => return unreadable(),
        };
        if opened.take(CONFIG).read_to_string(&mut text).is_err() || text.len() as u64 == CONFIG {
            return unreadable();
        }
        let squeezed: String = text.to_ascii_lowercase().split_whitespace().collect();
        if squeezed.contains("[filter") || squeezed.contains("[include") {
            return Some(format!("its configuration runs programs: `{}`", file.display()));
        }
    }
    None
}

fn parse(text: &str) -> Git {
    let mut git = Git { dirty_count: Some(0), ..Git::default() };
    let mut entries = text.split('\0');
    while let Some(entry) = entries.next() {
        // `XY` and, behind so many further fields, the path, which may hold blanks.
        let (letters, path) = match entry.split_once(' ') {
            Some(("#", header)) => {
                match header.split_once(' ') {
                    Some(("branch.oid", oid)) if oid != "(initial)" => git.head = Some(plain(oid)),
                    Some(("branch.head", head)) if head != "(detached)" => git.branch = Some(plain(head)),
                    _ => {}
                }
                continue;
            }
            Some(("1", rest)) => (rest.get(..2), rest.splitn(8, ' ').nth(7)),
            Some(("2", rest)) => {
                entries.next(); // where it was before it was renamed
                (rest.get(..2), rest.splitn(9, ' ').nth(8))
            }
            Some(("u", rest)) => (rest.get(..2), rest.splitn(10, ' ').nth(9)),
            Some(("?", path)) => (Some("??"), Some(path)),
            _ => continue,
        };
        let (Some(letters), Some(path)) = (letters, path) else { continue };
        git.dirty_count = git.dirty_count.map(|count| count + 1);
        if git.dirty.len() < DIRTY_NAMED {
            git.dirty.push(format!("{letters} {path}"));
        }
    }
    git
}

#[cfg(test)]
mod tests {
    use super::super::repository;
    use super::*;

    #[test]
    fn the_listing_is_read() {
        let text = "# branch.oid 1234\0# branch.head feature/x\0# branch.ab +1 -0\0\
            1 .M N... 100644 100644 100644 aaa bbb a file.rs\0\
            2 R. N... 100644 100644 100644 aaa bbb R100 new name\0old\0\
            u UU N... 100644 100644 100644 100644 a b c both\0? made/\0! ignored\0";
        let git = parse(text);
        assert_eq!((git.head.as_deref(), git.branch.as_deref()), (Some("1234"), Some("feature/x")));
        assert_eq!(git.dirty, [".M a file.rs", "R. new name", "UU both", "?? made/"]);
        assert_eq!(git.dirty_count, Some(4));
        assert_eq!(parse("# branch.head a\u{1b}[1mb\0").branch.as_deref(), Some("a[1mb"));
        let none = parse("# branch.oid (initial)\0# branch.head (detached)\0");
        assert_eq!(none, Git { dirty_count: Some(0), ..Git::default() });
        let many: String = (0..80).map(|n| format!("? {n}\0")).collect();
        assert_eq!((parse(&many).dirty.len(), parse(&many).dirty_count), (DIRTY_NAMED, Some(80)));
        for odd in ["1", "1 ", "1 .M", "2 R. x\0", "?", "\0\0", "é"] {
            let _ = parse(odd);
        }
    }

    /// A repository with one commit, made without git's own hooks or the user's configuration.
    fn with_commit(dir: &Path) -> impl Fn(&[&str]) -> String {
        let dir = dir.to_owned();
        move |args: &[&str]| {
            let env: [(&str, &OsStr); 4] = [
                ("PATH", "/usr/local/bin:/usr/bin:/bin".as_ref()),
                ("HOME", dir.as_os_str()),
                ("GIT_CONFIG_NOSYSTEM", "1".as_ref()),
                ("GIT_CEILING_DIRECTORIES", dir.parent().unwrap().as_os_str()),
            ];
            let git = paths::find_program(Path::new("git"), "/usr/local/bin:/usr/bin:/bin").unwrap();
            let mut all = vec!["-c", "user.name=a", "-c", "user.email=a@b", "-c", "init.defaultBranch=main"];
            all.extend(args);
            let said = process::feed(&git, &all, &env, &dir, "", Duration::from_secs(20)).unwrap();
            assert_eq!(said.status, 0, "{args:?}: {said:?}");
            said.stdout
        }
    }

    #[test]
    fn a_real_repository_is_told_and_nothing_of_it_is_run() {
        let root = tempfile::tempdir().unwrap();
        let dir = root.path().canonicalize().unwrap().join("app");
        std::fs::create_dir(&dir).unwrap();
        let git = with_commit(&dir);
        git(&["init", "-q"]);
        std::fs::write(dir.join("a"), "1\n").unwrap();
        git(&["add", "a"]);
        git(&["commit", "-qm", "one"]);
        let told =
            || status(&repository(&dir).unwrap(), &dir, "/usr/local/bin:/usr/bin:/bin", Duration::from_secs(20));
        let clean = told();
        assert_eq!((clean.branch.as_deref(), clean.dirty_count, &clean.unseen), (Some("main"), Some(0), &None));
        assert_eq!(clean.head, Some(git(&["rev-parse", "HEAD"]).trim().to_owned()));
        let index = dir.join(".git/index");
        let before = std::fs::read(&index).unwrap();
        // The same content with another time: git would note that in its index, if it were let.
        std::fs::write(dir.join("a"), "1\n").unwrap();
        std::fs::write(dir.join("new"), "").unwrap();
        assert_eq!(told().dirty, ["?? new"]);
        assert_eq!(std::fs::read(&index).unwrap(), before);
        std::fs::write(dir.join("a"), "2\n").unwrap();
        let ran = dir.join("ran");
        for (key, file) in [("core.fsmonitor", ".git/config"), ("filter.x.clean", ".git/config")] {
            git(&["config", key, &format!("touch {} && cat", ran.display())]);
            std::fs::write(dir.join(".gitattributes"), "* filter=x\n").unwrap();
            let said = told();
            assert!(!ran.exists(), "{key}");
            assert_eq!(said.branch.as_deref(), Some("main"), "{key}");
            assert_eq!(said.unseen.is_some(), key.starts_with("filter"), "{file}: {said:?}");
        }
    }
}
