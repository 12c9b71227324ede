//! One task in one session, one client for one conversation, and hands off what is somebody else's:
//! whatever people, clocks and slow programs do in between.

use crate::common::{SOON, World, bin, until};
use std::os::unix::fs::{PermissionsExt, symlink};

/// How many clients have been started so far.
fn starts(w: &World) -> usize {
    w.agent_log().iter().filter(|l| l["start"].is_u64()).count()
}

/// An idle session p-0 in `web`.
fn warm(w: &World) {
    w.task("web:warm", "[[say:up]]");
    w.drive("warm", |w| w.place("web:warm") == "done md" && w.session("p-0")["note"]["state"] == "idle");
}

fn pid(w: &World, session: &str) -> i32 {
    w.session(session)["client"]["pid"].as_i64().unwrap().try_into().unwrap()
}

fn kill(w: &World, session: &str) {
    let pid = pid(w, session);
    nix::sys::signal::kill(nix::unistd::Pid::from_raw(pid), nix::sys::signal::Signal::SIGKILL).unwrap();
    until("it is gone", SOON, || !std::path::Path::new(&format!("/proc/{pid}/exe")).exists());
}

fn script(w: &World, name: &str, text: &str) -> String {
    w.write(name, format!("#!/bin/sh\n{text}\n"));
    std::fs::set_permissions(w.path(name), std::fs::Permissions::from_mode(0o755)).unwrap();
    w.path(name).display().to_string()
}

#[test]
fn a_client_that_lives_is_not_dead_because_tmux_does_not_show_it() {
    let w = World::new();
    w.task("t", "[[bash:echo a >> n.txt; sleep 2; echo b >> n.txt]]");
    w.ok(&["dispatch"]);
    until("at work", SOON, || w.read("app/n.txt") == "a\n");
    // A socket that is gone, as another TMUX_TMPDIR or a private /tmp would make it look.
    std::fs::rename(w.path("t.sock"), w.path("hidden.sock")).unwrap();
    for _ in 0..3 {
        w.ok(&["watch"]);
    }
    let status = w.ok(&["status"]);
    assert!(status.contains("its client lives (pid ") && status.contains("tmux has it in no session"), "{status}");
    std::fs::rename(w.path("hidden.sock"), w.path("t.sock")).unwrap();
    w.drive("done", |w| w.place("t") == "done md");
    assert_eq!((w.read("app/n.txt").as_str(), starts(&w)), ("a\nb\n", 1));
    // A person's own session, renamed by them.
    w.ok(&["launch", "mine"]);
    w.tmux(&["rename-session", "-t", "=mine", "work"]);
    w.ok(&["watch"]);
    w.ok(&["watch"]);
    assert!(w.ok(&["explain", "session", "mine"]).contains("tmux has it in `work`"));
    assert!(w.cf(&["launch", "mine"]).err.contains("a client of it runs already"));
    assert_eq!(starts(&w), 2);
}

#[test]
fn a_launch_that_only_seems_to_fail_does_not_run_the_task_twice() {
    let w = World::new();
    let slow =
        script(&w, "slow", "tmux \"$@\"; code=$?; case \"$*\" in *new-session*) sleep 4;; esac; exit $code");
    let plain = w.read("config.yaml");
    w.write("config.yaml", plain.replace("tmux: {", &format!("tmux: {{program: {slow}, timeout: 1s, ")));
    w.task("t", "[[bash:echo begin >> n.txt; sleep 3; echo end >> n.txt]]");
    let said = w.cf(&["dispatch"]);
    assert!(said.out.contains("tmux did not end within 1 s"), "{said:?}");
    w.write("config.yaml", plain);
    w.drive("done", |w| w.place("t") == "done md");
    let log = w.read("app/n.txt");
    assert!(log.ends_with("end\n") && !log.contains("end\nend"), "two at once: {log}");
}

