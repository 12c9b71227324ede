//! `notify`: what waits in the outbox reaches each target once, whatever the target does meanwhile.

use serde_json::{Value, json};
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::os::unix::fs::PermissionsExt;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use crate::common::{Said, World, tree};

pub const TOKEN: &str = "123456:AAbbCCddEEff-gg_hh";
const NOON: &str = "2026-01-10T12:00:00Z";

/// A request as a service has seen it.
#[derive(Clone, Debug)]
pub struct Request {
    pub path: String,
    pub headers: String,
    pub body: Value,
}

impl Request {
    pub fn header(&self, name: &str) -> Option<&str> {
        let line =
            self.headers.lines().find(|l| l.to_lowercase().starts_with(&format!("{}:", name.to_lowercase())))?;
        line.split_once(':').map(|(_, value)| value.trim())
    }
}

/// What a service answers: status, headers, body; nothing at all if there is none.
type Answer = Option<(u16, String, String)>;
type Answers = Box<dyn FnMut(usize, &Request) -> Answer + Send>;

/// A service on loopback.
pub struct Service {
    pub port: u16,
    seen: Arc<Mutex<Vec<Request>>>,
}

impl Service {
    /// One that answers so; the number is that of the request, from 0.
    pub fn new(answer: impl FnMut(usize, &Request) -> Answer + Send + 'static) -> Self {
        Self::on(TcpListener::bind("127.0.0.1:0").unwrap(), Box::new(answer))
    }

    pub fn on(listener: TcpListener, answer: Answers) -> Self {
        let port = listener.local_addr().unwrap().port();
        let seen = Arc::new(Mutex::new(Vec::new()));
        let (all, answer) = (seen.clone(), Arc::new(Mutex::new(answer)));
        std::thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let (all, answer) = (all.clone(), answer.clone());
                std::thread::spawn(move || serve(stream, &all, &answer));
            }
        });
        Self { port, seen }
    }

    /// One that takes everything.
    pub fn good() -> Self {
        Self::new(|_, _| good())
    }

    pub fn seen(&self) -> Vec<Request> {
        self.seen.lock().unwrap().clone()
    }
}

fn serve(stream: TcpStream, all: &Mutex<Vec<Request>>, answer: &Mutex<Answers>) -> Option<()> {
    let mut reader = BufReader::new(stream.try_clone().ok()?);
    let mut head = String::new();
    while !head.ends_with("\r\n\r\n") {
        if reader.read_line(&mut head).ok()? == 0 {
            return None;
        }
    }
    let (first, headers) = head.split_once("\r\n")?;
    let mut request =
        Request { path: first.split(' ').nth(1)?.to_owned(), headers: headers.to_owned(), body: Value::Null };
    let length: usize = request.header("content-length")?.parse().ok()?;
    let mut body = vec![0; length];
    reader.read_exact(&mut body).ok()?;
    request.body = serde_json::from_slice(&body).unwrap();
    let number = {
        let mut all = all.lock().unwrap();
        all.push(request.clone());
        all.len() - 1
    };
    let said = (answer.lock().unwrap())(number, &request);
    match said {
        None => std::thread::sleep(Duration::from_secs(20)),
        Some((status, headers, body)) => {
            let length = body.len();
            let text = format!(
                "HTTP/1.1 {status} x\r\n{headers}Content-Length: {length}\r\nConnection: close\r\n\r\n{body}"
            );
            let _ = (&stream).write_all(text.as_bytes());
        }
    }
    Some(())
}

/// An answer that Telegram and Resend could give.
pub fn good() -> Answer {
    Some((200, String::new(), json!({ "ok": true, "id": "x" }).to_string()))
}

pub fn answer(status: u16, body: &Value) -> Answer {
    Some((status, String::new(), body.to_string()))
}

/// A world with these targets, a token in `token`.
pub fn world(targets: &str) -> World {
    let w = World::new();
    w.write("token", format!("{TOKEN}\n"));
    std::fs::set_permissions(w.path("token"), std::fs::Permissions::from_mode(0o600)).unwrap();
    configure(&w, targets);
    w
}

