//! `control`: requests over a Unix socket pair and over a port, as a socket unit hands them over.

use serde_json::{Value, json};
use std::io::{Read, Write};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::os::fd::OwnedFd;
use std::os::unix::net::UnixStream;
use std::process::Stdio;
use std::time::{Duration, Instant};

use crate::common::{SOON, Said, World, bin, tree, until};

/// What was answered.
#[derive(Debug)]
struct Answered {
    status: u16,
    head: String,
    body: String,
}

impl Answered {
    fn of(text: &str) -> Self {
        let (head, body) = text.split_once("\r\n\r\n").unwrap_or_else(|| panic!("no answer: {text:?}"));
        let status = head.split(' ').nth(1).unwrap().parse().unwrap();
        Self { status, head: head.to_ascii_lowercase(), body: body.to_owned() }
    }

    fn json(&self) -> Value {
        serde_json::from_str(&self.body).unwrap_or_else(|e| panic!("{e}: {self:?}"))
    }

    /// The message of a refusal, which has the shape of all errors.
    fn error(&self) -> String {
        let value = self.json();
        assert!(value["version"] == 1 && value["hints"].is_array() && value["causes"].is_array(), "{value}");
        assert!(value["exit"].is_u64() && self.status >= 400, "{self:?}");
        value["error"].as_str().unwrap().to_owned()
    }
}

/// Starts `control` with a connection as its standard input and output.
fn serve(w: &World, ours: OwnedFd) -> std::process::Child {
    let out = ours.try_clone().unwrap();
    let log = std::fs::File::options().create(true).append(true).open(w.path("control.log")).unwrap();
    w.command(&["control"], &[]).stdin(ours).stdout(out).stderr(log).spawn().unwrap()
}

/// One exchange over a Unix socket: these very bytes, then what comes back.
fn raw(w: &World, bytes: &[u8]) -> String {
    let (mut theirs, ours) = UnixStream::pair().unwrap();
    let mut child = serve(w, ours.into());
    // It may have answered before it has read everything.
    let _ = theirs.write_all(bytes);
    let mut text = String::new();
    theirs.read_to_string(&mut text).unwrap();
    let status = child.wait().unwrap();
    assert!(status.success(), "{status}: {}", w.read("control.log"));
    text
}

fn ask(w: &World, method: &str, path: &str, lines: &str, body: &str) -> Answered {
    let length = if body.is_empty() && method == "GET" {
        String::new()
    } else {
        format!("Content-Length: {}\r\n", body.len())
    };
    Answered::of(&raw(
        w,
        format!("{method} {path} HTTP/1.1\r\nHost: localhost\r\n{lines}{length}\r\n{body}").as_bytes(),
    ))
}

fn get(w: &World, path: &str) -> Answered {
    ask(w, "GET", path, "", "")
}

const JSON: &str = "Content-Type: application/json\r\n";

fn post(w: &World, path: &str, body: &Value) -> Answered {
    ask(w, "POST", path, JSON, &body.to_string())
}

/// A world in which things can be changed.
fn open() -> World {
    let w = World::new();
    w.write("config.yaml", w.read("config.yaml") + "\ncontrol: {enable_trigger: true}\n");
    w
}

