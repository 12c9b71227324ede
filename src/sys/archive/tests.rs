use super::*;

struct Queue {
    dir: tempfile::TempDir,
}

fn shelf() -> Shelf {
    Shelf { project: ProjectName::new("app").unwrap(), state: OutcomeResult::Done, month: "2026-11".into() }
}

fn id(text: &str) -> TaskId {
    TaskId::new(text).unwrap()
}

impl Queue {
    fn new() -> Self {
        let dir = tempfile::tempdir().unwrap();
        std::fs::create_dir_all(dir.path().join(".agent-queue/done")).unwrap();
        Self { dir }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.dir.path().join(".agent-queue").join(name)
    }

    fn task(&self, name: &str, text: &str) -> Result<Archived, String> {
        let path = self.path(&format!("done/{name}.md"));
        std::fs::write(&path, text).unwrap();
        let seen = files::look(&path).unwrap();
        read_ended(&seen, 1 << 20, &shelf().project, &id(name), OutcomeResult::Done, Vec::new())
    }

    fn add(&self, tasks: &[(&str, &str)]) -> usize {
        let writer = Writer::open(self.dir.path()).unwrap();
        let mut open = writer.shelf(&shelf()).unwrap();
        let tasks: Vec<Archived> = tasks.iter().map(|(name, text)| self.task(name, text).unwrap()).collect();
        let count = writer.add(&mut open, tasks.into_iter()).unwrap();
        writer.index().unwrap();
        count
    }

    fn texts(&self) -> Vec<String> {
        let mut texts = Vec::new();
        all(self.dir.path(), &mut |_, task| {
            texts.push(task.map_or_else(|e| format!("{e:#}"), |t| t.text));
            Ok(())
        })
        .unwrap();
        texts
    }
}

#[test]
fn what_is_added_can_be_found_and_nothing_is_in_it_twice() {
    let q = Queue::new();
    let odd = "---\ntitle: \"é\\\"\"\n---\n\u{1}\r\nno newline at the end";
    assert_eq!(q.add(&[("a", "one\n"), ("b", odd)]), 2);
    // The originals are still there, as after a kill: they are known by name and content.
    assert_eq!(q.add(&[("a", "one\n"), ("b", odd), ("c", "three\n")]), 1);
    // The same id with another text is another task.
    assert_eq!(q.add(&[("a", "again\n")]), 1);
    assert_eq!(q.texts(), ["one\n", odd, "three\n", "again\n"]);
    let (path, found) = find(q.dir.path(), &id("b")).unwrap().unwrap();
    assert_eq!((path, found.text.as_str()), (q.path("archive/done-2026-11.jsonl.gz"), odd));
    assert_eq!(find(q.dir.path(), &id("a")).unwrap().unwrap().1.text, "again\n", "the newest");
    assert_eq!(end_of(q.dir.path(), &id("c")), Some(OutcomeResult::Done));
    assert_eq!(end_of(q.dir.path(), &id("d")), None);
    assert!(find(q.dir.path(), &id("d")).unwrap().is_none());
}

#[test]
fn a_line_that_lies_about_its_sum_is_no_copy() {
    let q = Queue::new();
    let real = q.task("a", "one\n").unwrap();
    let lie = Archived { text: "not one\n".into(), ..real.clone() };
    let writer = Writer::open(q.dir.path()).unwrap();
    let mut open = writer.shelf(&shelf()).unwrap();
    assert_eq!(writer.add(&mut open, [lie].into_iter()).unwrap(), 1);
    let mut open = writer.shelf(&shelf()).unwrap();
    assert_eq!(writer.add(&mut open, [real].into_iter()).unwrap(), 1, "or its file would go and nothing be left");
    drop(writer);
    assert_eq!(q.texts(), ["not one\n", "one\n"]);
}

