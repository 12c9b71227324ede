//! `init`: from nothing to a pool that can run; repeated, killed or half there it makes what is missing.

use std::os::unix::fs::PermissionsExt;

use crate::common::{SOON, World, bin, tree, until};
use crate::timers::recorded;

/// A world with nothing but projects and a client on the path.
fn nothing() -> World {
    let mut w = World::bare();
    std::fs::remove_dir_all(w.path("acct")).unwrap();
    std::fs::create_dir_all(w.path("home/.local/bin")).unwrap();
    std::os::unix::fs::symlink(bin("stand-in-agent"), w.path("home/.local/bin/claude")).unwrap();
    let config = w.path("home/.config/claude-failover/config.yaml").display().to_string();
    w.env.insert("CLAUDE_FAILOVER_CONFIG".into(), config);
    // Its own tmux server lies in the world.
    let tmp = w.path("tmp").display().to_string();
    w.env.insert("TMUX_TMPDIR".into(), tmp);
    w
}

const CONFIG: &str = "home/.config/claude-failover/config.yaml";

#[test]
fn from_nothing_to_a_task_that_is_done() {
    let w = nothing();
    let app = w.path("app").display().to_string();
    let args = ["init", "--account", "main", "--project", &app, "--pool", "2", "--yes"];
    let dry = w.ok(&[&args[..], &["--dry-run"]].concat());
    assert!(dry.contains("would write") && dry.contains("max: 2"), "{dry}");
    assert!(!w.path(CONFIG).exists() && !w.path("state").exists() && !w.path("home/.claude-main").exists());
    let said = w.cf(&args);
    assert_eq!(said.code, 0, "{said:?}");
    assert!(said.out.contains("login-missing"), "it ends with doctor: {said:?}");
    assert!(said.err.contains("crontab") || said.err.contains("timers install"), "{said:?}");
    assert_eq!(w.path(CONFIG).metadata().unwrap().permissions().mode() & 0o777, 0o600);
    let text = w.read(CONFIG);
    assert!(dry.contains(text.trim()), "what was shown is what was written");
    assert!(text.contains("home: \"~/.claude-main\"") && text.lines().filter(|l| l.contains('#')).count() > 5);
    w.ok(&["config", "check"]);
    for dir in ["inbox", "done", "failed"] {
        assert!(w.path("app/.agent-queue").join(dir).is_dir());
    }
    assert!(w.path("state/lock/state.lock").exists() && w.path("state/reserve").exists());
    assert!(w.read("home/.claude-main/settings.json").contains("\"autoContinueAtUsageLimit\": false"));
    assert!(w.path("home/.claude-main/projects").canonicalize().is_ok());
    // A person logs in; the pool runs. What a session needs besides is only this world's.
    w.log_in("home/.claude-main");
    let config = text.replace("\npool:", "\nallow_volatile_state: true\npool:");
    let root = w.path("").display().to_string();
    w.write(CONFIG, format!("{config}\nclient: {{env: {{STAND_IN_LOG: {root}agent.log, IS_SANDBOX: \"1\"}}}}\ntmux: {{socket: {root}t.sock}}\n").replace("\nclient:\n", "\n#client:\n").replace("\n  # The client", "\n#").replace("\n  env: {IS_SANDBOX: \"1\"}\n", "\n"));
    w.task("t", "[[bash:echo x >> n.txt]]");
    w.drive("done", |w| w.place("t") == "done md");
    let doctor = w.cf(&["doctor"]);
    assert_eq!(doctor.code, 0, "{doctor:?}");
}

