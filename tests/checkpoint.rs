//! `checkpoint`: what it holds, what is not written again, how long it is kept, and what comes back from it.

use crate::common::{SOON, World, tree, until};
use serde_json::Value;
use std::path::PathBuf;

/// Checkpoints of a session, oldest first.
fn files(w: &World, session: &str) -> Vec<PathBuf> {
    let all = tree(&w.path(&format!("state/checkpoints/{session}")));
    all.into_keys().filter(|path| path.extension().is_some_and(|e| e == "json")).collect()
}

fn newest(w: &World, session: &str) -> Value {
    let path = files(w, session).pop().expect("no checkpoint");
    serde_json::from_str(&std::fs::read_to_string(path).unwrap()).unwrap()
}

/// A pool session of project `app` that is idle and has no task.
fn idle(w: &World, prompt: &str) -> Value {
    w.ok(&["launch", "p-0", "--project", "app", "--prompt", prompt]);
    comes_to_rest(w, "p-0");
    w.session("p-0")
}

fn comes_to_rest(w: &World, session: &str) {
    until("idle", SOON, || {
        w.ok(&["watch", "--no-dispatch"]);
        w.session(session)["note"]["state"] == "idle" && w.session(session)["digest"]["stop"].is_object()
    });
    // The status line comes behind the report of the turn's end.
    until("the status line", SOON, || {
        w.read(&format!("state/events/{session}.statusline.json")).contains("context")
    });
}

/// The last prompts, without the line breaks of their additions.
fn last_prompt(w: &World) -> String {
    w.prompts().pop().unwrap_or_default()
}

fn git(w: &World, project: &str, args: &[&str]) {
    let who = ["-c", "user.name=a", "-c", "user.email=a@b", "-c", "init.defaultBranch=main"];
    let mut git = std::process::Command::new("git");
    git.arg("-C").arg(w.path(project)).args(who).args(args).env_clear().envs(&w.env);
    assert!(git.output().unwrap().status.success(), "{args:?}");
}

#[test]
fn it_holds_what_the_session_was_at() {
    let w = World::new();
    git(&w, "app", &["init", "-q"]);
    w.write("app/code", "1\n");
    git(&w, "app", &["add", "code"]);
    git(&w, "app", &["commit", "-qm", "one"]);
    w.write("app/code", "2\n");
    w.task("t", "[[say:I begin]] [[bash:API_TOKEN=geheim; until test -e ../go; do sleep 0.05; done]]");
    w.ok(&["dispatch"]);
    until("at work", SOON, || w.json(&["status"])["sessions"][0]["state"] == "working");
    until("the call", SOON, || w.read("agent.log").contains("Task t"));
    until("on the screen", SOON, || w.tmux(&["capture-pane", "-p", "-t", "=p-0:"]).out.contains("Bash("));
    let plan = w.ok(&["checkpoint", "--dry-run"]);
    assert!(plan.contains("would be kept p-0: working, task `app:t`, on `main`, main, "), "{plan}");
    assert!(files(&w, "p-0").is_empty());
    let said = w.ok(&["checkpoint"]);
    assert!(
        said.contains("kept p-0: as 20") && said.ends_with("1 of 1 live sessions had something new\n"),
        "{said}"
    );
    let made = newest(&w, "p-0");
    let record = w.session("p-0");
    for key in ["conversation", "account", "cwd", "client"] {
        assert_eq!(made[key], record[key], "{key}");
    }
    assert_eq!(
        (&made["version"], &made["by"], &made["carry_on"]),
        (&1.into(), &"checkpoint".into(), &true.into())
    );
    assert_eq!((&made["task"]["task"]["id"], &made["task"]["attempt"]), (&"t".into(), &1.into()));
    assert_eq!(made["flags"][0], "--dangerously-skip-permissions");
    let transcript = PathBuf::from(made["transcript"]["path"].as_str().unwrap());
    assert_eq!(made["transcript"]["size"], transcript.metadata().unwrap().len());
    assert_eq!(made["transcript"]["last"]["kind"], "assistant");
    assert_eq!((&made["tool"]["name"], &made["tool"]["finished"]), (&"Bash".into(), &false.into()));
    assert!(made["tool"]["input"]["command"].as_str().unwrap().starts_with("API_TOKEN=***"), "{made}");
    assert_eq!((&made["git"]["branch"], &made["git"]["dirty"][0]), (&"main".into(), &".M code".into()), "{made}");
    assert_eq!(made["git"]["head"].as_str().unwrap().len(), 40);
    assert!(made["prompt"].as_str().unwrap().starts_with("Task t (attempt 1): read "), "{made}");
    assert!(made["pane"].to_string().contains("Bash(API_TOKEN=***"), "{made}");
    assert!(!made.to_string().contains("geheim"));
    // For people, and for scripts.
    let shown = w.ok(&["checkpoint", "show", "p-0"]);
    assert!(shown.contains("last tool:    Bash (command: API_TOKEN=***") && !shown.contains("geheim"), "{shown}");
    assert_eq!(w.json(&["checkpoint", "show", "p-0"]), made);
    let list = w.ok(&["checkpoint", "list"]);
    assert!(list.starts_with("SESSION") && list.contains("working  main     app:t  main"), "{list}");
    let mut listed = w.json(&["checkpoint", "list", "p-0"])["checkpoints"][0].clone();
    assert_eq!(listed.as_object_mut().unwrap().remove("kept_as"), Some("newest 1".into()));
    assert_eq!(listed, made);
    use std::os::unix::fs::PermissionsExt;
    let mode = |path: PathBuf| path.metadata().unwrap().permissions().mode() & 0o777;
    assert_eq!((mode(files(&w, "p-0").pop().unwrap()), mode(w.path("state/checkpoints/p-0"))), (0o600, 0o700));
}

