//! What goes wrong around a switch: the usage endpoint, the clock, homes, damaged files, a person in the
//! middle of it.

use crate::common::{SOON, World, until};
use serde_json::{Value, json};
use std::io::{Read, Write};
use std::net::TcpListener;
use std::sync::{Arc, Mutex};
use std::time::Duration;

/// A usage endpoint that answers every question with these bytes, after a pause. What it was asked.
fn endpoint(answer: &str, pause: Duration) -> (String, Arc<Mutex<Vec<String>>>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}/api/oauth/usage", listener.local_addr().unwrap());
    let asked = Arc::new(Mutex::new(Vec::new()));
    let (log, answer) = (Arc::clone(&asked), answer.to_owned());
    std::thread::spawn(move || {
        for mut stream in listener.incoming().flatten() {
            let (log, answer) = (Arc::clone(&log), answer.clone());
            std::thread::spawn(move || {
                let mut text = [0; 4096];
                let n = stream.read(&mut text).unwrap_or(0);
                log.lock().unwrap().push(String::from_utf8_lossy(&text[..n]).to_lowercase());
                std::thread::sleep(pause);
                let _ = stream.write_all(answer.as_bytes());
            });
        }
    });
    (url, asked)
}

fn http(status: &str, headers: &str, body: &str) -> String {
    format!("HTTP/1.1 {status}\r\n{headers}connection: close\r\ncontent-length: {}\r\n\r\n{body}", body.len())
}

fn usage(percent: f64) -> String {
    let at = |hours| jiff::Timestamp::now().checked_add(jiff::SignedDuration::from_hours(hours)).unwrap();
    let body = json!({
        "five_hour": { "utilization": percent, "resets_at": at(3) },
        "seven_day": { "utilization": 20.0, "resets_at": at(72) }, "extra_usage": { "is_enabled": false },
    });
    http("200 OK", "content-type: application/json\r\n", &body.to_string())
}

fn asking(w: &World, url: &str) {
    let endpoint = format!("quota: {{endpoint: {{enabled: true, url: \"{url}\", timeout: 1s}}}}\n");
    w.write("config.yaml", w.read("config.yaml") + &endpoint);
}

fn account(w: &World, name: &str) -> Value {
    serde_json::from_str(&w.read(&format!("state/accounts/{name}.json"))).unwrap_or_default()
}

#[test]
fn the_endpoint_tells_of_idle_accounts_and_is_asked_little() {
    let w = World::with_accounts();
    let (url, asked) = endpoint(&usage(42.0), Duration::ZERO);
    asking(&w, &url);
    // A token without the scope, and one that the client has to refresh first, are never sent.
    let third = w.read("third/.credentials.json").replace("\"user:profile\"", "\"user:other\"");
    w.write("third/.credentials.json", third);
    let mut now = jiff::Timestamp::now();
    for _ in 0..120 {
        let said = w.cf_env(&["quota-check"], &[("CLAUDE_FAILOVER_NOW", &now.to_string())]);
        assert_eq!(said.code, 0, "{said:?}");
        now = now.checked_add(jiff::SignedDuration::from_secs(30)).unwrap();
    }
    let asked = asked.lock().unwrap().clone();
    let of = |name: &str| asked.iter().filter(|q| q.contains(&format!("bearer made-up-{name}"))).count();
    assert!((2..=20).contains(&of("acct")) && (2..=20).contains(&of("spare")), "{} {}", of("acct"), of("spare"));
    assert_eq!(of("third"), 0);
    assert!(asked.iter().all(|q| q.contains("user-agent: claude-failover/")), "{asked:?}");
    assert_eq!(account(&w, "spare")["readings"]["five_hour"]["percent"], 42.0);
    let explained = w.cf(&["quota-check", "--explain"]).out;
    assert!(explained.contains("42 % of 90") && explained.contains("usage endpoint"), "{explained}");
    for (path, bytes) in crate::common::tree(&w.path("state")) {
        assert!(!String::from_utf8_lossy(&bytes).contains("made-up-"), "a token in `{}`", path.display());
    }
}

