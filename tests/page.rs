//! The page in a real browser: what it shows, at which width, by which means, and that it renews itself.

use claude_failover::model::page;
use serde_json::{Value, json};
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::sync::{Arc, Mutex};

use crate::common::{Said, World, tree};

/// Texts that would do something if they were taken for more than text.
const HOSTILE: &str =
    "<script>window.pwned=1</script><img src=x onerror='window.pwned=2'> &amp; \"q\" </title></style></script>";

const NOW: &str = "2026-03-01T12:00:00Z";

/// Runs a check in the browser and gives what it prints.
fn browser(w: &World, check: &str, given: &Value) -> Value {
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/page").join(check);
    let node = Path::new(env!("CARGO_MANIFEST_DIR")).join(".browser/node_modules/.bin/node");
    assert!(node.is_file(), "not installed: {} (make browser)", node.display());
    let mut node = w.fenced(&node);
    node.arg(script).arg(given.to_string()).env_clear().envs(&w.env).current_dir(w.path(""));
    let said = Said::of(&node.output().unwrap());
    assert_eq!(said.code, 0, "{check}: {}\n{}", said.out, said.err);
    serde_json::from_str(&said.out).unwrap_or_else(|e| panic!("{check}: {e}: {said:?}"))
}

/// Sessions of all states, queues of some length, accounts with a history, switches; hostile words wherever somebody
/// else chooses them.
fn busy() -> World {
    let mut w = World::with_accounts();
    w.env.insert("CLAUDE_FAILOVER_NOW".into(), NOW.into());
    w.ok(&["status"]); // makes the directory
    let minute = |n: i64| NOW.parse::<jiff::Timestamp>().unwrap() + jiff::SignedDuration::from_mins(n);
    let reading = |percent: f64, resets: i64| {
        let (at, resets_at) = (minute(-2), minute(resets));
        json!({ "percent": percent, "resets_at": resets_at, "at": at, "source": "status_line" })
    };
    w.write(
        "state/accounts/main.json",
        json!({ "version": 1, "name": "main", "readings": {
            "five_hour": reading(62.0, 180), "seven_day": reading(31.4, 60 * 110), "model:opus": reading(90.0, -60),
        }})
        .to_string(),
    );
    w.write(
        "state/accounts/spare.json",
        json!({ "version": 1, "name": "spare", "readings": { "five_hour": reading(97.0, 120) }, "limits": {
            "five_hour": { "at": minute(-10), "until": minute(120), "source": "failure" } } })
        .to_string(),
    );
    let signals = (0..12).map(|n| {
        let (at, resets_at, percent) = (minute(n * 5 - 62), minute(180), 30 + n * 2);
        json!({ "at": at, "source": "status_line", "window": "five_hour", "percent": percent, "resets_at": resets_at })
    });
    w.write("state/signals/main.jsonl", signals.map(|s| format!("{s}\n")).collect::<String>());
    let client = json!({ "pid": 4_000_001, "start": 5, "boot_id": "x", "launched": minute(-60) });
    for (n, state) in
        ["working", "idle", "waiting", "stalled", "limited", "unknown", "starting"].iter().enumerate()
    {
        let (name, evidence) = (format!("p-{n}"), [format!("{HOSTILE} {state}")]);
        let mut record = json!({
            "version": 1, "name": name, "kind": "pool", "cwd": w.path("app"), "project": "app", "account": "main",
            "model": "opus", "client": client,
            "note": { "state": state, "since": minute(-30), "source": "events", "evidence": evidence },
        });
        if *state == "working" {
            record["lease"] = json!({
                "task": { "project": "app", "id": "first" }, "project_path": w.path("app"), "attempt": 2,
                "phase": "confirmed", "since": minute(-29), "claimed": minute(-30), "max_attempts": 3,
            });
        }
        w.write(&format!("state/sessions/{name}.json"), record.to_string());
    }
    w.write(
        "state/events/p-0.statusline.json",
        json!({ "context_window": { "current_usage": { "input_tokens": 123_456 }, "context_window_size": 200_000,
            "used_percentage": 61.7 } })
        .to_string(),
    );
    let titled = |title: &str| format!("---\ncreated: 2026-03-01T10:00:00Z\ntitle: {}\n---\ntext\n", json!(title));
    w.write("app/.agent-queue/inbox/first.md.dispatched", titled(HOSTILE));
    w.write("app/.agent-queue/inbox/evil.md", titled(HOSTILE));
    w.write("app/.agent-queue/inbox/turned.md", titled("a\u{202e}b\u{0}\u{1b}[31m"));
    w.write(
        "web/.agent-queue/inbox/wrong.md",
        "---\npriority: \"<img src=x onerror='window.pwned=3'>\"\n---\ntext\n",
    );
    for n in 0..70 {
        w.write(&format!("web/.agent-queue/inbox/t{n:02}.md"), titled(&format!("number {n}")));
    }
    w.write("web/.agent-queue/done/a.md", "text\n");
    w.write("web/.agent-queue/failed/b.md", "text\n");
    let steps: Vec<Value> = (0..4)
        .map(|n| json!({ "at": minute(-100), "session": "p-0", "what": format!("step {n} {HOSTILE}") }))
        .collect();
    let since = minute(-99);
    let moved =
        |name: &str, stage: &str| json!({ "session": name, "stage": stage, "since": since, "from": "spare" });
    w.write(
        "state/switch/history/20260301T100000.000Z.json",
        json!({
            "version": 1, "id": "20260301T100000.000Z", "begun": minute(-100), "by_person": false, "why": HOSTILE,
            "urgent": true, "from": "spare", "to": "main", "activates": true, "ended": minute(-99),
            "moves": [moved("p-0", "done"), moved("p-1", "failed")], "steps": steps,
        })
        .to_string(),
    );
    let then = std::time::SystemTime::UNIX_EPOCH + std::time::Duration::from_secs(1_772_350_000);
    for path in tree(&w.path("")).keys().filter(|p| p.extension().is_some_and(|e| e == "md")) {
        std::fs::File::options().write(true).open(path).unwrap().set_modified(then).unwrap();
    }
    w
}