#[test]
fn what_says_nothing_new_is_not_written_and_opens_nothing() {
    let w = World::new();
    assert_eq!(w.ok(&["checkpoint"]), "no session is live\n");
    idle(&w, "hello");
    let quiet = |w: &World| {
        let said = w.cf_env(&["checkpoint", "-v"], &[]);
        assert!(said.out.contains("unchanged p-0: since checkpoint 20"), "{said:?}");
        said.err.lines().find(|l| l.contains("child processes")).unwrap_or_default().to_owned()
    };
    assert!(w.ok(&["checkpoint"]).contains("kept p-0"));
    assert_eq!(newest(&w, "p-0")["context"]["size"], 200_000);
    let before = tree(&w.path("state/checkpoints"));
    // One call to tmux, and no look at the screen or the working tree.
    assert!(quiet(&w).contains(" 1 child processes"), "{}", quiet(&w));
    assert_eq!(tree(&w.path("state/checkpoints")), before);
    // A sign of the client's is something new.
    w.tmux(&["send-keys", "-t", "=p-0:", "-l", "again"]);
    until("a second turn", SOON, || {
        // A client that has just started loses Enter; in an empty composer it does nothing.
        w.tmux(&["send-keys", "-t", "=p-0:", "Enter"]);
        w.read("state/events/p-0.jsonl").matches("\"Stop\"").count() == 2
    });
    comes_to_rest(&w, "p-0");
    assert!(w.ok(&["checkpoint"]).contains("kept p-0"));
    assert_eq!((files(&w, "p-0").len(), newest(&w, "p-0")["prompt"].clone()), (2, "again".into()));
    // A session that has ended is not live; its checkpoints stay.
    w.ok(&["stop", "p-0"]);
    assert_eq!(w.ok(&["checkpoint"]), "no session is live\n");
    assert!(w.ok(&["checkpoint", "--session", "p-0"]).contains("left alone p-0: no client runs in it"));
    assert_eq!(files(&w, "p-0").len(), 2);
    // Damaged, it is told and left where it is.
    std::fs::write(files(&w, "p-0").pop().unwrap(), "{").unwrap();
    let list = w.ok(&["checkpoint", "list", "p-0"]);
    assert!(list.contains("damaged: damaged state file"), "{list}");
    let said = w.cf(&["checkpoint", "show", "p-0"]);
    assert!(said.code == 1 && said.err.contains("damaged state file"), "{said:?}");
}