#[test]
fn an_endpoint_that_fails_says_nothing_about_an_account() {
    let (elsewhere, wrongly_asked) = endpoint(&usage(99.0), Duration::ZERO);
    let redirect = http("302 Found", &format!("location: {elsewhere}\r\n"), "");
    let dead = "http://127.0.0.1:1/usage".to_owned();
    let cases = [
        (http("429 Too Many Requests", "retry-after: 1022\r\n", "{}"), Duration::ZERO, "too many questions (429)"),
        (http("401 Unauthorized", "", "{}"), Duration::ZERO, "the login was not accepted (401)"),
        (http("403 Forbidden", "", "{\"error\":{}}"), Duration::ZERO, "the login was not accepted (403)"),
        (http("529 Overloaded", "", ""), Duration::ZERO, "it answered 529"),
        (http("200 OK", "", "<html>"), Duration::ZERO, "its answer is not JSON"),
        (http("200 OK", "", "{\"a\":1}"), Duration::ZERO, "its answer names no window"),
        (
            "HTTP/1.1 200 OK\r\ncontent-length: 900\r\n\r\n{\"five".to_owned(),
            Duration::ZERO,
            "its answer broke off",
        ),
        ("garbage\r\n\r\n".to_owned(), Duration::ZERO, "no answer"),
        (redirect, Duration::ZERO, "it answered 302"),
        (usage(99.0), Duration::from_secs(5), "no answer"),
        (String::new(), Duration::ZERO, "no answer"),
    ];
    std::thread::scope(|s| {
        for (answer, pause, want) in &cases {
            let dead = &dead;
            s.spawn(move || {
                let w = World::with_accounts();
                let url = if answer.is_empty() { dead.clone() } else { endpoint(answer, *pause).0 };
                asking(&w, &url);
                let start = std::time::Instant::now();
                let said = w.cf(&["quota-check"]);
                assert!(
                    said.code == 0 && said.out.starts_with("stays on `main`: its usage is not known"),
                    "{want}: {said:?}"
                );
                assert!(
                    start.elapsed() < Duration::from_secs(4),
                    "{want}: the limit of time holds for all at once"
                );
                let record = account(&w, "spare");
                let error = record["endpoint"]["error"].as_str().unwrap_or_default();
                assert!(
                    error.contains(want) && record["limits"].is_null() && record["trouble"].is_null(),
                    "{want}: {record}"
                );
            });
        }
    });
    assert!(wrongly_asked.lock().unwrap().is_empty(), "a login went where a redirect pointed");
}

/// Sessions `mine` (idle) and `p-0` (in the middle of task `t`), on `main`.
fn two_sessions(w: &World) {
    w.write("config.yaml", w.read("config.yaml").replace("drain_timeout: 3s", "drain_timeout: 0s"));
    w.ok(&["launch", "mine", "--prompt", "hello"]);
    w.task(
        "t",
        "[[bash:echo one >> n.txt]] [[bash:until test -e ../go; do sleep 0.05; done]] [[bash:echo two >> n.txt]]",
    );
    w.ok(&["dispatch"]);
    until("at work", SOON, || w.read("app/n.txt").contains("one"));
    until("idle", SOON, || {
        w.ok(&["watch", "--no-dispatch"]);
        w.session("mine")["note"]["state"] == "idle"
    });
}

fn on(w: &World, session: &str) -> String {
    w.session(session)["account"].as_str().unwrap_or_default().to_owned()
}

fn pid(w: &World, session: &str) -> Value {
    w.session(session)["client"]["pid"].clone()
}

/// Kills a switch to `spare` when a session has come to a stage.
fn killed_at(w: &World, session: &str, stage: &str) {
    for n in 1..200 {
        let code = w.cf_env(&["switch", "--to", "spare"], &[("CLAUDE_FAILOVER_CRASH_AT", &n.to_string())]).code;
        assert_eq!(code, 86, "the switch was over before `{stage}`");
        let journal: Value = serde_json::from_str(&w.read("state/switch/current.json")).unwrap_or_default();
        let moves = journal["moves"].as_array().cloned().unwrap_or_default();
        if moves.iter().any(|m| m["session"] == session && m["stage"] == stage) {
            return;
        }
    }
    panic!("never at `{stage}`");
}

#[test]
fn a_person_in_the_middle_of_a_killed_switch() {
    let w = World::with_accounts();
    two_sessions(&w);
    let id = w.session("p-0")["conversation"].clone();
    killed_at(&w, "p-0", "launching");
    for args in [&["stop", "p-0"][..], &["launch", "p-0", "--project", "app"]] {
        let said = w.cf(args);
        let refused =
            said.code != 0 && (said.err.clone() + &said.out).contains("is being moved to account `spare`");
        assert!(refused || said.err.contains("has task"), "{args:?}: {said:?}");
    }
    assert!(w.ok(&["dispatch", "--dry-run"]).contains("nothing to do"));
    w.ok(&["watch"]);
    assert_eq!((on(&w, "p-0"), w.session("p-0")["conversation"].clone()), ("spare".into(), id));
    w.write("go", "");
    w.drive("done", |w| w.place("t") == "done md");
    assert_eq!(w.read("app/n.txt"), "one\ntwo\n");
    // A task that is ended by word meanwhile takes its session out of the switch.
    let w = World::with_accounts();
    two_sessions(&w);
    killed_at(&w, "p-0", "launching");
    w.ok(&["task", "fail", "t", "-p", "app"]);
    w.ok(&["watch"]);
    assert_eq!((w.place("t"), w.session("p-0")["client"].clone()), ("failed md".into(), Value::Null));
    assert_eq!((on(&w, "mine"), w.read("app/n.txt")), ("spare".into(), "one\n".into()));
}

