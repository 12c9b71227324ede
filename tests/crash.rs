//! The crash sweep: every command that changes anything is killed at its n-th durable step, for
//! every n; then it is run again, and the invariants must hold.

use crate::common::{SOON, World, until};

/// What `crash-points` exits with.
const CRASHED: i32 = 86;

/// Runs the sweep. `prepare` brings a fresh world to where the command has something to do,
/// `settle` lets it come to its end and checks it.
fn sweep(args: &[&str], least: usize, prepare: impl Fn(&World) + Sync, settle: impl Fn(&World, usize) + Sync) {
    const AT_ONCE: usize = 3;
    let point = |n: usize| -> bool {
        let w = World::new();
        prepare(&w);
        let said = w.cf_env(args, &[("CLAUDE_FAILOVER_CRASH_AT", &n.to_string())]);
        if said.code != CRASHED {
            assert_eq!(said.code, 0, "point {n} of {args:?}: {said:?}");
            return false;
        }
        everything_parses(&w, n);
        let again = w.cf(args);
        assert!([0, 1].contains(&again.code), "after point {n} ({}): {again:?}", said.err);
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
        assert!(n < 400, "{args:?} never ends");
    }
    assert!(n > least, "only {n} points in {args:?}: is the feature `crash-points` on?");
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
}

/// Done once, with its effect once, and nothing left to do.
fn done_once(w: &World, n: usize) {
    w.drive("done", |w| w.place("t") == "done md");
    assert_eq!(w.read("app/n.txt"), "x\n", "point {n}: not exactly once; prompts: {:#?}", w.prompts());
    assert!(w.read("app/.agent-queue/done/t.md").ends_with("---\n[[bash:echo x >> n.txt]]\n"));
    w.drive("freed", |w| w.session("p-0")["lease"].is_null());
    w.ok(&["watch"]);
    let quiet = w.ok(&["watch"]);
    assert!(quiet.contains("nothing to do"), "point {n}: {quiet}");
}

const TEXT: &str = "[[bash:echo x >> n.txt]]";

#[test]
fn dispatch_with_a_launch() {
    sweep(&["dispatch"], 30, |w| w.task("t", TEXT), done_once);
}

#[test]
fn dispatch_into_an_idle_session() {
    let prepare = |w: &World| {
        w.task("warm", "[[say:up]]");
        w.drive("warm", |w| w.place("warm") == "done md" && w.session("p-0")["note"]["state"] == "idle");
        w.task("t", TEXT);
    };
    sweep(&["dispatch"], 20, prepare, done_once);
}

#[test]
fn watch_that_finishes_a_task() {
    let prepare = |w: &World| {
        w.task("t", TEXT);
        w.ok(&["dispatch"]);
        until("the turn has ended", SOON, || w.read("state/events/p-0.jsonl").contains("\"Stop\""));
        until("idle", SOON, || w.json(&["status"])["sessions"][0]["state"] == "idle");
    };
    sweep(&["watch", "--no-dispatch"], 15, prepare, done_once);
}

#[test]
fn watch_that_resumes_a_conversation() {
    let prepare = |w: &World| {
        w.task("t", &format!("[[crash]] {TEXT}"));
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
fn the_queue_by_hand() {
    sweep(
        &["task", "add", "-p", "app", "--id", "t", "-m", TEXT],
        4,
        |_| {},
        |w, n| {
            assert_eq!(w.place("t"), "inbox md", "point {n}");
            assert!(w.read("app/.agent-queue/inbox/t.md").ends_with(&format!("---\n{TEXT}\n")));
        },
    );
    sweep(
        &["task", "done", "t", "-p", "app"],
        8,
        |w| w.task("t", TEXT),
        |w, n| {
            assert_eq!(w.place("t"), "done md", "point {n}");
        },
    );
    let failed = |w: &World| {
        w.task("t", TEXT);
        w.ok(&["task", "fail", "t", "-p", "app"]);
    };
    sweep(&["task", "retry", "t", "-p", "app"], 4, failed, |w, n| {
        assert_eq!(w.place("t"), "inbox md", "point {n}");
        assert!(!w.read("app/.agent-queue/inbox/t.md").contains("outcome"));
    });
    sweep(
        &["task", "cancel", "t", "-p", "app"],
        8,
        |w| w.task("t", TEXT),
        |w, n| {
            assert_eq!(w.place("t"), "failed md", "point {n}");
        },
    );
}

#[test]
fn stop_and_launch() {
    let at_work = |w: &World| {
        w.task("t", "[[bash:sleep 300]]");
        w.ok(&["dispatch"]);
        until("at work", SOON, || !w.prompts().is_empty());
    };
    sweep(&["stop", "p-0"], 10, at_work, |w, n| {
        w.drive("given back", |w| w.session("p-0")["client"].is_null() || w.place("t") == "inbox md.dispatched");
        let lease = !w.session("p-0")["lease"].is_null();
        assert_eq!(w.place("t") == "inbox md.dispatched", lease, "point {n}: a claim without a holder");
    });
    sweep(
        &["launch", "mine"],
        10,
        |_| {},
        |w, n| {
            w.drive("it runs", |w| {
                w.session("mine")["note"]["state"] == "idle" || w.cf(&["launch", "mine"]).code != 0
            });
            let clients = w.tmux(&["list-panes", "-a", "-F", "#{session_name}"]).out;
            assert_eq!(clients, "mine\n", "point {n}: exactly one");
        },
    );
}