#[test]
fn so_many_are_kept_and_the_newest_of_each_day() {
    let w = World::new();
    w.config("checkpoint: {keep: 2, keep_days: 2, pane_lines: 0}\n");
    idle(&w, "hello");
    let at = |time: &str| {
        // Whatever else it did, it has reported something since.
        let report = format!("{{\"at\":\"{time}\",\"event\":\"PostToolUse\"}}\n");
        let events = w.read("state/events/p-0.jsonl") + &report;
        w.write("state/events/p-0.jsonl", events);
        let said = w.cf_env(&["checkpoint"], &[("CLAUDE_FAILOVER_NOW", time)]);
        assert!(said.out.contains("kept p-0"), "{said:?}");
    };
    for time in ["2030-01-01T10:00:00Z", "2030-01-01T11:00:00Z", "2030-01-02T10:00:00Z", "2030-01-02T11:00:00Z"] {
        at(time);
    }
    assert!(w.ok(&["checkpoint", "list"]).contains("last of 2030-01-01"));
    let days = || {
        let names =
            files(&w, "p-0").into_iter().map(|p| p.file_stem().unwrap().to_string_lossy()[..13].to_owned());
        names.collect::<Vec<_>>()
    };
    assert_eq!(days(), ["20300101T1100", "20300102T1000", "20300102T1100"]);
    at("2030-01-03T10:00:00Z");
    assert_eq!(days(), ["20300102T1100", "20300103T1000"]);
    assert_eq!(newest(&w, "p-0")["pane"], Value::Null);
    // The clock goes back a little: the newest is still the last.
    at("2030-01-03T09:00:00Z");
    assert_eq!(newest(&w, "p-0")["at"], "2030-01-03T09:00:00Z");
    // It was wrong by a year: names do not stay there, and what is taken now is the newest.
    for time in ["2029-01-01T00:00:00Z", "2029-01-01T00:05:00Z", "2029-01-01T00:10:00Z"] {
        at(time);
        let shown = w.cf_env(&["checkpoint", "show", "p-0", "--json"], &[("CLAUDE_FAILOVER_NOW", time)]);
        let shown: Value = serde_json::from_str(&shown.out).unwrap();
        assert_eq!(shown["at"], time);
    }
    assert_eq!(days()[..2], ["20290101T0005", "20290101T0010"]);
}

#[test]
fn mistakes_are_told_with_a_remedy() {
    let w = World::new();
    for (args, code, want) in [
        (&["checkpoint", "--session", "p-0"][..], 1, "nothing is known of session `p-0`"),
        (&["checkpoint", "show", "p-0"], 1, "no checkpoint of session `p-0`"),
        (&["checkpoint", "list", "p-0"], 1, "no checkpoint of session `p-0`"),
        (&["checkpoint", "restore", "p-0"], 1, "no checkpoint of session `p-0`"),
        (&["checkpoint", "show", "../x"], 2, "must not start with"),
        (&["checkpoint", "show", "p-0", "../../x"], 2, "not the name of a checkpoint"),
        (&["checkpoint", "--dry-run", "list"], 2, "cannot be used with"),
    ] {
        let said = w.cf(args);
        assert!(said.code == code && said.err.contains(want), "{args:?}: {said:?}");
    }
    assert_eq!(w.ok(&["checkpoint", "list"]), "no checkpoint was taken yet\n");
    idle(&w, "hello");
    w.ok(&["checkpoint"]);
    for (args, want) in [
        (&["checkpoint", "restore", "p-0"][..], "claude-failover stop p-0"),
        (&["checkpoint", "restore", "p-0", "--account", "other"], "no account `other` in the configuration"),
        (&["checkpoint", "restore", "p-0", "20200101T000000-000Z"], "no checkpoint `20200101T000000-000Z`"),
    ] {
        let said = w.cf(args);
        assert!(said.code == 1 && said.err.contains(want) && said.err.contains("hint: "), "{args:?}: {said:?}");
    }
    assert_eq!(w.prompts(), ["hello"], "nothing was sent to it");
    let said = w.cf(&["--json", "checkpoint", "restore", "p-0"]);
    let error: Value = serde_json::from_str(&said.err).unwrap();
    assert!(error["error"].as_str().unwrap().starts_with("session `p-0` runs (pid "), "{error}");
}

