//! The crash sweep: every command that changes anything is killed at its n-th durable step, for
//! every n. Then it is run again, or first another command that a timer may start, and the
//! invariants must hold.

use crate::common::{SOON, World, bin, until};

/// What `crash-points` exits with.
const CRASHED: i32 = 86;

/// Runs the sweep. `prepare` brings a fresh world to where the command has something to do,
/// `settle` lets it come to its end and checks it.
fn sweep(args: &[&str], least: usize, prepare: impl Fn(&World) + Sync, settle: impl Fn(&World, usize) + Sync) {
    sweep_run(args, least, prepare, settle, |w, env| w.cf_env(args, env).code);
}

/// … of a command that is run in another way.
fn sweep_run(
    args: &[&str],
    least: usize,
    prepare: impl Fn(&World) + Sync,
    settle: impl Fn(&World, usize) + Sync,
    run: impl Fn(&World, &[(&str, &str)]) -> i32 + Sync,
) {
    sweep_in(World::new, args, least, prepare, settle, run);
}

/// … in another world.
fn sweep_in(
    world: impl Fn() -> World + Sync,
    args: &[&str],
    least: usize,
    prepare: impl Fn(&World) + Sync,
    settle: impl Fn(&World, usize) + Sync,
    run: impl Fn(&World, &[(&str, &str)]) -> i32 + Sync,
) {
    // They wait more than they work.
    const AT_ONCE: usize = 8;
    // What a first launch does to a home has its own sweeps; elsewhere the home is ready.
    let ready = !["account", "launch"].contains(&args[0]);
    let point = |n: usize| -> bool {
        let w = world();
        if ready {
            link_home(&w);
        }
        prepare(&w);
        let code = run(&w, &[("CLAUDE_FAILOVER_CRASH_AT", &n.to_string())]);
        if code != CRASHED {
            assert_eq!(code, 0, "point {n} of {args:?}");
            return false;
        }
        everything_parses(&w, n);
        // Whoever comes first: the command itself, or one that a timer starts.
        if let Some(first) = [None, Some("dispatch"), Some("watch")][n % 3] {
            let said = w.cf(&[first]);
            assert!([0, 1, 3].contains(&said.code), "{first} after point {n} of {args:?}: {said:?}");
        }
        let code = run(&w, &[]);
        assert!([0, 1].contains(&code), "{args:?} again after point {n}: {code}");
        settle(&w, n);
        everything_parses(&w, n);
        true
    };
    let mut n = 1;
    loop {
        let crashed: Vec<bool> = std::thread::scope(|s| {
            let point = &point;
            let running: Vec<_> = (n..n + AT_ONCE).map(|n| s.spawn(move || point(n))).collect();
            running.into_iter().map(|r| r.join().unwrap()).collect()
        });
        n += AT_ONCE;
        if crashed.contains(&false) {
            break;
        }
        assert!(n < 800, "{args:?} never ends");
    }
    assert!(n > least, "only {n} points in {args:?}: is the feature `crash-points` on?");
}

fn link_home(w: &World) {
    for name in ["projects", "session-env", "file-history", "todos"] {
        let target = w.path("home/.claude-shared").join(name);
        std::fs::create_dir_all(&target).unwrap();
        let link = w.path("acct").join(name);
        if link.symlink_metadata().is_err() {
            std::os::unix::fs::symlink(target, link).unwrap();
        }
    }
}

/// Every state file is whole, whatever moment it was.
fn everything_parses(w: &World, n: usize) {
    for (path, bytes) in crate::common::tree(&w.path("state")) {
        let name = path.file_name().unwrap().to_string_lossy().into_owned();
        if name.ends_with(".json") && !name.starts_with(".tmp-") {
            assert!(serde_json::from_slice::<serde_json::Value>(&bytes).is_ok(), "point {n}: {}", path.display());
        }
    }
    let all: Vec<String> = ["inbox", "done", "failed"]
        .iter()
        .flat_map(|d| std::fs::read_dir(w.path(&format!("app/.agent-queue/{d}"))).into_iter().flatten().flatten())
        .map(|e| e.file_name().to_string_lossy().into_owned())
        .filter(|f| f.starts_with("t.") || f.starts_with("t.md"))
        .collect();
    assert!(all.len() <= 1, "point {n}: the task is in several places: {all:?}");
    let holders: Vec<String> = ["p-0", "p-1", "p-2"]
        .iter()
        .filter(|s| w.session(s)["lease"]["task"]["id"] == "t")
        .map(|s| (*s).to_owned())
        .collect();
    assert!(holders.len() <= 1, "point {n}: two sessions have the task: {holders:?}");
}

/// Done once, with its effect once, and nothing left to do.
fn done_once(w: &World, n: usize) {
    w.drive("done", |w| w.place("t") == "done md");
    assert_eq!(w.read("app/n.txt"), "x\n", "point {n}: not exactly once; prompts: {:#?}", w.prompts());
    assert!(w.read("app/.agent-queue/done/t.md").ends_with("[[bash:echo x >> n.txt]]\n"));
    w.drive("freed", |w| ["p-0", "p-1", "p-2"].iter().all(|s| w.session(s)["lease"].is_null()));
    w.ok(&["watch"]);
    let quiet = w.ok(&["watch"]);
    assert!(quiet.contains("nothing to do"), "point {n}: {quiet}");
}

const TEXT: &str = "[[bash:echo x >> n.txt]]";
/// The first client that plays it hangs before the effect; a later one goes on.
const HANGS_ONCE: &str =
    "[[bash:test -e go || { touch go; sleep 300; }]] [[bash:echo begin >> n.txt; sleep 0.3; echo end >> n.txt]]";

/// Done, perhaps after a try that was cut short, and never by two at once.
fn done_alone(w: &World, n: usize) {
    w.drive("done", |w| w.place("t") == "done md");
    let log = w.read("app/n.txt");
    assert!(log.ends_with("end\n") && !log.contains("end\nend"), "point {n}: two at once: {log}");
    w.drive("freed", |w| ["p-0", "p-1", "p-2"].iter().all(|s| w.session(s)["lease"].is_null()));
}

