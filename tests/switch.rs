//! An account runs out, and every session carries on under another one: on the stand-in agent.

use crate::common::{SOON, World, until};
use serde_json::{Value, json};
use std::process::Stdio;

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
    used(&w, "acct", 92);
    w.task("warm", "[[say:up]]");
    w.drive("warm", |w| w.place("warm") == "done md");
    // The status line has asked for a look, which `watch` has taken.
    w.drive("moved", |w| {
        w.cf(&["quota-check"]);
        account_of(w, "p-0") == "spare"
    });
    assert!(!w.read("state/events/p-0.jsonl").contains("StopFailure"));
    assert_eq!(w.session("p-0")["lease"], Value::Null);
}

#[test]
fn a_target_that_refuses_the_login_sends_the_sessions_on_to_the_next() {
    let w = World::with_accounts();
    at_work(&w, "t");
    full(&w, "acct");
    w.service("spare", &json!({ "login": "refused" }));
    w.write("go", "");
    until("the limit", SOON, || w.read("state/events/p-0.jsonl").contains("StopFailure"));
    let said = w.cf(&["quota-check"]);
    assert_eq!(said.code, 0, "{said:?}");
    assert!(said.out.contains("does not work spare: its login was refused"), "{said:?}");
    assert_eq!(
        (account_of(&w, "p-0"), w.json(&["status"])["active_account"].clone()),
        ("third".into(), json!("third"))
    );
    w.drive("done", |w| w.place("t") == "done md");
    assert_eq!(w.read("app/n.txt"), "one\ntwo\n");
    let explained = w.cf(&["quota-check", "--explain"]);
    assert!(explained.out.contains("its login was refused"), "{explained:?}");
    // A new login of the account ends that.
    w.log_in("spare");
    w.cf(&["quota-check"]);
    let record: Value = serde_json::from_str(&w.read("state/accounts/spare.json")).unwrap();
    assert_eq!(record["trouble"], Value::Null, "{record}");
}

#[test]
fn no_target_that_works_brings_the_sessions_back() {
    let w = World::with_accounts();
    at_work(&w, "t");
    full(&w, "acct");
    for home in ["spare", "third"] {
        w.service(home, &json!({ "login": "refused" }));
    }
    w.write("go", "");
    until("the limit", SOON, || w.read("state/events/p-0.jsonl").contains("StopFailure"));
    let said = w.cf(&["quota-check"]);
    assert_eq!(said.code, 5, "{said:?}");
    assert!(said.out.contains("back where they were: no other account works"), "{said:?}");
    assert_eq!(
        (account_of(&w, "p-0"), w.json(&["status"])["active_account"].clone()),
        ("main".into(), json!("main"))
    );
    assert_eq!(w.place("t"), "inbox md.dispatched", "it keeps its task");
    assert_eq!(w.cf(&["quota-check"]).code, 5, "every account is exhausted");
    // The limit is over: it goes on where it is.
    used(&w, "acct", 1);
    let later = jiff::Timestamp::now().checked_add(jiff::SignedDuration::from_mins(100)).unwrap().to_string();
    until("done", SOON, || {
        w.cf_env(&["quota-check"], &[("CLAUDE_FAILOVER_NOW", &later)]);
        w.cf(&["watch"]);
        w.place("t") == "done md"
    });
    assert_eq!(w.read("app/n.txt"), "one\ntwo\n", "{:#?}", w.prompts());
    assert_eq!(w.read("app/.agent-queue/done/t.md").matches("session: p-0").count(), 1, "no try was lost");
}

#[test]
fn all_exhausted_holds_is_told_once_and_goes_on_at_the_reset() {
    let w = World::with_accounts();
    at_work(&w, "t");
    for home in ["acct", "spare", "third"] {
        full(&w, home);
    }
    w.write("go", "");
    until("the limit", SOON, || w.read("state/events/p-0.jsonl").contains("StopFailure"));
    let first = w.cf(&["quota-check"]);
    assert_eq!(first.code, 5, "{first:?}");
    w.task("next", "[[say:hello]]");
    w.cf(&["quota-check"]);
    let again = w.cf(&["quota-check"]);
    assert!(again.code == 5 && again.out.contains("every account is exhausted until"), "{again:?}");
    assert_eq!(w.read_log().matches("found every account exhausted").count(), 1);
    let held = w.ok(&["dispatch", "--dry-run"]);
    assert!(held.contains("its five_hour limit was hit"), "{held}");
    for home in ["acct", "spare", "third"] {
        used(&w, home, 1);
    }
    let later = jiff::Timestamp::now().checked_add(jiff::SignedDuration::from_mins(95)).unwrap().to_string();
    until("done", SOON, || {
        w.cf_env(&["quota-check"], &[("CLAUDE_FAILOVER_NOW", &later)]);
        w.cf(&["watch"]);
        w.place("t") == "done md"
    });
    assert_eq!(w.read("app/n.txt"), "one\ntwo\n");
}