#[test]
fn damaged_files_of_a_switch_keep_nobody_from_work() {
    let w = World::with_accounts();
    two_sessions(&w);
    w.write("state/switch/memory.json", "{\"version\":1,");
    let said = w.cf(&["switch", "--to", "spare"]);
    assert!(!w.path("state/switch/current.json").exists() && on(&w, "mine") == "spare", "{said:?}");
    assert!(w.ok(&["log", "switches", "last"]).contains("not done: "));
    std::fs::remove_file(w.path("state/switch/memory.json")).unwrap();
    w.write("state/switch/current.json", "garbage");
    let said = w.cf(&["watch"]);
    assert!(said.code != 0 && said.out.contains("switch/current.json"), "{said:?}");
    w.write("go", "");
    until("finished all the same", SOON, || {
        w.cf(&["watch"]);
        w.place("t") == "done md"
    });
    assert!(w.ok(&["status"]).contains("switch/current.json"));
    w.write("state/switch/current.json", "");
    std::fs::remove_file(w.path("state/switch/current.json")).unwrap();
    w.write("state/accounts/main.json", "{");
    assert!(w.cf(&["quota-check"]).out.contains("not seen main"));
    assert_eq!(w.read("state/accounts/main.json"), "{", "it stays as it is");
}

#[test]
fn a_fault_of_one_session_is_no_fault_of_the_account() {
    let w = World::with_accounts();
    two_sessions(&w);
    std::fs::rename(w.path("web"), w.path("elsewhere")).unwrap();
    let before = pid(&w, "mine");
    let said = w.cf(&["switch", "--to", "spare"]);
    assert!(said.out.contains("deferred mine: its directory is gone"), "{said:?}");
    assert!(said.out.contains("moved p-0: to `spare`"), "{said:?}");
    assert_eq!((on(&w, "mine"), pid(&w, "mine")), ("main".into(), before), "its client goes on");
    std::fs::rename(w.path("elsewhere"), w.path("web")).unwrap();
    w.drive("it follows", |w| on(w, "mine") == "spare");
    assert!(account(&w, "spare")["failed_launches"].as_u64().unwrap_or(0) == 0);
}

#[test]
fn homes_that_cannot_take_sessions_are_found_before_anything_is_touched() {
    for fault in ["loop", "not json", "other tree", "no home"] {
        let w = World::with_accounts();
        two_sessions(&w);
        let pids = ["mine", "p-0"].map(|s| pid(&w, s));
        let link = w.path("spare/projects");
        match fault {
            "loop" => {
                std::fs::remove_file(&link).unwrap();
                std::os::unix::fs::symlink(&link, &link).unwrap();
            }
            "other tree" => {
                std::fs::remove_file(&link).unwrap();
                std::fs::create_dir(&link).unwrap();
            }
            "not json" => w.write("spare/.claude.json", "{"),
            _ => std::fs::rename(w.path("spare"), w.path("gone")).unwrap(),
        }
        let said = w.cf(&["switch", "--to", "spare"]);
        assert_eq!(
            (said.code, on(&w, "mine"), on(&w, "p-0")),
            (5, "main".into(), "main".into()),
            "{fault}: {said:?}"
        );
        assert_eq!(["mine", "p-0"].map(|s| pid(&w, s)), pids, "{fault}");
        assert!(said.err.contains("spare"), "{fault}: {said:?}");
        // On its own it takes the next one.
        w.service("acct", &json!({ "five_hour": 95, "resets_at": jiff::Timestamp::now().as_second() + 5000 }));
        w.write("go", "");
        w.drive("elsewhere", |w| {
            w.cf(&["quota-check"]);
            on(w, "mine") == "third"
        });
    }
}

#[test]
fn no_room_on_the_disk_leaves_everything_as_it_was() {
    let w = World::with_accounts();
    two_sessions(&w);
    let (pids, before) = (["mine", "p-0"].map(|s| pid(&w, s)), crate::common::tree(&w.path("state/sessions")));
    // Nothing can be written any more; the signal that comes with it is ignored.
    let bin = crate::common::bin("claude-failover");
    let script = format!("trap '' XFSZ; ulimit -f 0; exec {} switch --to spare", bin.display());
    let mut command = w.fenced(std::path::Path::new("/bin/sh"));
    let output = command.args(["-c", &script]).env_clear().envs(&w.env).output().unwrap();
    assert!(!output.status.success());
    assert_eq!(["mine", "p-0"].map(|s| pid(&w, s)), pids);
    assert_eq!(crate::common::tree(&w.path("state/sessions")), before);
    assert!(!w.path("state/switch/current.json").exists());
    assert_eq!(w.cf(&["switch", "--to", "spare"]).code, 0);
}

