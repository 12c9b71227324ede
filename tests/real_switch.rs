//! An account runs out: the real client, two versions, and a stand-in API that holds three accounts.

use crate::common::real_client::{Api, each_version, world_with_accounts};
use crate::common::{World, until};
use serde_json::{Value, json};
use std::time::Duration;

const LONG: Duration = Duration::from_secs(60);

fn account_of(w: &World, session: &str) -> String {
    w.session(session)["account"].as_str().unwrap_or_default().to_owned()
}

/// A task that waits in the middle for the file `go`.
fn in_the_middle(w: &World) {
    w.task(
        "t",
        "[[bash:echo one >> n.txt]] [[bash:until test -e ../go; do sleep 0.1; done]] [[bash:echo two >> n.txt]] [[say:finished]]",
    );
    w.ok(&["dispatch"]);
    until("the first step", LONG, || w.read("app/n.txt").contains("one"));
}

fn asked_with(api: &Api, token: &str) -> Vec<Value> {
    let of = |l: &Value| l["token"] == token && l["path"].as_str().is_some_and(|p| p.starts_with("/v1/messages"));
    api.log().into_iter().filter(of).collect()
}

fn failures(w: &World, session: &str) -> usize {
    w.read(&format!("state/events/{session}.jsonl")).matches("StopFailure").count()
}

#[test]
fn a_limit_in_the_middle_of_a_task() {
    each_version(world_with_accounts, |w, api, version| {
        in_the_middle(w);
        let id = w.session("p-0")["conversation"].clone();
        api.mode(&json!({ "*": "ok", "fake-A": "429_5h" }));
        w.write("go", "");
        w.drive("done", |w| w.place("t") == "done md");
        assert_eq!(
            (w.session("p-0")["conversation"].clone(), account_of(w, "p-0")),
            (id, "spare".into()),
            "{version}"
        );
        assert_eq!(w.read("app/n.txt"), "one\ntwo\n", "{version}");
        // The whole earlier conversation went out under the other account.
        let earlier = asked_with(api, "fake-A").iter().filter(|l| l["kind"] != "title").count();
        let first = asked_with(api, "fake-B").into_iter().find(|l| l["kind"] == "prompt").unwrap();
        let body = api.body(&first["n"]);
        assert!(
            earlier >= 3 && body.contains("echo one >> n.txt") && body.contains("Task t (attempt 1)"),
            "{version}"
        );
        assert!(asked_with(api, "fake-C").is_empty(), "{version}");
        let record: Value = serde_json::from_str(&w.read("state/accounts/main.json")).unwrap();
        assert!(record["limits"]["five_hour"]["until"].is_string(), "{version}: {record}");
        let done = w.read("app/.agent-queue/done/t.md");
        assert!(done.contains("- main\n  - spare"), "{version}: {done}");
        // The log tells it step by step.
        let steps = w.ok(&["log", "switches", "last"]);
        assert!(
            steps.contains("`main` to `spare`: a limit of `main` was hit") && steps.contains("p-0 moved"),
            "{steps}"
        );
    });
}

#[test]
fn usage_that_climbs_moves_sessions_before_the_limit() {
    each_version(world_with_accounts, |w, api, version| {
        api.mode(&json!({ "*": "ok", "@usage": { "fake-A": [0.5, 0.1], "*": [0.05, 0.05] } }));
        w.task("t", "[[say:hello]]");
        w.drive("done", |w| w.place("t") == "done md");
        w.ok(&["quota-check"]);
        assert_eq!(account_of(w, "p-0"), "main");
        api.mode(&json!({ "*": "ok", "@usage": { "fake-A": [0.93, 0.1], "*": [0.05, 0.05] } }));
        w.task("u", "[[say:hello again]]");
        w.drive("moved", |w| account_of(w, "p-0") == "spare");
        assert_eq!(
            (failures(w, "p-0"), w.json(&["status"])["active_account"].clone()),
            (0, json!("spare")),
            "{version}"
        );
        w.task("v", "[[bash:echo x > v.txt]]");
        w.drive("the next task runs there", |w| w.place("v") == "done md");
        assert!(asked_with(api, "fake-B").iter().any(|l| l["last"].to_string().contains("Task v")), "{version}");
    });
}