/// A session that is at work on a task which does not end by itself.
fn at_work(w: &World) {
    w.task("t", HANGS_ONCE);
    w.ok(&["dispatch"]);
    until("at work", SOON, || w.path("app/go").exists());
}

/// Sessions of which one is idle in `project`.
fn warm(w: &World, project: &str) {
    let task = format!("{project}:warm");
    w.task(&task, "[[say:up]]");
    w.drive("warm", |w| w.place(&task) == "done md" && w.session("p-0")["note"]["state"] == "idle");
}

#[test]
fn dispatch_with_a_launch() {
    sweep(&["dispatch"], 30, |w| w.task("t", TEXT), done_once);
}

#[test]
fn dispatch_into_an_idle_session() {
    let prepare = |w: &World| {
        warm(w, "app");
        w.task("t", TEXT);
    };
    sweep(&["dispatch"], 20, prepare, done_once);
}

#[test]
fn dispatch_in_place_of_an_idle_session() {
    let prepare = |w: &World| {
        w.pool(1);
        warm(w, "web");
        w.task("t", TEXT);
    };
    sweep(&["dispatch"], 30, prepare, done_once);
}

#[test]
fn dispatch_that_puts_a_task_back() {
    let prepare = |w: &World| {
        w.pool(1);
        warm(w, "app");
        w.tmux(&["send-keys", "-t", "=p-0:", "-l", "draft"]);
        until("it is drawn", SOON, || w.tmux(&["capture-pane", "-p", "-t", "=p-0:"]).out.contains("❯ draft"));
        w.task("t", TEXT);
    };
    let settle = |w: &World, n: usize| {
        for _ in 0.."draft".len() {
            w.tmux(&["send-keys", "-t", "=p-0:", "BSpace"]);
        }
        // The hold is half a minute; a session that was forgotten meanwhile has none.
        let later = jiff::Timestamp::now().checked_add(jiff::SignedDuration::from_secs(40)).unwrap().to_string();
        w.drive("done", |w| {
            w.cf_env(&["dispatch"], &[("CLAUDE_FAILOVER_NOW", &later)]);
            w.place("t") == "done md"
        });
        assert_eq!(w.read("app/n.txt"), "x\n", "point {n}");
    };
    sweep(&["dispatch"], 8, prepare, settle);
}

#[test]
fn dispatch_with_a_client_that_does_not_start() {
    let prepare = |w: &World| {
        w.config_with("", ", STAND_IN_START: \"exit:3\"", &bin("stand-in-agent").display().to_string());
        w.task("t", TEXT);
    };
    let settle = |w: &World, n: usize| {
        w.drive("given back", |w| w.place("t") == "inbox md");
        w.config("");
        let _ = std::fs::remove_file(w.path("state/accounts/main.json")); // its pause
        done_once(w, n);
    };
    let run = |w: &World, env: &[(&str, &str)]| match w.cf_env(&["dispatch"], env).code {
        1 => 0, // it says that the launch failed
        code => code,
    };
    sweep_run(&["dispatch"], 30, prepare, settle, run);
}

#[test]
fn watch_that_finishes_a_task() {
    let prepare = |w: &World| {
        w.task("t", TEXT);
        w.ok(&["dispatch"]);
        until("the turn has ended", SOON, || w.read("state/events/p-0.jsonl").contains("\"Stop\""));
        until("idle", SOON, || w.json(&["status"])["sessions"][0]["state"] == "idle");
    };
    sweep(&["watch"], 15, prepare, done_once);
}

#[test]
fn watch_that_resumes_a_conversation() {
    let prepare = |w: &World| {
        // Not at once: a client that ends before it was seen at work takes no task.
        w.task("t", &format!("[[sleep:0.5]] [[crash]] {TEXT}"));
        w.ok(&["dispatch"]);
        until("dead", SOON, || w.json(&["status"])["sessions"][0]["state"] == "dead");
    };
    let settle = |w: &World, n: usize| {
        w.drive("done", |w| w.place("t") == "done md");
        assert_eq!(w.read("app/n.txt"), "x\n", "point {n}: {:#?}", w.prompts());
        w.drive("freed", |w| w.session("p-0")["lease"].is_null());
    };
    sweep(&["watch", "--no-dispatch"], 25, prepare, settle);
}

#[test]
fn watch_that_gives_up_or_carries_on_a_turn() {
    // The service fails once; the pause before it is taken up again is skipped by the clock.
    let later = jiff::Timestamp::now().checked_add(jiff::SignedDuration::from_secs(600)).unwrap().to_string();
    let prepare = |w: &World| {
        w.task("t", &format!("[[error:server_error]] {TEXT}"));
        w.ok(&["dispatch"]);
        until("failed", SOON, || w.read("state/events/p-0.jsonl").contains("StopFailure"));
        until("idle", SOON, || w.json(&["status"])["sessions"][0]["state"] == "idle");
    };
    let run = |w: &World, env: &[(&str, &str)]| {
        let env: Vec<(&str, &str)> =
            env.iter().copied().chain([("CLAUDE_FAILOVER_NOW", later.as_str())]).collect();
        w.cf_env(&["watch", "--no-dispatch"], &env).code
    };
    let settle = |w: &World, n: usize| {
        w.drive("done", |w| w.place("t") == "done md");
        assert_eq!(w.read("app/n.txt"), "x\n", "point {n}: {:#?}", w.prompts());
    };
    sweep_run(&["watch", "--no-dispatch"], 12, prepare, settle, run);
}

