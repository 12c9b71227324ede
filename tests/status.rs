//! `status`: the same facts for people and for scripts, with a state in which there is something of everything.

use serde_json::{Value, json};

use crate::common::World;

const NOW: &str = "2026-03-01T12:00:00Z";

/// Sessions of all kinds, damaged records, tasks everywhere, two accounts with a history, a past switch, targets.
pub fn everything() -> World {
    let mut w = World::with_accounts();
    w.env.insert("CLAUDE_FAILOVER_NOW".into(), NOW.into());
    let root = w.path("").display().to_string();
    let root = root.trim_end_matches('/');
    w.write(
        "config.yaml",
        w.read("config.yaml")
            + "\nnotifications:\n  targets:\n  - {name: desk, kind: journal}\n"
            + &format!("  - {{name: phone, kind: telegram, chat: 1, secret: {{file: {root}/no-secret}}}}\n"),
    );
    w.ok(&["status"]); // makes the directory
    let millis = |time: &str| time.parse::<jiff::Timestamp>().unwrap().as_millisecond();
    for (home, ends) in [("acct", "2026-03-20T00:00:00Z"), ("spare", "2026-03-03T12:00:00Z")] {
        let login = json!({ "claudeAiOauth": {
            "accessToken": format!("made-up-{home}"), "refreshToken": "made-up-r",
            "expiresAt": millis("2026-03-01T18:00:00Z"), "refreshTokenExpiresAt": millis(ends),
            "scopes": ["user:inference", "user:profile"], "subscriptionType": "max",
        }});
        w.write(&format!("{home}/.credentials.json"), login.to_string());
    }
    std::fs::remove_file(w.path("third/.credentials.json")).unwrap();
    let reading = |percent: f64, resets: &str| json!({ "percent": percent, "resets_at": resets, "at": "2026-03-01T11:58:00Z", "source": "status_line" });
    w.write(
        "state/accounts/main.json",
        json!({
            "version": 1, "name": "main", "failed_launches": 2, "reason": "it did not get ready",
            "readings": {
                "five_hour": reading(62.0, "2026-03-01T15:00:00Z"), "seven_day": reading(31.0, "2026-03-06T00:00:00Z"),
                "model:opus": reading(90.0, "2026-03-01T11:00:00Z"),
            },
        })
        .to_string(),
    );
    w.write(
        "state/accounts/spare.json",
        json!({
            "version": 1, "name": "spare", "spends_money": true,
            "readings": { "five_hour": reading(97.0, "2026-03-01T14:00:00Z") },
            "limits": { "five_hour": {
                "at": "2026-03-01T11:50:00Z", "until": "2026-03-01T14:00:00Z", "source": "failure" } },
        })
        .to_string(),
    );
    w.write("state/accounts/third.json", "{ not json");
    let signals: String = (0..8)
        .map(|n| {
            let line = json!({
                "at": format!("2026-03-01T11:{}:00Z", 20 + n * 5), "source": "status_line", "window": "five_hour",
                "percent": 40 + n * 3, "resets_at": "2026-03-01T15:00:00Z",
            });
            format!("{line}\n")
        })
        .collect();
    w.write("state/signals/main.jsonl", signals);
    let note = |state: &str, why: &str| json!({ "state": state, "since": "2026-03-01T11:30:00Z", "source": "events", "evidence": [why] });
    let client = json!({ "pid": 4_000_001, "start": 5, "boot_id": "x", "launched": "2026-03-01T11:00:00Z" });
    let lease = |task: &str, attempt: u32| {
        json!({
            "task": { "project": "app", "id": task }, "project_path": w.path("app"), "attempt": attempt, "phase": "confirmed",
            "since": "2026-03-01T11:31:00Z", "claimed": "2026-03-01T11:30:00Z", "max_attempts": 3,
        })
    };
    let session = |name: &str, more: Value| {
        let mut record = json!({
            "version": 1, "name": name, "kind": "pool", "cwd": w.path("app"), "project": "app", "account": "main",
            "model": "opus", "conversation": format!("conversation-of-{name}"), "client": client,
        });
        record.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        w.write(&format!("state/sessions/{name}.json"), record.to_string());
    };
    session("p-0", json!({ "note": note("working", "a turn runs"), "lease": lease("first", 1) }));
    session("p-1", json!({ "note": note("stalled", "silent for an hour"), "lease": lease("second", 2) }));
    session("p-2", json!({ "note": note("dead", "its pane is gone"), "client": null }));
    w.write("state/sessions/p-3.json", "{");
    for task in ["first", "second", "orphan"] {
        w.write(&format!("app/.agent-queue/inbox/{task}.md.dispatched"), "text\n");
    }
    w.write("app/.agent-queue/inbox/next.md", "---\ncreated: 2026-03-01T10:00:00Z\n---\ntext\n");
    w.write(
        "web/.agent-queue/inbox/later.md",
        "---\ncreated: 2026-03-01T10:00:00Z\ndepends_on: nowhere\n---\ntext\n",
    );
    w.write("web/.agent-queue/inbox/wrong.md", "---\npriority: [\n---\ntext\n");
    w.write("web/.agent-queue/done/a.md", "text\n");
    w.write("web/.agent-queue/failed/b.md", "text\n");
    let moved = |name: &str, stage: &str| {
        json!({
            "session": name, "stage": stage, "since": "2026-03-01T10:00:10Z", "from": "spare", "on": "main",
            "starts": 1, "why": "it runs",
        })
    };
    w.write(
        "state/switch/history/20260301T100000.000Z.json",
        json!({
            "version": 1, "id": "20260301T100000.000Z", "begun": "2026-03-01T10:00:00Z", "by_person": false,
            "why": "a limit of `spare` was hit", "urgent": true, "from": "spare", "to": "main", "activates": true,
            "moves": [moved("p-0", "done"), moved("p-1", "failed")], "ended": "2026-03-01T10:00:20Z",
        })
        .to_string(),
    );
    w.write(
        "state/outbox/e1.json",
        json!({
            "version": 1, "id": "e1", "kind": "unit.failed", "at": "2026-03-01T11:00:00Z", "what": "a unit failed",
            "why": "exit-code", "subject": "x.service",
        })
        .to_string(),
    );
    w.write(
        "state/outbox/targets/desk.json",
        json!({
            "version": 1, "name": "desk", "parked": { "e0": { "at": "2026-03-01T11:00:00Z", "why": "no" } },
            "trouble": { "since": "2026-03-01T11:10:00Z", "why": "exit code 1", "fault": true },
            "not_before": "2026-03-01T12:30:00Z",
        })
        .to_string(),
    );
    // What changed a moment ago may still be being written.
    let then = std::time::SystemTime::UNIX_EPOCH + std::time::Duration::from_secs(1_772_350_000);
    for path in crate::common::tree(&w.path("")).keys().filter(|p| p.extension().is_some_and(|e| e == "md")) {
        std::fs::File::options().write(true).open(path).unwrap().set_modified(then).unwrap();
    }
    w
}