#[test]
fn a_clock_that_goes_back_neither_parks_nor_repeats_a_task() {
    let w = World::new();
    w.task("t", "[[bash:echo x >> n.txt]]");
    let ahead = jiff::Timestamp::now().checked_add(jiff::SignedDuration::from_hours(1)).unwrap().to_string();
    let said = w.cf_env(&["dispatch"], &[("CLAUDE_FAILOVER_NOW", &ahead)]);
    assert_eq!(said.code, 0, "{said:?}");
    w.drive("done", |w| w.place("t") == "done md");
    assert_eq!((w.read("app/n.txt").as_str(), w.prompts().len()), ("x\n", 1));
}

#[test]
fn a_person_at_work_in_an_idle_session_is_not_replaced() {
    let w = World::new();
    w.pool(1);
    warm(&w);
    w.tmux(&["send-keys", "-t", "=p-0:", "-l", "[[bash:sleep 3; echo mine > mine.txt]]"]);
    until("it is drawn", SOON, || w.tmux(&["capture-pane", "-p", "-t", "=p-0:"]).out.contains("mine.txt"));
    until("at work", SOON, || {
        w.tmux(&["send-keys", "-t", "=p-0:", "Enter"]);
        w.read("state/events/p-0.jsonl").matches("UserPromptSubmit").count() == 2
    });
    // The record still says idle: no `watch` has run since.
    w.task("t", "[[say:x]]");
    let said = w.ok(&["dispatch"]);
    assert!(said.contains("put back app:t") && said.contains("the session is working"), "{said}");
    assert!(said.contains("dispatched 0 of 1 tasks, 1 put back, 1 wait") || said.contains("1 put back"), "{said}");
    until("it was left alone", SOON, || w.read("web/mine.txt") == "mine\n");
}

#[test]
fn a_turn_that_goes_on_after_task_done_keeps_its_working_tree() {
    let w = World::new();
    w.task("web:one", "[[done]] [[bash:echo one begin >> n.txt; sleep 2; echo one end >> n.txt]]");
    w.task("web:two", "[[bash:echo two >> n.txt]]");
    w.ok(&["dispatch"]);
    until("said to be done", SOON, || w.place("web:one") == "done md");
    w.drive("both", |w| w.place("web:two") == "done md");
    assert_eq!(w.read("web/n.txt"), "one begin\none end\ntwo\n");
}

#[test]
fn watch_hands_out_the_next_task_when_one_was_said_to_be_done() {
    let w = World::new();
    warm(&w);
    w.task("web:a", "[[done]]");
    let said = w.cf(&["dispatch"]);
    assert!(said.code == 0 && said.out.contains("dispatched web:a"), "{said:?}");
    until("done", SOON, || w.place("web:a") == "done md");
    w.task("web:b", "[[say:b]]");
    until("idle again", SOON, || w.json(&["status"])["sessions"].to_string().contains("\"state\":\"idle\""));
    let said = w.ok(&["watch"]);
    assert!(said.contains("dispatched web:b"), "{said}");
}

#[test]
fn what_the_configuration_calls_dedicated_is_never_ended() {
    let w = World::new();
    warm(&w);
    let text = w.read("config.yaml").replace("prefix: p-", "prefix: q-");
    let name = format!("  - {{name: p-0, project: {}}}\n  - {{name: mine", w.path("web").display());
    w.write("config.yaml", text.replace("  - {name: mine", &name));
    let said = w.cf(&["stop", "p-0"]);
    assert!(said.code == 1 && said.err.contains("session `p-0` is dedicated: it is never ended"), "{said:?}");
    assert!(!w.ok(&["stop", "--all", "--dry-run"]).contains("p-0"));
    w.task("t", "[[say:x]]");
    w.drive("by another", |w| w.place("t") == "done md");
    assert!(std::path::Path::new(&format!("/proc/{}", pid(&w, "p-0"))).exists());
    // Not named any more and ended by its person, it is forgotten.
    w.write("config.yaml", w.read("config.yaml").replace(&name, "  - {name: mine"));
    kill(&w, "p-0");
    w.drive("forgotten", |w| w.session("p-0")["client"].is_null());
    let status = w.ok(&["status"]);
    assert!(!status.contains("p-0 "), "{status}");
}

