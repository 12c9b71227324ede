//! An account runs out, and every session carries on under another one: on the stand-in agent.

use crate::common::{SOON, World, until};
use serde_json::{Value, json};

/// Seconds since the epoch, so many minutes from now.
fn in_minutes(minutes: i64) -> i64 {
    jiff::Timestamp::now().as_second() + minutes * 60
}

fn full(w: &World, home: &str) {
    w.service(home, &json!({ "five_hour": 100, "resets_at": in_minutes(90), "limit": "five_hour" }));
}

fn used(w: &World, home: &str, percent: u32) {
    w.service(home, &json!({ "five_hour": percent, "resets_at": in_minutes(90) }));
}

/// Two steps with a pause between, so that something can happen in the middle.
const TASK: &str =
    "[[bash:echo one >> n.txt]] [[bash:until test -e ../go; do sleep 0.05; done]] [[bash:echo two >> n.txt]]";

/// A session in the middle of a task, on `main`.
fn at_work(w: &World, id: &str) {
    w.task(id, TASK);
    w.ok(&["dispatch"]);
    until("the first step", SOON, || w.read("app/n.txt").contains("one"));
}

fn account_of(w: &World, session: &str) -> String {
    w.session(session)["account"].as_str().unwrap_or_default().to_owned()
}

fn starts(w: &World, session: &str) -> Vec<Value> {
    let name = |l: &Value| l["tmux"] == session || l["for"] == session;
    w.agent_log().into_iter().filter(|l| l["start"].is_object() && name(l)).collect()
}

#[test]
fn a_limit_in_the_middle_of_a_task_moves_the_session_with_its_conversation() {
    let w = World::with_accounts();
    at_work(&w, "t");
    let before = w.session("p-0");
    full(&w, "acct");
    w.write("go", "");
    until("the limit", SOON, || w.read("state/events/p-0.jsonl").contains("StopFailure"));
    until("the status line", SOON, || w.read("state/events/p-0.statusline.json").contains("100"));
    let said = w.cf(&["quota-check"]);
    assert_eq!(said.code, 0, "{said:?}");
    assert!(said.out.contains("switches to `spare`: a limit of `main` was hit"), "{said:?}");
    assert!(said.out.contains("moved p-0: to `spare`"), "{said:?}");
    assert_eq!(account_of(&w, "p-0"), "spare");
    let after = w.session("p-0");
    assert_eq!(after["conversation"], before["conversation"]);
    assert_ne!(after["client"]["pid"], before["client"]["pid"]);
    assert!(!std::path::Path::new(&format!("/proc/{}", before["client"]["pid"])).exists(), "the old one is gone");
    w.drive("done", |w| w.place("t") == "done md");
    assert_eq!(w.read("app/n.txt"), "one\ntwo\n", "{:#?}", w.prompts());
    let done = w.read("app/.agent-queue/done/t.md");
    assert!(done.contains("- main\n  - spare") && done.matches("session: p-0").count() == 1, "{done}");
    // What comes next starts there, and the next look has nothing to do.
    assert_eq!(w.json(&["status"])["active_account"], "spare");
    let quiet = w.cf(&["quota-check"]);
    assert!(quiet.code == 0 && quiet.out.starts_with("stays on `spare`"), "{quiet:?}");
    assert!(!w.path("state/switch/current.json").exists());
    assert_eq!(starts(&w, "p-0").len(), 0);
}

#[test]
fn a_threshold_moves_sessions_before_any_of_them_meets_the_limit() {
    let w = World::with_accounts();
    used(&w, "acct", 90);
    w.task("warm", "[[say:up]]");
    w.drive("warm", |w| w.place("warm") == "done md");
    until("told", SOON, || w.read("state/events/p-0.statusline.json").contains("90"));
    assert!(
        w.path("state/kick/quota").exists() || account_of(&w, "p-0") == "spare",
        "the status line asked for a look"
    );
    w.drive("moved", |w| {
        w.cf(&["quota-check"]);
        account_of(w, "p-0") == "spare"
    });
    assert!(!w.read("state/events/p-0.jsonl").contains("StopFailure"));
    assert_eq!(w.session("p-0")["lease"], Value::Null);
}
