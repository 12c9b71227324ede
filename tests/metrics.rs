//! `status --prometheus`, the dashboard and the alert rules: judged by `promtool`.

use std::collections::BTreeSet;
use std::io::Write;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use claude_failover::model::metrics::render;
use claude_failover::model::status::Status;
use serde_json::{Value, json};

use crate::common::{Said, World};
use crate::status::everything;

/// What `promtool` says of a text on its stdin, or of files.
fn promtool(args: &[&str], input: &str) -> Said {
    let program = Path::new(env!("CARGO_MANIFEST_DIR")).join(".tools/promtool");
    assert!(program.exists(), "promtool is not installed: run `make test-tools`");
    let mut command = Command::new(program);
    command.args(args).env_clear().stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn().unwrap();
    child.stdin.take().unwrap().write_all(input.as_bytes()).unwrap();
    Said::of(&child.wait_with_output().unwrap())
}

/// … which must find nothing to say against a text of metrics.
fn check(text: &str) {
    let said = promtool(&["check", "metrics"], text);
    assert_eq!((said.code, said.out.as_str(), said.err.as_str()), (0, "", ""), "{text}");
}

/// A status in which nothing is unknown, so that every family has a sample; one free text stands wherever one may.
fn whole(free: &str) -> Status {
    use claude_failover::model::account::{AccountKind, Known, Login};
    use claude_failover::model::name::{AccountName, ProjectName};
    use claude_failover::model::quota::{Source, Window};
    use claude_failover::model::session::{Kind, SessionRecord};
    use claude_failover::model::signals::failure::Trouble;
    use claude_failover::model::status::*;
    use claude_failover::model::switch::{Decision, Verdict};
    let at: jiff::Timestamp = "2026-03-01T12:00:00Z".parse().unwrap();
    let main = AccountName::new("main").unwrap();
    let record: SessionRecord = serde_json::from_value(json!({
        "version": 1, "name": "p-0", "kind": "pool", "cwd": free, "project": "app", "account": "main", "model": free,
        "conversation": free, "client": {"pid": 1, "start": 5, "boot_id": "x", "launched": at},
        "note": {"state": "working", "since": at, "source": "events", "evidence": [free]},
        "lease": {"task": {"project": "app", "id": "t"}, "project_path": free, "attempt": 2, "phase": "confirmed",
            "since": at, "claimed": at, "max_attempts": 3},
    }))
    .unwrap();
    let journal = serde_json::from_value(json!({
        "version": 1, "id": "20260301T100000.000Z", "begun": at, "by_person": false, "why": free, "urgent": true,
        "from": "spare", "to": "main", "activates": true, "moves": [], "ended": at,
    }));
    let windows = [Window::FiveHour, Window::Model(free.to_owned())].map(|window| WindowStatus {
        window,
        percent: 62.0,
        resets_at: at,
        observed_at: at,
        source: Source::StatusLine,
        holds: true,
        threshold: 90.0,
        forecast: None,
        crossing: Some(CrossingStatus { soonest_s: Some(60), likely_s: Some(90), latest_s: None }),
    });
    Status {
        version: STATUS_VERSION,
        at,
        active_account: main.clone(),
        needs_person: vec![Need { subject: free.to_owned(), what: free.to_owned(), hint: None }],
        // A name twice: the second of a label set would spoil the scrape.
        sessions: vec![
            SessionStatus::of(&record),
            SessionStatus { kind: Kind::Dedicated, ..SessionStatus::of(&record) },
        ],
        pool: PoolStatus { max: 3, running: 1 },
        projects: vec![ProjectStatus {
            project: ProjectName::new("app").unwrap(),
            path: PathBuf::from(free),
            waiting: 1,
            ready: 1,
            claimed: 2,
            done: 3,
            failed: 4,
        }],
        waiting: vec![],
        accounts: vec![AccountStatus {
            name: main,
            kind: AccountKind::Subscription,
            priority: 1,
            disabled: false,
            login: Login::Valid { ends: Some(at) },
            plan: Some(free.to_owned()),
            known: Known::Fresh,
            windows: windows.into(),
            limits: Default::default(),
            blind_limit: None,
            limited_until: Some(at),
            trouble: Some((Trouble::Login, at)),
            spends_money: None,
            obstacles: vec![],
            endpoint: Default::default(),
        }],
        decision: Decision { verdict: Verdict::Held { why: free.to_owned() }, assessments: vec![] },
        last_switch: Some(journal.unwrap()),
        notify: Some(NotifyStatus {
            targets: vec![TargetStatus {
                name: free.to_owned(),
                kind: "telegram",
                waiting: 1,
                parked: 2,
                trouble: Some(serde_json::from_value(json!({ "since": at, "why": free })).unwrap()),
                not_before: None,
            }],
            last_run: Some(at),
        }),
        last_run: LastRuns { dispatch: Some(at), watch: Some(at) },
    }
}