#[test]
fn words_about_limits_and_errors_of_the_service_move_nothing() {
    let w = World::with_accounts();
    w.task(
        "t",
        "Write about: You've hit your session limit · resets 9am. Claude usage limit reached|1789050600. \
         [[say:  ⎿  You've hit your 5-hour limit · resets 10am (UTC)]] [[say:429 rate_limit quotaLimits rejected]] \
         [[error:server_error]] [[error:overloaded]] [[say:5-hour limit reached ∙ resets 3pm]]",
    );
    let mut now = jiff::Timestamp::now();
    let mut nothing = |w: &World| {
        now = now.checked_add(jiff::SignedDuration::from_secs(90)).unwrap();
        let said = w.cf_env(&["quota-check"], &[("CLAUDE_FAILOVER_NOW", &now.to_string())]);
        assert!(said.code == 0 && said.out.starts_with("stays on `main`"), "{said:?}");
        w.cf_env(&["watch"], &[("CLAUDE_FAILOVER_NOW", &now.to_string())]);
    };
    w.ok(&["dispatch"]);
    until("done", SOON, || {
        nothing(&w);
        w.place("t") == "done md"
    });
    nothing(&w);
    assert_eq!(account_of(&w, "p-0"), "main");
}

#[test]
fn a_person_moves_one_session_or_all_and_sees_it_before() {
    let w = World::with_accounts();
    w.ok(&["launch", "mine", "--prompt", "hello"]);
    at_work(&w, "t");
    until("idle", SOON, || {
        w.ok(&["watch", "--no-dispatch"]);
        w.session("mine")["note"]["state"] == "idle"
    });
    let before = crate::common::tree(&w.path("state/sessions"));
    let plan = w.ok(&["switch", "--to", "spare", "--dry-run"]);
    assert!(plan.contains("would move mine") && plan.contains("would move p-0"), "{plan}");
    assert_eq!(crate::common::tree(&w.path("state/sessions")), before);
    let ids = ["mine", "p-0"].map(|s| w.session(s)["conversation"].clone());
    let said = w.cf(&["switch", "--to", "third", "--session", "mine"]);
    assert_eq!(
        (said.code, account_of(&w, "mine"), account_of(&w, "p-0")),
        (0, "third".into(), "main".into()),
        "{said:?}"
    );
    assert_eq!(w.json(&["status"])["active_account"], "main", "only that session was meant");
    // The pool session is in the middle of a turn that does not end: interrupted, and told to carry on.
    let said = w.cf(&["switch", "--to", "spare"]);
    assert_eq!(said.code, 0, "{said:?}");
    assert_eq!((account_of(&w, "mine"), account_of(&w, "p-0")), ("spare".into(), "spare".into()), "{said:?}");
    assert_eq!(ids, ["mine", "p-0"].map(|s| w.session(s)["conversation"].clone()));
    w.write("go", "");
    w.drive("done", |w| w.place("t") == "done md");
    assert_eq!(w.read("app/n.txt"), "one\ntwo\n");
    for (args, code, want) in [
        (&["switch", "--to", "nobody"][..], 1, "no account `nobody` in the configuration"),
        (&["switch", "--session", "nobody"], 1, "nothing is known of session `nobody`"),
        (&["switch", "--to", "spare"], 0, "nothing to do"),
    ] {
        let said = w.cf(args);
        assert!(said.code == code && (said.out + &said.err).contains(want), "{args:?}");
    }
    full(&w, "acct");
    std::fs::remove_file(w.path("acct/.credentials.json")).unwrap();
    let said = w.cf(&["switch", "--to", "main"]);
    assert!(said.code == 5 && said.err.contains("account `main`: not logged in"), "{said:?}");
}

#[test]
fn a_draft_defers_a_dedicated_session_and_watch_moves_it_later() {
    let w = World::with_accounts();
    w.ok(&["launch", "mine", "--prompt", "hello"]);
    until("idle", SOON, || {
        w.ok(&["watch"]);
        w.session("mine")["note"]["state"] == "idle"
    });
    w.tmux(&["send-keys", "-t", "=mine:", "-l", "half a line"]);
    until("drawn", SOON, || w.tmux(&["capture-pane", "-p", "-t", "=mine:"]).out.contains("half a line"));
    let pid = w.session("mine")["client"]["pid"].clone();
    let said = w.cf(&["switch", "--to", "spare"]);
    assert!(
        said.code == 0 && said.out.contains("deferred mine: a person's line stands in its composer"),
        "{said:?}"
    );
    assert_eq!((account_of(&w, "mine"), w.session("mine")["client"]["pid"].clone()), ("main".into(), pid.clone()));
    assert_eq!(w.json(&["status"])["active_account"], "spare");
    let waits = w.ok(&["watch"]);
    assert!(waits.contains("waits mine: still on `main`: a person's line"), "{waits}");
    for _ in 0.."half a line".len() {
        w.tmux(&["send-keys", "-t", "=mine:", "BSpace"]);
    }
    until("moved", SOON, || {
        w.ok(&["watch"]);
        account_of(&w, "mine") == "spare"
    });
    assert_ne!(w.session("mine")["client"]["pid"], pid);
    assert_eq!(w.session("mine")["to_move"], Value::Null);
    let clients = w.tmux(&["list-panes", "-a", "-F", "#{session_name} #{pane_dead}"]).out;
    assert_eq!(clients.lines().filter(|l| *l == "mine 0").count(), 1, "{clients}");
}