#[test]
fn status_tells_everything_for_scripts() {
    let w = everything();
    let said = w.cf(&["status", "--json", "--cached"]);
    assert_eq!((said.code, said.err.as_str()), (0, ""));
    snapbox::assert_data_eq!(w.redact(&said.out), snapbox::file!["status/everything.json"].raw());
}

#[test]
fn status_tells_everything_for_people() {
    let w = everything();
    let said = w.ok(&["status", "--cached"]);
    snapbox::assert_data_eq!(w.redact(&said), snapbox::file!["status/everything.txt"].raw());
    let needs = w.json(&["status", "--cached"])["needs_person"].as_array().unwrap().len();
    assert_eq!(w.ok(&["status", "-q", "--cached"]).trim(), needs.to_string());
}

#[test]
fn status_tells_of_an_empty_state() {
    let mut w = World::new();
    w.env.insert("CLAUDE_FAILOVER_NOW".into(), NOW.into());
    std::fs::remove_file(w.path("acct/.credentials.json")).unwrap();
    snapbox::assert_data_eq!(w.redact(&w.ok(&["status"])), snapbox::file!["status/empty.txt"].raw());
    let said = w.redact(&w.ok(&["status", "--json"]));
    snapbox::assert_data_eq!(said, snapbox::file!["status/empty.json"].raw());
}