#[test]
fn all_ids_are_read_from_lists_that_fit_and_from_the_archives_where_they_do_not() {
    let q = Queue::new();
    q.add(&[("a", "one\n")]);
    let has = |name: &str| Ids::of(q.dir.path()).has(&id(name));
    assert!(has("a") && !has("b"));
    let list = q.path("archive/done-2026-11.ids");
    let text = std::fs::read_to_string(&list).unwrap();
    std::fs::write(&list, text.clone() + "b\n").unwrap();
    assert!(has("a") && has("b"), "the archive itself was not read");
    std::fs::write(&list, "{\"version\":1,\"bytes\":1}\nb\n").unwrap();
    assert!(has("a") && !has("b"));
}

#[test]
fn a_list_of_ids_that_does_not_fit_is_not_believed() {
    let q = Queue::new();
    q.add(&[("a", "one\n")]);
    let ids = q.path("archive/done-2026-11.ids");
    let old = std::fs::read_to_string(&ids).unwrap();
    assert!(old.ends_with("\na\n"), "{old}");
    q.add(&[("b", "two\n")]);
    std::fs::write(&ids, old).unwrap();
    assert_eq!(end_of(q.dir.path(), &id("b")), Some(OutcomeResult::Done), "read from the archive itself");
    std::fs::remove_file(&ids).unwrap();
    assert_eq!(end_of(q.dir.path(), &id("a")), Some(OutcomeResult::Done));
    Writer::open(q.dir.path()).unwrap().index().unwrap();
    assert!(std::fs::read_to_string(&ids).unwrap().ends_with("\na\nb\n"));
}

#[test]
fn a_damaged_archive_is_left_as_it_is_and_a_new_one_begun() {
    let q = Queue::new();
    q.add(&[("a", "one\n")]);
    let path = q.path("archive/done-2026-11.jsonl.gz");
    let whole = std::fs::read(&path).unwrap();
    let torn = &whole[..whole.len() - 6];
    std::fs::write(&path, torn).unwrap();
    let writer = Writer::open(q.dir.path()).unwrap();
    assert_eq!(writer.shelf(&shelf()).unwrap().damaged, ["done-2026-11.jsonl.gz"]);
    drop(writer);
    assert_eq!(q.add(&[("b", "two\n")]), 1);
    assert_eq!(std::fs::read(&path).unwrap(), torn);
    assert_eq!(end_of(q.dir.path(), &id("b")), Some(OutcomeResult::Done));
    let texts = q.texts();
    assert_eq!(texts[0], "two\n");
    assert!(texts.last().unwrap().starts_with("damaged archive: `"), "{texts:?}");
}

#[test]
fn one_writer_at_a_time_and_none_outside_of_the_project() {
    let q = Queue::new();
    let held = Writer::open(q.dir.path()).unwrap();
    assert!(format!("{:#}", Writer::open(q.dir.path()).unwrap_err()).contains("somebody else"));
    drop(held);
    let elsewhere = tempfile::tempdir().unwrap();
    std::fs::remove_file(q.path("archive/.lock")).unwrap();
    std::fs::remove_dir(q.path("archive")).unwrap();
    std::os::unix::fs::symlink(elsewhere.path(), q.path("archive")).unwrap();
    assert!(format!("{:#}", Writer::open(q.dir.path()).unwrap_err()).contains("outside of the project"));
}

#[test]
fn what_cannot_be_kept_byte_for_byte_is_refused() {
    let q = Queue::new();
    let read = |bytes: &[u8], limit: u64| {
        let path = q.path("done/x.md");
        std::fs::write(&path, bytes).unwrap();
        let seen = files::look(&path).unwrap();
        read_ended(&seen, limit, &shelf().project, &id("x"), OutcomeResult::Done, Vec::new()).map(|t| t.text)
    };
    assert_eq!(read(b"\xff", 100).unwrap_err(), "it is not UTF-8");
    assert_eq!(read(&vec![b'x'; 2 << 20], 1 << 20).unwrap_err(), "it is larger than 1 MiB");
    assert_eq!(read(b"fine", 4).unwrap(), "fine");
    let seen = files::look(&q.path("done/x.md")).unwrap();
    std::fs::write(q.path("done/x.md"), "longer than it was").unwrap();
    let changed = read_ended(&seen, 100, &shelf().project, &id("x"), OutcomeResult::Done, Vec::new());
    assert_eq!(changed.unwrap_err(), "it has changed since the plan");
}
