//! `janitor`: what has had its time goes, everything else stays, and no task is lost.

use crate::common::{SOON, Said, World, bin, tree, until};
use std::collections::BTreeSet;

/// So many hours from now, as the clock of a command.
pub fn later(hours: i64) -> String {
    jiff::Timestamp::now().checked_add(jiff::SignedDuration::from_hours(hours)).unwrap().to_string()
}

/// As if it had run an hour before that: after a longer silence it does not trust the clock.
pub fn ran_lately(w: &World, hours: i64) {
    if let Ok(lock) = std::fs::File::open(w.path("state/lock/janitor.lock")) {
        let at: jiff::Timestamp = later(hours - 1).parse().unwrap();
        lock.set_modified(at.into()).unwrap();
    }
}

fn janitor(w: &World, hours: i64, args: &[&str]) -> Said {
    ran_lately(w, hours);
    w.cf_env(&[&["janitor"], args].concat(), &[("CLAUDE_FAILOVER_NOW", &later(hours))])
}

fn clean(w: &World, hours: i64) -> String {
    let said = janitor(w, hours, &[]);
    assert_eq!(said.code, 0, "{said:?}");
    said.out
}

/// Everything below a directory, without what every run writes: locks and the log.
fn still(w: &World, dir: &str) -> Vec<(std::path::PathBuf, Vec<u8>)> {
    let noise = [w.path("state/lock"), w.path("state/log")];
    tree(&w.path(dir)).into_iter().filter(|(path, _)| !noise.iter().any(|dir| path.starts_with(dir))).collect()
}

fn archived(w: &World) -> Vec<String> {
    let list = w.json(&["task", "list", "--archived"]);
    let id = |task: &serde_json::Value| task["task"].as_str().unwrap().to_owned();
    list["tasks"].as_array().unwrap().iter().map(id).collect()
}

const DAYS: i64 = 24;
const ODD: &str = "---\ntitle: \"an é\"\noutcome:\n  result: done\n  reason: all well\n  finished: 2026-01-01T00:00:00Z\n  \
    duration_seconds: 1\n  attempts: []\n  accounts: []\n  conversation: null\n---\n\u{1b}[31m\r\nno newline at the end";