#[test]
fn control_shows_what_the_commands_show() {
    let w = World::new();
    w.task("t", "text");
    w.task("web:u", "text");
    let without_times = |mut value: Value| {
        value.as_object_mut().unwrap().remove("at");
        value
    };
    let status = get(&w, "/status");
    assert_eq!(without_times(status.json()), without_times(w.json(&["status"])));
    for line in [
        "content-type: application/json",
        "connection: close",
        "cache-control: no-store",
        "x-content-type-options: nosniff",
        "referrer-policy: no-referrer",
        "content-security-policy: default-src 'none'; frame-ancestors 'none'",
        "cross-origin-resource-policy: same-origin",
    ] {
        assert!(status.head.contains(line), "{line}: {}", status.head);
    }
    assert!(!status.head.contains("access-control"), "{}", status.head);
    assert!(status.head.contains(&format!("content-length: {}", status.body.len())), "{}", status.head);
    assert_eq!(get(&w, "/tasks").json(), w.json(&["task", "list"]));
    assert_eq!(get(&w, "/tasks?project=app").json(), w.json(&["task", "list", "--project", "app"]));
    assert_eq!(get(&w, "/tasks?all=true").json(), w.json(&["task", "list", "--all"]));
    assert_eq!(get(&w, "/accounts").json(), w.json(&["account", "list"]));
    assert_eq!(get(&w, "/events?since=2h").json(), w.json(&["log", "--since", "2h"]));
    assert_eq!(get(&w, "/events?task=t&limit=1").json()["lines"].as_array().unwrap().len(), 1);
    assert_eq!(get(&w, "/sessions").json()["pool"], json!({ "max": 3, "running": 0 }));
    assert_eq!(get(&w, "/sessions?state=working&cached=true").json()["sessions"], json!([]));
    assert_eq!(get(&w, "/health").json()["ok"], true);
    let document: Value = serde_json::from_str(&w.ok(&["control", "--openapi"])).unwrap();
    assert_eq!(get(&w, "/openapi.json").json(), document);
    let page = get(&w, "/");
    let one = page.head.to_lowercase();
    assert!(one.contains("content-type: text/html") && one.contains("script-src 'sha256-"), "{one}");
    assert!(page.body.contains("<title>") && page.body.contains("mine"), "{}", page.body);
    let figures = get(&w, "/metrics");
    assert!(figures.head.to_lowercase().contains("content-type: text/plain; version=0.0.4"), "{}", figures.head);
    assert!(figures.body.contains("# TYPE claude_failover_"), "{}", figures.body);
    let head = raw(&w, b"HEAD /health HTTP/1.1\r\nHost: localhost\r\n\r\n");
    assert!(head.starts_with("HTTP/1.1 200 OK\r\n") && head.ends_with("\r\n\r\n"), "{head}");
}

#[test]
fn control_says_what_is_wrong_in_one_shape() {
    let w = World::new();
    for (path, status, words) in [
        ("/nothing", 404, "nothing is here: `/nothing`"),
        ("/status?x=1", 400, "unknown parameter: `x`"),
        ("/status?cached=1", 400, "neither `true` nor `false`: `cached`"),
        ("/events?limit=0", 400, "not a number from 1 to 10000: `limit`"),
        ("/events?since=yore", 400, "not a time: `yore`"),
        ("/sessions?state=happy", 400, "not a state of a session: `happy`"),
        ("/tasks?project=none", 404, "no project `none`"),
    ] {
        let said = get(&w, path);
        assert_eq!((said.status, said.error().as_str()), (status, words), "{path}");
    }
    let said = ask(&w, "DELETE", "/tasks", "", "");
    assert!(said.status == 405 && said.head.contains("allow: get, head, post"), "{said:?}");
    let said = Answered::of(&raw(&w, b"hello\r\n\r\n"));
    assert!(said.status == 400 && said.error().starts_with("not a request"), "{said:?}");
    let said = Answered::of(&raw(&w, b"GET / HTTP/1.1\r\n\r\n"));
    assert_eq!((said.status, said.error().as_str()), (400, "not a request: `host` is missing"));
    // An answer arrives although the request was never read to its end.
    let large = format!("GET /status HTTP/1.1\r\nHost: localhost\r\nX: {}\r\n\r\n", "x".repeat(300_000));
    assert_eq!(Answered::of(&raw(&w, large.as_bytes())).status, 431);
    // Somebody who goes away without a word is no fault.
    assert_eq!(raw_closed(&w, b""), "");
    assert_eq!(raw_closed(&w, b"GET / HT"), "");
    // A configuration that is wrong is told as everywhere.
    w.write("config.yaml", "accounts: []\nwacther: {}\n");
    let said = get(&w, "/status");
    assert!(said.status == 500 && said.error().contains("unknown field `wacther`"), "{said:?}");
    assert_eq!(said.json()["exit"], 6);
}