#[test]
fn what_is_there_is_kept_and_what_is_missing_is_made() {
    let w = nothing();
    let app = w.path("app").display().to_string();
    let args = ["init", "--account", "main=~/.mine", "--project", &app, "--yes"];
    w.ok(&args);
    assert!(w.path("home/.mine/.claude.json").exists());
    let (before, config) = (tree(&w.path("state")), w.read(CONFIG));
    let again = w.cf(&args);
    assert_eq!(again.code, 0, "{again:?}");
    assert!(again.out.contains("nothing to do: everything is there"), "{again:?}");
    assert!(again.out.contains("--account and --project changes nothing"), "{again:?}");
    assert_eq!((tree(&w.path("state")), w.read(CONFIG)), (before, config.clone()));
    // A configuration of one's own, and a home of one's own.
    w.write(CONFIG, config.replace("max: 3", "max: 7"));
    w.write("home/.mine/settings.json", "{\"model\": \"opus\"}");
    std::fs::remove_dir_all(w.path("app/.agent-queue/done")).unwrap();
    std::fs::remove_file(w.path("home/.mine/todos")).unwrap();
    let said = w.json(&["init", "--yes"]);
    assert_eq!(said["actions"].as_array().unwrap().len(), 2, "{said}");
    assert!(w.path("app/.agent-queue/done").is_dir() && w.path("home/.mine/todos").exists());
    assert_eq!(w.read("home/.mine/settings.json"), "{\"model\": \"opus\"}");
    assert!(w.read(CONFIG).contains("max: 7"));
}

#[test]
fn the_units_are_installed_where_that_is_asked_for() {
    let w = nothing();
    let app = w.path("app").display().to_string();
    let args = ["init", "--account", "main", "--project", &app, "--yes"];
    let units = w.path("home/.config/systemd/user");
    let dry = recorded(&w, &[&args[..], &["--timers", "--dry-run"]].concat(), &[]);
    assert_eq!(dry.code, 0, "{dry:?}");
    assert!(dry.out.contains("would write claude-failover-watch.timer") && !units.exists(), "{dry:?}");
    assert!(!w.path(CONFIG).exists() && !w.path("manager/log").exists());
    // Without a word they are left alone, and it is said how they come.
    for more in [&[][..], &["--no-timers"]] {
        let said = recorded(&w, &[&args[..], more].concat(), &[]);
        assert_eq!(said.code, 0, "{said:?}");
        assert!(said.err.contains("claude-failover timers install") && !units.exists(), "{said:?}");
    }
    let said = recorded(&w, &[&args[..], &["--timers"]].concat(), &[]);
    assert_eq!(said.code, 0, "{said:?}");
    assert!(said.out.contains("wrote claude-failover-watch.timer"), "{said:?}");
    assert!(!said.out.contains("timers-missing"), "doctor comes after it: {said:?}");
    assert!(w.read("manager/log").contains("enable --now"));
    let (files, log) = (tree(&units), w.read("manager/log"));
    let again = recorded(&w, &[&args[..], &["--timers"]].concat(), &[]);
    assert!(again.code == 0 && again.out.contains("nothing to do: everything is there"), "{again:?}");
    assert_eq!((tree(&units), w.read("manager/log")), (files, log));
    let said = recorded(&w, &args, &[]);
    assert!(!said.err.contains("timers install"), "they are there: {said:?}");
    // Where they cannot be installed everything else is done, and that is a failure.
    let w = nothing();
    let app = w.path("app").display().to_string();
    let args = ["init", "--account", "main", "--project", &app, "--yes"];
    w.write("manager/is", "offline\n");
    let said = recorded(&w, &[&args[..], &["--timers"]].concat(), &[]);
    assert_eq!(said.code, 3, "{said:?}");
    assert!(w.path(CONFIG).exists() && said.out.contains("timers print --cron"), "{said:?}");
}

#[test]
fn what_cannot_be_guessed_is_asked_for_by_flags_and_nothing_is_half_done() {
    let w = nothing();
    let said = w.cf(&["init"]);
    assert_eq!(said.code, 2, "{said:?}");
    assert!(said.err.contains("no terminal") && said.err.contains("--yes"), "{said:?}");
    for (args, why) in [
        (vec!["init", "--yes", "--account", "a/b", "--project", "app"], "account name"),
        (vec!["init", "--yes", "--project", "nowhere"], "not a directory"),
        (vec!["init", "--yes", "--project", "app", "--pool", "0"], "0"),
    ] {
        let said = w.cf(&args);
        assert!(said.code == 2 && said.err.contains(why), "{args:?}: {said:?}");
        assert!(!w.path(CONFIG).exists() && !w.path("state").exists());
    }
    // A broken configuration is somebody's work: it is not replaced.
    w.write(CONFIG, "accounts: []\n");
    let said = w.cf(&["init", "--yes", "--project", "app"]);
    assert_eq!((said.code, w.read(CONFIG).as_str()), (6, "accounts: []\n"), "{said:?}");
}