#[test]
fn a_session_is_restored_with_its_conversation_on_another_account() {
    let w = World::with_accounts();
    let before = idle(&w, "hello");
    w.ok(&["checkpoint"]);
    w.ok(&["stop", "p-0"]);
    let plan = w.ok(&["checkpoint", "restore", "p-0", "--account", "spare", "--dry-run"]);
    assert!(plan.contains("would be restored p-0: from checkpoint 20") && plan.contains("on `spare`"), "{plan}");
    assert!(w.session("p-0")["client"].is_null());
    let until = crate::janitor::later(2);
    w.write("state/accounts/spare.json", format!("{{\"version\":1,\"name\":\"spare\",\"limits\":{{\"five_hour\":{{\"at\":\"2026-01-01T00:00:00Z\",\"until\":\"{until}\",\"source\":\"transcript\"}}}}}}"));
    let plan = w.ok(&["checkpoint", "restore", "p-0", "--account", "spare", "--dry-run"]);
    assert!(plan.contains("note p-0: account `spare` is at its limit, for another "), "{plan}");
    std::fs::remove_file(w.path("state/accounts/spare.json")).unwrap();
    let said = w.ok(&["checkpoint", "restore", "p-0", "--account", "spare"]);
    assert!(said.contains("restored p-0") && said.contains(" goes on\n") && !said.contains("NEW"), "{said}");
    let after = w.session("p-0");
    assert_eq!((&after["conversation"], &after["account"]), (&before["conversation"], &"spare".into()));
    assert_eq!(w.prompts(), ["hello"], "it was at rest, and nothing is asked of it");
    let start = w.agent_log().into_iter().rfind(|l| l["argv"].is_array()).unwrap();
    assert!(
        start["argv"].to_string().contains("--resume") && start["home"].to_string().contains("spare"),
        "{start}"
    );
    assert!(w.read_log().contains("restored from checkpoint 20"));
    comes_to_rest(&w, "p-0");
    let twice = w.cf(&["checkpoint", "restore", "p-0"]);
    assert!(twice.code == 1 && twice.err.contains("session `p-0` runs"), "{twice:?}");
}

#[test]
fn a_conversation_that_a_live_client_has_is_not_given_to_a_second_one() {
    let w = World::with_accounts();
    let before = idle(&w, "hello");
    w.ok(&["checkpoint"]);
    w.ok(&["stop", "p-0"]);
    // This very process stands for a client that a person has started by hand, on another account.
    let pid = std::process::id();
    let stat = std::fs::read_to_string("/proc/self/stat").unwrap();
    let start = stat.rsplit(')').next().unwrap().split_whitespace().nth(19).unwrap();
    let state = |start: &str| {
        let conversation = &before["conversation"];
        format!("{{\"pid\":{pid},\"procStart\":\"{start}\",\"status\":\"idle\",\"sessionId\":{conversation}}}")
    };
    let file = format!("third/sessions/{pid}.json");
    w.write(&file, state(start));
    let said = w.cf(&["checkpoint", "restore", "p-0"]);
    assert!(said.code == 1 && said.err.contains(&format!("account `third` (pid {pid})")), "{said:?}");
    assert!(w.ok(&["checkpoint", "restore", "p-0", "--new", "--dry-run"]).contains("would be begun anew"));
    // Another process of that number had it once.
    w.write(&file, state("1"));
    let boot = std::fs::read_to_string("/proc/sys/kernel/random/boot_id").unwrap();
    let client = format!(
        "{{\"pid\":{pid},\"start\":{start},\"boot_id\":\"{}\",\"launched\":\"2026-01-01T00:00:00Z\"}}",
        boot.trim()
    );
    let other = format!(
        "{{\"version\":1,\"name\":\"p-1\",\"kind\":\"pool\",\"conversation\":{},\"client\":{client}}}",
        before["conversation"]
    );
    w.write("state/sessions/p-1.json", other);
    let said = w.cf(&["checkpoint", "restore", "p-0"]);
    assert!(said.code == 1 && said.err.contains(&format!("session `p-1` (pid {pid})")), "{said:?}");
    std::fs::remove_file(w.path("state/sessions/p-1.json")).unwrap();
    assert!(w.ok(&["checkpoint", "restore", "p-0"]).contains(" goes on"));
}