/// … with nothing more to come from our side.
fn raw_closed(w: &World, bytes: &[u8]) -> String {
    let (mut theirs, ours) = UnixStream::pair().unwrap();
    let mut child = serve(w, ours.into());
    theirs.write_all(bytes).unwrap();
    theirs.shutdown(Shutdown::Write).unwrap();
    let mut text = String::new();
    theirs.read_to_string(&mut text).unwrap();
    assert!(child.wait().unwrap().success());
    text
}

#[test]
fn control_waits_for_nobody() {
    let w = World::new();
    let start = Instant::now();
    let (mut half, ours) = UnixStream::pair().unwrap();
    let mut slow = serve(&w, ours.into());
    half.write_all(b"GET /status HTTP/1.1\r\nHost: local").unwrap();
    let (silent, ours) = UnixStream::pair().unwrap();
    let mut mute = serve(&w, ours.into());
    let mut text = String::new();
    half.read_to_string(&mut text).unwrap();
    let said = Answered::of(&text);
    assert_eq!((said.status, said.error().as_str()), (408, "the request did not arrive in time"));
    assert!(slow.wait().unwrap().success() && mute.wait().unwrap().success());
    assert!(start.elapsed() < Duration::from_secs(20), "{:?}", start.elapsed());
    drop(silent);
}

#[test]
fn control_changes_nothing_unless_it_is_allowed_to() {
    let w = World::new();
    w.task("t", "text");
    let before = tree(&w.path("app"));
    for path in ["/trigger/dispatch", "/trigger/switch", "/tasks", "/tasks/t/cancel", "/tasks/app:t/retry"] {
        let said = post(&w, path, &json!({}));
        assert_eq!((said.status, said.error().as_str()), (403, "nothing can be changed this way"), "{path}");
        assert!(said.json()["hints"][0].as_str().unwrap().contains("control.enable_trigger: true"), "{said:?}");
    }
    assert_eq!(tree(&w.path("app")), before);
    // What a page of another site can make a browser send is refused before that, whatever is allowed.
    let w = open();
    w.task("t", "text");
    let before = (tree(&w.path("app")), w.read_log());
    let form = "Content-Type: application/x-www-form-urlencoded\r\n";
    for (lines, status) in [
        (format!("{JSON}Origin: http://evil.example\r\n"), 403),
        (format!("{JSON}Origin: null\r\n"), 403),
        (format!("{JSON}Sec-Fetch-Site: cross-site\r\n"), 403),
        (format!("{JSON}Sec-Fetch-Site: same-site\r\nSec-Fetch-Mode: navigate\r\n"), 403),
        (form.to_owned(), 415),
        ("Content-Type: text/plain\r\n".to_owned(), 415),
        (String::new(), 415),
        ("Transfer-Encoding: chunked\r\nContent-Type: application/json\r\n".to_owned(), 400),
    ] {
        let said = ask(&w, "POST", "/tasks/t/cancel", &lines, "{}");
        assert_eq!(said.status, status, "{lines}: {said:?}");
    }
    let chunked = b"POST /tasks/t/cancel HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n\
        Transfer-Encoding: chunked\r\n\r\n2\r\n{}\r\n0\r\n\r\n";
    assert_eq!(Answered::of(&raw(&w, chunked)).status, 411);
    let twice = "{\"project\":\"app\",\"text\":\"a\",\"text\":\"b\"}";
    let json = "Content-Type: application/json\r\n";
    assert!(ask(&w, "POST", "/tasks", json, twice).error().contains("duplicate field `text`"));
    let silent = b"POST /trigger/dispatch HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n\r\n";
    assert_eq!(Answered::of(&raw(&w, silent)).status, 411);
    let rebound = b"POST /tasks/t/cancel HTTP/1.1\r\nHost: evil.example\r\nContent-Type: application/json\r\n\
        Content-Length: 2\r\n\r\n{}";
    assert_eq!(Answered::of(&raw(&w, rebound)).status, 421);
    // A browser that asks before it sends is not encouraged.
    let said = ask(&w, "OPTIONS", "/tasks/t/cancel", "Access-Control-Request-Method: POST\r\n", "");
    assert!(said.status == 405 && !said.head.contains("access-control"), "{said:?}");
    assert_eq!((tree(&w.path("app")), w.read_log()), before);
}