/// Killed at any moment, whatever it is doing: afterwards every session lives under exactly one account,
/// no conversation was in two processes, no task was lost.
#[test]
fn a_switch_killed_at_two_hundred_random_moments() {
    const WORLDS: u64 = 4;
    const KILLS: u64 = 50;
    std::thread::scope(|s| {
        for seed in 0..WORLDS {
            s.spawn(move || {
                let w = World::with_accounts();
                crate::crash::five_sessions(&w);
                let names = ["p-0", "p-1", "p-2", "p-3", "mine"];
                let ids = names.map(|n| w.session(n)["conversation"].clone());
                let mut random = 0x9E37_79B9_97F4_A7C1_u64.wrapping_mul(seed + 1);
                let mut next = |below: u64| {
                    random ^= random << 13;
                    random ^= random >> 7;
                    random ^= random << 17;
                    random % below
                };
                for kill in 0..KILLS {
                    let to = ["spare", "main"][(kill % 2) as usize];
                    let switch = ["switch", "--to", to];
                    let command = match (kill % 5, next(2)) {
                        (4, 0) => &["watch"][..],
                        (4, _) => &["quota-check"],
                        _ => &switch,
                    };
                    let mut child =
                        w.command(command, &[]).stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
                    std::thread::sleep(std::time::Duration::from_millis(next(1200)));
                    child.kill().unwrap();
                    child.wait().unwrap();
                    if next(3) == 0 {
                        w.cf(&["watch"]);
                    }
                    let twice: Vec<_> = w.agent_log().into_iter().filter(|l| !l["twice"].is_null()).collect();
                    assert!(twice.is_empty(), "seed {seed}, kill {kill}: {twice:?}");
                }
                let said = w.cf(&["switch", "--to", "third"]);
                assert_eq!(said.code, 0, "seed {seed}: {said:?}");
                crate::crash::all_five_on(&w, "third", &ids, seed as usize);
            });
        }
    });
}

#[test]
fn a_session_that_was_ended_by_a_person_or_is_bound_elsewhere_stays() {
    let w = World::with_accounts();
    w.ok(&["launch", "mine", "--prompt", "hello"]);
    until("idle", SOON, || {
        w.ok(&["watch"]);
        w.session("mine")["note"]["state"] == "idle"
    });
    w.write(
        "web/.agent-queue/inbox/t.md",
        "---\naccount: main\n---\n[[bash:until test -e ../go; do sleep 0.05; done]]\n",
    );
    w.drive("at work", |w| w.place("web:t") == "inbox md.dispatched");
    w.tmux(&["send-keys", "-t", "=mine:", "-l", "/exit"]);
    w.tmux(&["send-keys", "-t", "=mine:", "Enter"]);
    until("ended", SOON, || w.read("state/events/mine.jsonl").contains("SessionEnd"));
    w.ok(&["watch"]);
    let said = w.cf(&["switch", "--to", "spare"]);
    assert!(said.code == 0 && said.out.contains("left as it is mine: a person ended it"), "{said:?}");
    assert_eq!((account_of(&w, "mine"), account_of(&w, "p-0")), ("main".into(), "main".into()));
    // Named twice it is moved once, bound or not.
    let said = w.cf(&["switch", "--to", "third", "--session", "p-0", "--session", "p-0"]);
    assert!(said.code == 0 && said.out.matches("moved p-0").count() == 1, "{said:?}");
    w.write("go", "");
    w.drive("done", |w| w.place("web:t") == "done md");
}

#[test]
fn a_link_follows_the_active_account_and_nothing_but_a_link_is_replaced() {
    let w = World::with_accounts();
    let link = w.path("home/.claude");
    let config = w.read("config.yaml").replace("switch: {", &format!("switch: {{link: {}, ", link.display()));
    w.write("config.yaml", config);
    w.ok(&["switch", "--to", "spare"]);
    assert_eq!(std::fs::read_link(&link).unwrap(), w.path("spare"));
    w.ok(&["switch", "--to", "third"]);
    assert_eq!(std::fs::read_link(&link).unwrap(), w.path("third"));
    std::fs::remove_file(&link).unwrap();
    w.write("home/.claude/settings.json", "{}");
    let said = w.cf(&["switch", "--to", "main"]);
    assert!(said.code != 0 && said.out.contains("left undone switch: not done: not a link"), "{said:?}");
    assert_eq!(
        (w.read("home/.claude/settings.json").as_str(), &w.json(&["status"])["active_account"]),
        ("{}", &json!("main"))
    );
}