#[test]
fn a_dedicated_session_that_runs_is_left_alone_and_comes_back_when_it_has_ended() {
    let w = World::new();
    w.ok(&["launch", "mine", "--prompt", "hello"]);
    comes_to_rest(&w, "mine");
    assert!(w.ok(&["checkpoint", "--session", "mine"]).contains("kept mine"));
    let before = w.session("mine");
    let said = w.cf(&["checkpoint", "restore", "mine"]);
    assert!(said.code == 1 && said.err.contains("hint: it is yours, and never ended"), "{said:?}");
    assert_eq!(w.session("mine")["client"], before["client"]);
    w.tmux(&["send-keys", "-t", "=mine:", "/exit"]);
    until("it has ended", SOON, || {
        w.tmux(&["send-keys", "-t", "=mine:", "Enter"]);
        w.tmux(&["list-panes", "-t", "=mine:", "-F", "#{pane_dead}"]).out == "1\n"
    });
    let said = w.ok(&["checkpoint", "restore", "mine"]);
    assert!(said.contains("restored mine"), "{said}");
    let after = w.session("mine");
    assert_eq!((&after["conversation"], &after["kind"]), (&before["conversation"], &"dedicated".into()));
    assert_eq!(w.prompts(), ["hello"], "never typed into");
}

#[test]
fn a_session_in_the_middle_of_something_is_told_to_carry_on() {
    let w = World::new();
    w.ok(&["launch", "p-0", "--project", "app", "--prompt", "[[bash:sleep 300]] [[bash:echo x >> n.txt]]"]);
    until("at work", SOON, || w.json(&["status"])["sessions"][0]["state"] == "working");
    until("the call", SOON, || w.tmux(&["capture-pane", "-p", "-t", "=p-0:"]).out.contains("Bash("));
    w.ok(&["checkpoint"]);
    w.ok(&["stop", "p-0"]);
    let said = w.ok(&["checkpoint", "restore", "p-0"]);
    // What the old client wrote while it was ended is part of the conversation.
    assert!(said.contains("note p-0: its conversation has gone on since"), "{said}");
    until("it is told", SOON, || last_prompt(&w).starts_with("This session was ended and has been restored"));
}

#[test]
fn a_conversation_that_is_gone_begins_anew_from_a_summary_and_that_is_said() {
    let w = World::new();
    let before = idle(&w, "hello");
    w.ok(&["checkpoint"]);
    w.ok(&["stop", "p-0"]);
    let made = newest(&w, "p-0");
    std::fs::remove_file(made["transcript"]["path"].as_str().unwrap()).unwrap();
    let plan = w.ok(&["checkpoint", "restore", "p-0", "--dry-run"]);
    assert!(plan.contains("a NEW conversation begins from a summary, since its conversation is gone"), "{plan}");
    assert!(plan.contains("it reads the summary and waits"), "{plan}");
    let said = w.ok(&["checkpoint", "restore", "p-0"]);
    assert!(said.contains("begun anew p-0: from checkpoint 20"), "{said}");
    assert!(said.contains("begins from a summary, since its conversation is gone"), "{said}");
    assert_ne!(w.session("p-0")["conversation"], before["conversation"]);
    let prompt = last_prompt(&w);
    assert!(
        prompt.starts_with("This conversation is new") && prompt.ends_with("wait for what comes next."),
        "{prompt}"
    );
    let page = format!("state/checkpoints/p-0/{}.md", made["id"].as_str().unwrap());
    assert!(prompt.contains(&w.path(&page).display().to_string()), "{prompt}");
    let reads = w.cf(&["guard", "--explain", &format!("cat {}", w.path(&page).display())]);
    assert_eq!(reads.code, 0, "it may read it: {reads:?}");
    let page = w.read(&page);
    assert!(page.contains("- last prompt: hello\n") && page.contains("- last words: echo: hello\n"), "{page}");
    assert_eq!(w.ok(&["checkpoint", "show", "p-0", "--summary"]), page);
    // What agent and screen have said never stands in a command line.
    assert!(!w.read("agent.log").contains("last words"));
}