#[test]
fn control_queues_and_settles_tasks_as_the_commands_do() {
    let w = open();
    let new = json!({
        "project": "app", "id": "t", "text": "do <b>this</b>", "title": "It's", "priority": "high",
        "depends_on": ["web:u"], "not_before": "2030-01-01T00:00:00Z", "model": "opus",
    });
    let said = post(&w, "/tasks", &new);
    assert_eq!(said.status, 201, "{said:?}");
    let path = w.path("app/.agent-queue/inbox/t.md");
    assert_eq!(said.json(), json!({ "version": 1, "task": "t", "project": "app", "path": path }));
    let text = w.read("app/.agent-queue/inbox/t.md");
    assert!(text.contains("origin: control\n") && text.ends_with("---\ndo <b>this</b>\n"), "{text}");
    assert!(w.path("state/kick/task").exists());
    let line = w.json(&["log", "--task", "t"])["lines"][0].clone();
    assert_eq!((&line["origin"], &line["what"]), (&json!("control"), &json!("queued a task")), "{line}");
    for (body, status, words) in [
        (new.clone(), 409, "a task `t` waits already"),
        (json!({ "project": "none", "text": "x" }), 404, "no project `none`"),
        (json!({ "project": "app" }), 400, "the body is not what is expected: missing field `text`"),
        (json!({ "project": "app", "text": "x", "prio": 1 }), 400, "unknown field `prio`"),
        (json!({ "project": "app", "text": "x", "id": "../x" }), 400, "a task id must not start"),
        (json!({ "project": "app", "text": "---\norigin: me\n---\nx" }), 400, "`origin` cannot be given"),
        (json!({ "project": "app", "text": "---\n- [\n---\nx" }), 400, "not valid YAML"),
        (json!({ "project": "app", "text": "x", "model": "a b" }), 400, "model"),
        (json!([]), 400, "the body is no object"),
    ] {
        let said = post(&w, "/tasks", &body);
        assert_eq!(said.status, status, "{body}: {said:?}");
        let all = [said.error(), said.json()["causes"].to_string()].concat();
        assert!(all.contains(words), "{body}: {all}");
    }
    let said = post(&w, "/tasks", &json!({ "project": "app", "text": "x".repeat(1 << 20) }));
    assert_eq!(said.status, 413, "{said:?}");
    let said = post(&w, "/tasks/t/cancel", &json!({}));
    assert_eq!(said.json(), json!({ "version": 1, "task": "t", "project": "app", "state": "failed" }));
    assert_eq!(w.place("t"), "failed md");
    // Once more comes to the same.
    assert_eq!(post(&w, "/tasks/app:t/cancel", &json!({})).json()["state"], "failed");
    assert_eq!(ask(&w, "POST", "/tasks/app%3At/retry", JSON, "").json()["state"], "waiting");
    assert_eq!(w.place("t"), "inbox md");
    w.write("web/.agent-queue/done/d.md", "text\n");
    let said = post(&w, "/tasks/web:d/cancel", &json!({}));
    assert_eq!((said.status, said.error().as_str()), (409, "done already: task `web:d`"));
    let said = post(&w, "/tasks/none/retry", &json!({}));
    assert_eq!((said.status, said.error().as_str()), (404, "no task `none` in any project"));
    assert_eq!(post(&w, "/tasks/..%2F..%2Fx/retry", &json!({})).status, 400);
    let origins = w.json(&["log"])["lines"].as_array().unwrap().clone();
    assert!(origins.iter().all(|line| line["origin"] == "control"), "{origins:?}");
}