#[test]
fn a_session_of_somebody_else_with_the_name_of_ours_is_left_alone() {
    let w = World::new();
    w.tmux(&["new-session", "-d", "-s", "p-0", "sleep 500"]);
    w.task("t", "[[say:x]]");
    let said = w.ok(&["dispatch"]);
    assert!(
        said.contains("put back app:t: `p-0` could not take it: a tmux session of this name is there"),
        "{said}"
    );
    assert!(said.contains("dispatched app:t: `p-1` has it"), "{said}");
    assert!(w.ok(&["status"]).contains("p-0 left alone: a tmux session of this name is there and not ours"));
    for args in [&["stop", "p-0"][..], &["launch", "p-0", "--project", "app", "--prompt", "x"]] {
        let said = w.cf(args);
        assert!(said.code == 1 && (said.out + &said.err).contains("not ours"), "{args:?}");
    }
    assert!(w.tmux(&["list-sessions", "-F", "#{session_name}"]).out.contains("p-0"));
    // Names that tmux itself gives are no names of ours.
    let text = w.read("config.yaml").replace("prefix: p-", "prefix: ''");
    w.write("config.yaml", text);
    assert_eq!(w.cf(&["config", "check"]).code, 6);
}

#[test]
fn a_directory_is_a_directory_whatever_its_name_means_to_tmux() {
    let w = World::new();
    let dir = w.path("C#(touch pwned)#Samples");
    std::fs::create_dir_all(dir.join(".agent-queue/inbox")).unwrap();
    let line = format!("projects:\n- {{path: '{}', name: samples}}\n", dir.display());
    w.write("config.yaml", w.read("config.yaml").replace("projects:\n", &line));
    w.task("samples:t", "[[bash:pwd > where.txt]]");
    w.drive("done", |_| dir.join("where.txt").exists());
    assert_eq!(std::fs::read_to_string(dir.join("where.txt")).unwrap(), format!("{}\n", dir.display()));
    assert!(!w.path("pwned").exists() && !dir.join("pwned").exists());
}

#[test]
fn no_dialog_is_answered_by_a_key_too_many() {
    let w = World::new();
    warm(&w);
    // Reports that do not arrive: nothing but the screen and the state file can tell.
    std::fs::remove_file(w.path("state/events/p-0.jsonl")).unwrap();
    std::fs::create_dir(w.path("state/events/p-0.jsonl")).unwrap();
    w.task("web:t", "[[ask]] [[bash:touch approved]]");
    let said = w.ok(&["dispatch"]);
    assert!(said.contains("unsettled web:t"), "{said}");
    w.ok(&["watch"]);
    assert!(!w.path("web/approved").exists());
    assert_eq!(w.prompts().iter().filter(|p| p.starts_with("Task t ")).count(), 1);
}

#[test]
fn a_damaged_record_is_no_reason_to_run_its_task_again() {
    let w = World::new();
    w.task("t", "[[bash:sleep 300]]");
    w.ok(&["dispatch"]);
    until("at work", SOON, || !w.prompts().is_empty());
    w.write("state/sessions/p-0.json", "{");
    let status = w.ok(&["status"]);
    assert!(status.contains("claimed, and the record of `p-0` that may have it is damaged"), "{status}");
    assert!(!status.contains("task retry"), "{status}");
    let said = w.cf(&["task", "retry", "t", "-p", "app"]);
    assert!(said.code == 1 && said.err.contains("it cannot be told who has task `app:t`"), "{said:?}");
    // The remedy that it names works.
    assert!(w.ok(&["stop", "p-0"]).contains("its client has ended"));
    std::fs::remove_file(w.path("state/sessions/p-0.json")).unwrap();
    w.ok(&["task", "retry", "t", "-p", "app"]);
    // A damaged account holds the queue, and not the view of it.
    w.write("state/accounts/main.json", "{");
    assert!(w.ok(&["status"]).contains("account main damaged state file"));
    assert!(w.ok(&["dispatch"]).contains("waits app:t: account `main`: damaged state file"));
}