pub fn configure(w: &World, targets: &str) {
    let root = w.path("").display().to_string();
    let targets = targets.replace("ROOT/", &root);
    w.config(&format!("notifications:\n  timeout: 1s\n  targets:\n{targets}"));
}

pub fn telegram(port: u16, more: &str) -> String {
    format!(
        "  - {{name: phone, kind: telegram, api: 'http://127.0.0.1:{port}', chat: 5, secret: {{file: ROOT/token}}{more}}}\n"
    )
}

pub fn webhook(port: u16, more: &str) -> String {
    format!("  - {{name: hook, kind: webhook, url: 'http://127.0.0.1:{port}/x'{more}}}\n")
}

/// A moment some minutes after noon.
pub fn at(minutes: i64) -> String {
    let noon: jiff::Timestamp = NOON.parse().unwrap();
    noon.checked_add(jiff::SignedDuration::from_mins(minutes)).unwrap().to_string()
}

/// Notes that a unit failed, and drains.
pub fn fail(w: &World, unit: &str, minutes: i64) -> Said {
    let result =
        [("MONITOR_SERVICE_RESULT", "exit-code"), ("MONITOR_EXIT_CODE", "exited"), ("MONITOR_EXIT_STATUS", "3")];
    let now = at(minutes);
    let env: Vec<(&str, &str)> = result.into_iter().chain([("CLAUDE_FAILOVER_NOW", now.as_str())]).collect();
    w.cf_env(&["notify", "--unit-failed", unit], &env)
}

pub fn notify(w: &World, minutes: i64) -> Said {
    w.cf_env(&["notify"], &[("CLAUDE_FAILOVER_NOW", &at(minutes))])
}

pub fn waiting(w: &World) -> usize {
    let listed = std::fs::read_dir(w.path("state/outbox")).unwrap();
    listed.flatten().filter(|e| e.file_name().to_string_lossy().ends_with(".json")).count()
}

/// Nothing that was said or kept has the token in it.
pub fn is_secret(w: &World, said: &[&Said]) {
    for said in said {
        assert!(!said.out.contains("AAbbCC") && !said.err.contains("AAbbCC"), "{said:?}");
    }
    for (path, bytes) in tree(&w.path("state")) {
        assert!(!String::from_utf8_lossy(&bytes).contains("AAbbCC"), "{}", path.display());
    }
}

#[test]
fn without_a_target_nothing_is_written() {
    let w = World::new();
    assert_eq!(w.cf(&["notify", "--unit-failed", "x.service"]).code, 0);
    assert_eq!(waiting(&w), 0);
    assert!(!w.path("state/kick/notify").exists());
    let said = w.cf(&["notify", "test"]);
    assert!(said.code == 1 && said.err.contains("no target is configured"), "{said:?}");
}

