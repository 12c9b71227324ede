use super::*;
use crate::model::home::plan::{How, plan_link};
use std::os::unix::fs::symlink;

struct Disk {
    dir: tempfile::TempDir,
    tree: Tree,
}

impl Disk {
    fn new() -> Self {
        let dir = tempfile::tempdir().unwrap();
        let tree = Tree::new(None, dir.path());
        std::fs::create_dir(dir.path().join("home")).unwrap();
        Self { dir, tree }
    }

    fn home(&self) -> PathBuf {
        self.dir.path().join("home")
    }

    fn write(&self, relative: &str, text: &str) {
        let path = self.dir.path().join(relative);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, text).unwrap();
    }

    fn read(&self, relative: &str) -> String {
        std::fs::read_to_string(self.dir.path().join(relative)).unwrap_or_default()
    }

    fn link(&self) -> Link {
        links(&self.home(), &self.tree).remove(0)
    }

    /// Plans and applies what `projects` needs.
    fn mend(&self, how: How) -> Result<()> {
        let parked = self.tree.parked(&AccountName::new("a").unwrap()).join("projects");
        for step in plan_link(&self.link(), &parked, how)? {
            apply(&step, &self.home(), None)?;
        }
        assert_eq!(self.link().state, LinkState::Linked);
        Ok(())
    }
}

const ADOPT: How = How { adopt: true, merge: false };
const MERGE: How = How { adopt: true, merge: true };

#[test]
fn every_state_is_seen() {
    let d = Disk::new();
    let path = d.home().join("projects");
    let state = || d.link().state;
    let again = |to: &Path| {
        let _ = std::fs::remove_file(&path);
        symlink(to, &path).unwrap();
    };
    assert_eq!(state(), LinkState::Missing);
    again(&d.tree.place("projects"));
    assert_eq!(state(), LinkState::Dangling { to: d.tree.place("projects") });
    std::fs::create_dir_all(d.tree.place("projects")).unwrap();
    assert_eq!((state(), d.link().there), (LinkState::Linked, TargetState::Empty));
    again(Path::new("projects"));
    assert_eq!(state(), LinkState::Loop);
    d.write("other/x/y.jsonl", "z");
    again(&d.dir.path().join("other"));
    let to = d.dir.path().join("other").canonicalize().unwrap();
    assert_eq!(state(), LinkState::Wrong { to, files: 1 });
    std::fs::remove_file(&path).unwrap();
    d.write("home/projects/p/a.jsonl", "1");
    d.write("home/projects/p/a/more.txt", "1");
    assert_eq!(state(), LinkState::Shadowed { files: 2, transcripts: 1 });
    // A home that itself holds the tree.
    let own = links(&d.home(), &Tree::new(Some(&path), d.dir.path())).remove(0);
    assert_eq!(own.state, LinkState::Itself);
}

#[test]
fn a_directory_moves_into_the_tree() {
    for there in [None, Some("empty"), Some("with an empty folder")] {
        let d = Disk::new();
        d.write("home/projects/p/a.jsonl", "1");
        match there {
            None => {}
            Some("empty") => std::fs::create_dir_all(d.tree.place("projects")).unwrap(),
            Some(_) => std::fs::create_dir_all(d.tree.place("projects").join("p")).unwrap(),
        }
        assert!(d.mend(How::default()).is_err());
        d.mend(ADOPT).unwrap();
        d.mend(ADOPT).unwrap();
        assert_eq!(d.read(".claude-shared/projects/p/a.jsonl"), "1", "{there:?}");
    }
}

#[test]
fn a_move_that_was_cut_short_goes_on() {
    let d = Disk::new();
    d.write("home/projects/p/a.jsonl", "1");
    let target = d.tree.place("projects");
    std::fs::create_dir_all(target.parent().unwrap()).unwrap();
    symlink(&target, &target).unwrap();
    d.mend(ADOPT).unwrap();
    assert_eq!(d.read(".claude-shared/projects/p/a.jsonl"), "1");
}

#[test]
fn a_merge_deletes_nothing() {
    let d = Disk::new();
    for (path, text) in [
        ("home/projects/p/same.jsonl", "short"),
        ("home/projects/q/long.jsonl", "much longer"),
        ("home/projects/q/new.jsonl", "new"),
        ("home/projects/only/here.jsonl", "here"),
        (".claude-shared/projects/p/same.jsonl", "the longer one"),
        (".claude-shared/projects/q/long.jsonl", "short"),
    ] {
        d.write(path, text);
    }
    assert!(d.mend(ADOPT).unwrap_err().to_string().contains("holds 4 files, and so does"));
    d.mend(MERGE).unwrap();
    for (path, text) in [
        ("projects/p/same.jsonl", "the longer one"),
        ("projects/q/long.jsonl", "much longer"),
        ("projects/q/new.jsonl", "new"),
        ("projects/only/here.jsonl", "here"),
        ("parked/a/projects/p/same.jsonl", "short"),
        ("parked/a/projects/q/long.jsonl", "short"),
    ] {
        assert_eq!(d.read(&format!(".claude-shared/{path}")), text, "{path}");
    }
}

#[test]
fn a_live_client_is_seen_and_a_dead_one_is_not() {
    let d = Disk::new();
    let store = Store::open(&d.dir.path().join("state")).unwrap();
    let account = AccountName::new("a").unwrap();
    let live = || live(&d.home(), &account, &store).unwrap();
    assert!(live().is_empty());
    let own = ProcessId::of(std::process::id().cast_signed()).unwrap();
    let file = |start: u64| {
        let text = serde_json::json!({"pid": own.pid, "procStart": start, "status": "idle", "sessionId": "x"});
        d.write(&format!("home/sessions/{}.json", own.pid), &text.to_string());
    };
    file(own.start + 1);
    assert!(live().is_empty(), "the pid is used again");
    file(own.start);
    assert_eq!(live().len(), 1);
    d.write(&format!("home/sessions/{}.json", own.pid), "torn");
    assert_eq!(live().len(), 1, "unknown is not dead");
}

#[test]
fn only_missing_links_are_made() {
    let d = Disk::new();
    d.write("home/todos/x.json", "{}");
    symlink("/nowhere", d.home().join("projects")).unwrap();
    assert_eq!(make_missing_links(&d.home(), &d.tree).unwrap(), ["todos"]);
    assert_eq!(make_missing_links(&d.home(), &d.tree).unwrap(), ["todos"]);
    let states: Vec<LinkState> = links(&d.home(), &d.tree).into_iter().map(|l| l.state).collect();
    let shadowed = LinkState::Shadowed { files: 1, transcripts: 0 };
    let dangling = LinkState::Dangling { to: "/nowhere".into() };
    assert_eq!(states, [dangling, LinkState::Linked, LinkState::Linked, shadowed]);
    assert!(
        std::fs::read_dir(d.home()).unwrap().all(|e| !e
            .unwrap()
            .file_name()
            .to_string_lossy()
            .starts_with(".tmp"))
    );
}