#[test]
fn watch_that_brings_a_dedicated_session_back_and_forgets_a_pool_session() {
    let kill = |w: &World, session: &str| {
        let pid: i32 = w.session(session)["client"]["pid"].as_i64().unwrap().try_into().unwrap();
        nix::sys::signal::kill(nix::unistd::Pid::from_raw(pid), nix::sys::signal::Signal::SIGKILL).unwrap();
        until("it is gone", SOON, || !std::path::Path::new(&format!("/proc/{pid}/exe")).exists());
    };
    let prepare = |w: &World| {
        warm(w, "app");
        w.ok(&["launch", "mine"]);
        until("up", SOON, || {
            w.ok(&["watch"]);
            w.session("mine")["note"]["state"] == "idle"
        });
        kill(w, "mine");
        kill(w, "p-0");
    };
    let settle = |w: &World, n: usize| {
        w.drive("back", |w| {
            let state = |s: &str| w.session(s)["note"]["state"].clone();
            state("mine") == "idle" && w.session("p-0")["client"].is_null()
        });
        let clients = w.tmux(&["list-panes", "-a", "-F", "#{session_name}"]).out;
        assert_eq!(clients, "mine\n", "point {n}: exactly one");
    };
    sweep(&["watch", "--no-dispatch"], 20, prepare, settle);
}

#[test]
fn the_queue_by_hand() {
    sweep(
        &["task", "add", "-p", "app", "--id", "t", "-m", TEXT],
        4,
        |_| {},
        |w, n| {
            w.drive("done", |w| w.place("t") == "done md");
            assert_eq!(w.read("app/n.txt"), "x\n", "point {n}");
        },
    );
    let failed = |w: &World| {
        w.task("t", TEXT);
        w.ok(&["task", "fail", "t", "-p", "app"]);
    };
    sweep(&["task", "retry", "t", "-p", "app"], 4, failed, |w, n| {
        assert!(!w.read("app/.agent-queue/inbox/t.md").contains("outcome"));
        done_once(w, n);
    });
    let orphan = |w: &World| {
        w.write("app/.agent-queue/inbox/t.md.dispatched", format!("{TEXT}\n"));
    };
    sweep(&["task", "retry", "t", "-p", "app"], 3, orphan, done_once);
}

#[test]
fn the_end_of_a_task_by_word() {
    for (verb, end) in [("done", "done md"), ("fail", "failed md"), ("cancel", "failed md")] {
        sweep(&["task", verb, "t", "-p", "app"], 10, at_work, |w, n| {
            w.drive("settled", |w| w.session("p-0")["lease"].is_null());
            // Killed before it had said anything, it may find the task resumed and done.
            let done = w.place("t") == "done md" && w.read("app/n.txt") == "begin\nend\n";
            assert!(w.place("t") == end || done, "{verb} point {n}: {}", w.place("t"));
        });
    }
    sweep(&["task", "fail", "t", "-p", "app", "--again"], 12, at_work, done_alone);
}

#[test]
fn stop_gives_the_task_back() {
    sweep(&["stop", "p-0"], 12, at_work, done_alone);
}

#[test]
fn stop_keeps_the_task() {
    sweep(&["stop", "p-0", "--keep-task"], 8, at_work, done_alone);
}

#[test]
fn launch() {
    let one = |w: &World, n: usize, name: &str| {
        w.drive("it runs", |w| w.session(name)["note"]["state"] == "idle");
        let clients = w.tmux(&["list-panes", "-a", "-F", "#{session_name}"]).out;
        assert_eq!(clients, format!("{name}\n"), "point {n}: exactly one");
    };
    sweep(&["launch", "mine"], 10, |_| {}, |w, n| one(w, n, "mine"));
    sweep(
        &["launch", "p-1", "--project", "app", "--prompt", "hello"],
        10,
        |_| {},
        |w, n| {
            until("it heard", SOON, || !w.prompts().is_empty());
            one(w, n, "p-1");
            assert_eq!(w.prompts().len(), 1, "point {n}");
        },
    );
}

#[test]
fn account_add_that_adopts_a_home() {
    use crate::accounts::{is_adopted, used_home};
    let run = |w: &World, env: &[(&str, &str)]| {
        w.cf_env(&["account", "add", "old", "--adopt", "--merge", "--yes"], env).code
    };
    let settle = |w: &World, n: usize| is_adopted(w, &format!("point {n}"));
    sweep_run(&["account", "add"], 40, used_home, settle, run);
    // Into an empty tree that another account has made.
    let empty = |w: &World| {
        used_home(w);
        w.ok(&["account", "add", "main"]);
    };
    sweep_run(&["account", "add"], 24, empty, settle, run);
    // Into one that has conversations: of those with one name the larger is kept in its place.
    let full = |w: &World| {
        empty(w);
        w.write("home/.claude-shared/projects/-app/one.jsonl", "f\n");
        w.write("home/.claude-shared/projects/-else/three.jsonl", "third\n");
    };
    let settle = |w: &World, n: usize| {
        let parked = w.path("home/.claude-shared/parked/old/projects/-app");
        assert_eq!(w.read("home/.claude-shared/parked/old/projects/-app/one.jsonl"), "f\n", "point {n}");
        assert_eq!(w.read("home/.claude/projects/-else/three.jsonl"), "third\n", "point {n}");
        std::fs::remove_file(parked.join("one.jsonl")).unwrap();
        is_adopted(w, &format!("point {n} of a merge"));
    };
    sweep_run(&["account", "add"], 24, full, settle, run);
}