/// The texts of the page beside the values of `status --json`.
fn agrees(seen: &Value, status: &Value) {
    let text = |v: &Value| v.as_str().unwrap_or_default().to_owned();
    let list = |v: &Value| v.as_array().unwrap().clone();
    let needs = list(&status["needs_person"]);
    assert_eq!(seen["count"], format!("{} things need a person", needs.len()));
    let subjects = |all: &[Value]| all.iter().map(|n| text(&n["subject"])).collect::<Vec<_>>();
    assert_eq!(subjects(&list(&seen["needs"])), subjects(&needs));
    let figures = &seen["figures"];
    assert_eq!(figures["Pool"], format!("{} of {}", status["pool"]["running"], status["pool"]["max"]));
    assert_eq!(figures["Account"], status["active_account"]);
    let sum = |key: &str| list(&status["projects"]).iter().map(|p| p[key].as_u64().unwrap()).sum::<u64>();
    assert_eq!(figures["Tasks"], format!("{} wait, {} at work", sum("waiting"), sum("claimed")));
    assert_eq!(list(&seen["projects"]).len(), list(&status["projects"]).len());
    for (row, p) in list(&seen["projects"]).iter().zip(list(&status["projects"])) {
        let want = ["project", "waiting", "claimed", "done", "failed"].map(|k| p[k].to_string().replace('"', ""));
        assert_eq!(row, &json!(want));
    }
    let sessions = list(&seen["sessions"]);
    assert_eq!(sessions.len(), list(&status["sessions"]).len());
    for (row, s) in sessions.iter().zip(list(&status["sessions"])) {
        assert_eq!(row[0], s["name"]);
        assert!(text(&row[1]).starts_with(&text(&s["state"])), "{row}");
        assert_eq!((row[2].as_str(), row[4].as_str()), (Some("30m"), Some("app")));
    }
    assert_eq!(list(&seen["accounts"]).len(), list(&status["accounts"]).len());
    for (card, a) in list(&seen["accounts"]).iter().zip(list(&status["accounts"])) {
        assert!(text(&card["name"]).starts_with(&text(&a["name"])), "{card}");
        for w in list(&a["windows"]) {
            let name = match text(&w["window"]).as_str() {
                "five_hour" => "5 hours".to_owned(),
                "seven_day" => "Week".to_owned(),
                model => format!("Week, {}", &model["model:".len()..]),
            };
            let want = match w["holds"].as_bool() {
                Some(true) => format!("{:.0} % used", w["percent"].as_f64().unwrap()),
                _ => "not known".to_owned(),
            };
            assert_eq!(card["windows"][&name], want);
        }
    }
}