#[test]
fn finished_tasks_are_archived_and_can_still_be_found() {
    let w = World::new();
    w.ok(&["status"]);
    w.write("app/.agent-queue/done/a.md", ODD);
    w.write("app/.agent-queue/done/b.md", "b\n");
    w.write("app/.agent-queue/failed/c.md", "c\n");
    w.write("app/.agent-queue/inbox/d.md", "---\ndepends_on: [a]\n---\nd\n");
    let attempt = "{\"number\":1,\"session\":\"p-0\",\"started\":\"2026-01-01T00:00:00Z\",\"ended\":\"2026-01-01T00:00:01Z\",\
        \"result\":\"done\",\"reason\":\"all well\",\"counted\":true}";
    let record =
        format!("{{\"version\":1,\"task\":{{\"project\":\"app\",\"id\":\"a\"}},\"attempts\":[{attempt}]}}");
    w.write("state/tasks/app/a.json", record);

    let before = (still(&w, "app"), still(&w, "state"));
    let said = janitor(&w, 40 * DAYS, &["--dry-run"]);
    assert_eq!(said.code, 0, "{said:?}");
    assert!(
        said.out.contains("would be archived app:done 20") && said.out.contains(": 2 tasks, the oldest"),
        "{said:?}"
    );
    assert_eq!((still(&w, "app"), still(&w, "state")), before, "a dry run changes nothing");

    let said = clean(&w, 40 * DAYS);
    assert!(said.contains("archived app:done 20") && said.contains(": 2 tasks, the oldest"), "{said}");
    assert_eq!(["a", "b", "c", "d"].map(|id| w.place(id)), ["nowhere", "nowhere", "failed md", "inbox md"]);
    assert!(!w.path("state/tasks/app/a.json").exists());
    assert_eq!(archived(&w), ["a", "b"]);
    for args in [&["task", "show", "a"][..], &["task", "show", "app:a"], &["task", "show", "a", "-p", "app"]] {
        let shown = w.cf(args);
        // Colours of a task do not get through to what is no terminal.
        let plain = ODD.replace("\u{1b}[31m", "");
        assert_eq!((shown.code, shown.out.trim_end()), (0, plain.as_str()), "{args:?}: {shown:?}");
        assert!(shown.err.contains("done, archived: ") && shown.err.contains("attempt 1 in `p-0`"), "{shown:?}");
    }
    assert_eq!(w.json(&["task", "show", "a"])["text"], ODD, "byte for byte");
    let list = w.ok(&["task", "list", "--archived"]);
    assert!(list.contains("app:a") && list.contains("all well; done-20"), "{list}");
    until("it is complete", SOON, || w.ok(&["dispatch", "--dry-run"]).contains("app:d"));
    let plan = w.ok(&["dispatch", "--dry-run"]);
    assert!(!plan.contains("does not exist") && !plan.contains("waits for"), "what is archived is done: {plan}");
    let retry = w.cf(&["task", "retry", "a", "-p", "app"]);
    assert!(retry.code == 1 && retry.err.contains("archived: task `app:a`"), "{retry:?}");
    assert!(w.read_log().contains("archived tasks"));

    let before = (still(&w, "app"), still(&w, "state"));
    assert!(clean(&w, 40 * DAYS).contains("nothing to do"));
    assert_eq!((still(&w, "app"), still(&w, "state")), before, "a second run changes nothing");
    // Later comes what has failed, to an archive of its own, and another done one to the same.
    w.write("app/.agent-queue/done/e.md", "e\n");
    clean(&w, 100 * DAYS);
    let all: BTreeSet<String> = archived(&w).into_iter().collect();
    assert_eq!(all.into_iter().collect::<Vec<_>>(), ["a", "b", "c", "e"]);
    use std::os::unix::fs::PermissionsExt;
    for (path, _) in tree(&w.path("app/.agent-queue/archive")) {
        assert_eq!(path.metadata().unwrap().permissions().mode() & 0o777, 0o600, "{}", path.display());
    }
}

#[test]
fn a_claim_that_nobody_has_goes_back_until_its_tries_are_over() {
    let w = World::new();
    w.config("notifications: {targets: [{name: hook, kind: webhook, url: 'http://127.0.0.1:9/'}]}\n");
    w.ok(&["status"]);
    let claim = "app/.agent-queue/inbox/t.md.dispatched";
    w.write(claim, "---\nmax_attempts: 2\n---\nbody\n");
    assert!(clean(&w, 0).contains("nothing to do"), "it may have been claimed just now");
    let said = clean(&w, 2);
    assert!(said.contains("put back claimed task app:t: no session has had it for 2h"), "{said}");
    assert_eq!(w.place("t"), "inbox md");
    assert!(w.read("app/.agent-queue/status.json").contains("\"state\":\"idle\""), "nobody is at it");
    let tries = || -> serde_json::Value {
        let record: serde_json::Value = serde_json::from_str(&w.read("state/tasks/app/t.json")).unwrap();
        record["attempts"].clone()
    };
    assert_eq!((tries().as_array().unwrap().len(), &tries()[0]["counted"]), (1, &true.into()));
    assert!(w.path("state/kick/task").exists());
    std::fs::rename(w.path("app/.agent-queue/inbox/t.md"), w.path(claim)).unwrap();
    let said = clean(&w, 2);
    assert!(said.contains("given up claimed task app:t"), "{said}");
    assert_eq!((w.place("t").as_str(), tries().as_array().unwrap().len()), ("failed md", 2));
    let text = w.read("app/.agent-queue/failed/t.md");
    assert!(text.contains("result: failed") && text.ends_with("---\nbody\n"), "{text}");
    let outbox = std::fs::read_dir(w.path("state/outbox")).unwrap().flatten();
    let told = outbox.filter(|e| e.file_name().to_string_lossy().starts_with("task-given-up")).count();
    assert_eq!(told, 1, "a person is told of it");
}