#[test]
fn a_dedicated_session_survives_a_client_that_does_not_start_for_a_while() {
    let w = World::new();
    let agent = script(
        &w,
        "client",
        &format!("test -e broken && exit 3; exec {} \"$@\"", bin("stand-in-agent").display()),
    );
    w.config_with("", "", &agent);
    w.ok(&["launch", "mine"]);
    until("idle", SOON, || {
        w.ok(&["watch"]);
        w.session("mine")["note"]["state"] == "idle"
    });
    w.write("web/broken", "");
    kill(&w, "mine");
    until("it was tried", SOON, || {
        w.cf(&["watch"]);
        w.session("mine")["revivals"].as_u64() >= Some(1)
    });
    assert!(w.ok(&["status"]).contains("mine dead") || w.ok(&["status"]).contains("mine starting"));
    std::fs::remove_file(w.path("web/broken")).unwrap();
    let later = jiff::Timestamp::now().checked_add(jiff::SignedDuration::from_secs(120)).unwrap().to_string();
    until("back", SOON, || {
        w.cf_env(&["watch"], &[("CLAUDE_FAILOVER_NOW", &later)]);
        w.json(&["status"])["sessions"][0]["state"] == "idle"
    });
}

#[test]
fn a_conversation_on_a_disk_that_is_not_mounted_is_not_given_up() {
    let w = World::new();
    symlink(w.path("shared"), w.path("acct/projects")).unwrap();
    w.ok(&["launch", "mine", "--prompt", "hello"]);
    until("it answered", SOON, || w.read("state/events/mine.jsonl").contains("\"Stop\""));
    w.ok(&["watch"]);
    let id = w.session("mine")["conversation"].clone();
    std::fs::rename(w.path("shared"), w.path("unmounted")).unwrap();
    kill(&w, "mine");
    let said = w.ok(&["watch"]);
    assert!(said.contains("waits mine: it cannot be seen whether it has a conversation"), "{said}");
    std::fs::rename(w.path("unmounted"), w.path("shared")).unwrap();
    w.drive("back", |w| w.session("mine")["note"]["state"] == "idle");
    assert_eq!(w.session("mine")["conversation"], id);
}

#[test]
fn a_task_that_had_ended_is_not_resumed() {
    let w = World::new();
    w.task("t", "[[bash:echo x >> n.txt]]");
    w.ok(&["dispatch"]);
    until("the turn has ended", SOON, || w.read("state/events/p-0.jsonl").contains("\"Stop\""));
    kill(&w, "p-0");
    w.drive("done", |w| w.place("t") == "done md");
    assert_eq!((w.read("app/n.txt").as_str(), w.prompts().len()), ("x\n", 1));
}

#[test]
fn an_agent_cannot_end_the_try_of_another_session() {
    let w = World::new();
    w.task("t", "[[bash:sleep 300]]");
    w.ok(&["dispatch"]);
    until("at work", SOON, || !w.prompts().is_empty());
    let state = w.path("state").display().to_string();
    let said = w.cf_env(
        &["task", "done", "t", "-p", "app"],
        &[("CLAUDE_FAILOVER_SESSION", "p-2"), ("CLAUDE_FAILOVER_STATE_DIR", &state)],
    );
    assert!(said.code == 1 && said.err.contains("session `p-2` does not have task `app:t` any more"), "{said:?}");
    assert_eq!(w.place("t"), "inbox md.dispatched");
}

#[test]
fn one_bad_task_does_not_hold_the_others_up() {
    let w = World::new();
    w.pool(1);
    // Only the whole of it tells that it is not UTF-8.
    let mut text = vec![b'a'; 100_000];
    text.extend([0xff, 0xfe]);
    w.write("app/.agent-queue/inbox/a-bad.md", text);
    w.task("good", "[[say:x]]");
    until("it is still", SOON, || w.ok(&["dispatch", "--dry-run"]).contains("would dispatch app:a-bad"));
    let said = w.ok(&["dispatch"]);
    assert!(said.contains("held app:a-bad: it is not UTF-8") && said.contains("dispatched app:good"), "{said}");
}