#[test]
fn control_runs_the_commands() {
    let w = open();
    w.task("t", "[[say:hello]]");
    let plan = post(&w, "/trigger/dispatch", &json!({ "dry_run": true })).json();
    assert_eq!(
        (&plan["dry_run"], &plan["actions"][0]["verb"]),
        (&json!(true), &json!("would dispatch")),
        "{plan}"
    );
    assert_eq!(w.place("t"), "inbox md");
    let done = post(&w, "/trigger/dispatch", &json!({})).json();
    assert_eq!((&done["exit"], &done["actions"][0]["verb"]), (&json!(0), &json!("dispatched")), "{done}");
    assert_eq!(w.place("t"), "inbox md.dispatched");
    let line = w.json(&["log", "--task", "t", "--by", "dispatch"])["lines"][0].clone();
    assert_eq!(line["origin"], "control", "{line}");
    let seen = post(&w, "/trigger/watch", &json!({})).json();
    assert!(seen["summary"].as_str().unwrap().starts_with("1 sessions looked at"), "{seen}");
    let kept = post(&w, "/trigger/checkpoint", &json!({ "session": "p-0" })).json();
    assert_eq!(kept["command"], "checkpoint", "{kept}");
    let said = post(&w, "/trigger/checkpoint", &json!({ "session": "p-9" }));
    assert_eq!((said.status, said.error().as_str()), (404, "nothing is known of session `p-9`"));
    let checked = post(&w, "/trigger/quota-check", &json!({ "dry_run": true })).json();
    assert_eq!((&checked["active"], &checked["exit"]), (&json!("main"), &json!(0)), "{checked}");
    let said = post(&w, "/trigger/switch", &json!({ "to": "nobody" }));
    assert_eq!((said.status, said.error().as_str()), (404, "no account `nobody` in the configuration"));
    // Another run is at it.
    let lock = std::fs::File::open(w.path("state/lock/dispatch.lock")).unwrap();
    lock.lock().unwrap();
    let said = post(&w, "/trigger/dispatch", &json!({}));
    assert!(said.status == 503 && said.head.contains("retry-after: 2"), "{said:?}");
    assert!(said.error().starts_with("skipped: ") && said.json()["exit"] == 4, "{said:?}");
    drop(lock);
    w.ok(&["stop", "p-0"]);
}

#[test]
fn control_notices_that_nobody_looks_after_it() {
    let mut w = World::new();
    w.ok(&["dispatch"]);
    w.task("t", "text");
    w.ok(&["watch"]);
    assert_eq!(get(&w, "/health").status, 200);
    let later = jiff::Timestamp::now().checked_add(jiff::SignedDuration::from_mins(20)).unwrap();
    w.env.insert("CLAUDE_FAILOVER_NOW".into(), later.to_string());
    let said = get(&w, "/health");
    assert!(said.status == 503 && said.error().ends_with("has not run for 20m"), "{said:?}");
}

#[test]
fn control_says_go_on_to_a_client_that_waits() {
    let w = open();
    let (mut theirs, ours) = UnixStream::pair().unwrap();
    let mut child = serve(&w, ours.into());
    let body = json!({ "project": "app", "id": "t", "text": "x" }).to_string();
    let length = body.len();
    let head = format!(
        "POST /tasks HTTP/1.1\r\nHost: localhost\r\n{JSON}Content-Length: {length}\r\nExpect: 100-continue\r\n\r\n"
    );
    theirs.write_all(head.as_bytes()).unwrap();
    let mut word = [0; 25];
    theirs.read_exact(&mut word).unwrap();
    assert_eq!(&word, b"HTTP/1.1 100 Continue\r\n\r\n");
    theirs.write_all(body.as_bytes()).unwrap();
    let mut text = String::new();
    theirs.read_to_string(&mut text).unwrap();
    assert_eq!(Answered::of(&text).status, 201);
    assert!(child.wait().unwrap().success());
}