#[test]
fn a_conversation_that_the_client_does_not_find_begins_anew_too() {
    let w = World::new();
    let before = idle(&w, "hello");
    w.ok(&["checkpoint"]);
    w.ok(&["stop", "p-0"]);
    // In another folder we find it, and a client that looks in its directory's own does not.
    let path = PathBuf::from(newest(&w, "p-0")["transcript"]["path"].as_str().unwrap());
    let other = path.parent().unwrap().with_file_name("-elsewhere").join(path.file_name().unwrap());
    std::fs::create_dir_all(other.parent().unwrap()).unwrap();
    std::fs::rename(&path, &other).unwrap();
    let plan = w.ok(&["checkpoint", "restore", "p-0", "--dry-run"]);
    assert!(plan.contains(" goes on, and it waits for whoever comes"), "{plan}");
    let said = w.ok(&["checkpoint", "restore", "p-0"]);
    assert!(said.contains("since the client says \"No conversation found\"") && said.contains("NEW"), "{said}");
    assert_ne!(w.session("p-0")["conversation"], before["conversation"]);
    assert!(last_prompt(&w).starts_with("This conversation is new"));
    let panes = w.tmux(&["list-panes", "-a", "-F", "#{session_name} #{pane_dead}"]).out;
    assert_eq!(panes, "p-0 0\n");
    // Where another account does not see it, that is no loss: it is refused.
    w.ok(&["stop", "p-0"]);
    let config = w.read("config.yaml");
    let more = format!(", {{name: spare, home: {}}}]", w.path("spare").display());
    w.write("config.yaml", config.replacen("}]\n", &format!("}}{more}\n"), 1));
    w.log_in("spare");
    let first = files(&w, "p-0")[0].file_stem().unwrap().to_string_lossy().into_owned();
    std::fs::rename(&other, &path).unwrap();
    std::fs::create_dir(w.path("spare/projects")).unwrap();
    let said = w.cf(&["checkpoint", "restore", "p-0", &first, "--account", "spare"]);
    assert!(said.code == 1 && said.err.contains("cannot be seen from that account"), "{said:?}");
    assert!(w.session("p-0")["client"].is_null());
    let said = w.ok(&["checkpoint", "restore", "p-0", &first, "--account", "spare", "--new"]);
    assert!(said.contains("since a new one was asked for"), "{said}");
}

/// A session that has a task and whose client was killed in the middle of it.
fn killed_at_work(w: &World) {
    w.task("t", "[[bash:test -e go || { touch go; sleep 300; }]] [[bash:echo x >> n.txt]]");
    w.ok(&["dispatch"]);
    until("at work", SOON, || w.path("app/go").exists());
    w.ok(&["checkpoint"]);
    w.ok(&["stop", "p-0", "--keep-task"]);
}

#[test]
fn a_task_that_it_still_has_is_carried_on_with() {
    let w = World::new();
    killed_at_work(&w);
    let before = w.session("p-0");
    let said = w.ok(&["checkpoint", "restore", "p-0"]);
    assert!(said.contains("restored p-0"), "{said}");
    assert_eq!(w.session("p-0")["conversation"], before["conversation"]);
    assert!(last_prompt(&w).contains("this session was interrupted and resumed, carry on with the task"));
    w.drive("done", |w| w.place("t") == "done md");
    assert_eq!(w.read("app/n.txt"), "x\n");
    // With another task, or none any more, it is not given that one again.
    let w = World::new();
    killed_at_work(&w);
    w.ok(&["task", "done", "t", "-p", "app"]);
    w.drive("freed", |w| w.session("p-0")["lease"].is_null());
    let said = w.ok(&["checkpoint", "restore", "p-0"]);
    assert!(said.contains("note p-0: its task `app:t` is done"), "{said}");
    assert_eq!(w.prompts().len(), 1);
}

#[test]
fn a_task_whose_conversation_is_gone_is_given_again_with_the_summary() {
    let w = World::new();
    killed_at_work(&w);
    let path = newest(&w, "p-0")["transcript"]["path"].as_str().unwrap().to_owned();
    std::fs::remove_file(path).unwrap();
    let said = w.ok(&["checkpoint", "restore", "p-0"]);
    assert!(said.contains("since its conversation is gone"), "{said}");
    let prompt = last_prompt(&w);
    assert!(
        prompt.starts_with("Task t (attempt 1): read ") && prompt.contains("This conversation is new"),
        "{prompt}"
    );
    w.drive("done", |w| w.place("t") == "done md");
    assert_eq!(w.read("app/n.txt"), "x\n");
}