/// The value of a sample, by all that stands before it.
fn sample(text: &str, series: &str) -> f64 {
    let line = text.lines().find_map(|l| l.strip_prefix(series)?.strip_prefix(' '));
    line.unwrap_or_else(|| panic!("no {series} in:\n{text}")).parse().unwrap()
}

#[test]
fn metrics_are_those_of_the_status_and_promtool_takes_them() {
    let w = everything();
    let text = w.ok(&["status", "--cached", "--prometheus", "-"]);
    check(&text);
    let shown = w.redact(&text).replace(env!("CARGO_PKG_VERSION"), "VERSION");
    snapbox::assert_data_eq!(shown, snapbox::file!["status/everything.prom"].raw());
    let status = w.json(&["status", "--cached"]);
    let needs = status["needs_person"].as_array().unwrap().len() as f64;
    assert_eq!(sample(&text, "claude_failover_needs_person"), needs);
    let used = sample(&text, "claude_failover_account_used_ratio{account=\"main\",window=\"five_hour\"}");
    assert_eq!(used, status["accounts"][0]["windows"][0]["percent"].as_f64().unwrap() / 100.0);
    for project in status["projects"].as_array().unwrap() {
        for place in ["waiting", "claimed", "done", "failed"] {
            let name = project["project"].as_str().unwrap();
            let series = format!("claude_failover_tasks{{project=\"{name}\",place=\"{place}\"}}");
            assert_eq!(sample(&text, &series), project[place].as_f64().unwrap(), "{series}");
        }
        let series = format!("claude_failover_tasks_ready{{project={}}}", project["project"]);
        assert_eq!(sample(&text, &series), project["ready"].as_f64().unwrap(), "{series}");
    }
    // A window that is over has no value, an empty state neither.
    assert!(!text.contains("model:opus"), "{text}");
    check(&World::new().ok(&["status", "--prometheus", "-"]));
}

#[test]
fn hostile_names_spoil_no_metrics() {
    let hostile = "q\"u\\o\nte} 1\n# TYPE claude_failover_sessions counter\n\u{1b}[31m\t,é\u{202e}";
    let text = render(&whole(hostile));
    check(&text);
    let plain = render(&whole("plain"));
    assert_eq!(text.lines().count(), plain.lines().count(), "{text}");
    assert_eq!(sample(&plain, "claude_failover_notify_parked_events{target=\"plain\",kind=\"telegram\"}"), 2.0);
    // Neither a reason nor a task nor a path is a label.
    assert!(!plain.contains("\"t\"") && plain.matches("plain").count() == 4 + 6, "{plain}");
}

/// The names of metrics in a text.
fn names(text: &str) -> BTreeSet<&str> {
    let ends = |c: char| !(c.is_ascii_alphanumeric() || c == '_');
    let begins = text.match_indices("claude_failover_").map(|(at, _)| &text[at..]);
    begins.map(|rest| rest.split(ends).next().unwrap_or_default()).collect()
}

fn example(name: &str) -> String {
    std::fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("examples").join(name)).unwrap()
}