#[test]
fn what_the_client_reports() {
    use std::io::Write;
    let report = |w: &World, command: &str, env: &[(&str, &str)], input: &str| {
        let state = w.path("state").display().to_string();
        let mut child = w
            .command(&[command, "--state-dir", &state, "--session", "p-0"], env)
            .stdin(std::process::Stdio::piped())
            .stdout(std::process::Stdio::null())
            .stderr(std::process::Stdio::null())
            .spawn()
            .unwrap();
        child.stdin.take().unwrap().write_all(input.as_bytes()).unwrap();
        child.wait().unwrap().code().unwrap()
    };
    let stop = "{\"hook_event_name\":\"Stop\",\"session_id\":\"x\"}";
    let settle = |w: &World, n: usize| {
        let events = w.read("state/events/p-0.jsonl");
        assert!((1..=2).contains(&events.matches("\"Stop\"").count()), "point {n}: {events}");
    };
    let prepare = |w: &World| drop(w.ok(&["status"]));
    sweep_run(&["event"], 1, prepare, settle, |w, env| report(w, "event", env, stop));
    let line = "{\"rate_limits\":{\"five_hour\":{\"used_percentage\":31}}}";
    let settle = |w: &World, n: usize| {
        assert_eq!(w.read("state/events/p-0.statusline.json"), line, "point {n}");
    };
    sweep_run(&["statusline"], 1, prepare, settle, |w, env| report(w, "statusline", env, line));
}

#[test]
fn crash_sweep_of_the_page() {
    const FILE: &str = "page.html";
    let prepare = |w: &World| w.write(FILE, "old");
    let settle = |w: &World, n: usize| {
        assert!(w.read(FILE).ends_with("</html>"), "point {n}");
        let left: Vec<_> = crate::common::tree(&w.path("")).into_keys().filter(|p| is_left_over(w, p)).collect();
        assert!(left.is_empty(), "point {n}: {left:?}");
    };
    sweep_run(&["status"], 3, prepare, settle, |w, env| {
        let code = w.cf_env(&["status", "--html", FILE], env).code;
        let page = w.read(FILE);
        assert!(page == "old" || (page.starts_with("<!DOCTYPE html>") && page.ends_with("</html>")), "{page}");
        code
    });
}

fn is_left_over(w: &World, path: &std::path::Path) -> bool {
    path.parent() == Some(w.path("").as_path()) && path.file_name().unwrap().to_string_lossy().starts_with(".tmp-")
}

/// Five sessions on `main`: two in the middle of a task, two idle, and a dedicated one.
pub fn five_sessions(w: &World) {
    w.pool(4);
    let config = w.read("config.yaml");
    w.write("config.yaml", config.replace("drain_timeout: 3s", "drain_timeout: 0s"));
    for id in ["t", "u"] {
        let text = format!("[[bash:until test -e ../go; do sleep 0.1; done]] [[bash:echo {id} >> {id}.txt]]");
        w.task(id, &text);
    }
    w.ok(&["dispatch"]);
    std::thread::scope(|s| {
        for args in [
            &["launch", "p-2", "--project", "web"][..],
            &["launch", "p-3", "--project", "web"],
            &["launch", "mine"],
        ] {
            s.spawn(move || w.ok(&[args, &["--prompt", "hello"]].concat()));
        }
    });
    until("all are up", SOON, || {
        w.ok(&["watch", "--no-dispatch"]);
        ["p-2", "p-3", "mine"].iter().all(|s| w.session(s)["note"]["state"] == "idle")
    });
}

/// Every session alive on `account` alone, with its conversation, and every task done once.
pub fn all_five_on(w: &World, account: &str, ids: &[serde_json::Value], n: usize) {
    let names = ["p-0", "p-1", "p-2", "p-3", "mine"];
    w.write("go", "");
    w.drive("the tasks are done", |w| w.place("t") == "done md" && w.place("u") == "done md");
    for name in names {
        let record = w.session(name);
        assert_eq!(
            (&record["account"], &record["to_move"]),
            (&account.into(), &serde_json::Value::Null),
            "point {n}: {name}"
        );
    }
    assert_eq!(names.map(|s| w.session(s)["conversation"].clone()), ids, "point {n}");
    for id in ["t", "u"] {
        assert_eq!(w.read(&format!("app/{id}.txt")), format!("{id}\n"), "point {n}: {:#?}", w.prompts());
    }
    let panes = w.tmux(&["list-panes", "-a", "-F", "#{session_name} #{pane_dead}"]).out;
    let mut alive: Vec<&str> = panes.lines().collect();
    alive.sort_unstable();
    assert_eq!(alive, ["mine 0", "p-0 0", "p-1 0", "p-2 0", "p-3 0"], "point {n}");
    let twice: Vec<_> = w.agent_log().into_iter().filter(|l| !l["twice"].is_null()).collect();
    assert!(twice.is_empty(), "point {n}: two processes in one conversation: {twice:?}");
    assert!(!w.path("state/switch/current.json").exists(), "point {n}");
}

#[test]
fn a_switch_of_five_sessions() {
    let args = ["switch", "--to", "spare"];
    let ids = |w: &World| ["p-0", "p-1", "p-2", "p-3", "mine"].map(|s| w.session(s)["conversation"].clone());
    let known = std::sync::Mutex::new(std::collections::BTreeMap::new());
    let prepare = |w: &World| {
        five_sessions(w);
        known.lock().unwrap().insert(w.path(""), ids(w));
    };
    let settle = |w: &World, n: usize| {
        let ids = known.lock().unwrap()[&w.path("")].clone();
        all_five_on(w, "spare", &ids, n);
    };
    sweep_in(World::with_accounts, &args, 100, prepare, settle, |w, env| w.cf_env(&args, env).code);
}

/// A pool session at rest without a task, of which there is a checkpoint already.
fn with_checkpoint(w: &World) {
    w.write("config.yaml", w.read("config.yaml") + "checkpoint: {keep: 1, keep_days: 0}\n");
    w.ok(&["launch", "p-0", "--project", "app", "--prompt", "hello"]);
    until("idle", SOON, || {
        w.ok(&["watch", "--no-dispatch"]);
        w.session("p-0")["note"]["state"] == "idle" && w.session("p-0")["digest"]["stop"].is_object()
    });
    w.ok(&["checkpoint"]);
    // A page of it, and a sign of the client's since: it expires with the next one.
    let id = w.json(&["checkpoint", "show", "p-0"])["id"].as_str().unwrap().to_owned();
    w.write(&format!("state/checkpoints/p-0/{id}.md"), "page");
    let report = "{\"at\":\"2030-01-01T00:00:00Z\",\"event\":\"PostToolUse\"}\n";
    w.write("state/events/p-0.jsonl", w.read("state/events/p-0.jsonl") + report);
}