#[test]
fn a_switch_takes_one_of_each_session_and_does_not_depend_on_it() {
    let w = World::with_accounts();
    idle(&w, "hello");
    w.ok(&["switch", "--to", "spare"]);
    let made = newest(&w, "p-0");
    assert_eq!((&made["by"], &made["account"]), (&"switch".into(), &"main".into()), "before it was ended");
    assert!(made["pane"].to_string().contains("echo: hello"), "{made}");
    let history = tree(&w.path("state/switch/history"));
    let journal = String::from_utf8_lossy(history.values().next().unwrap()).into_owned();
    assert!(journal.contains(&format!("\"saved_as\": {}", made["id"])), "{journal}");
    // No checkpoint can be written, and no git runs: the session is moved all the same.
    std::fs::remove_dir_all(w.path("state/checkpoints/p-0")).unwrap();
    w.write("state/checkpoints/p-0", "in the way");
    comes_to_rest(&w, "p-0");
    let said = w.cf(&["switch", "--to", "third"]);
    assert_eq!((said.code, &w.session("p-0")["account"]), (0, &"third".into()), "{said:?}");
    assert!(said.err.contains("no checkpoint of `p-0` before its move"), "{said:?}");
}

#[test]
fn the_real_client_goes_on_and_one_that_refuses_begins_anew() {
    use crate::common::real_client::{Api, VERSIONS, client, world_with_accounts};
    let one = |version: &str| {
        let scratch = tempfile::tempdir_in("/var/tmp").unwrap();
        let api = Api::start(scratch.path().join("api"));
        let w = world_with_accounts(&client(version), &api);
        let before = idle(&w, "Remember the word plum. [[bash:echo plum >> word.txt]]");
        w.ok(&["checkpoint"]);
        let made = newest(&w, "p-0");
        assert_eq!(
            (&made["tool"]["name"], &made["tool"]["finished"]),
            (&"Bash".into(), &true.into()),
            "{version}: {made}"
        );
        assert!(made["said"].as_str().unwrap().starts_with("tool said: "), "{version}: {made}");
        assert!(made["context"]["size"].as_u64().unwrap() >= 200_000, "{version}: {made}");
        assert!(
            made["git"]["unseen"].is_null() && made["git"]["dirty_count"].as_u64().unwrap() > 0,
            "{version}: {made}"
        );
        w.ok(&["stop", "p-0"]);
        let said = w.ok(&["checkpoint", "restore", "p-0", "--account", "spare"]);
        assert!(said.contains(" goes on") && !said.contains("not reported"), "{version}: {said}");
        assert_eq!(w.session("p-0")["conversation"], before["conversation"], "{version}");
        // With its whole history, on the other account.
        comes_to_rest(&w, "p-0");
        w.tmux(&["send-keys", "-t", "=p-0:", "-l", "Which word was it?"]);
        std::thread::sleep(std::time::Duration::from_millis(400));
        w.tmux(&["send-keys", "-t", "=p-0:", "Enter"]);
        let asked = |text: &str| {
            let of = |l: &Value| l["kind"] == "prompt" && l["last"].to_string().contains(text);
            api.log().into_iter().rfind(of)
        };
        until("it was asked", SOON, || asked("Which word was it?").is_some());
        let question = asked("Which word was it?").unwrap();
        assert_eq!(question["token"], "fake-B", "{version}");
        assert!(api.body(&question["n"]).contains("the word plum"), "{version}");
        comes_to_rest(&w, "p-0");
        w.ok(&["stop", "p-0"]);
        // A transcript that we see and in which the client finds no conversation.
        std::fs::write(made["transcript"]["path"].as_str().unwrap(), "").unwrap();
        let said = w.cf(&["checkpoint", "restore", "p-0"]);
        assert!(said.out.contains("since the client says \"No conversation found\""), "{version}: {said:?}");
        until("it was told", SOON, || asked("This conversation is new").is_some());
        assert_ne!(w.session("p-0")["conversation"], before["conversation"], "{version}");
    };
    std::thread::scope(|s| {
        for version in VERSIONS {
            s.spawn(move || one(version));
        }
    });
}