#[test]
fn page_shows_what_status_tells_at_every_width() {
    let w = busy();
    let file = w.path("page.html");
    let status = w.json(&["status", "--cached", "--html", file.to_str().unwrap()]);
    assert_eq!(status, w.json(&["status", "--cached"]));
    let seen = browser(&w, "look.js", &json!({ "file": file, "shots": w.path("shots") }));
    // For whoever changes how it looks.
    if let Ok(dir) = std::env::var("PAGE_SHOTS") {
        for (path, bytes) in tree(&w.path("shots")) {
            std::fs::write(Path::new(&dir).join(path.file_name().unwrap()), bytes).unwrap();
        }
    }
    for view in ["desk-light", "desk-dark", "no-script"] {
        let seen = &seen[view];
        agrees(seen, &status);
        assert_eq!((&seen["elements"], &seen["pwned"]), (&json!(0), &Value::Null), "{view}");
        let shown = seen.to_string();
        let hostile =
            serde_json::to_string("<script>window.pwned=1</script><img src=x onerror='window.pwned=2'>").unwrap();
        assert!(shown.contains(hostile.trim_matches('"')), "{view}: {shown}");
        let tasks = seen["tasks"].as_array().unwrap();
        assert_eq!(tasks.len(), 2 + 50, "50 of a project and the rest as a number");
        assert!(tasks.iter().any(|t| t.as_str().unwrap().contains("a\\u{202e}b\\u{0}\\u{1b}[31m")), "{tasks:?}");
        let main = &seen["accounts"][0];
        assert_eq!(main["charts"], 1, "{main}");
        assert!(main["text"].as_str().unwrap().contains("points an hour"), "{main}");
        let first = &seen["sessions"][0];
        assert_eq!(first[6], "62 % 123k of 200k");
        assert!(first[3].as_str().unwrap().starts_with("first attempt 2 <script>"), "{first}");
        assert_eq!(seen["switches"][0]["steps"], 4);
    }
    assert!(seen["desk-light"]["live"].as_str().unwrap().ends_with(" old"), "it was saved long ago");
}

/// A server of one page after another, in the manner of its script: `/next`, `/down`, `/up`, `/count`.
struct Server {
    url: String,
    pages: Arc<Mutex<Pages>>,
}

#[derive(Default)]
struct Pages {
    now: String,
    next: String,
    plain: String,
    down: bool,
    count: usize,
    runs: Vec<String>,
}

const TOKEN: &str = "correct horse battery staple";

impl Server {
    fn start(now: String, next: String) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let url = format!("http://{}/", listener.local_addr().unwrap());
        let pages = Arc::new(Mutex::new(Pages { now, next, ..Pages::default() }));
        let served = pages.clone();
        std::thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let pages = served.clone();
                std::thread::spawn(move || answer(stream, &pages));
            }
        });
        Self { url, pages }
    }
}

fn answer(stream: TcpStream, pages: &Mutex<Pages>) -> Option<()> {
    let mut reader = BufReader::new(stream.try_clone().ok()?);
    let mut lines = Vec::new();
    loop {
        let mut line = String::new();
        reader.read_line(&mut line).ok()?;
        match line.trim_end() {
            "" => break,
            line => lines.push(line.to_owned()),
        }
    }
    let header = |name: &str| {
        let found = lines.iter().find(|l| l.to_lowercase().starts_with(name));
        found.map(|l| l[name.len() + 1..].trim().to_owned()).unwrap_or_default()
    };
    let mut body = vec![0; header("content-length").parse().unwrap_or(0)];
    reader.read_exact(&mut body).ok()?;
    let body = String::from_utf8(body).ok()?;
    let mut pages = pages.lock().ok()?;
    let is_known = header("authorization") == format!("Bearer {TOKEN}");
    let asked = lines.first()?.split(' ').take(2).collect::<Vec<_>>().join(" ");
    let (status, kind, text) = match asked.as_str() {
        "POST /down" => {
            pages.down = true;
            ("200 OK", "text/plain", String::new())
        }
        "POST /up" => {
            pages.down = false;
            ("200 OK", "text/plain", String::new())
        }
        "POST /next" => {
            pages.now = pages.next.clone();
            ("200 OK", "text/plain", String::new())
        }
        "GET /count" => ("200 OK", "text/plain", pages.count.to_string()),
        "GET /" if pages.down => return None,
        "GET /" => {
            pages.count += 1;
            ("200 OK", "text/html", pages.now.clone())
        }
        "GET /plain" => ("200 OK", "text/html", pages.plain.clone()),
        run if run.starts_with("POST /trigger/") && header("content-type") == "application/json" => {
            pages.runs.push(format!("{} {body}", &run["POST /trigger/".len()..]));
            let to = serde_json::from_str::<Value>(&body).ok()?["to"].as_str().map(|t| format!("to {t}"));
            let done = match run {
                "POST /trigger/watch" => json!({ "exit": 3, "summary": "2 actions", "actions": [
                    { "subject": "p-0", "verb": "resumed", "reason": "went well" },
                    { "subject": "p-1", "verb": "failed", "reason": "no <b>room</b>", "failed": true },
                ] }),
                _ => json!({ "exit": 0, "summary": to.unwrap_or("one <b>task</b> went out".into()) }),
            };
            match is_known {
                true => ("200 OK", "application/json", done.to_string()),
                false => {
                    ("401 Unauthorized", "application/json", json!({ "error": "a token is needed" }).to_string())
                }
            }
        }
        _ => ("404 Not Found", "text/plain", String::new()),
    };
    let mut stream = stream;
    write!(
        stream,
        "HTTP/1.1 {status}\r\nContent-Type: {kind}; charset=utf-8\r\nContent-Length: {}\r\nConnection: close\r\n\
         Content-Security-Policy: {}\r\nX-Content-Type-Options: nosniff\r\n\r\n{text}",
        text.len(),
        page::csp()
    )
    .ok()
}