#[test]
fn checkpoint_is_killed_anywhere() {
    let settle = |w: &World, n: usize| {
        let said = w.ok(&["checkpoint"]);
        assert!(said.contains("unchanged p-0"), "point {n}: {said}");
        let all = w.json(&["checkpoint", "list"])["checkpoints"].as_array().unwrap().clone();
        assert!(all.iter().all(|made| made["error"].is_null()), "point {n}: {all:?}");
        // What a killed run has left goes with the next one that is written.
        let report = "{\"at\":\"2030-01-01T00:00:01Z\",\"event\":\"PostToolUse\"}\n";
        w.write("state/events/p-0.jsonl", w.read("state/events/p-0.jsonl") + report);
        w.ok(&["checkpoint"]);
        // A page stays for a day: a client may have been told to read it.
        let left = std::fs::read_dir(w.path("state/checkpoints/p-0")).unwrap().flatten();
        let left = left.filter(|e| e.path().extension().is_none_or(|e| e != "md")).count();
        assert_eq!(left, 1, "point {n}");
    };
    sweep(&["checkpoint"], 8, with_checkpoint, settle);
}

#[test]
fn checkpoint_restore_is_killed_anywhere() {
    let prepare = |w: &World| {
        with_checkpoint(w);
        w.ok(&["stop", "p-0"]);
    };
    let alone = |w: &World, n: usize| {
        w.drive("it runs", |w| w.session("p-0")["note"]["state"] == "idle");
        let clients = w.tmux(&["list-panes", "-a", "-F", "#{session_name}"]).out;
        assert_eq!(clients, "p-0\n", "point {n}: exactly one");
        let twice: Vec<_> = w.agent_log().into_iter().filter(|l| !l["twice"].is_null()).collect();
        assert!(twice.is_empty(), "point {n}: two processes in one conversation: {twice:?}");
    };
    let args = ["checkpoint", "restore", "p-0"];
    sweep(&args, 8, prepare, |w, n| {
        alone(w, n);
        let made = w.json(&["checkpoint", "show", "p-0"]);
        assert_eq!(w.session("p-0")["conversation"], made["conversation"], "point {n}");
        assert_eq!(w.prompts(), ["hello"], "point {n}");
    });
    // … with a conversation that begins anew.
    let gone = |w: &World| {
        prepare(w);
        let made = w.json(&["checkpoint", "show", "p-0"]);
        std::fs::remove_file(made["transcript"]["path"].as_str().unwrap()).unwrap();
    };
    sweep(&args, 10, gone, |w, n| {
        alone(w, n);
        until("it has heard", SOON, || w.prompts().len() > 1);
        assert!(w.prompts()[1].starts_with("This conversation is new"), "point {n}: {:#?}", w.prompts());
    });
}

#[test]
fn checkpoint_restore_with_its_task_is_killed_anywhere() {
    let prepare = |w: &World| {
        at_work(w);
        w.ok(&["checkpoint"]);
        w.ok(&["stop", "p-0", "--keep-task"]);
    };
    sweep(&["checkpoint", "restore", "p-0"], 10, prepare, done_alone);
}

/// A settings file of somebody's, in a repository.
fn with_settings(w: &World) {
    let git = std::process::Command::new("git")
        .args(["init", "-q"])
        .arg(w.path("app"))
        .env_clear()
        .envs(&w.env)
        .status();
    assert!(git.unwrap().success());
    w.write("app/.claude/settings.json", SETTINGS);
}

const SETTINGS: &str = "{\n    \"model\": \"opus\"\n}\n";

/// Not a file of the project but is as it was before.
fn nothing_is_left(w: &World, n: usize) {
    let left: Vec<_> = crate::common::tree(&w.path("app/.claude")).into_iter().collect();
    assert_eq!(left, [(w.path("app/.claude/settings.json"), SETTINGS.as_bytes().to_vec())], "point {n}");
    assert!(!w.path("app/.claude/hooks").exists(), "point {n}");
    assert!(!w.read("app/.git/info/exclude").contains("claude"), "point {n}");
}

#[test]
fn deploy_hook_is_killed_anywhere() {
    let settle = |w: &World, n: usize| {
        assert_eq!(w.cf(&["deploy-hook", "app", "--check"]).code, 0, "point {n}");
        let files = crate::common::tree(&w.path("app/.claude"));
        assert_eq!(files.len(), 2, "point {n}: litter: {:?}", files.keys());
        w.ok(&["deploy-hook", "app", "--remove"]);
        nothing_is_left(w, n);
    };
    sweep(&["deploy-hook", "app"], 15, with_settings, settle);
}

#[test]
fn deploy_hook_remove_is_killed_anywhere() {
    let prepare = |w: &World| {
        with_settings(w);
        w.ok(&["deploy-hook", "app"]);
    };
    sweep(&["deploy-hook", "app", "--remove"], 8, prepare, nothing_is_left);
}

/// A service that all worlds of a sweep use, each with a path of its own.
fn with_target(w: &World, port: u16) {
    let path = w.path("").file_name().unwrap().to_string_lossy().into_owned();
    let config = w.read("config.yaml");
    let target = format!("{{name: hook, kind: webhook, url: 'http://127.0.0.1:{port}/{path}', digest_over: 1}}");
    w.write("config.yaml", format!("{config}notifications:\n  targets:\n  - {target}\n"));
}