#[test]
fn a_leap_of_the_clock_removes_nothing_and_is_over_with_the_next_run() {
    let w = World::new();
    w.ok(&["status"]);
    let leap =
        |args: &[&str]| w.cf_env(&[&["janitor"], args].concat(), &[("CLAUDE_FAILOVER_NOW", &later(40 * DAYS))]);
    clean(&w, 0);
    w.write("state/kick/nobody", "");
    w.write("app/.agent-queue/inbox/t.md.dispatched", "x\n");
    w.write("app/.agent-queue/done/d.md", "d\n");
    for args in [&["--dry-run"][..], &[]] {
        let said = leap(args).out;
        assert!(said.contains("left alone what would be removed: the last run was 40d"), "{said}");
        assert!(!said.contains("nobody"), "{said}");
    }
    assert!(w.path("state/kick/nobody").exists() && w.read_log().contains("or the clock is wrong"));
    assert_eq!((w.place("t").as_str(), archived(&w)), ("inbox md", vec!["d".to_owned()]));
    clean(&w, 40 * DAYS);
    assert!(!w.path("state/kick/nobody").exists());
}

#[test]
fn a_claim_of_another_state_directory_stays_while_the_project_says_so() {
    let w = World::new();
    w.ok(&["status"]);
    let status = |hours: i64| {
        let text = format!(
            "{{\"state\":\"working\",\"session\":\"q-1\",\"task\":\"t\",\"updated_at\":\"{}\"}}\n",
            later(hours)
        );
        w.write("app/.agent-queue/status.json", text);
    };
    w.write("app/.agent-queue/inbox/t.md.dispatched", "x\n");
    status(0);
    let said = clean(&w, 3);
    assert!(said.contains("`status.json` names session `q-1`, which is not of this state"), "{said}");
    assert_eq!(w.place("t"), "inbox md.dispatched");
    assert!(w.read_log().contains("left a claim alone"), "under -q the log tells");
    assert!(clean(&w, 26).contains("put back claimed task app:t"), "that was a day ago");
}

#[test]
fn an_archive_that_is_damaged_or_a_link_is_said() {
    let w = World::new();
    w.ok(&["status"]);
    w.write("app/.agent-queue/done/a.md", "a\n");
    clean(&w, 40 * DAYS);
    let archives = tree(&w.path("app/.agent-queue/archive")).into_keys();
    let archive = archives.into_iter().find(|path| path.extension().is_some_and(|e| e == "gz")).unwrap();
    std::fs::write(&archive, "torn").unwrap();
    w.write("app/.agent-queue/done/b.md", "b\n");
    let said = janitor(&w, 40 * DAYS, &["-q"]);
    assert!(said.code == 3 && said.out.contains("it cannot be read to its end"), "{said:?}");
    assert_eq!(std::fs::read_to_string(&archive).unwrap(), "torn");
    // Inside of the project, and yet not where it should be.
    std::fs::create_dir_all(w.path("web/kept")).unwrap();
    std::os::unix::fs::symlink(w.path("web/kept"), w.path("web/.agent-queue/archive")).unwrap();
    w.write("web/.agent-queue/done/c.md", "c\n");
    let said = clean(&w, 40 * DAYS);
    assert!(said.contains("archive: a symbolic link in a queue"), "{said}");
    assert!(w.path("web/.agent-queue/done/c.md").exists() && tree(&w.path("web/kept")).is_empty());
}