#[test]
fn dashboard_and_alerts_name_only_what_there_is_and_the_readme_all_of_it() {
    let text = render(&whole("x"));
    let there: BTreeSet<&str> =
        text.lines().filter_map(|l| l.strip_prefix("# TYPE ")?.split(' ').next()).collect();
    for file in ["grafana-dashboard.json", "alerts.yaml", "alerts.test.yaml"] {
        let text = example(file);
        let named = names(&text);
        assert!(named.len() > 10, "{file}: {named:?}");
        let unknown: Vec<_> = named.difference(&there).collect();
        assert!(unknown.is_empty(), "{file} names {unknown:?}");
    }
    let readme = include_str!("../README.md");
    let told: BTreeSet<&str> = names(readme);
    assert_eq!(told, there, "the README");
}

#[test]
fn alerts_fire_when_they_should_and_the_expressions_of_the_dashboard_are_valid() {
    let dir = Path::new(env!("CARGO_MANIFEST_DIR")).join("examples");
    let of = |name: &str| dir.join(name).display().to_string();
    let said = promtool(&["test", "rules", &of("alerts.test.yaml")], "");
    assert_eq!(said.code, 0, "{said:?}");
    // Every rule has a test in which it fires.
    let (rules, tests) = (example("alerts.yaml"), example("alerts.test.yaml"));
    for alert in rules.lines().filter_map(|l| l.trim().strip_prefix("- alert: ")) {
        assert!(tests.contains(&format!("alertname: {alert}\n    exp_alerts:\n    - ")), "{alert} is not tested");
        assert!(tests.contains(&format!("alertname: {alert}, exp_alerts: []")), "{alert} may fire always");
    }
    let dashboard: Value = serde_json::from_str(&example("grafana-dashboard.json")).unwrap();
    let panels = dashboard["panels"].as_array().unwrap().iter().flat_map(|p| p["targets"].as_array().unwrap());
    let notes = dashboard["annotations"]["list"].as_array().unwrap().iter();
    let rules: Vec<Value> = panels
        .chain(notes)
        .map(|t| json!({ "record": "x", "expr": t["expr"].as_str().unwrap().replace("\"$", "\"") }))
        .enumerate()
        .map(|(n, mut rule)| {
            rule["record"] = format!("x:{n}").into();
            rule
        })
        .collect();
    assert!(rules.len() > 15);
    let scratch = tempfile::tempdir().unwrap();
    let file = scratch.path().join("rules.yaml");
    std::fs::write(&file, json!({ "groups": [{ "name": "dashboard", "rules": rules }] }).to_string()).unwrap();
    let said = promtool(&["check", "rules", &file.display().to_string()], "");
    assert_eq!(said.code, 0, "{said:?}");
}

#[test]
fn a_file_of_metrics_is_replaced_whole_and_nothing_else_is() {
    let w = everything();
    std::fs::create_dir(w.path("collector")).unwrap();
    w.write("collector/.tmp-pool.prom.1.0", "left over");
    w.write("collector/.tmp-other.prom.1.0", "somebody's");
    assert_eq!(w.ok(&["status", "--cached", "--prometheus", "collector/pool.prom"]), "");
    assert_eq!(w.read("collector/pool.prom"), w.ok(&["status", "--cached", "--prometheus", "-"]));
    let mode = w.path("collector/pool.prom").metadata().unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o644);
    let left: Vec<_> = crate::common::tree(&w.path("collector")).into_keys().collect();
    assert_eq!(left, [w.path("collector/.tmp-other.prom.1.0"), w.path("collector/pool.prom")]);
    let said = w.json(&["status", "--cached", "--prometheus", "collector/pool.prom"]);
    assert_eq!(said, json!({ "version": 1, "written": w.path("collector/pool.prom") }));

    std::os::unix::fs::symlink(w.path("elsewhere"), w.path("collector/link.prom")).unwrap();
    for bad in ["collector", "collector/link.prom"] {
        let said = w.cf(&["status", "--prometheus", bad]);
        assert_eq!(said.code, 1, "{said:?}");
        assert!(said.err.contains("error: not a regular file: `") && said.err.contains("hint: `-`"), "{said:?}");
    }
    assert!(w.path("collector/link.prom").is_symlink() && !w.path("elsewhere").exists());
    let said = w.cf(&["status", "--prometheus", "nowhere/pool.prom"]);
    assert!(said.code == 1 && said.err.contains("could not publish `"), "{said:?}");
}