#[test]
fn notify_is_killed_anywhere() {
    let service = crate::notify::Service::good();
    let port = service.port;
    let prepare = |w: &World| {
        // Nobody listens yet.
        with_target(w, 9);
        for unit in ["a", "b", "c"] {
            w.cf(&["notify", "--unit-failed", unit]);
        }
        assert_eq!(w.cf(&["notify", "retry", "--all"]).code, 0);
        w.write("config.yaml", w.read("config.yaml").replace("127.0.0.1:9/", &format!("127.0.0.1:{port}/")));
    };
    let settle = |w: &World, n: usize| {
        w.ok(&["notify"]);
        let path = format!("/{}", w.path("").file_name().unwrap().to_string_lossy());
        let seen: Vec<_> = service.seen().into_iter().filter(|r| r.path == path).collect();
        // As a target sees it that takes each id once.
        let mut told = std::collections::BTreeMap::new();
        for request in &seen {
            let id = request.header("idempotency-key").unwrap().to_owned();
            let before = told.insert(id, request.body.clone());
            assert!(before.is_none_or(|b| b == request.body), "point {n}: another message with the same id");
        }
        let mut units: Vec<String> = told
            .values()
            .flat_map(|body| body["events"].as_array().unwrap())
            .map(|e| e["subject"].as_str().unwrap().to_owned())
            .collect();
        units.sort();
        assert_eq!(units, ["a", "b", "c"], "point {n}: {seen:#?}");
        assert!(seen.len() <= told.len() + 1, "point {n}: sent more than once again");
        let left = std::fs::read_dir(w.path("state/outbox")).unwrap().flatten().count();
        assert_eq!(left, 1, "point {n}: something but `targets` is left");
    };
    sweep(&["notify"], 15, prepare, settle);
}

#[test]
fn a_task_that_is_given_up_is_told_wherever_the_run_is_killed() {
    let prepare = |w: &World| {
        with_target(w, 9);
        at_work(w);
    };
    let settle = |w: &World, n: usize| {
        w.drive("given up", |w| w.place("t") == "failed md");
        let told = std::fs::read_dir(w.path("state/outbox")).unwrap().flatten();
        let told: Vec<_> = told
            .map(|e| e.file_name().into_string().unwrap())
            .filter(|n| n.starts_with("task-given-up"))
            .collect();
        assert_eq!(told.len(), 1, "point {n}: {told:?}");
    };
    sweep(&["task", "fail", "t"], 10, prepare, settle);
}

/// What the janitor finds: two finished tasks, one given up, two claims of nobody, leftovers, events that have grown
/// large, checkpoints that nothing keeps, journals of past switches, the record of a session that nobody wants.
fn litter(w: &World) {
    w.pool(0);
    let limits = "checkpoint: {keep: 1, keep_days: 1}\njanitor: {switches_keep: 1}\n";
    w.write("config.yaml", w.read("config.yaml") + limits);
    w.ok(&["status"]);
    for (path, _, text) in LITTER {
        w.write(path, text);
    }
    let old = std::time::SystemTime::now() - std::time::Duration::from_secs(20 * 86_400);
    let file = std::fs::File::options().write(true).open(w.path("app/.agent-queue/failed/v.md")).unwrap();
    file.set_modified(old).unwrap();
    w.write("state/tasks/app/t.json", "{\"version\":1,\"task\":{\"project\":\"app\",\"id\":\"t\"}}");
    w.write("state/sessions/mine.json", "{\"version\":1,\"name\":\"mine\",\"kind\":\"dedicated\"}");
    w.write("state/sessions/old-1.json", "{\"version\":1,\"name\":\"old-1\",\"kind\":\"pool\"}");
    w.write("state/events/mine.jsonl", "\n{\"at\":\"2026-01-01T00:00:00Z\",\"event\":\"Stop\"}\n");
    // Empty space in front of it costs no room.
    let events = w.path("state/events/mine.jsonl");
    let text = std::fs::read(&events).unwrap();
    let file = std::fs::File::options().write(true).open(&events).unwrap();
    std::os::unix::fs::FileExt::write_all_at(&file, &vec![0; text.len()], 0).unwrap();
    std::os::unix::fs::FileExt::write_all_at(&file, &text, 17 << 20).unwrap();
    for path in [
        "state/checkpoints/mine/20260101T100000-000Z.json",
        "state/checkpoints/mine/20260101T100000-000Z.md",
        "state/checkpoints/mine/20260102T100000-000Z.json",
        "state/switch/history/20260101T100000Z.json",
        "state/switch/history/20260102T100000Z.json",
        "state/sessions/.tmp-a.json.1.0",
        "state/kick/nobody",
        "state/log/2020-01-01.jsonl",
        "state/overlay/x.json",
    ] {
        w.write(path, "{}\n");
    }
}

/// Files, ids and texts of the tasks.
const LITTER: [(&str, &str, &str); 5] = [
    ("app/.agent-queue/done/t.md", "t", "the body of t\r\nwithout a newline"),
    ("app/.agent-queue/done/u.md", "u", "---\ntitle: u\n---\nthe body of u\n"),
    ("app/.agent-queue/failed/v.md", "v", "the body of v\n"),
    ("app/.agent-queue/inbox/x.md.dispatched", "x", "the body of x\n"),
    ("app/.agent-queue/inbox/y.md.dispatched", "y", "---\nmax_attempts: 1\n---\nthe body of y\n"),
];

/// Where a task is: its files in the queue, and its lines in the archives.
fn copies(w: &World, id: &str, text: &str) -> (Vec<String>, usize) {
    let body = text.rsplit("---\n").next().unwrap();
    let folders = ["inbox", "done", "failed"];
    let names = [format!("{id}.md"), format!("{id}.md.dispatched")];
    let files = folders
        .iter()
        .flat_map(|folder| names.iter().map(move |name| format!("app/.agent-queue/{folder}/{name}")));
    let files: Vec<String> = files.filter(|path| w.path(path).exists()).collect();
    for path in &files {
        assert!(w.read(path).ends_with(body), "{path}: {}", w.read(path));
    }
    let list = w.json(&["task", "list", "--archived"]);
    let archived = list["tasks"].as_array().unwrap().iter().filter(|t| t["task"] == id).count();
    if archived > 0 && files.is_empty() {
        assert_eq!(w.json(&["task", "show", id, "-p", "app"])["text"], text, "{id} in the archive");
    }
    (files, archived)
}

