//! A task's way, with real tmux and the stand-in agent.

use crate::common::{SOON, World, until};
use std::time::Duration;

#[test]
fn tasks_go_from_the_inbox_to_done_in_order() {
    let w = World::new();
    w.task("one", "[[bash:echo one >> order.txt]] [[done]]");
    w.ok(&[
        "task",
        "add",
        "-p",
        "app",
        "--id",
        "two",
        "--depends-on",
        "one",
        "-m",
        "[[bash:echo two >> order.txt]]",
    ]);
    w.ok(&["task", "add", "-p", "web", "--id", "x", "--priority", "critical", "-m", "[[edit:x.txt:hi]]"]);
    w.drive("all done", |w| ["one", "two", "web:x"].iter().all(|t| w.place(t) == "done md"));
    assert_eq!(w.read("app/order.txt"), "one\ntwo\n");
    assert_eq!(w.read("web/x.txt"), "hi\n");
    let text = w.read("app/.agent-queue/done/two.md");
    for part in ["result: done", "conversation: ", "- main", "duration_seconds:", "depends_on:", "output: "] {
        assert!(text.contains(part), "{part} is missing in:\n{text}");
    }
    assert!(text.ends_with("[[bash:echo two >> order.txt]]\n"));
    let argv = w.agent_log().iter().find(|l| l["argv"].to_string().contains("web/")).unwrap()["argv"].to_string();
    assert!(argv.contains("\"--model\",\"opus\""), "critical tasks get the better model: {argv}");
}

#[test]
fn an_idle_session_takes_the_next_task_of_its_project_in_the_same_client() {
    let w = World::new();
    w.task("web:a", "[[say:a]]");
    w.drive("a done", |w| w.place("web:a") == "done md");
    let pid = w.session("p-0")["client"]["pid"].clone();
    w.task("web:b", "[[bash:echo b > b.txt]]");
    w.drive("b done", |w| w.place("web:b") == "done md");
    assert_eq!(w.session("p-0")["client"]["pid"], pid);
    let prompts = w.prompts();
    assert_eq!(prompts.len(), 2, "{prompts:?}");
    assert!(prompts[1].starts_with("Task b (attempt 1): read /"), "{prompts:?}");
}

#[test]
fn a_client_that_dies_half_way_is_resumed_in_the_same_conversation() {
    let w = World::new();
    w.task("t", "[[bash:echo 1 >> n.txt]] [[crash]] [[bash:echo 2 >> n.txt]]");
    w.drive("done", |w| w.place("t") == "done md");
    assert_eq!(w.read("app/n.txt"), "1\n2\n", "nothing twice, nothing lost");
    let starts: Vec<String> =
        w.agent_log().iter().filter(|l| l["start"].is_u64()).map(|l| l["argv"].to_string()).collect();
    assert_eq!(starts.len(), 2, "{starts:?}");
    let id = w.session("p-0")["conversation"].as_str().unwrap().to_owned();
    assert!(
        starts[0].contains(&format!("--session-id\",\"{id}")) && starts[1].contains(&format!("--resume\",\"{id}"))
    );
    assert!(w.prompts()[1].contains("carry on"));
    assert!(w.read("app/.agent-queue/done/t.md").contains("- session: p-0"));
}

#[test]
fn a_tmux_server_that_dies_half_way_loses_nothing() {
    let w = World::new();
    w.task("t", "[[bash:echo 1 >> n.txt]] [[sleep:1.5]] [[bash:echo 2 >> n.txt]]");
    w.ok(&["dispatch"]);
    until("the first step", SOON, || w.read("app/n.txt") == "1\n");
    let server = w.tmux(&["display-message", "-p", "#{pid}"]).out.trim().parse().unwrap();
    nix::sys::signal::kill(nix::unistd::Pid::from_raw(server), nix::sys::signal::Signal::SIGKILL).unwrap();
    w.drive("done", |w| w.place("t") == "done md");
    assert_eq!(w.read("app/n.txt"), "1\n2\n");
}

#[test]
fn a_failed_turn_is_told_to_carry_on_and_a_limit_is_seen() {
    let w = World::new();
    w.task("t", "[[limit:five_hour]]");
    w.ok(&["dispatch"]);
    until("limited", SOON, || {
        w.ok(&["watch"]);
        w.session("p-0")["note"]["state"] == "limited"
    });
    assert_eq!(w.place("t"), "inbox md.dispatched", "a limit is no failure of the task");
    let why = w.ok(&["explain", "session", "p-0"]);
    assert!(why.contains("rate_limit: You've hit your 5-hour limit"), "{why}");
}