#[test]
fn a_clock_that_jumps_neither_switches_nor_holds_up() {
    let w = World::with_accounts();
    let resets = jiff::Timestamp::now().as_second() + 3600;
    w.service("acct", &json!({ "five_hour": 50, "resets_at": resets }));
    two_sessions(&w);
    for hours in [72, -72, 5, -5, 24 * 10, -24 * 30, 0] {
        let at = jiff::Timestamp::now().checked_add(jiff::SignedDuration::from_hours(hours)).unwrap().to_string();
        let said = w.cf_env(&["quota-check"], &[("CLAUDE_FAILOVER_NOW", &at)]);
        assert!(said.code == 0 && said.out.starts_with("stays on `main`"), "{hours} h: {said:?}");
    }
    // A limit that was noted in the future holds nobody for longer than a window.
    w.service("acct", &json!({ "five_hour": 100, "limit": "five_hour", "resets_at": resets }));
    w.write("go", "");
    until("the limit", SOON, || w.read("state/events/p-0.jsonl").contains("StopFailure"));
    assert_eq!(w.cf(&["quota-check"]).code, 0);
    assert_eq!(on(&w, "p-0"), "spare");
    w.drive("done", |w| w.place("t") == "done md");
    let past = jiff::Timestamp::now().checked_sub(jiff::SignedDuration::from_hours(24 * 20)).unwrap().to_string();
    let record = w.cf_env(&["quota-check", "--explain"], &[("CLAUDE_FAILOVER_NOW", &past)]);
    assert!(!record.out.contains("limit was hit"), "{record:?}");
}

#[test]
fn accounts_that_do_not_start_a_client_are_not_tried_at_every_look() {
    let w = World::with_accounts();
    two_sessions(&w);
    let wait = jiff::Timestamp::now().as_second() + 5000;
    w.service("acct", &json!({ "five_hour": 95, "resets_at": wait }));
    for home in ["spare", "third"] {
        w.service(home, &json!({ "start": 3 }));
    }
    w.write("go", "");
    w.drive("the session has told", |w| w.place("t") == "done md");
    w.cf(&["quota-check"]);
    let said = w.cf(&["quota-check"]);
    assert!(said.out.contains("no switch:") && said.out.contains("no other account has room"), "{said:?}");
    let pids = ["mine", "p-0"].map(|s| pid(&w, s));
    w.cf(&["quota-check"]);
    w.cf(&["watch"]);
    assert_eq!(["mine", "p-0"].map(|s| pid(&w, s)), pids, "they are left in peace");
    assert_eq!((on(&w, "mine"), account(&w, "spare")["failed_launches"].as_u64()), ("main".into(), Some(1)));
}

#[test]
fn a_new_login_lets_stopped_sessions_go_on() {
    let w = World::with_accounts();
    two_sessions(&w);
    for home in ["acct", "spare", "third"] {
        w.service(home, &json!({ "login": "refused" }));
    }
    w.write("go", "");
    until("refused", SOON, || w.read("state/events/p-0.jsonl").contains("authentication_failed"));
    assert_eq!(w.cf(&["quota-check"]).code, 5);
    assert_eq!(on(&w, "p-0"), "main");
    w.service("acct", &json!({}));
    w.log_in("acct");
    w.drive("done", |w| {
        w.cf(&["quota-check"]);
        w.place("t") == "done md"
    });
    assert_eq!(w.read("app/n.txt"), "one\ntwo\n");
    assert_eq!(w.read("app/.agent-queue/done/t.md").matches("session: p-0").count(), 1);
}

#[test]
fn only_switches_of_the_active_account_count_against_the_cap() {
    let w = World::with_accounts();
    two_sessions(&w);
    for to in ["spare", "third", "main", "spare"] {
        w.ok(&["switch", "--session", "mine", "--to", to]);
    }
    let memory: Value = serde_json::from_str(&w.read("state/switch/memory.json")).unwrap_or_default();
    assert!(memory["past"].as_array().is_none_or(Vec::is_empty), "{memory}");
    // A wish for one session is kept until it can be fulfilled.
    w.tmux(&["send-keys", "-t", "=mine:", "-l", "draft"]);
    until("drawn", SOON, || w.tmux(&["capture-pane", "-p", "-t", "=mine:"]).out.contains("draft"));
    assert!(w.ok(&["switch", "--session", "mine", "--to", "third"]).contains("deferred mine"));
    w.ok(&["watch"]);
    for _ in 0.."draft".len() {
        w.tmux(&["send-keys", "-t", "=mine:", "BSpace"]);
    }
    w.drive("it goes where it was meant to", |w| on(w, "mine") == "third");
}