#[test]
fn a_claim_that_somebody_may_have_stays() {
    let w = World::new();
    w.ok(&["status"]);
    let root = w.path("app").display().to_string();
    let lease = format!(
        "{{\"task\":{{\"project\":\"app\",\"id\":\"mine\"}},\"project_path\":\"{root}\",\"attempt\":1,\
         \"phase\":\"confirmed\",\"since\":\"2026-01-01T00:00:00Z\",\"claimed\":\"2026-01-01T00:00:00Z\",\"max_attempts\":3}}"
    );
    let record = format!("{{\"version\":1,\"name\":\"p-0\",\"kind\":\"pool\",\"lease\":{lease}}}");
    w.write("state/sessions/p-0.json", record);
    for id in ["mine", "twin", "free"] {
        w.write(&format!("app/.agent-queue/inbox/{id}.md.dispatched"), "x\n");
    }
    w.write("app/.agent-queue/inbox/twin.md", "y\n");
    w.write("app/.agent-queue/inbox/bad name.md.dispatched", "x\n");
    w.write("state/sessions/p-1.json", "{\"torn");
    let said = clean(&w, 99);
    assert!(said.contains("cannot be told by whom: the record of session `p-1` is damaged"), "{said}");
    assert!(said.contains("bad name.md.dispatched: claimed by somebody else"), "{said}");
    assert_eq!(w.place("free"), "inbox md.dispatched");
    std::fs::remove_file(w.path("state/sessions/p-1.json")).unwrap();
    let said = clean(&w, 99);
    assert!(said.contains("left alone app:twin: claimed, and a task of the same id waits"), "{said}");
    assert_eq!((w.place("mine"), w.place("free")), ("inbox md.dispatched".into(), "inbox md".into()));
    assert_eq!(w.read("app/.agent-queue/inbox/twin.md.dispatched"), "x\n");
}

#[test]
fn what_is_no_task_or_lies_outside_of_the_project_stays_and_is_said() {
    let w = World::new();
    w.ok(&["status"]);
    w.write("tmp/else/x.md", "x\n");
    std::os::unix::fs::symlink(w.path("tmp/else"), w.path("app/.agent-queue/failed")).unwrap();
    w.write("app/.agent-queue/done/notes.txt", "n\n");
    w.write(&format!("app/.agent-queue/done/{}\u{1b}[31m\nx", "y".repeat(100)), "n\n");
    w.write("app/.agent-queue/done/.gitkeep", "");
    w.write("app/.agent-queue/done/sub/x.md", "x\n");
    w.write("app/.agent-queue/done/raw.md", b"\xff\n");
    w.write("app/.agent-queue/done/record.md", "r\n");
    w.write("state/tasks/app/record.json", "{\"torn");
    w.write("app/.agent-queue/done/fine.md", "f\n");
    std::os::unix::fs::symlink("/etc/hostname", w.path("app/.agent-queue/done/link.md")).unwrap();
    let said = clean(&w, 100 * DAYS);
    for want in [
        "failed: a symbolic link in a queue",
        "/notes.txt, ",
        "yyy\\u{1b}[31m\\nx: among finished tasks, and none",
        "sub: not a regular file",
        "link.md: a symbolic link",
        "app:raw: not archived: it is not UTF-8",
        "app:record: not archived: its record is damaged",
    ] {
        assert!(said.contains(want), "{want}: {said}");
    }
    assert!(!said.contains("gitkeep"), "{said}");
    assert_eq!((archived(&w), w.read("tmp/else/x.md").as_str()), (vec!["fine".to_owned()], "x\n"));
    for stays in ["notes.txt", ".gitkeep", "sub/x.md", "raw.md", "record.md", "link.md"] {
        assert!(w.path("app/.agent-queue/done").join(stays).symlink_metadata().is_ok(), "{stays}");
    }
    // A whole queue that leads elsewhere is nobody's.
    std::fs::create_dir_all(w.path("tmp/queue/done")).unwrap();
    w.write("tmp/queue/done/y.md", "y\n");
    std::fs::remove_dir_all(w.path("web/.agent-queue")).unwrap();
    std::os::unix::fs::symlink(w.path("tmp/queue"), w.path("web/.agent-queue")).unwrap();
    let said = clean(&w, 100 * DAYS);
    assert!(
        said.contains("web/.agent-queue: a queue outside of its project")
            && w.path("tmp/queue/done/y.md").exists(),
        "{said}"
    );
}