#[test]
fn each_target_gets_what_it_understands() {
    let service = Service::good();
    let port = service.port;
    let w = world(&format!(
        "{}  - {{name: mail, kind: resend, api: 'http://127.0.0.1:{port}', from: a@example.com, to: [b@example.com], \
         secret: {{file: ROOT/token}}}}\n\
         \x20 - name: hook\n    kind: webhook\n    url: 'http://127.0.0.1:{port}/topic'\n    secret: {{file: ROOT/token}}\n    \
         headers: {{X-Key: 'Bearer {{{{secret}}}}'}}\n    \
         body: {{message: '{{{{text}}}}', priority: '{{{{priority}}}}', tags: ['{{{{kind}}}}']}}\n\
         \x20 - {{name: desk, kind: desktop, command: [ROOT/show, '{{{{urgency}}}}', '{{{{title}}}}', '{{{{text}}}}']}}\n\
         \x20 - {{name: journal, kind: journal, socket: ROOT/journal.sock}}\n",
        telegram(port, "")
    ));
    w.write("show", "#!/bin/sh\nprintf '%s\\n' \"$@\" > shown\n");
    std::fs::set_permissions(w.path("show"), std::fs::Permissions::from_mode(0o755)).unwrap();
    let journal = std::os::unix::net::UnixDatagram::bind(w.path("journal.sock")).unwrap();
    let evil = "a\"},<b>*_[x](tg://user?id=1)\u{202e}\n{{secret}}";
    let said = w.cf_env(
        &["notify", "--unit-failed", "x.service"],
        &[("CLAUDE_FAILOVER_NOW", NOON), ("MONITOR_SERVICE_RESULT", evil)],
    );
    assert_eq!(said.code, 0, "{said:?}");
    assert_eq!(waiting(&w), 0);
    let seen = service.seen();
    let of = |path: &str| seen.iter().find(|r| r.path.starts_with(path)).unwrap_or_else(|| panic!("{seen:#?}"));
    let line = "a\"},<b>*_[x](tg://user?id=1) {{secret}}";
    let phone = of("/bot");
    assert_eq!(phone.path, format!("/bot{TOKEN}/sendMessage"));
    let text = phone.body["text"].as_str().unwrap();
    assert!(text.starts_with("claude-failover warning: a unit failed: x.service\n"), "{text}");
    assert!(text.contains(line) && phone.body.get("parse_mode").is_none(), "{}", phone.body);
    let mail = of("/emails");
    assert_eq!(mail.header("authorization"), Some(format!("Bearer {TOKEN}").as_str()));
    assert!(mail.header("idempotency-key").unwrap().starts_with("claude-failover-"));
    assert!(
        mail.body["text"].as_str().unwrap().contains(line) && mail.body.get("html").is_none(),
        "{}",
        mail.body
    );
    let hook = of("/topic");
    assert_eq!(hook.header("x-key"), Some(format!("Bearer {TOKEN}").as_str()));
    assert_eq!((&hook.body["priority"], &hook.body["tags"]), (&json!(4), &json!(["unit.failed"])));
    let shown = w.read("shown");
    assert!(shown.starts_with("normal\nclaude-failover warning: ") && shown.contains("&lt;b&gt;"), "{shown}");
    let mut bytes = [0; 4096];
    let length = journal.recv(&mut bytes).unwrap();
    let datagram = String::from_utf8_lossy(&bytes[..length]).into_owned();
    assert!(datagram.contains("PRIORITY\n\u{1}") && datagram.contains("CLAUDE_FAILOVER_KIND\n"), "{datagram:?}");
    is_secret(&w, &[&said]);
    // Once is enough.
    let again = w.cf_env(
        &["notify", "--unit-failed", "x.service"],
        &[("CLAUDE_FAILOVER_NOW", &at(1)), ("MONITOR_SERVICE_RESULT", evil)],
    );
    assert_eq!((again.code, service.seen().len(), waiting(&w)), (0, seen.len(), 0), "{again:?}");
}

#[test]
fn nothing_is_lost_and_nothing_told_twice_when_a_target_is_down_for_a_day() {
    // A port that nobody listens on, until somebody does.
    let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    let w = world(&(telegram(port, "") + &webhook(port, "")));
    let said = fail(&w, "a.service", 0);
    assert_eq!(said.code, 3, "{said:?}");
    assert!(
        said.out.contains("not sent yet phone: 1 event: not reached: ") && said.out.contains("refused"),
        "{said:?}"
    );
    is_secret(&w, &[&said]);
    let mut tries = 0;
    for minutes in (10..24 * 60).step_by(10) {
        if minutes % 120 == 0 {
            fail(&w, &format!("unit-{minutes}.service"), minutes);
        }
        let said = notify(&w, minutes);
        tries += said.out.matches("not sent yet phone").count();
    }
    assert!((20..40).contains(&tries), "back-off: {tries} tries in a day");
    assert_eq!(waiting(&w), 12);
    let status = w.cf_env(&["status"], &[("CLAUDE_FAILOVER_NOW", &at(24 * 60))]).out;
    assert!(status.contains("target phone tells nobody since") && status.contains("(12 wait)"), "{status}");
    let service = Service::on(TcpListener::bind(("127.0.0.1", port)).unwrap(), Box::new(|_, _| good()));
    notify(&w, 26 * 60);
    notify(&w, 27 * 60);
    assert_eq!(waiting(&w), 0);
    let seen = service.seen();
    assert_eq!(seen.len(), 4, "for each the message under way, then a digest: {seen:#?}");
    let hooks: Vec<&Request> = seen.iter().filter(|r| r.path == "/x").collect();
    assert_eq!((&hooks[0].body["count"], &hooks[1].body["count"]), (&json!(1), &json!(11)));
    let told: Vec<&Value> =
        hooks.iter().flat_map(|r| r.body["events"].as_array().unwrap()).map(|e| &e["subject"]).collect();
    assert_eq!(told.iter().collect::<std::collections::HashSet<_>>().len(), 12, "{told:?}");
    assert_eq!(
        w.cf_env(&["status", "-q"], &[("CLAUDE_FAILOVER_NOW", &at(27 * 60))]).out.trim(),
        "1",
        "only `mine`"
    );
}