/// A page that is fetched again every second instead of when it is time.
fn hurried(page: &str) -> String {
    assert!(page.contains("data-every=\"15\""));
    page.replace("data-every=\"15\"", "data-every=\"1\"")
}

#[test]
fn page_renews_itself_and_keeps_what_somebody_is_at() {
    let w = busy();
    let page = |w: &World| hurried(&w.ok(&["status", "--cached", "--html", "-"]));
    // As of now: one that is old says so.
    let mut w = w;
    w.env.remove("CLAUDE_FAILOVER_NOW");
    for n in 1..7 {
        std::fs::remove_file(w.path(&format!("state/sessions/p-{n}.json"))).unwrap();
    }
    w.config("");
    let config = w
        .read("config.yaml")
        .replace("  dedicated:", "  # dedicated:")
        .replace("  - {name: mine", "  # - {name: mine");
    w.write("config.yaml", config);
    std::fs::remove_file(w.path("web/.agent-queue/inbox/wrong.md")).unwrap();
    for command in ["watch", "dispatch"] {
        w.write(&format!("state/lock/{command}.lock"), "");
    }
    let before = page(&w);
    std::fs::write(w.path("app/.agent-queue/inbox/brand-new.md"), "text\n").unwrap();
    std::fs::write(w.path("app/.agent-queue/inbox/broken.md"), "---\npriority: [\n---\ntext\n").unwrap();
    let still = std::time::SystemTime::now() - std::time::Duration::from_secs(60);
    for file in ["brand-new", "broken"] {
        let path = w.path(&format!("app/.agent-queue/inbox/{file}.md"));
        std::fs::File::options().write(true).open(path).unwrap().set_modified(still).unwrap();
    }
    let after = page(&w);
    let server = Server::start(before, after);
    browser(&w, "renew.js", &json!({ "url": server.url }));
}

#[test]
fn page_starts_commands_only_with_the_token() {
    use claude_failover::env::{Env, Global};
    let w = World::with_accounts();
    w.ok(&["status"]);
    let global =
        Global { config: Some(w.path("config.yaml")), state_dir: Some(w.path("state")), ..Global::default() };
    let env = Env::new(&global).unwrap();
    let mut data = claude_failover::act::page::gather(&env, true).unwrap();
    let plain = page::render(&data);
    data.trigger = true;
    let server = Server::start(hurried(&page::render(&data)), String::new());
    server.pages.lock().unwrap().plain = plain;
    browser(&w, "trigger.js", &json!({ "url": server.url, "token": TOKEN }));
    let runs = server.pages.lock().unwrap().runs.clone();
    assert_eq!(runs, ["dispatch {}", "dispatch {}", "dispatch {}", "watch {}", "switch {\"to\":\"spare\"}"]);
}

#[test]
fn page_replaces_its_file_whole_and_keeps_its_mode() {
    let w = World::new();
    let mode = |w: &World| w.path("page.html").metadata().unwrap().permissions().mode() & 0o777;
    w.ok(&["status", "--html", "page.html"]);
    assert_eq!(mode(&w), 0o600);
    std::fs::set_permissions(w.path("page.html"), std::fs::Permissions::from_mode(0o644)).unwrap();
    w.write("page.html", "old");
    assert_eq!(w.ok(&["status", "--html", "page.html"]), "");
    assert_eq!(mode(&w), 0o644);
    let page = w.read("page.html");
    assert!(page.starts_with("<!DOCTYPE html>") && page.ends_with("</html>"), "{page}");
    assert_eq!(w.cf(&["status", "--json", "--html", "-"]).code, 2);
    let said = w.cf(&["status", "--html", "no/such/place.html"]);
    assert_eq!(said.code, 1);
    assert!(said.err.contains("no/such/"), "{said:?}");
}