#[test]
fn a_move_that_was_killed_between_link_and_unlink_is_settled() {
    let w = World::new();
    w.write("app/.agent-queue/inbox/t.md", "[[bash:echo x >> n.txt]]\n");
    let inbox = w.path("app/.agent-queue/inbox");
    std::fs::hard_link(inbox.join("t.md"), inbox.join("t.md.dispatched")).unwrap();
    until("one name", SOON, || {
        w.ok(&["dispatch"]);
        !inbox.join("t.md").exists()
    });
    w.ok(&["task", "retry", "t", "-p", "app"]);
    w.drive("done", |w| w.place("t") == "done md");
    assert_eq!(w.read("app/n.txt"), "x\n");
}

#[test]
fn stop_looks_at_all_names_before_it_ends_one_and_launch_drops_nothing() {
    let w = World::new();
    warm(&w);
    w.ok(&["launch", "mine"]);
    let said = w.cf(&["stop", "p-0", "mine"]);
    assert!(said.code == 1 && said.err.contains("session `mine` is dedicated"), "{said:?}");
    assert!(std::path::Path::new(&format!("/proc/{}", pid(&w, "p-0"))).exists());
    let said = w.cf(&["launch", "p-0", "--project", "web", "--prompt", "hello"]);
    assert!(
        said.code == 1 && said.err.contains("runs already") && said.err.contains("nothing was sent"),
        "{said:?}"
    );
    assert_eq!(w.ok(&["launch", "p-0"]).split(':').next(), Some("runs already p-0"));
}

#[test]
fn everything_that_waits_for_a_person_is_in_status() {
    let w = World::new();
    let before: u32 = w.ok(&["status", "-q"]).trim().parse().unwrap();
    for (id, header) in
        [("a", "depends_on: b"), ("b", "depends_on: a"), ("c", "depends_on: nowhere"), ("d", "account: nope")]
    {
        w.write(&format!("app/.agent-queue/inbox/{id}.md"), format!("---\n{header}\n---\ndo it\n"));
    }
    until("seen", SOON, || w.ok(&["status", "-q"]).trim() == (before + 4).to_string());
    let status = w.ok(&["status"]);
    for want in
        ["run in a circle: app:a → app:b → app:a", "`app:nowhere`, which does not exist", "account `nope`, which"]
    {
        assert!(status.contains(want), "{want} is missing in:\n{status}");
    }
}

#[test]
fn a_hook_that_is_kept_waiting_or_called_wrongly_does_not_fail_its_session() {
    let w = World::new();
    w.ok(&["status"]);
    let state = w.path("state").display().to_string();
    let start = std::time::Instant::now();
    let mut child = w
        .command(&["event", "--state-dir", &state, "--session", "p-0"], &[])
        .stdin(std::process::Stdio::piped())
        .spawn()
        .unwrap();
    let _open = child.stdin.take();
    assert!(child.wait().unwrap().success() && start.elapsed().as_secs() < 8);
    for args in [&["event"][..], &["event", "--from-another-version"], &["statusline", "--nonsense"]] {
        assert_eq!(w.cf(args).code, 0, "{args:?}");
    }
}

#[test]
fn a_conversation_that_was_begun_is_never_begun_anew() {
    let w = World::new();
    // The client that is to resume it does not start at first.
    let agent = bin("stand-in-agent").display().to_string();
    let once = "case \"$*\" in *--resume*) test -e tried || { touch tried; exit 3; };; esac";
    let program = script(&w, "client", &format!("{once}; exec {agent} \"$@\""));
    w.config_with("", "", &program);
    w.task("t", "[[bash:echo 1 >> n.txt]] [[crash]] [[bash:echo 2 >> n.txt]]");
    let later = jiff::Timestamp::now().checked_add(jiff::SignedDuration::from_secs(60)).unwrap().to_string();
    w.drive("done", |w| {
        w.cf_env(&["watch"], &[("CLAUDE_FAILOVER_NOW", &later)]); // past the pause between two returns
        w.place("t") == "done md"
    });
    assert_eq!(w.read("app/n.txt"), "1\n2\n");
    assert!(w.path("app/tried").exists());
}