#[test]
fn a_flood_is_one_message() {
    let service = Service::good();
    let w = world(&webhook(service.port, ", quiet: {from: '11:00', to: '13:00', zone: UTC}"));
    for n in 0..40 {
        assert_eq!(fail(&w, &format!("u{n}.service"), 0).code, 0);
    }
    let list = w.cf_env(&["notify", "list"], &[("CLAUDE_FAILOVER_NOW", NOON)]).out;
    assert!(service.seen().is_empty() && list.contains("hook (webhook): 40 waiting, 0 parked"), "{list}");
    let plan = w.cf_env(&["notify", "--dry-run"], &[("CLAUDE_FAILOVER_NOW", &at(61))]).out;
    assert!(plan.contains("would be sent hook: a unit failed u"), "{plan}");
    assert_eq!((notify(&w, 61).code, waiting(&w)), (0, 0));
    let seen = service.seen();
    assert_eq!((seen.len(), &seen[0].body["count"]), (1, &json!(40)));
    assert!(seen[0].body["text"].as_str().unwrap().contains("- and 20 unit.failed"), "{}", seen[0].body["text"]);
    assert!(!w.path("state/kick/notify").exists());
}

#[test]
fn a_target_says_when_to_come_back() {
    let service = Service::new(|n, _| match n {
        0 => Some((429, "Retry-After: 7200\r\n".to_owned(), "{}".to_owned())),
        1 => answer(
            429,
            &json!({ "ok": false, "description": "Too Many Requests", "parameters": { "retry_after": 5000 } }),
        ),
        _ => good(),
    });
    let w = world(&telegram(service.port, ""));
    let said = fail(&w, "a.service", 0);
    assert!(said.code == 3 && said.out.contains("it answered 429"), "{said:?}");
    for (minutes, want) in [(10, 1), (119, 1), (121, 2), (121 + 83, 2), (121 + 84, 3)] {
        let said = notify(&w, minutes);
        assert_eq!(service.seen().len(), want, "{minutes}: {said:?}");
    }
    assert_eq!(waiting(&w), 0);
}

#[test]
fn what_a_target_refuses_is_parked_until_a_person_decides() {
    let service = Service::new(|_, request| match request.body["text"].as_str() {
        Some(text) if text.contains("poison") => {
            answer(400, &json!({ "ok": false, "description": format!("Bad Request: text of bot{TOKEN} is bad") }))
        }
        _ => good(),
    });
    let w = world(&telegram(service.port, ", digest_over: 0"));
    fail(&w, "poison.service", 0);
    let said = fail(&w, "fine.service", 0);
    assert_eq!((said.code, waiting(&w)), (0, 1), "{said:?}");
    let (list, status) = (w.cf(&["notify", "list"]), w.cf(&["status"]));
    assert!(
        list.out.contains("0 waiting, 1 parked") && list.out.contains("poison.service: it answered 400: "),
        "{list:?}"
    );
    assert!(status.out.contains("target phone did not take 1 events"), "{status:?}");
    assert_eq!(w.json(&["status"])["notify"]["targets"][0]["parked"], 1);
    is_secret(&w, &[&said, &list, &status]);
    let id = w.json(&["notify", "list"])["targets"][0]["parked"][0]["id"].as_str().unwrap().to_owned();
    assert_eq!(w.cf(&["notify", "retry", "../x"]).code, 1);
    assert_eq!(w.cf(&["notify", "retry", &id]).code, 0);
    let said = notify(&w, 5);
    assert!(said.code == 3 && said.out.contains("refused phone: 1 event: it answered 400"), "{said:?}");
    assert!(w.ok(&["notify", "drop", &id, "--dry-run"]).contains("would drop") && waiting(&w) == 1);
    assert!(w.ok(&["notify", "drop", &id]).contains("dropped phone"));
    assert_eq!(waiting(&w), 0);
    assert_eq!(w.cf(&["notify", "drop", &id]).code, 1);
}