#[test]
fn janitor() {
    let clock = crate::janitor::later(80 * 24);
    let env = |more: &[(&str, &str)]| -> Vec<(String, String)> {
        let all = more.iter().copied().chain([("CLAUDE_FAILOVER_NOW", clock.as_str())]);
        all.map(|(k, v)| (k.to_owned(), v.to_owned())).collect()
    };
    let run = |w: &World, more: &[(&str, &str)]| {
        let env = env(more);
        let env: Vec<(&str, &str)> = env.iter().map(|(k, v)| (k.as_str(), v.as_str())).collect();
        crate::janitor::ran_lately(w, 80 * 24);
        let code = w.cf_env(&["janitor"], &env).code;
        // Whatever moment it was: nothing is lost.
        for (_, id, text) in LITTER {
            let (files, archived) = copies(w, id, text);
            assert!(
                files.len() <= 1 && files.len() + archived >= 1,
                "{more:?}: {id}: {files:?}, {archived} archived"
            );
        }
        code
    };
    let settle = |w: &World, n: usize| {
        for (_, id, text) in LITTER {
            let (files, archived) = copies(w, id, text);
            let place = match id {
                "x" => "inbox/x.md",
                "y" => "failed/y.md",
                _ => "the archive",
            };
            assert_eq!(files.len() + archived, 1, "point {n}: {id}: {files:?}, {archived} archived");
            assert!(archived == 1 || files[0].ends_with(place), "point {n}: {id}: {files:?}");
        }
        for (id, tries) in [("x", 1), ("y", 1)] {
            let record: serde_json::Value =
                serde_json::from_str(&w.read(&format!("state/tasks/app/{id}.json"))).unwrap();
            assert_eq!(record["attempts"].as_array().unwrap().len(), tries, "point {n}: {id}: {record}");
        }
        assert!(!w.path("state/tasks/app/t.json").exists(), "point {n}");
        let digest = &w.session("mine")["digest"];
        assert!(digest["stop"].is_object() && digest["count"] == 1, "point {n}: {digest}");
        assert!(!w.path("state/events/mine.jsonl").exists(), "point {n}");
        for (path, stays) in [
            ("state/checkpoints/mine/20260101T100000-000Z.json", false),
            ("state/checkpoints/mine/20260101T100000-000Z.md", false),
            ("state/checkpoints/mine/20260102T100000-000Z.json", true),
            ("state/switch/history/20260101T100000Z.json", false),
            ("state/switch/history/20260102T100000Z.json", true),
            ("state/sessions/old-1.json", false),
        ] {
            assert_eq!(w.path(path).exists(), stays, "point {n}: {path}");
        }
        let litter: Vec<_> = crate::common::tree(&w.path(""))
            .into_keys()
            .filter(|p| p.file_name().unwrap().to_string_lossy().starts_with(".tmp-"))
            .collect();
        assert!(litter.is_empty(), "point {n}: {litter:?}");
        crate::janitor::ran_lately(w, 80 * 24);
        // By its clock the kick of this very run has had its time.
        w.cf_env(&["janitor"], &[("CLAUDE_FAILOVER_NOW", &clock)]);
        crate::janitor::ran_lately(w, 80 * 24);
        let quiet = w.cf_env(&["janitor"], &[("CLAUDE_FAILOVER_NOW", &clock)]);
        assert!(quiet.out.contains("nothing to do"), "point {n}: {quiet:?}");
    };
    sweep_run(&["janitor"], 40, litter, settle, run);
}

#[test]
fn control_is_killed_anywhere() {
    use std::io::Write;
    let post = |w: &World, env: &[(&str, &str)], path: &str, body: &str| {
        let request = format!(
            "POST {path} HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n\
             Content-Length: {}\r\n\r\n{body}",
            body.len()
        );
        let mut control = w.command(&["control"], env);
        let mut child =
            control.stdin(std::process::Stdio::piped()).stdout(std::process::Stdio::null()).spawn().unwrap();
        // It may be gone before it has read.
        let _ = child.stdin.take().unwrap().write_all(request.as_bytes());
        child.wait().unwrap().code().unwrap()
    };
    let allow = |w: &World| w.write("config.yaml", w.read("config.yaml") + "\ncontrol: {enable_trigger: true}\n");
    let done = |w: &World, n: usize| {
        w.drive("done", |w| w.place("t") == "done md");
        assert_eq!(w.read("app/n.txt"), "x\n", "point {n}");
    };
    let body = serde_json::json!({ "project": "app", "id": "t", "text": TEXT }).to_string();
    sweep_run(&["control", "add"], 4, allow, done, |w, env| post(w, env, "/tasks", &body));
    let failed = |w: &World| {
        allow(w);
        w.task("t", TEXT);
        w.ok(&["task", "fail", "t", "-p", "app"]);
    };
    sweep_run(&["control", "retry"], 4, failed, done, |w, env| post(w, env, "/tasks/app:t/retry", "{}"));
}

#[test]
fn timers_install_is_killed_anywhere() {
    use crate::timers::{is_installed, recorded};
    let args = ["timers", "install", "--control"];
    let settle = |w: &World, n: usize| is_installed(w, &format!("point {n}"));
    sweep_run(&args, 80, |_| {}, settle, |w, env| recorded(w, &args, env).code);
}

#[test]
fn timers_remove_is_killed_anywhere() {
    use crate::timers::{is_removed, recorded};
    let args = ["timers", "remove"];
    let prepare = |w: &World| {
        let said = recorded(w, &["timers", "install", "--control"], &[]);
        assert_eq!(said.code, 0, "{said:?}");
    };
    let settle = |w: &World, n: usize| is_removed(w, &format!("point {n}"));
    sweep_run(&args, 30, prepare, settle, |w, env| recorded(w, &args, env).code);
}