#[test]
fn a_target_that_refuses_the_login() {
    each_version(world_with_accounts, |w, api, version| {
        in_the_middle(w);
        let id = w.session("p-0")["conversation"].clone();
        api.mode(&json!({ "*": "ok", "fake-A": "429_5h", "fake-B": "401" }));
        w.write("go", "");
        until("the limit", LONG, || failures(w, "p-0") > 0);
        let said = w.cf(&["quota-check"]);
        assert!(
            said.code == 0 && said.out.contains("does not work spare: its login was refused"),
            "{version}: {said:?}"
        );
        w.drive("done", |w| w.place("t") == "done md");
        assert_eq!(
            (account_of(w, "p-0"), w.session("p-0")["conversation"].clone()),
            ("third".into(), id),
            "{version}"
        );
        assert_eq!(w.read("app/n.txt"), "one\ntwo\n", "{version}");
        assert!(w.ok(&["status"]).contains("account spare its login was refused"), "{version}");
    });
}

#[test]
fn all_accounts_exhausted_and_then_the_reset() {
    each_version(world_with_accounts, |w, api, version| {
        // One reset from the first answer on: a window does not change its end.
        let until_ = jiff::Timestamp::now().as_second() + 2 * 3600;
        api.mode(&json!({ "*": "ok", "@reset_5h": until_ }));
        in_the_middle(w);
        // The others are at their limit before: their sessions have told.
        for name in ["spare", "third"] {
            let at = jiff::Timestamp::from_second(until_).unwrap();
            let limit = json!({ "version": 1, "name": name, "limits": {
                "five_hour": { "at": jiff::Timestamp::now(), "until": at, "source": "transcript" } } });
            w.write(&format!("state/accounts/{name}.json"), limit.to_string());
        }
        api.mode(&json!({ "*": "429_5h", "@reset_5h": until_ }));
        w.write("go", "");
        until("the limit", LONG, || failures(w, "p-0") > 0);
        let said = w.cf(&["quota-check"]);
        assert!(said.code == 5 && said.out.contains("every account is exhausted until"), "{version}: {said:?}");
        w.cf(&["quota-check"]);
        assert_eq!(w.read_log().matches("found every account exhausted").count(), 1, "{version}");
        assert_eq!(
            (account_of(w, "p-0"), w.place("t")),
            ("main".into(), "inbox md.dispatched".into()),
            "{version}"
        );
        api.mode(&json!({ "*": "ok" }));
        let later = jiff::Timestamp::from_second(until_ + 120).unwrap().to_string();
        until("done", LONG, || {
            w.cf_env(&["quota-check"], &[("CLAUDE_FAILOVER_NOW", &later)]);
            w.cf(&["watch", "--no-dispatch"]);
            w.place("t") == "done md"
        });
        assert_eq!(w.read("app/n.txt"), "one\ntwo\n", "{version}");
        let others = [asked_with(api, "fake-B"), asked_with(api, "fake-C")].concat();
        assert!(others.is_empty(), "{version}: {others:?}\n{}\n{}", w.ok(&["log"]), w.ok(&["log", "switches"]));
    });
}

#[test]
fn errors_of_the_service_and_quoted_limits_move_nothing() {
    each_version(world_with_accounts, |w, api, version| {
        api.mode(&json!({ "*": "ok", "fake-A": "529:6" }));
        w.task(
            "t",
            "Explain \"You've hit your session limit · resets 9am (UTC)\" and `Claude usage limit reached|1789050600`.\n\
             [[say:You've hit your weekly limit · resets Nov 26, 12am (UTC)]]\n\
             [[bash:echo '  ⎿  5-hour limit reached ∙ resets 3pm'; echo rate limit 429]]\n\
             [[say:Usage limit reached · set to continue automatically at 10am]]",
        );
        w.ok(&["dispatch"]);
        until("the failed turn", LONG, || failures(w, "p-0") > 0);
        let mut now = jiff::Timestamp::now();
        until("done", LONG, || {
            now = now.checked_add(jiff::SignedDuration::from_secs(60)).unwrap();
            let env = [("CLAUDE_FAILOVER_NOW", now.to_string())];
            let env: Vec<(&str, &str)> = env.iter().map(|(k, v)| (*k, v.as_str())).collect();
            let said = w.cf_env(&["quota-check"], &env);
            assert!(said.code == 0 && said.out.starts_with("stays on `main`"), "{version}: {said:?}");
            w.cf_env(&["watch", "--no-dispatch"], &env);
            w.place("t") == "done md"
        });
        for token in ["fake-B", "fake-C"] {
            assert!(asked_with(api, token).is_empty(), "{version}");
        }
    });
}