#[test]
fn leftovers_go_and_what_is_in_use_or_unknown_stays() {
    let w = World::new();
    w.ok(&["status"]);
    let goes = [
        "state/sessions/.tmp-p-0.json.12.0",
        "state/checkpoints/p-0/.tmp-x.json.7.3",
        "state/events/.tmp-p-0.statusline.json.99",
        "app/.agent-queue/inbox/.tmp-t.md.12.0",
        "app/.agent-queue/archive/.tmp-done-2026-01.jsonl.gz.12.0",
        "state/kick/nobody",
        "state/log/2020-02-29.jsonl",
        "state/overlay/ghost.json",
        "state/signals/gone.jsonl",
        "state/events/ghost.jsonl",
        "state/events/ghost.statusline.json",
        "state/events/p-0.jsonl.old",
        "state/sessions/x-7.json",
    ];
    let stays = [
        "app/.agent-queue/inbox/.tmp-mine",
        "app/.agent-queue/inbox/.tmp-notes.2026",
        "app/.tmp-t.md.12.0",
        "state/quarantine/.tmp-p-0.json.12.0",
        "state/quarantine/p-3.json",
        "state/log/notes.txt",
        "state/signals/main.jsonl",
        "state/events/p-0.jsonl",
        "state/lock/session-ghost.lock",
        "state/lock/state.lock",
    ];
    for path in goes.iter().chain(&stays) {
        w.write(path, "x\n");
    }
    let record = |name: &str, more: &str| {
        w.write(
            &format!("state/sessions/{name}.json"),
            format!("{{\"version\":1,\"name\":\"{name}\",\"kind\":\"pool\"{more}}}"),
        );
    };
    record("x-7", "");
    record("p-0", "");
    record("x-8", ",\"client\":{\"pid\":1,\"start\":1,\"boot_id\":\"x\",\"launched\":\"2026-01-01T00:00:00Z\"}");
    w.write("state/overlay/x-8.json", "{}");
    assert!(clean(&w, 0).contains("removed log day 2020-02-29.jsonl"), "the only one that is old by its name");
    w.write("state/log/2020-02-29.jsonl", "x\n");
    let dry = janitor(&w, 40 * DAYS, &["--dry-run"]).out;
    let said = clean(&w, 40 * DAYS);
    assert!(said.contains("notes.txt: no file of ours by its name"), "{said}");
    for path in goes {
        assert!(!w.path(path).exists(), "{path}: {said}");
    }
    for path in
        stays.iter().chain(&["state/overlay/x-8.json", "state/sessions/x-8.json", "state/sessions/p-0.json"])
    {
        assert!(w.path(path).exists(), "{path}: {said}");
    }
    // What the dry run has told is what was done.
    let done = |text: &str, would: &str| -> BTreeSet<String> {
        let lines = text.lines().filter_map(|l| l.strip_prefix(&format!("{would}removed ")));
        lines.filter_map(|l| l.split(':').next()).map(str::to_owned).collect()
    };
    assert_eq!(done(&dry, "would be "), done(&said, ""));
}