#[test]
fn doctor_that_fixes_is_killed_anywhere() {
    let prepare = |w: &World| {
        w.write("config.yaml", w.read("config.yaml") + "allow_volatile_state: true\n");
        w.ok(&["deploy-hook", "app"]);
        w.ok(&["status"]);
        std::fs::remove_dir(w.path("state/kick")).unwrap();
        std::fs::remove_file(w.path("state/lock/watch.lock")).unwrap();
        std::fs::remove_file(w.path("state/reserve")).unwrap();
        std::fs::remove_file(w.path("acct/todos")).unwrap();
        std::fs::remove_file(w.path("app/.claude/hooks/claude-failover-guard.sh")).unwrap();
        let open = std::os::unix::fs::PermissionsExt::from_mode(0o755);
        std::fs::set_permissions(w.path("state/events"), open).unwrap();
        // Damaged, but in the form of the sweep's own check: not of its type.
        w.write("state/switch/memory.json", "{\"version\":1,\"last\":[\"nonsense\"],\"no_room\":7}");
    };
    let settle = |w: &World, n: usize| {
        assert_eq!(w.cf(&["deploy-hook", "app", "--check"]).code, 0, "point {n}");
        assert!(w.path("state/kick").is_dir() && w.path("state/lock/watch.lock").exists(), "point {n}");
        assert_eq!(w.path("state/reserve").metadata().unwrap().len(), 64 << 10, "point {n}");
        assert!(w.path("acct/todos").canonicalize().is_ok(), "point {n}");
        let kept = crate::common::tree(&w.path("state/quarantine"));
        assert_eq!(kept.len(), 1, "point {n}: moved once, never lost: {kept:?}");
        let again = w.cf(&["doctor", "--fix"]);
        assert!(!again.err.contains("fix:"), "point {n}: {again:?}");
    };
    // Warnings and faults of the world that no fix is for are left: 5 is as good as 0.
    let run = |w: &World, env: &[(&str, &str)]| match w.cf_env(&["doctor", "--fix"], env).code {
        5 => 0,
        code => code,
    };
    sweep_run(&["doctor"], 12, prepare, settle, run);
}

#[test]
fn init_is_killed_anywhere() {
    use crate::timers::recorded;
    let run = |w: &World, env: &[(&str, &str)]| {
        let app = w.path("app").display().to_string();
        let config = w.path("home/c/config.yaml").display().to_string();
        let account = format!("main={}", w.path("fresh").display());
        let args = ["--config", &config, "init", "--yes", "--timers", "--account", &account, "--project", &app];
        recorded(w, &args, env).code
    };
    let prepare = |w: &World| {
        let _ = std::fs::remove_dir_all(w.path("app/.agent-queue"));
        w.write("home/.claude-shared/projects/-x/one.jsonl", "{}\n");
    };
    let settle = |w: &World, n: usize| {
        let config = w.path("home/c/config.yaml").display().to_string();
        assert_eq!(w.cf(&["--config", &config, "config", "check"]).code, 0, "point {n}");
        for dir in
            ["app/.agent-queue/inbox", "app/.agent-queue/failed", "state/switch/history", "fresh/projects/-x"]
        {
            assert!(w.path(dir).is_dir(), "point {n}: {dir}");
        }
        let again = recorded(w, &["--json", "--config", &config, "init", "--yes", "--timers"], &[]);
        let said: serde_json::Value =
            serde_json::from_str(&again.out).unwrap_or_else(|e| panic!("{e}: {again:?}"));
        assert_eq!(said["actions"], serde_json::json!([]), "point {n}: {again:?}");
        let kept = crate::common::tree(&w.path("home/.config/systemd/user"));
        assert!(kept.len() > 15, "point {n}: units: {:?}", kept.keys());
        let litter: Vec<_> = crate::common::tree(&w.path("fresh")).into_keys().collect();
        assert!(litter.len() <= 3, "point {n}: {litter:?}");
    };
    sweep_run(&["init"], 100, prepare, settle, run);
}

#[test]
fn status_for_a_collector_is_killed_anywhere() {
    let args = ["status", "--prometheus", "collector/pool.prom"];
    let prepare = |w: &World| w.write("collector/pool.prom", "an older one\n");
    sweep(&args, 5, prepare, |w, n| {
        let text = w.read("collector/pool.prom");
        assert!(text.starts_with("# HELP claude_failover_build_info "), "point {n}: {text}");
        assert_eq!(crate::common::tree(&w.path("collector")).len(), 1, "point {n}: something is left over");
    });
}

#[test]
fn a_task_over_mcp_is_killed_anywhere() {
    let ask = |w: &World, env: &[(&str, &str)]| {
        let arguments = serde_json::json!({ "project": "app", "id": "t", "text": TEXT });
        let meta = serde_json::json!({ "io.modelcontextprotocol/protocolVersion": "2026-07-28",
            "io.modelcontextprotocol/clientCapabilities": {} });
        let request = serde_json::json!({ "jsonrpc": "2.0", "id": 1, "method": "tools/call",
            "params": { "name": "add_task", "arguments": arguments, "_meta": meta } });
        let mut command = w.command(&["mcp"], env);
        let mut child = command
            .stdin(std::process::Stdio::piped())
            .stdout(std::process::Stdio::null())
            .stderr(std::process::Stdio::null())
            .spawn()
            .unwrap();
        let sent = std::io::Write::write_all(&mut child.stdin.take().unwrap(), format!("{request}\n").as_bytes());
        let code = child.wait().unwrap().code().unwrap_or(-1);
        assert!(sent.is_ok() || code == CRASHED);
        code
    };
    let settle = |w: &World, n: usize| {
        w.drive("done", |w| w.place("t") == "done md");
        assert_eq!(w.read("app/n.txt"), "x\n", "point {n}");
        assert!(w.read("app/.agent-queue/done/t.md").contains("origin: mcp\n"), "point {n}");
    };
    let prepare = |w: &World| drop(w.ok(&["status"])); // makes the directory
    sweep_run(&["mcp"], 4, prepare, settle, ask);
}