/// One exchange over a port.
fn over_tcp(w: &World, request: &str) -> Answered {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let mut theirs = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
    let (ours, _) = listener.accept().unwrap();
    let mut child = serve(w, ours.into());
    let _ = theirs.write_all(request.as_bytes());
    let mut text = String::new();
    theirs.read_to_string(&mut text).unwrap();
    assert!(child.wait().unwrap().success());
    Answered::of(&text)
}

/// What was sent before a reset is still read, but nobody can be asked any more where it came from.
#[test]
fn control_over_a_port_needs_the_token_of_who_is_gone() {
    let w = World::new();
    let file = w.path("token").display().to_string();
    let more = format!("\ncontrol: {{enable_trigger: true, token: {{file: {file}}}}}\n");
    w.write("config.yaml", w.read("config.yaml") + &more);
    w.write("token", "correct-horse-battery-staple");
    std::fs::set_permissions(w.path("token"), std::os::unix::fs::PermissionsExt::from_mode(0o600)).unwrap();
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let mut theirs = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
    let (mut ours, _) = listener.accept().unwrap();
    let body = "{\"project\":\"app\",\"text\":\"x\"}";
    let head = "POST /tasks HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n";
    theirs.write_all(format!("{head}Content-Length: {}\r\n\r\n{body}", body.len()).as_bytes()).unwrap();
    // Closed with something unread, a connection is reset.
    ours.write_all(b"x").unwrap();
    assert_eq!(theirs.peek(&mut [0]).unwrap(), 1);
    drop(theirs);
    until("the reset is here", SOON, || ours.peer_addr().is_err());
    assert!(serve(&w, ours.into()).wait().unwrap().success());
    assert_eq!(std::fs::read_dir(w.path("app/.agent-queue/inbox")).unwrap().count(), 0);
}

#[test]
fn control_over_a_port_needs_the_token() {
    let w = World::new();
    let with = |line: &str| over_tcp(&w, &format!("GET /health HTTP/1.1\r\nHost: localhost\r\n{line}\r\n"));
    let said = with("");
    assert!(said.status == 403 && said.error().contains("no usable token"), "{said:?}");
    let token = "correct-horse-battery-staple";
    let file = w.path("token").display().to_string();
    w.write("config.yaml", w.read("config.yaml") + &format!("\ncontrol: {{token: {{file: {file}}}}}\n"));
    w.write("token", token);
    let private = |mode| {
        std::fs::set_permissions(w.path("token"), std::os::unix::fs::PermissionsExt::from_mode(mode)).unwrap();
    };
    private(0o644);
    assert_eq!(with(&format!("Authorization: Bearer {token}\r\n")).status, 403);
    private(0o600);
    assert_eq!(with(&format!("Authorization: Bearer {token}\r\n")).json()["ok"], true);
    let said = with("");
    assert!(said.status == 401 && said.head.contains("www-authenticate: bearer"), "{said:?}");
    let said = with("Authorization: Bearer wrong\r\n");
    assert_eq!((said.status, said.error().as_str()), (401, "the token is not the right one"));
    // Who has shown nothing learns nothing: not what there is, nor what is wrong with the configuration.
    let said = over_tcp(&w, "GET /nothing HTTP/1.1\r\nHost: localhost\r\n\r\n");
    assert_eq!(said.status, 401);
    w.write("token", "short");
    assert_eq!(with("Authorization: Bearer short\r\n").status, 403);
    w.write("config.yaml", "wacther: {}\n");
    let said = with("");
    assert!(said.status == 500 && !said.body.contains("wacther"), "{said:?}");
    let log = w.read("control.log");
    assert!(!log.contains(token) && log.contains("shorter than 16 bytes") && log.contains("wacther"), "{log}");
}