#[test]
fn an_agent_that_gives_up_is_tried_again_and_then_no_more() {
    let w = World::new();
    w.write(
        "app/.agent-queue/inbox/t.md",
        "---\nmax_attempts: 2\n---\n[[bash:echo try >> n.txt; exit 3]]\n[[fail:it's no use]]\n",
    );
    until("still for a second", SOON, || {
        w.json(&["dispatch", "--dry-run"])["actions"].as_array().is_some_and(|a| a.len() == 1)
    });
    w.drive("failed", |w| w.place("t") == "failed md");
    let text = w.read("app/.agent-queue/failed/t.md");
    assert!(text.contains("result: failed") && text.contains("reason: it's no use"), "{text}");
    // Said by the agent without `--again`: it is not tried a second time.
    assert_eq!(w.read("app/n.txt"), "try\n");
    w.ok(&["task", "retry", "t", "-p", "app"]);
    assert_eq!(w.place("t"), "inbox md");
    assert!(!w.read("app/.agent-queue/inbox/t.md").contains("outcome"));
    w.drive("failed again", |w| w.place("t") == "failed md");
    assert_eq!(w.read("app/n.txt"), "try\ntry\n");
}

#[test]
fn a_permission_prompt_needs_a_person_and_goes_on_after_the_answer() {
    let w = World::new();
    w.task("t", "[[ask]] [[say:ok]]");
    w.ok(&["dispatch"]);
    until("waiting", SOON, || {
        w.ok(&["watch"]);
        w.session("p-0")["note"]["state"] == "waiting"
    });
    let before: u32 = w.ok(&["status", "-q"]).trim().parse().unwrap();
    assert!(w.ok(&["status"]).contains("waits for: permission prompt"));
    w.drive("done", |w| {
        w.tmux(&["send-keys", "-t", "=p-0:", "Enter"]);
        w.place("t") == "done md"
    });
    let after: u32 = w.ok(&["status", "-q"]).trim().parse().unwrap();
    assert_eq!(before, after + 1);
}

#[test]
fn a_stop_with_work_in_the_background_is_not_the_end() {
    let w = World::new();
    w.task("t", "[[background]] [[say:started]]");
    w.ok(&["dispatch"]);
    until("its turn has ended", SOON, || {
        w.ok(&["watch"]);
        w.session("p-0")["digest"]["stop"]["running"] == 1
    });
    w.ok(&["watch"]);
    assert_eq!(w.place("t"), "inbox md.dispatched");
    w.ok(&["task", "done", "t", "-p", "app"]);
    assert_eq!(w.place("t"), "done md");
    // What it left running holds no session for ever: the next task replaces the client.
    w.pool(1);
    w.task("next", "[[say:ok]]");
    w.drive("next done", |w| w.place("next") == "done md");
    assert_eq!(w.agent_log().iter().filter(|l| l["start"].is_u64()).count(), 2);
}

#[test]
fn a_person_at_the_session_is_left_alone() {
    let w = World::new();
    w.pool(1);
    w.task("web:a", "[[say:a]]");
    w.drive("a done", |w| w.place("web:a") == "done md");
    // A draft in the composer, as a person leaves it.
    w.tmux(&["send-keys", "-t", "=p-0:", "-l", "half a line"]);
    until("it is drawn", SOON, || w.tmux(&["capture-pane", "-p", "-t", "=p-0:"]).out.contains("half a line"));
    w.task("web:b", "[[say:b]]");
    let said = w.ok(&["dispatch"]);
    assert!(said.contains("put back web:b") && said.contains("a draft stands in its composer"), "{said}");
    assert_eq!(w.place("web:b"), "inbox md");
    assert!(w.tmux(&["capture-pane", "-p", "-t", "=p-0:"]).out.contains("❯ half a line"));
    // Copy mode that somebody left behind is left; the draft goes.
    for _ in 0.."half a line".len() {
        w.tmux(&["send-keys", "-t", "=p-0:", "BSpace"]);
    }
    w.tmux(&["copy-mode", "-t", "=p-0:"]);
    let later = jiff_later(40);
    w.drive("b done", |w| {
        w.cf_env(&["dispatch"], &[("CLAUDE_FAILOVER_NOW", &later)]); // the hold is over
        w.place("web:b") == "done md"
    });
}

#[test]
fn a_person_who_types_is_not_typed_over() {
    let w = World::new();
    w.pool(1);
    w.task("web:a", "[[say:a]]");
    w.drive("a done", |w| w.place("web:a") == "done md");
    // A terminal of a person: a second tmux server, in which the first one is attached to.
    let attach = format!("env -u TMUX tmux -u -S {} attach -t =p-0", w.path("t.sock").display());
    w.tmux_at("person.sock", &["new-session", "-d", "-s", "person", "-x", "200", "-y", "50", &attach]);
    until("attached", SOON, || w.tmux(&["list-clients", "-F", "#{client_session}"]).out == "p-0\n");
    w.tmux_at("person.sock", &["send-keys", "-t", "=person:", "h", "BSpace"]);
    w.task("web:b", "[[say:b]]");
    let said = w.ok(&["dispatch"]);
    assert!(said.contains("put back web:b") && said.contains("a person is attached and typed"), "{said}");
    // … and one who reads in copy mode is left there.
    let minute = "2 minutes later the keys are old";
    w.tmux(&["copy-mode", "-t", "=p-0:"]);
    let later = jiff_later(120);
    let said = w.cf_env(&["dispatch"], &[("CLAUDE_FAILOVER_NOW", &later)]);
    assert!(said.out.contains("a person has the session in copy mode"), "{minute}: {said:?}");
    assert_eq!(w.tmux(&["display-message", "-p", "-t", "=p-0:", "#{pane_in_mode}"]).out, "1\n");
    w.tmux_at("person.sock", &["kill-server"]);
    w.drive("b done", |w| w.place("web:b") == "done md");
    assert_eq!(w.prompts().len(), 2, "{:?}", w.prompts());
}