#[test]
fn an_orphan_of_ours_is_ended_and_nothing_else_in_tmux() {
    let w = World::new();
    w.ok(&["status"]);
    let state = format!("CLAUDE_FAILOVER_STATE_DIR={}", w.path("state").display());
    let start = |name: &str, session: &str, state: &str, program: &[&str]| {
        let session = format!("CLAUDE_FAILOVER_SESSION={session}");
        let head = ["new-session", "-d", "-s", name, "--", "/usr/bin/env", "-i", &session, state];
        let target = format!("={name}:");
        let said =
            w.tmux(&[&head, program, &[";", "set-option", "-w", "-t", &target, "remain-on-exit", "on"]].concat());
        assert_eq!(said.code, 0, "{said:?}");
    };
    let dies = &["sh", "-c", "sleep 0.2"][..];
    start("ghost", "ghost", &state, dies);
    start("other", "somebody", &state, dies);
    start("else", "else", "CLAUDE_FAILOVER_STATE_DIR=/elsewhere", dies);
    start("mine", "mine", &state, dies);
    start("p-0", "p-0", &state, dies);
    start("alive", "alive", &state, &["sleep", "600"]);
    w.write("state/sessions/p-0.json", "{\"version\":1,\"name\":\"p-0\",\"kind\":\"pool\"}");
    w.write("app/.agent-queue/inbox/t.md.dispatched", "x\n");
    let sessions = || {
        let mut names: Vec<String> =
            w.tmux(&["list-sessions", "-F", "#{session_name}"]).out.lines().map(str::to_owned).collect();
        names.sort();
        names
    };
    let dead = || w.tmux(&["list-panes", "-a", "-F", "#{pane_dead}"]).out.matches('1').count();
    until("five have ended", SOON, || dead() == 5);
    assert!(clean(&w, 0).contains("nothing to do"));
    let said = clean(&w, 2);
    assert!(said.contains("ended tmux session ghost: ours"), "{said}");
    assert!(said.contains("tmux session alive: a client of ours that no record knows of"), "{said}");
    assert!(said.contains("tmux session mine: an orphan of a name that is yours"), "{said}");
    assert!(said.contains("app:t: claimed, and it cannot be told by whom: a client of ours in `alive`"), "{said}");
    assert_eq!(sessions(), ["alive", "else", "mine", "other", "p-0"]);
}

#[test]
fn a_busy_lock_is_a_skip_and_json_is_one_object() {
    let w = World::new();
    w.ok(&["janitor"]);
    let report = w.json(&["janitor", "--dry-run"]);
    assert_eq!(
        (&report["version"], &report["command"], &report["dry_run"]),
        (&1.into(), &"janitor".into(), &true.into())
    );
    let lock = std::fs::File::open(w.path("state/lock/janitor.lock")).unwrap();
    fs2::FileExt::lock_exclusive(&lock).unwrap();
    let said = w.cf(&["janitor"]);
    assert!(said.code == 0 && said.err.starts_with("skipped: `janitor` (pid "), "{said:?}");
    w.write("config.yaml", w.read("config.yaml") + "janitor:\n  log_keep: never\n");
    let said = w.cf(&["janitor"]);
    assert!(said.code == 6 && said.err.contains("janitor.log_keep: not a duration: `never`"), "{said:?}");
}

#[test]
fn dispatchers_watchers_and_janitors_at_once_lose_no_task() {
    let w = World::bare();
    w.config_with("", "", &bin("stand-in-agent").display().to_string());
    const TASKS: usize = 24;
    for n in 0..TASKS {
        w.write(&format!("app/.agent-queue/inbox/t{n:02}.md"), format!("[[bash:echo {n:02} >> n.txt]]"));
    }
    let all = |w: &World| -> Vec<String> {
        let done = std::fs::read_dir(w.path("app/.agent-queue/done")).into_iter().flatten().flatten();
        let names = done.map(|e| e.file_name().to_string_lossy().trim_end_matches(".md").to_owned());
        names.chain(archived(w)).collect()
    };
    let start = std::time::Instant::now();
    while all(&w).len() < TASKS {
        assert!(start.elapsed().as_secs() < 240, "{}", w.ok(&["status"]));
        std::thread::scope(|s| {
            for command in ["dispatch", "watch", "janitor", "dispatch", "janitor", "watch"] {
                let w = &w;
                s.spawn(move || {
                    // For the janitor everything that is finished has had its time.
                    let clock = later(40 * DAYS);
                    let env = [("CLAUDE_FAILOVER_NOW", clock.as_str())];
                    let said = w.cf_env(&[command], if command == "janitor" { &env } else { &[] });
                    assert_eq!(said.code, 0, "{command}: {said:?}");
                });
            }
        });
    }
    clean(&w, 40 * DAYS);
    let found = archived(&w);
    let once: BTreeSet<&String> = found.iter().collect();
    assert_eq!((found.len(), once.len()), (TASKS, TASKS), "{found:?}");
    let lines: Vec<String> = w.read("app/n.txt").lines().map(str::to_owned).collect();
    let once: BTreeSet<&String> = lines.iter().collect();
    assert_eq!((lines.len(), once.len()), (TASKS, TASKS), "a task was run twice or not at all");
}