/// One in a long tool call, one at a permission prompt, one dedicated with a half-typed line, three idle.
#[test]
fn six_sessions_each_at_something_else() {
    each_version(world_with_accounts, |w, api, version| {
        w.pool(5);
        let config = w.read("config.yaml").replace(
            "client:\n",
            "client:\n  args: [--permission-mode, default, --allowedTools, \"Bash(sleep *)\"]\n",
        );
        w.write("config.yaml", config.replace("max_sessions: 3", "max_sessions: 5"));
        w.ok(&["launch", "mine", "--prompt", "hello"]);
        for name in ["p-2", "p-3", "p-4"] {
            w.ok(&["launch", name, "--project", "web", "--prompt", "hello"]);
        }
        w.task("long", "[[bash:sleep 20]] [[say:slept]]");
        w.task("asks", "[[bash:touch asked.txt]] [[say:asked]]");
        let states = || {
            w.ok(&["watch"]);
            w.ok(&["dispatch"]);
            ["p-0", "p-1", "mine", "p-2", "p-3", "p-4"].map(|s| w.session(s)["note"]["state"].clone())
        };
        until("all at their places", LONG, || states() == ["working", "waiting", "idle", "idle", "idle", "idle"]);
        w.tmux(&["send-keys", "-t", "=mine:", "-l", "half a line"]);
        until("drawn", LONG, || w.tmux(&["capture-pane", "-p", "-t", "=mine:"]).out.contains("half a line"));
        api.mode(&json!({ "*": "ok", "fake-A": "429_5h" }));
        w.task("next", "[[say:over there]]");
        until("the limit", LONG, || {
            w.ok(&["dispatch"]);
            ["p-2", "p-3", "p-4"].iter().any(|s| failures(w, s) > 0)
        });
        let names = ["p-0", "p-1", "mine", "p-2", "p-3", "p-4"];
        let ids = names.map(|s| w.session(s)["conversation"].clone());
        let said = w.cf(&["quota-check"]);
        assert_eq!(said.code, 0, "{version}: {said:?}");
        for name in ["p-1", "p-2", "p-3", "p-4"] {
            assert_eq!(account_of(w, name), "spare", "{version}: {name}: {said:?}");
        }
        assert!(said.out.contains("deferred p-0: its turn goes on"), "{version}: {said:?}");
        assert!(said.out.contains("deferred mine: a person's line stands in its composer"), "{version}: {said:?}");
        let pid = w.session("mine")["client"]["pid"].clone();
        // The long call ends and its turn meets the limit: that session follows, the other one asks again.
        w.drive("it follows", |w| w.place("long") == "done md" && account_of(w, "p-0") == "spare");
        w.drive("it asks again", |w| w.session("p-1")["note"]["state"] == "waiting");
        assert_eq!(
            (account_of(w, "mine"), &w.session("mine")["client"]["pid"]),
            ("main".into(), &pid),
            "{version}"
        );
        for _ in 0.."half a line".len() {
            w.tmux(&["send-keys", "-t", "=mine:", "BSpace"]);
        }
        w.drive("the dedicated one follows", |w| account_of(w, "mine") == "spare");
        assert_eq!(names.map(|s| w.session(s)["conversation"].clone()), ids, "{version}");
        w.tmux(&["send-keys", "-t", "=p-1:", "Enter"]);
        w.drive("all done", |w| w.place("asks") == "done md" && w.place("next") == "done md");
        assert!(w.path("app/asked.txt").exists());
    });
}