fn jiff_later(seconds: i64) -> String {
    jiff::Timestamp::now().checked_add(jiff::SignedDuration::from_secs(seconds)).unwrap().to_string()
}

#[test]
fn dedicated_sessions_are_launched_brought_back_and_never_touched() {
    let w = World::new();
    assert!(w.ok(&["status"]).contains("dedicated, never launched"));
    w.ok(&["launch", "--all-dedicated"]);
    until("idle", SOON, || {
        w.ok(&["watch"]);
        w.session("mine")["note"]["state"] == "idle"
    });
    // It is idle and sits in the project, and still no task goes to it.
    w.task("web:a", "[[say:a]]");
    w.drive("a done", |w| w.place("web:a") == "done md");
    assert!(w.read("web/.agent-queue/done/a.md").contains("session: p-0"));
    let said = w.cf(&["stop", "mine"]);
    assert_eq!(said.code, 1);
    assert!(said.err.contains("is dedicated: it is never ended"), "{said:?}");
    // It dies with a conversation, and comes back with it.
    w.tmux(&["send-keys", "-t", "=mine:", "-l", "hello"]);
    std::thread::sleep(Duration::from_millis(400));
    w.tmux(&["send-keys", "-t", "=mine:", "Enter"]);
    until("it answered", SOON, || w.read("state/events/mine.jsonl").contains("echo: hello"));
    let id = w.session("mine")["conversation"].as_str().unwrap().to_owned();
    let pid: i32 = w.session("mine")["client"]["pid"].as_i64().unwrap().try_into().unwrap();
    nix::sys::signal::kill(nix::unistd::Pid::from_raw(pid), nix::sys::signal::Signal::SIGKILL).unwrap();
    w.drive("back", |w| {
        let s = w.session("mine");
        s["note"]["state"] == "idle" && s["client"]["pid"] != pid
    });
    assert_eq!(w.session("mine")["conversation"], id.as_str());
    // A goodbye is a goodbye.
    w.tmux(&["send-keys", "-t", "=mine:", "-l", "/exit"]);
    std::thread::sleep(Duration::from_millis(400));
    w.tmux(&["send-keys", "-t", "=mine:", "Enter"]);
    until("dead", SOON, || {
        w.ok(&["watch"]);
        w.session("mine")["note"]["state"] == "dead"
    });
    assert!(w.ok(&["watch"]).contains("a person ended it"));
}

#[test]
fn stop_proves_the_end_and_gives_the_task_back() {
    let w = World::new();
    w.task("t", "[[bash:sleep 300]]");
    w.ok(&["dispatch"]);
    until("at work", SOON, || !w.prompts().is_empty());
    let pid = w.session("p-0")["client"]["pid"].as_i64().unwrap();
    let said = w.ok(&["stop", "p-0"]);
    assert!(said.contains("task `app:t` waits again"), "{said}");
    // Ended; its parent, tmux, takes note of that in its own time.
    assert!(std::fs::read_link(format!("/proc/{pid}/exe")).is_err());
    assert_eq!(w.place("t"), "inbox md");
    assert!(w.session("p-0")["lease"].is_null());
}

#[test]
fn a_quiet_run_changes_no_byte_and_starts_one_child() {
    let w = World::new();
    w.task("web:a", "[[say:a]]");
    w.drive("a done", |w| w.place("web:a") == "done md");
    w.ok(&["watch"]);
    let before = crate::common::tree(&w.path("state"));
    let said = w.cf(&["watch", "-v"]);
    assert!(said.err.contains("1 child processes"), "{said:?}");
    let said = w.cf(&["dispatch", "-v"]);
    assert!(said.err.contains("0 child processes"), "{said:?}");
    let mut after = crate::common::tree(&w.path("state"));
    // Lock files hold the note of the last holder.
    after.retain(|p, _| !p.starts_with(w.path("state/lock")));
    assert!(after.iter().all(|(p, bytes)| before.get(p) == Some(bytes)), "something was written");
}

#[test]
fn a_file_that_is_still_being_written_is_looked_at_again_soon() {
    let w = World::new();
    w.write("app/.agent-queue/inbox/t.md", "[[bash:echo x >> n.txt]]\n");
    w.ok(&["dispatch"]);
    // What told of it tells only once: without a kick nobody would look before the timer does.
    assert_eq!((w.place("t").as_str(), w.path("state/kick/task").exists()), ("inbox md", true));
    until("it was still for a second", SOON, || {
        w.ok(&["watch"]);
        w.place("t") != "inbox md"
    });
}