#[test]
fn no_room_for_the_archive_leaves_everything_where_it_was() {
    let w = World::new();
    w.ok(&["status"]);
    for n in 0..40_u64 {
        let body: String =
            (0..40).map(|m| format!("{:x} ", (n * 977 + m).wrapping_mul(0x9e37_79b9_7f4a_7c15))).collect();
        w.write(&format!("app/.agent-queue/done/t{n:02}.md"), body);
    }
    let before = still(&w, "app/.agent-queue/done");
    // Files cannot grow beyond 4 KiB; the signal that comes with it is ignored.
    let bin = bin("claude-failover");
    let script = format!("trap '' XFSZ; ulimit -f 8; exec {} janitor", bin.display());
    let mut command = w.fenced(std::path::Path::new("/bin/sh"));
    command.args(["-c", &script]).env_clear().envs(&w.env).env("CLAUDE_FAILOVER_NOW", later(40 * DAYS));
    let said = Said::of(&command.output().unwrap());
    assert!(
        said.code == 1 && said.out.contains("could not write `") && said.out.contains("/archive/done-20"),
        "{said:?}"
    );
    assert_eq!(still(&w, "app/.agent-queue/done"), before);
    let archive: Vec<_> = tree(&w.path("app/.agent-queue/archive")).into_keys().collect();
    assert_eq!(archive, [w.path("app/.agent-queue/archive/.lock")], "no litter either");
    clean(&w, 40 * DAYS);
    assert_eq!((archived(&w).len(), still(&w, "app/.agent-queue/done").len()), (40, 0));
}

#[test]
fn checkpoints_go_by_their_own_retention() {
    let w = World::new();
    w.config("checkpoint: {keep: 1, keep_days: 2}\n");
    w.ok(&["status"]);
    let at = |id: &str, end: &str| format!("state/checkpoints/gone/{id}00-000Z.{end}");
    let (first, second, last, newest) = ("20260101T1000", "20260101T1100", "20260102T1000", "20260102T1100");
    for (id, end) in
        [(first, "json"), (first, "md"), (second, "json"), (last, "json"), (newest, "json"), (last, "md")]
    {
        w.write(&at(id, end), "{}");
    }
    w.write("state/checkpoints/gone/notes.md", "n");
    let said = clean(&w, 0);
    assert!(said.contains("removed checkpoint gone/20260101T100000-000Z.json: expired"), "{said}");
    for (path, stays) in [
        (at(first, "json"), false),
        (at(first, "md"), true),
        (at(second, "json"), true),
        (at(last, "json"), false),
        (at(last, "md"), true),
        (at(newest, "json"), true),
        ("state/checkpoints/gone/notes.md".to_owned(), true),
    ] {
        assert_eq!(w.path(&path).exists(), stays, "{path}: {said}");
    }
    assert!(clean(&w, 0).contains("nothing to do"), "a page of today may be about to be read");
    clean(&w, 25);
    assert!(!w.path(&at(first, "md")).exists() && !w.path(&at(last, "md")).exists());
    assert!(w.path(&at(newest, "json")).exists() && w.path(&at(second, "json")).exists());
}