#[test]
fn a_prompt_is_looked_for_in_the_conversation_that_it_began() {
    let w = World::new();
    warm(&w);
    let transcript = w.session("p-0")["digest"]["transcript"].as_str().unwrap().to_owned();
    w.ok(&["stop", "p-0"]);
    // The earlier conversation of the slot is a long one.
    let mut long = std::fs::read(&transcript).unwrap();
    long.extend(b"{\"type\":\"system\"}\n".repeat(5000));
    std::fs::write(&transcript, long).unwrap();
    std::fs::remove_file(w.path("state/events/p-0.jsonl")).unwrap();
    std::fs::create_dir(w.path("state/events/p-0.jsonl")).unwrap();
    w.task("t", "[[bash:echo x >> n.txt]]");
    w.cf(&["dispatch"]);
    until("the transcript settles it", SOON, || {
        w.ok(&["watch"]);
        w.session("p-0")["lease"]["phase"] == "confirmed" || w.place("t") == "done md"
    });
    assert_eq!((w.read("app/n.txt").as_str(), w.prompts().len()), ("x\n", 2));
}

#[test]
fn a_session_at_a_limit_without_a_task_holds_nothing_up() {
    let mut w = World::new();
    w.task("web:a", "[[done]] [[limit:five_hour]]");
    w.ok(&["dispatch"]);
    until("limited", SOON, || w.read("state/events/p-0.jsonl").contains("StopFailure"));
    w.task("web:b", "[[say:b]]");
    w.ok(&["watch"]);
    // The account itself is tried again after half an hour; the session is no more in the way then.
    let later = jiff::Timestamp::now().checked_add(jiff::SignedDuration::from_mins(40)).unwrap();
    w.env.insert("CLAUDE_FAILOVER_NOW".into(), later.to_string());
    w.drive("the next", |w| w.place("web:b") == "done md");
}

#[test]
fn a_line_whose_record_could_not_be_written_is_not_sent_to_another() {
    let w = World::new();
    w.task("app:warm", "[[say:up]]");
    w.drive("warm", |w| w.place("warm") == "done md" && w.session("p-0")["note"]["state"] == "idle");
    w.task("t", "[[bash:echo begin >> n.txt; sleep 12; echo end >> n.txt]]");
    let mut dispatch = w.command(&["dispatch"], &[]).stdout(std::process::Stdio::null()).spawn().unwrap();
    until("sending", SOON, || w.session("p-0")["lease"]["phase"] == "sending");
    let lock = std::fs::File::open(w.path("state/lock/state.lock")).unwrap();
    fs2::FileExt::lock_exclusive(&lock).unwrap();
    std::thread::sleep(std::time::Duration::from_secs(11)); // longer than anybody waits for it
    fs2::FileExt::unlock(&lock).unwrap();
    dispatch.wait().unwrap();
    w.drive("done", |w| w.place("t") == "done md");
    assert_eq!(w.read("app/n.txt"), "begin\nend\n");
}

#[test]
fn what_the_client_writes_into_its_home_meanwhile_is_kept() {
    let w = World::new();
    let lock = w.path("acct/.claude.json.lock");
    std::fs::create_dir(&lock).unwrap();
    let mut launch = w.command(&["launch", "mine"], &[]).stdout(std::process::Stdio::null()).spawn().unwrap();
    std::thread::sleep(std::time::Duration::from_millis(700));
    w.write("acct/.claude.json", "{\"numStartups\":2,\"oauthAccount\":{\"accountUuid\":\"a\"}}");
    std::fs::remove_dir(&lock).unwrap();
    assert!(launch.wait().unwrap().success());
    let text = w.read("acct/.claude.json");
    assert!(text.contains("accountUuid") && text.contains("hasTrustDialogAccepted") && !lock.exists(), "{text}");
}

#[test]
fn many_bad_tasks_and_one_that_is_held_do_not_starve_a_good_one() {
    let w = World::new();
    w.pool(1);
    for n in 0..5 {
        let mut text = vec![b'a'; 100_000];
        text.extend([0xff, 0xfe]);
        w.write(&format!("app/.agent-queue/inbox/a{n}.md"), text);
    }
    w.task("good", "[[say:x]]");
    until("they are still", SOON, || w.ok(&["dispatch", "--dry-run"]).contains("would dispatch app:a0"));
    let said = w.ok(&["dispatch"]);
    assert!(said.contains("dispatched app:good"), "{said}");
}

