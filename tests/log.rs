//! `log`: filters, following, and what the journal is told.

use std::io::{BufRead, BufReader};
use std::os::unix::net::UnixDatagram;
use std::process::Stdio;

use crate::common::{SOON, World, until};

#[test]
fn each_filter_leaves_what_it_should() {
    let w = World::new();
    w.task("t", "[[bash:true]]");
    w.task("web:u", "[[bash:true]]");
    w.drive("done", |w| w.place("t") == "done md" && w.place("web:u") == "done md");
    let lines = |args: &[&str]| {
        let said = w.json(&[&["log"], args].concat());
        said["lines"].as_array().unwrap_or_else(|| panic!("{said}")).clone()
    };
    let all = lines(&["-n", "1000"]);
    assert!(all.len() > 3, "{all:?}");
    for (args, key, value) in [
        (["--task", "app:t"], "task", "app:t"),
        (["--session", "p-0"], "session", "p-0"),
        (["--by", "dispatch"], "command", "dispatch"),
    ] {
        let some = lines(&args);
        assert!(!some.is_empty() && some.len() < all.len(), "{args:?}: {some:?}");
        assert!(some.iter().all(|l| l[key] == value), "{args:?}: {some:?}");
    }
    assert_eq!(lines(&["--since", "1h"]).len(), all.len());
    assert!(lines(&["--since", "2099-01-01T00:00:00Z"]).is_empty());
    assert!(!lines(&["--project", "web"]).is_empty() && lines(&["--project", "x"]).is_empty());
    assert_eq!(w.ok(&["log", "--what", "no such thing"]), "nothing of that kind was changed\n");
    let said = w.cf(&["log", "--since", "soon"]);
    assert!(said.code == 2 && said.err.contains("hint: write `2h`"), "{said:?}");
}

#[test]
fn it_follows_until_it_is_told_to_end_or_nobody_reads() {
    let w = World::new();
    w.task("t", "x");
    let start = |args: &[&str]| {
        let all = [&["log", "-f"], args].concat();
        w.command(&all, &[]).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap()
    };
    let mut child = start(&["--task", "u"]);
    let mut other = start(&[]);
    let out = BufReader::new(child.stdout.take().unwrap());
    // It listens when its process waits: the first line of the other proves nothing of this one.
    let tasks = ["u", "v"];
    tasks.iter().for_each(|task| w.task(task, "x"));
    w.ok(&["task", "cancel", "u", "-p", "app"]);
    // By a thread: a line that never comes must not hold the test up for ever.
    let (send, receive) = std::sync::mpsc::channel();
    std::thread::spawn(move || {
        for line in out.lines().map_while(Result::ok) {
            let _ = send.send(line);
        }
    });
    for what in ["queued a task", "ended a task as failed"] {
        let line = receive.recv_timeout(SOON).unwrap_or_else(|e| panic!("{what}: {e}"));
        assert!(line.contains(what) && line.contains("app:u"), "{line}");
    }
    // The pipe is closed: it ends although nothing is said any more.
    drop(other.stdout.take());
    let mut ended = None;
    until("it ends by itself", SOON, || {
        ended = other.try_wait().unwrap();
        ended.is_some()
    });
    assert_eq!(ended.unwrap().code(), Some(0));
    let pid = nix::unistd::Pid::from_raw(child.id().cast_signed());
    nix::sys::signal::kill(pid, nix::sys::signal::Signal::SIGINT).unwrap();
    let mut ended = None;
    until("Ctrl-C ends it", SOON, || {
        ended = child.try_wait().unwrap();
        ended.is_some()
    });
    assert_eq!(ended.unwrap().code(), Some(0), "cleanly");
}

#[test]
fn the_journal_is_told_with_fields_and_a_journal_that_does_not_read_holds_nothing_up() {
    let w = World::new();
    let path = w.path("journal.sock");
    let journal = UnixDatagram::bind(&path).unwrap();
    journal.set_read_timeout(Some(SOON)).unwrap();
    let env = [("CLAUDE_FAILOVER_JOURNAL", path.to_str().unwrap()), ("INVOCATION_ID", "abc")];
    let add = |id: &str| {
        let said = w.cf_env(&["task", "add", "-p", "app", "--id", id, "-m", "x"], &env);
        assert_eq!(said.code, 0, "{said:?}");
    };
    add("t");
    let mut bytes = vec![0; 64 << 10];
    let length = journal.recv(&mut bytes).unwrap();
    let text = String::from_utf8_lossy(&bytes[..length]).into_owned();
    for field in [
        "CLAUDE_FAILOVER_TASK=app:t",
        "PRIORITY=6",
        "CLAUDE_FAILOVER_INVOCATION=abc",
        "SYSLOG_IDENTIFIER=claude-failover-task",
    ] {
        assert!(text.lines().any(|l| l.starts_with(field)), "{field} is missing in:\n{text}");
    }
    // Nobody takes the datagrams: the queue of the socket fills up, and the runs go on.
    for n in 0..20 {
        add(&format!("n{n}"));
    }
    drop(journal);
    std::fs::remove_file(&path).unwrap();
    add("last");
}