#[test]
fn a_used_home_and_projects_with_queues_are_found() {
    let w = nothing();
    w.log_in("home/.claude");
    w.write("home/.claude/projects/-x/one.jsonl", "{}\n");
    w.write("home/.claude/settings.json", "{\"model\":\"opus\"}");
    std::fs::create_dir_all(w.path("home/src/tool/.agent-queue")).unwrap();
    let said = w.cf(&["init", "--yes"]);
    assert_eq!(said.code, 0, "{said:?}");
    assert!(said.err.contains("2.1.330 (stand-in)") && said.err.contains("~/src/tool"), "{said:?}");
    let text = w.read(CONFIG);
    assert!(text.contains("home: \"~/.claude\"") && text.contains("path: \"~/src/tool\""), "{text}");
    // A person's own home: nothing is moved, nothing of theirs is changed.
    assert_eq!(w.read("home/.claude/settings.json"), "{\"model\":\"opus\"}");
    assert_eq!(w.read("home/.claude/projects/-x/one.jsonl"), "{}\n");
    assert!(said.out.contains("account add main --adopt"), "{said:?}");
}

#[test]
fn on_a_terminal_it_asks_little_and_shows_before_it_writes() {
    let w = nothing();
    let program = bin("claude-failover").display().to_string();
    // A manager that notes what it is told.
    assert_eq!(recorded(&w, &["timers", "print", "--generic"], &[]).code, 0);
    let path = w.path("bin").display().to_string();
    // The server of the world has a terminal of its own; whoever says no has changed nothing.
    let start = |name: &str| {
        let run = format!("PATH={path}:/usr/bin:/bin {program} init; echo ended $?; sleep 60");
        w.tmux(&["new-session", "-d", "-s", name, "-x", "200", "-y", "200", "sh", "-c", &run]);
    };
    let screen = |name: &str| w.tmux(&["capture-pane", "-p", "-t", &format!("={name}:")]).out;
    let answer = |name: &str, question: &str, text: &str| {
        until(question, SOON, || screen(name).contains(question));
        w.tmux(&["send-keys", "-t", &format!("={name}:"), "-l", text]);
        w.tmux(&["send-keys", "-t", &format!("={name}:"), "Enter"]);
    };
    let app = w.path("app").display().to_string();
    let questions = |name: &str, last: &str| {
        answer(name, "accounts, the preferred one first", "me you=~/.two");
        answer(name, "directories of projects", &app);
        answer(name, "how many sessions", "many");
        until("it asks again", SOON, || screen(name).contains("a number from 1 to 100"));
        answer(name, "a number from 1 to 100", "2");
        answer(name, "let systemd run it", "");
        answer(name, "go on?", last);
    };
    start("no");
    questions("no", "n");
    until("it ends", SOON, || screen("no").contains("ended 1"));
    assert!(!w.path(CONFIG).exists() && !w.path("state").exists(), "{}", screen("no"));
    assert!(!w.path("manager/log").exists(), "{}", screen("no"));
    start("yes");
    questions("yes", "");
    for account in ["me", "you"] {
        answer("yes", &format!("log account `{account}` in now?"), "n");
    }
    until("it ends", SOON, || screen("yes").contains("ended 0"));
    let text = w.read(CONFIG);
    assert!(
        text.contains("name: \"me\"") && text.contains("home: \"~/.two\"") && text.contains("max: 2"),
        "{text}"
    );
    assert!(screen("yes").contains("login-missing"), "{}", screen("yes"));
    assert!(w.read("manager/log").contains("enable --now"), "{}", screen("yes"));
}