#[test]
fn a_cancelled_task_is_not_brought_back_by_a_watch_in_between() {
    let w = World::new();
    w.task("t", "[[bash:sleep 300]] [[bash:touch went-on]]");
    w.ok(&["dispatch"]);
    until("at work", SOON, || !w.prompts().is_empty());
    // A long transcript makes the end slow.
    let transcript = w.session("p-0")["digest"]["transcript"].as_str().map(str::to_owned);
    let transcript = transcript.unwrap_or_else(|| {
        crate::common::tree(&w.path("acct/projects")).into_keys().next().unwrap().display().to_string()
    });
    let mut long = std::fs::read(&transcript).unwrap();
    long.extend(b"{\"type\":\"system\",\"x\":\"0123456789012345678901234567890123456789\"}\n".repeat(300_000));
    std::fs::write(&transcript, long).unwrap();
    std::thread::scope(|s| {
        let cancel = s.spawn(|| w.ok(&["task", "cancel", "t", "-p", "app"]));
        while !cancel.is_finished() {
            w.ok(&["watch", "--no-dispatch"]);
        }
        assert_eq!(cancel.join().unwrap(), "failed app:t\n");
    });
    assert_eq!(starts(&w), 1, "it was brought back");
}

#[test]
fn a_task_whose_session_lost_its_name_goes_to_another() {
    let w = World::new();
    w.task("t", "[[bash:test -e go || { touch go; sleep 300; }]] [[bash:echo x >> n.txt]]");
    w.ok(&["dispatch"]);
    until("at work", SOON, || w.path("app/go").exists());
    w.tmux(&["kill-session", "-t", "=p-0"]);
    w.tmux(&["new-session", "-d", "-s", "p-0", "sleep 500"]);
    w.drive("done by another", |w| w.place("t") == "done md");
    assert!(w.read("app/.agent-queue/done/t.md").contains("session: p-1"));
    let panes = w.tmux(&["list-panes", "-a", "-F", "#{session_name} #{pane_start_command}"]).out;
    assert!(panes.contains("p-0 \"sleep 500\""), "{panes}");
}

#[test]
fn a_draft_keeps_a_session_from_being_told_to_carry_on_and_is_named() {
    let w = World::new();
    w.pool(1);
    w.task("t", "[[error:server_error]] [[bash:echo x >> n.txt]]");
    w.ok(&["dispatch"]);
    until("failed", SOON, || w.read("state/events/p-0.jsonl").contains("StopFailure"));
    until("it takes keys", SOON, || {
        w.tmux(&["send-keys", "-t", "=p-0:", "-l", "d"]);
        w.tmux(&["capture-pane", "-p", "-t", "=p-0:"]).out.contains("❯ d")
    });
    let at = |seconds| {
        let now = jiff::Timestamp::now().checked_add(jiff::SignedDuration::from_secs(seconds)).unwrap();
        w.cf_env(&["watch"], &[("CLAUDE_FAILOVER_NOW", &now.to_string())])
    };
    let said = at(30);
    assert!(said.out.contains("left alone p-0: a draft stands in its composer"), "{said:?}");
    assert!(at(31).out.contains("waits p-0: the turn failed"), "told once, not at every tick");
    assert_eq!(w.session("p-0")["lease"]["nudges"], 0);
}

#[test]
fn a_persons_own_agent_speaks_for_the_person() {
    let w = World::new();
    w.task("t", "[[bash:sleep 300]]");
    w.ok(&["dispatch"]);
    until("at work", SOON, || !w.prompts().is_empty());
    let said = w.cf_env(&["task", "cancel", "t", "-p", "app"], &[("CLAUDE_FAILOVER_SESSION", "mine")]);
    assert_eq!((said.code, said.out.as_str()), (0, "failed app:t\n"), "{said:?}");
    assert!(w.session("p-0")["client"].is_null());
}