#[test]
fn control_is_not_for_terminals() {
    let w = World::new();
    // A pipe is what a person may use by hand.
    let mut child = w.command(&["control"], &[]).stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
    child.stdin.take().unwrap().write_all(b"GET /health HTTP/1.0\r\n\r\n").unwrap();
    let output = child.wait_with_output().unwrap();
    assert_eq!(Answered::of(&String::from_utf8(output.stdout).unwrap()).status, 200);
}

/// Answers on a port as a socket unit does, each connection with a process of its own, until it is dropped.
struct Port {
    address: std::net::SocketAddr,
    done: std::sync::Arc<std::sync::atomic::AtomicBool>,
    thread: Option<std::thread::JoinHandle<()>>,
}

impl Port {
    fn open(w: &World) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let done = std::sync::Arc::<std::sync::atomic::AtomicBool>::default();
        let log = std::fs::File::options().create(true).append(true).open(w.path("control.log")).unwrap();
        // Not fenced: what answers a thousand requests is started as it is installed.
        let mut command = std::process::Command::new(bin("claude-failover"));
        command.arg("control").env_clear().envs(&w.env).current_dir(w.path(""));
        let over = done.clone();
        let thread = std::thread::spawn(move || {
            let mut running: Vec<std::process::Child> = Vec::new();
            for stream in listener.incoming() {
                if over.load(std::sync::atomic::Ordering::Relaxed) {
                    break;
                }
                let ours: OwnedFd = stream.unwrap().into();
                command.stdin(ours.try_clone().unwrap()).stdout(ours).stderr(log.try_clone().unwrap());
                running.retain_mut(|child| child.try_wait().unwrap().is_none());
                running.push(command.spawn().unwrap());
                // The command keeps what it was given: the connection would stay open.
                command.stdin(Stdio::null()).stdout(Stdio::null());
            }
            for child in &mut running {
                child.wait().unwrap();
            }
        });
        Self { address, done, thread: Some(thread) }
    }
}

impl Drop for Port {
    fn drop(&mut self) {
        self.done.store(true, std::sync::atomic::Ordering::Relaxed);
        let _ = TcpStream::connect(self.address);
        self.thread.take().map(std::thread::JoinHandle::join);
    }
}

#[test]
fn control_is_what_its_openapi_description_says() {
    let tool = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join(".schemathesis/bin/schemathesis");
    assert!(tool.exists(), "`make tools` installs it: {}", tool.display());
    let w = World::new();
    // Nothing is started for the tasks that are made up here.
    w.pool(0);
    let (token, file) = ("correct-horse-battery-staple", w.path("token").display().to_string());
    w.write("token", token);
    std::fs::set_permissions(&file, std::os::unix::fs::PermissionsExt::from_mode(0o600)).unwrap();
    w.write(
        "config.yaml",
        w.read("config.yaml") + &format!("\ncontrol: {{enable_trigger: true, token: {{file: {file}}}}}\n"),
    );
    w.task("t", "text");
    w.write("web/.agent-queue/done/d.md", "text\n");
    let port = Port::open(&w);
    let url = format!("http://{}", port.address);
    let mut command = w.fenced(&tool);
    command
        .args(["run", &format!("{url}/openapi.json"), "--url", &url, "--no-color", "--warnings", "off"])
        .args(["--header", &format!("Authorization: Bearer {token}")])
        // With more than one, threads of its own get into each other's way.
        .args(["--workers", "1", "--max-examples", "3", "--seed", "7", "--request-timeout", "60"])
        .env_clear()
        .envs(&w.env)
        .current_dir(w.path("tmp"));
    let said = Said::of(&command.output().unwrap());
    assert_eq!(said.code, 0, "{}\n{}\n{}", said.out, said.err, w.read("control.log"));
    assert!(said.out.contains("16 selected / 16 total") && said.out.contains("Stateful"), "{said:?}");
    drop(port);
    // Whatever was asked, everything parses still.
    assert_eq!(w.cf(&["status"]).code, 0);
    assert!(!w.read("control.log").contains("panicked"), "{}", w.read("control.log"));
}