#[test]
fn a_poisoned_digest_is_halved_until_the_bad_one_is_found() {
    let service = Service::new(|_, request| match request.body.to_string().contains("u7.service") {
        true => Some((413, String::new(), String::new())),
        false => good(),
    });
    let w = world(&webhook(service.port, ", quiet: {from: '11:00', to: '13:00', zone: UTC}"));
    for n in 0..16 {
        fail(&w, &format!("u{n}.service"), 0);
    }
    for minutes in 70..80 {
        notify(&w, minutes);
    }
    assert_eq!(waiting(&w), 1);
    let list = w.cf(&["notify", "list"]).out;
    assert!(list.contains("0 waiting, 1 parked") && list.contains("u7.service"), "{list}");
    let told: usize = service
        .seen()
        .iter()
        .filter(|r| !r.body.to_string().contains("u7.service"))
        .map(|r| r.body["count"].as_u64().unwrap() as usize)
        .sum();
    assert_eq!(told, 15);
}

#[test]
fn a_try_without_an_end_is_repeated_as_it_was_and_said_where_it_may_come_twice() {
    let service = Service::new(|n, _| if n < 2 { None } else { good() });
    let w = world(&(telegram(service.port, "") + &webhook(service.port, "")));
    let said = fail(&w, "a.service", 0);
    assert!(said.code == 3 && said.out.contains("no answer: timeout"), "{said:?}");
    is_secret(&w, &[&said]);
    notify(&w, 2);
    let seen = service.seen();
    assert_eq!((seen.len(), waiting(&w)), (4, 0), "{seen:#?}");
    let hooks: Vec<&Request> = seen.iter().filter(|r| r.path == "/x").collect();
    assert_eq!(hooks[0].header("idempotency-key"), hooks[1].header("idempotency-key"));
    assert_eq!(hooks[0].body, hooks[1].body);
    let texts: Vec<&str> =
        seen.iter().filter_map(|r| r.body["chat_id"].as_str().and(r.body["text"].as_str())).collect();
    assert!(
        !texts[0].contains("already") && texts[1].ends_with("(this may have reached you already)"),
        "{texts:?}"
    );
}

#[test]
fn no_secure_connection_no_secret_no_message() {
    let plain = Service::good();
    let w = world(&format!(
        "  - {{name: phone, kind: telegram, api: 'https://127.0.0.1:{}', chat: 5, secret: {{file: ROOT/token}}}}\n",
        plain.port
    ));
    let said = fail(&w, "a.service", 0);
    assert!(said.code == 3 && said.out.contains("not sent yet phone"), "{said:?}");
    assert!(plain.seen().is_empty());
    is_secret(&w, &[&said]);
    // A secret that is open to others, missing, or something else: seen by every run, told once in the log.
    let chmod = |mode| std::fs::set_permissions(w.path("token"), std::fs::Permissions::from_mode(mode)).unwrap();
    chmod(0o644);
    for minutes in [10, 11] {
        let said = notify(&w, minutes);
        assert!(
            said.code == 3
                && said.out.contains("others can read or write it")
                && said.out.contains("hint: chmod 600"),
            "{said:?}"
        );
    }
    assert_eq!(w.read_log().matches("cannot reach a target").count(), 1);
    let status = w.cf(&["status"]).out;
    assert!(status.contains("target phone tells nobody") && status.contains("chmod 600"), "{status}");
    std::fs::remove_file(w.path("token")).unwrap();
    assert!(notify(&w, 12).code == 3 && w.cf(&["status"]).out.contains("No such file"));
    let plan = w.cf(&["notify", "--dry-run"]);
    assert!(plan.out.contains("cannot be reached phone"), "{plan:?}");
    w.write("token", TOKEN);
    chmod(0o600);
    configure(&w, &telegram(plain.port, ""));
    assert_eq!((notify(&w, 13).code, plain.seen().len(), waiting(&w)), (0, 1, 0), "at once, without a pause");
}

#[test]
fn a_credential_of_the_unit_and_a_variable_are_read() {
    let service = Service::good();
    let target = telegram(service.port, "").replace("{file: ROOT/token}", "{credential: bot}")
        + &webhook(service.port, ", secret: {env: HOOK_KEY}, headers: {Authorization: 'Bearer {{secret}}'}");
    let w = world(&target);
    let said = w.cf(&["notify", "test"]);
    assert!(said.code == 1 && said.out.contains("no credentials are handed to this run: `bot`"), "{said:?}");
    w.write("creds/bot", TOKEN);
    std::fs::set_permissions(w.path("creds/bot"), std::fs::Permissions::from_mode(0o400)).unwrap();
    let creds = w.path("creds").display().to_string();
    let env = [("CREDENTIALS_DIRECTORY", creds.as_str()), ("HOOK_KEY", TOKEN)];
    let said = w.cf_env(&["notify", "test"], &env);
    assert_eq!(said.code, 0, "{said:?}");
    assert!(
        said.out.contains("sent phone: it answered 200") && said.out.contains("sent hook: it answered 200"),
        "{said:?}"
    );
    assert_eq!(service.seen().len(), 2);
    is_secret(&w, &[&said]);
    let said = w.cf_env(&["notify", "test", "hook", "--dry-run"], &env);
    assert!(said.out.contains("would be tested hook") && service.seen().len() == 2, "{said:?}");
    assert_eq!(w.cf(&["notify", "test", "nobody"]).code, 2);
}

#[test]
fn a_task_that_is_given_up_is_told_and_one_that_is_done_only_to_those_who_asked() {
    let service = Service::good();
    let w = world(
        &(webhook(service.port, "")
            + &webhook(service.port, ", events: [task.done]")
                .replace("hook", "all")
                .replace("kind: weball", "kind: webhook")
                .replace("/x'", "/done'")),
    );
    w.task("good", "[[say:done]]");
    w.drive("done", |w| w.place("good") == "done md");
    w.task("bad", "[[bash:sleep 60]]");
    w.ok(&["dispatch"]);
    w.ok(&["task", "fail", "bad", "--reason", "no way"]);
    assert!(w.path("state/kick/notify").exists() && service.seen().is_empty(), "nothing is sent but by `notify`");
    w.drive("watch leaves the kick", |w| w.path("state/kick/notify").exists());
    w.ok(&["notify"]);
    let seen = service.seen();
    let of =
        |path: &str| seen.iter().filter(|r| r.path == path).map(|r| r.body["subject"].clone()).collect::<Vec<_>>();
    assert_eq!((of("/x"), of("/done")), (vec![json!("app:bad")], vec![json!("app:good")]), "{seen:#?}");
    assert!(seen.iter().any(|r| r.body["text"].as_str().unwrap().contains("why: no way")));
    assert!(!w.path("state/kick/notify").exists() && waiting(&w) == 0);
    assert!(w.read_log().contains("\"event\":\"task.given_up\""), "{}", w.read_log());
}

#[test]
fn a_switch_and_a_login_are_told() {
    let service = Service::good();
    let w = World::with_accounts();
    let config = w.read("config.yaml");
    w.write("config.yaml", format!("{config}notifications:\n  targets:\n{}", webhook(service.port, "")));
    w.ok(&["switch", "--to", "spare"]);
    std::fs::remove_file(w.path("third/.credentials.json")).unwrap();
    for _ in 0..3 {
        let _ = w.cf(&["quota-check"]);
        w.ok(&["notify"]);
    }
    let told: Vec<(Value, Value)> =
        service.seen().iter().map(|r| (r.body["kind"].clone(), r.body["subject"].clone())).collect();
    let want =
        [("login.expired", "third"), ("switch.done", "spare")].map(|(kind, about)| (json!(kind), json!(about)));
    assert_eq!(told, want);
}
